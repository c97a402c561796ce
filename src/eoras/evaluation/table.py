"""The table a person reads."""

from collections.abc import Sequence

from eoras.evaluation.evaluate import Evaluation

__all__ = ["table"]

_MEANS = {"miou_full": "full", "miou_occ": "occ"}
_NUMBERS = ("frames", "occluded", "unoccluded", "perfect", "missed")


def table(evaluation: Evaluation) -> str:
    """Lay out an evaluation as aligned text.

    Returns:
        A row for the network and each baseline; for each protocol mIoU of the whole object and of its occluded region,
        in per cent, a dash where nothing is averaged. Below it, the network's numbers of frames by protocol.
    """
    systems = {"network": evaluation.network, **evaluation.baselines}
    columns = [(protocol, key) for protocol in evaluation.network for key in _MEANS]
    means = [["mIoU, %", *(f"{protocol} {_MEANS[key]}" for protocol, key in columns)]]
    for name, scored in systems.items():
        means.append([name.replace("_", " "), *(_percent(scored[protocol][key]) for protocol, key in columns)])
    numbers = [["network", *evaluation.network]]
    for name in _NUMBERS:
        numbers.append([name, *(str(scores[name]) for scores in evaluation.network.values())])
    return f"{_align(means)}\n\n{_align(numbers)}"


def _percent(rate: float | None) -> str:
    return "-" if rate is None else f"{100 * rate:.2f}"


def _align(rows: Sequence[Sequence[str]]) -> str:
    """First column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *rest in rows:
        cells = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        lines.append("  ".join([first.ljust(widths[0]), *cells]))
    return "\n".join(lines)
