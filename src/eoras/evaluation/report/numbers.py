"""The tables of the page."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from eoras.evaluation.protocols import PROTOCOLS
from eoras.evaluation.report.html import Cell, table
from eoras.evaluation.report.tracks import TrackScore
from eoras.evaluation.table import MEANS, NUMBERS, PARTS, interval, percent

__all__ = ["breakdown_tables", "comparison_tables", "count_table", "score_table", "track_rows"]


def score_table(summaries: Mapping[str, Any]) -> str:
    """What each system and baseline scores, with its interval, a row each."""
    columns = [(protocol, key) for protocol in PROTOCOLS for key in MEANS]
    rows: list[list[Cell]] = []
    for name, found in summaries.items():
        cells = [(percent(found[p][key]), interval(found["intervals"][p][key])) for p, key in columns]
        rows.append([name.replace("_", " "), *cells])
    head = ["system", *(f"{protocol} {MEANS[key]}" for protocol, key in columns)]
    return table("mIoU in per cent, and its 95 % interval, under each protocol", head, rows)


def count_table(name: str, summary: Mapping[str, Any]) -> str:
    """Numbers of frames of one system."""
    rows = [[key, *(str(summary[protocol][key]) for protocol in PROTOCOLS)] for key in NUMBERS]
    return table(f"Numbers of frames, {name}", ["frames", *PROTOCOLS], rows)


def comparison_tables(comparisons: Sequence[Mapping[str, Any]]) -> str:
    """What ``compare_all`` says."""
    tables = []
    for found in comparisons:
        rows = [
            [f"{protocol} {name}", percent(means["difference"]), interval(means["interval"]), _p(means["p"])]
            for protocol in PROTOCOLS
            for key, name in MEANS.items()
            for means in (found[protocol][key],)
        ]
        caption = f"{found['first']} minus {found['second']}, in points of a per cent"
        tables.append(table(caption, ["mIoU", "difference", "95 % interval", "p"], rows))
    return "".join(tables)


def breakdown_tables(name: str, breakdown: Mapping[str, Any]) -> str:
    """The parts of the frames that ``strict`` scores, and what else ``breakdown`` tells; folded up at first."""
    parts = []
    for key, title in PARTS.items():
        rows = []
        for part, means in breakdown[key].items():
            count = str(means.get("frames", means.get("count")))
            values = (means["miou_full"], means["miou_occ"], means["outline_f"])
            rows.append([part.replace("_", " "), count, *map(percent, values)])
        parts.append(table(title.capitalize(), ["part", "number", *MEANS.values(), "outline F"], rows))
    false, steady = breakdown["false_completion"], breakdown["stability"]
    rows = [
        ["unoccluded frames to which something was added, %", percent(false["completed"])],
        ["area added to them, % of the object", percent(false["added_rate"])],
        ["IoU with the frame before, %", percent(steady["predicted"])],
        ["the same of the truth, %", percent(steady["truth"])],
        ["unrest, %", percent(steady["unrest"])],
    ]
    parts.append(table("False completion and stability", ["what", "value"], rows))
    sure = breakdown["confidence"]
    if sure["frames"]:
        rows = [
            ["frames", str(sure["frames"])],
            ["IoU that the network expects, %", percent(sure["told"])],
            ["IoU that it reaches, %", percent(sure["reached"])],
            ["how far they are apart, %", percent(sure["error"])],
            ["correlation of the two", "-" if sure["correlation"] is None else f"{sure['correlation']:.2f}"],
        ]
        parts.append(table("Confidence", ["what", "value"], rows))
    return f'<details><summary>{escape(name)}: all parts</summary><div class="side">{"".join(parts)}</div></details>\n'


def track_rows(name: str, tracks: Sequence[TrackScore], limit: int) -> str:
    """The tracks of a system, folded up at first: all, or so many of the worst."""
    shown = tracks[-limit:][::-1]
    caption = f"{name}: {'all' if len(shown) == len(tracks) else 'the worst'} {len(shown)} of {len(tracks)} tracks"
    rows = [
        [track.video, str(track.track_id), str(track.frames), f"{track.occlusion:.1f}", *map(percent, means)]
        for track in shown
        for means in ((track.miou_full, track.miou_occ),)
    ]
    head = ["video", "track", "frames", "% occluded", *MEANS.values()]
    whole = table(caption, head, rows, [track.data for track in shown])
    return f"<details><summary>{escape(caption)}</summary>{whole}</details>\n"


def _p(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
