"""The tables a person reads."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "MEANS",
    "NUMBERS",
    "PARTS",
    "breakdown_table",
    "comparison_table",
    "confidence_line",
    "interval",
    "means_table",
    "percent",
    "table",
]

MEANS = {"miou_full": "full", "miou_occ": "occ"}
NUMBERS = ("frames", "occluded", "unoccluded", "perfect", "missed")
PARTS = {
    "averages": "average",
    "by_occlusion": "occluded, %",
    "by_size": "size",
    "by_border": "to border, px",
    "by_visibility": "visibility",
}

Scored = Mapping[str, Mapping[str, Any]]  # by protocol


def table(systems: Mapping[str, Scored], protocols: Sequence[str]) -> str:
    """Lay out what systems score as aligned text.

    Args:
        systems: by name, the baselines last.
        protocols: those of the columns.

    Returns:
        A row a system; for each protocol mIoU of the whole object and of its occluded region, in per cent, a dash where
        nothing is averaged. Below it, the first system's numbers of frames by protocol.
    """
    name, scored = next(iter(systems.items()))
    numbers = [[name, *protocols]]
    for key in NUMBERS:
        numbers.append([key, *(str(scored[protocol][key]) for protocol in protocols)])
    return f"{means_table(systems, protocols)}\n\n{_align(numbers)}"


def means_table(systems: Mapping[str, Scored], protocols: Sequence[str]) -> str:
    """The upper part of ``table``."""
    columns = [(protocol, key) for protocol in protocols for key in MEANS]
    rows = [["mIoU, %", *(f"{protocol} {MEANS[key]}" for protocol, key in columns)]]
    for name, scored in systems.items():
        rows.append([name.replace("_", " "), *(percent(scored[protocol][key]) for protocol, key in columns)])
    return _align(rows)


def breakdown_table(scored: Mapping[str, Any], protocols: Sequence[str]) -> str:
    """The rest of what is known of one system: intervals, parts, false completion, stability.

    Args:
        scored: what ``summarize`` gives.
        protocols: those whose intervals to show.
    """
    whole = scored["breakdown"]
    ranges = [["95 % interval", *MEANS.values()]]
    for protocol in protocols:
        ranges.append([protocol, *(interval(scored["intervals"][protocol][key]) for key in MEANS)])
    blocks = [_align(ranges)]
    for key, title in PARTS.items():
        rows = [[title, "number", *MEANS.values(), "outline F"]]
        for name, means in whole[key].items():
            values = (means["miou_full"], means["miou_occ"], means["outline_f"])
            count = str(means.get("frames", means.get("count")))
            rows.append([name.replace("_", " "), count, *map(percent, values)])
        blocks.append(_align(rows))
    false, steady = whole["false_completion"], whole["stability"]
    blocks.append(
        f"false completion: {percent(false['completed'])} % of {false['frames']} unoccluded frames, "
        f"{percent(false['added_rate'])} % of the area added on average\n"
        f"stability: IoU with the frame before {percent(steady['predicted'])} %, of the truth "
        f"{percent(steady['truth'])} %, unrest {percent(steady['unrest'])} %"
    )
    return "\n\n".join(blocks)


def confidence_line(confidence: Mapping[str, Any]) -> str:
    """What ``breakdown`` says of a system's confidence."""
    correlation = confidence["correlation"]
    return (
        f"confidence: expects an IoU of {percent(confidence['told'])} %, reaches {percent(confidence['reached'])} %, "
        f"{percent(confidence['error'])} points apart on average, correlation "
        f"{'-' if correlation is None else f'{correlation:.2f}'}"
    )


def comparison_table(comparison: Mapping[str, Any]) -> str:
    """What ``compare_all`` says of two systems, in points of a per cent."""
    rows = [[f"{comparison['first']} minus {comparison['second']}", "mean", "points", "95 % interval", "p"]]
    for protocol, means in comparison.items():
        if protocol in ("first", "second"):
            continue
        for key, name in MEANS.items():
            found = means[key]
            p = "-" if found["p"] is None else f"{found['p']:.4f}"
            rows.append([protocol, name, percent(found["difference"]), interval(found["interval"]), p])
    return _align(rows)


def percent(rate: float | None) -> str:
    """A rate in per cent, a dash where there is none."""
    return "-" if rate is None else f"{100 * rate:.2f}"


def interval(ends: Sequence[float] | None) -> str:
    """Both ends of an interval of rates, in per cent."""
    return "-" if ends is None else " to ".join(map(percent, ends))


def _align(rows: Sequence[Sequence[str]]) -> str:
    """First column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        cells = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join(lines)
