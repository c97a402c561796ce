"""Put the page together and write it."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from eoras.data.open import VideoTracks
from eoras.evaluation.entries import Problems
from eoras.evaluation.predictions import Predictions
from eoras.evaluation.report.html import bar_chart, data_attributes, legend, table
from eoras.evaluation.report.numbers import breakdown_tables, comparison_tables, count_table, score_table, track_rows
from eoras.evaluation.report.strips import StripFrame, draw_strip
from eoras.evaluation.report.tracks import Pick, TrackScore, choose, score_tracks
from eoras.evaluation.score import Scored
from eoras.evaluation.summary import compare_all, summarize
from eoras.evaluation.table import percent
from eoras.files import write_beside
from eoras.geometry import Box

__all__ = ["write_report"]

_ROWS = 2000  # of the tables of tracks, of all systems together
_STRIPS = 36  # of all systems together; a strip takes about 50 kB, and never more than 270 kB
_BINS = 10  # of a histogram


def write_report(
    out: str | Path, title: str, predictions: Mapping[str, Predictions], tracks: VideoTracks, scored: Scored
) -> None:
    """Write ``index.html``: one file with all that it shows, which asks nothing of a network (formats 7.15).

    Args:
        out: the folder.
        title: what was scored.
        predictions: by name of the system; their masks are read again for the tracks that are shown.
        tracks: the truth, and the frames of the tracks that are shown.
        scored: what the predictions scored on it, in their order.

    Raises:
        DataError: a frame that is to be shown cannot be read.
        RunError: the file cannot be written.
    """
    systems = dict(zip(predictions, scored.systems, strict=True))
    by_system = {name: score_tracks(scores) for name, scores in systems.items()}
    summaries = {name: summarize(scores) for name, scores in (systems | scored.baselines).items()}
    first = next(iter(systems))
    parts = {
        "title": escape(title),
        "version": escape(version("eoras")),
        "evaluated": f"{len({track.video for track in tracks.tracks})} videos, {len(tracks.tracks)} tracks, "
        f"{summaries[first]['strict']['frames']} frames",
        "scores": score_table(summaries),
        "counts": count_table(first, summaries[first]),
        "comparisons": comparison_tables(compare_all(systems)),
        "problems": _problems(dict(zip(predictions, scored.problems, strict=True))),
        "charts": _charts(summaries, by_system | {"visible mask": score_tracks(scored.baselines["visible_mask"])}),
        "breakdown": "".join(breakdown_tables(name, summaries[name]["breakdown"]) for name in systems),
        "tracks": "".join(
            _tracks(name, by_system[name], system, tracks, len(systems)) for name, system in predictions.items()
        ),
    }
    page = _fill(parts)
    with write_beside(Path(out) / "index.html") as path:
        path.write_text(page, encoding="utf-8")


def _fill(parts: Mapping[str, str]) -> str:
    """The page; a browser runs its one script and no other, whatever a name may hold."""
    own = {name: files("eoras.evaluation.report").joinpath(f"page.{name}").read_text("utf-8") for name in ("css", "js")}
    hashes = {f"{name}_hash": b64encode(sha256(text.encode()).digest()).decode() for name, text in own.items()}
    template = files("eoras.evaluation.report").joinpath("page.html").read_text("utf-8")
    return Template(template).substitute(parts, **own, **hashes)


def _problems(problems: Mapping[str, Problems]) -> str:
    rows = [[name, sentence, str(count)] for name, found in problems.items() for sentence, count in found.items()]
    return table("What is wrong with the predictions", ["system", "problem", "number"], rows) if rows else ""


def _charts(summaries: Mapping[str, Any], by_system: Mapping[str, Sequence[TrackScore]]) -> str:
    bins = [f"{100 * place // _BINS}-{100 * (place + 1) // _BINS}" for place in range(_BINS)]

    def shares(values: Sequence[float]) -> list[float | None]:
        counts, _ = np.histogram(values, _BINS, (0, 100))
        return [100 * count / len(values) if len(values) else None for count in counts.tolist()]

    first = next(iter(by_system.values()))
    full = {name: shares([100 * track.miou_full for track in found]) for name, found in by_system.items()}
    occ = {
        name: shares([100 * track.miou_occ for track in found if track.miou_occ is not None])
        for name, found in by_system.items()
    }
    parts = {name.replace("_", " "): summary["breakdown"]["by_occlusion"] for name, summary in summaries.items()}
    names = list(next(iter(parts.values())))

    def means(key: str) -> dict[str, list[float | None]]:
        return {
            system: [None if part[name][key] is None else 100 * part[name][key] for name in names]
            for system, part in parts.items()
        }

    return (
        legend(list(parts))
        + '<div class="charts">'
        + bar_chart("Whole object: mIoU by % occluded", names, means("miou_full"))
        + bar_chart("Occluded region: mIoU by % occluded", names, means("miou_occ"))
        + bar_chart("Whole object: tracks by IoU", bins, full)
        + bar_chart("Occluded region: tracks by IoU", bins, occ)
        + bar_chart(
            "Tracks by % occluded", bins, {"tracks": shares([track.occlusion for track in first])}, first_colour=6
        )
        + "</div>\n"
    )


def _tracks(name: str, found: list[TrackScore], system: Predictions, tracks: VideoTracks, among: int) -> str:
    places = {(track.video, track.track_id): place for place, track in enumerate(tracks.tracks)}
    strips = []
    for pick in choose(found, _STRIPS // among):
        place = places[pick.track.video, pick.track.track_id]
        truth = tracks.truth_of(place)
        answers = system.answers(truth, Problems())
        answer = answers.get("strict", next(iter(answers.values()))).cut(Box(0, 0, truth.height, truth.width))
        strips.append(_strip(pick, draw_strip(tracks[place], answer)))
    return f"<h3>{escape(name)}</h3>\n{''.join(strips)}{track_rows(name, found, _ROWS // among)}"


def _strip(pick: Pick, frames: Sequence[StripFrame]) -> str:
    track = pick.track
    name = f"video {track.video}, track {track.track_id}"
    region = "" if track.miou_occ is None else f", of the occluded region {percent(track.miou_occ)} %"
    pictures = "".join(
        f'<li><span class="picture"><img src="{frame.frame}" width="{frame.size[0]}" height="{frame.size[1]}" '
        f'alt="frame {frame.frame_index}, {frame.occlusion:.0f} % occluded, IoU {frame.iou:.2f}">'
        f'<img class="overlay" src="{frame.overlay}" alt=""></span>'
        f"<small>frame {frame.frame_index}<br>{frame.occlusion:.0f} % occluded<br>IoU {frame.iou:.2f}</small></li>"
        for frame in frames
    )
    return (
        f'<article class="strip"{data_attributes({"kind": pick.kind, **track.data})}>'
        f'<h4><b class="{pick.kind}">{pick.kind}</b> of {escape(pick.among)}: {escape(name)}</h4>'
        f"<p>{track.occlusion:.0f} % occluded, IoU {percent(track.miou_full)} %{region}</p>"
        f'<ol class="film" tabindex="0" aria-label="{escape(name)}">{pictures}</ol></article>\n'
    )
