"""Curves of one or several runs: losses, validation scores, learning rate, gradient and pace."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.signal import lfilter

from eoras.draw.colours import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY_BLUE, VERMILION
from eoras.errors import PackageError
from eoras.training.log import MACHINE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_curves", "smooth"]

Log = Sequence[Mapping[str, Any]]
Curve = tuple[np.ndarray, np.ndarray]  # steps and values

# without yellow, which white swallows
_COLOURS = [f"#{bytes(colour).hex()}" for colour in (BLUE, VERMILION, GREEN, PURPLE, SKY_BLUE, ORANGE, BLACK)]
_DASHES = ("-", "--", ":")
_PARTS = ("amodal", "visible", "occluded")
_SCORES = {"miou_full": "whole object", "miou_occ": "hidden part"}
_SHARE, _LEAST = 30, 5  # the thick line averages over this part of a run, or this many steps


def draw_curves(runs: Mapping[str, Log]) -> "Figure":
    """Draw the logs of runs into each other, one colour a run.

    Values of each step are drawn twice: thin as they are, thick as their running average.

    Args:
        runs: the lines of each log (see ``read_log``), by the name to give the run.

    Raises:
        PackageError: the extra ``plot`` is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise PackageError.of(error.name, "plot") from error

    figure = Figure(figsize=(13, 7.2), dpi=100, layout="constrained")
    loss, parts, scores, rate, gradient, pace = figure.subplots(2, 3).flat
    for (name, log), colour in zip(runs.items(), _cycle(len(runs)), strict=True):
        _noisy(loss, _curve(log, "loss"), colour, name)
        for part, dashes in zip(_PARTS, _DASHES, strict=True):
            _noisy(parts, _curve(log, part), colour, linestyle=dashes, raw=False)
        for score, dashes in zip(_SCORES, _DASHES, strict=False):
            _exact(scores, _curve(log, f"validation/strict/{score}", 100), colour, linestyle=dashes, marker="o")
        _exact(rate, _curve(log, "learning_rate"), colour)
        _noisy(gradient, _curve(log, "gradient_norm"), colour)
        measured = [{**line[MACHINE], "step": line["step"]} for line in log if MACHINE in line]
        _noisy(pace, _curve(measured, "clips_per_second"), colour)
    _finish(loss, "loss", log=True)
    _finish(parts, "its parts", log=True, dashes=_PARTS)
    _finish(scores, f"validation{_splits(runs)}: strict mIoU, %", dashes=tuple(_SCORES.values()))
    _finish(rate, "learning rate")
    _finish(gradient, "norm of the gradient", log=True)
    _finish(pace, "clips per second")
    figure.legend(*loss.get_legend_handles_labels(), loc="outside upper left", ncols=4, frameon=False)
    return figure


def smooth(values: np.ndarray, span: int) -> np.ndarray:
    """The exponential average of all values up to each one, over about ``span`` of them; without a bias to zero.

    Args:
        values: float ``(N,)``, finite.
        span: 1 gives the values themselves.
    """
    keep = 1 - 1 / span
    weighted = lfilter([1 - keep], [1, -keep], values)
    return np.asarray(weighted) / (1 - keep ** np.arange(1, len(values) + 1))


def _curve(log: Log, name: str, factor: float = 1) -> Curve:
    """The steps that have a value of that name, and the values."""
    points = [(line["step"], line[name]) for line in log if isinstance(line.get(name), int | float)]
    steps, values = np.array(points, dtype=float).reshape(-1, 2).T
    return steps, values * factor


def _noisy(axes: "Axes", curve: Curve, colour: str, name: str = "", linestyle: str = "-", *, raw: bool = True) -> None:
    steps, values = curve
    if len(steps) and raw:
        axes.plot(steps, values, color=colour, linewidth=0.6, alpha=0.3, zorder=1)
    if len(steps):
        thick = smooth(values, max(len(steps) // _SHARE, _LEAST))
        axes.plot(steps, thick, color=colour, linewidth=2 if raw else 1.4, linestyle=linestyle, label=name)


def _exact(axes: "Axes", curve: Curve, colour: str, linestyle: str = "-", marker: str = "") -> None:
    if len(curve[0]):
        axes.plot(*curve, color=colour, linewidth=1.6, linestyle=linestyle, marker=marker, markersize=4)


def _finish(axes: "Axes", title: str, *, log: bool = False, dashes: Sequence[str] = ()) -> None:
    """Title, grid and scale; where no run has such values, that is said instead."""
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    if not axes.lines:
        axes.text(0.5, 0.5, "not in these logs", transform=axes.transAxes, ha="center", va="center", color="0.45")
        axes.set(xticks=[], yticks=[])
        return
    if log:
        from matplotlib.ticker import LogLocator

        axes.set_yscale("log", subs=())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
        axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("step", fontsize=9)
    axes.grid(color="0.9", linewidth=0.8)
    drawn = {line.get_linestyle() for line in axes.lines}
    shown = [(dash, name) for dash, name in zip(_DASHES, dashes, strict=False) if dash in drawn]
    samples = [axes.plot([], [], color="0.3", linestyle=dash, label=name)[0] for dash, name in shown]
    if samples:
        axes.legend(handles=samples, fontsize=9, frameon=False)


def _splits(runs: Mapping[str, Log]) -> str:
    """Which splits the scores are of, where they are not those that nobody trained on or looked at."""
    on_test = any(line.get("split") == "test" for log in runs.values() for line in log)
    return " (test split)" if on_test else ""


def _cycle(count: int) -> list[str]:
    return [_COLOURS[number % len(_COLOURS)] for number in range(count)]
