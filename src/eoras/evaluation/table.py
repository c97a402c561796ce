"""The table a person reads."""

from collections.abc import Sequence
from typing import Any

from eoras.evaluation.evaluate import Evaluation

__all__ = ["table"]

_COLUMNS = ("miou_full", "miou_occ")
_NUMBERS = ("frames", "occluded", "unoccluded", "perfect", "missed")


def table(evaluation: Evaluation) -> str:
    """Lay out an evaluation as aligned text.

    Returns:
        A row for the network and each baseline; for each protocol mIoU of the whole object and of its occluded region,
        in per cent, a dash where nothing is averaged. Below it, the network's numbers of frames by protocol.
    """
    systems = {"network": evaluation.network, **evaluation.baselines}
    names = ["mIoU", "", *(name.replace("_", " ") for name in systems)]
    columns = [names]
    for protocol in evaluation.network:
        full, occ = ([_percent(scored[protocol][key]) for scored in systems.values()] for key in _COLUMNS)
        columns += [[protocol, "full", *full], ["", "occ", *occ]]
    numbers = [["frames", *evaluation.network], *([name, *_numbers(evaluation, name)] for name in _NUMBERS)]
    return f"{_align(list(zip(*columns, strict=True)))}\n\n{_align(numbers)}"


def _numbers(evaluation: Evaluation, name: str) -> list[str]:
    return [str(scores[name]) for scores in evaluation.network.values()]


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{100 * rate:.2f}"


def _align(rows: Sequence[Sequence[Any]]) -> str:
    """First column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )
