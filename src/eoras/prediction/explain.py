"""Figures of what a network does with one clip, drawn from its own tensors."""

import colorsys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from eoras.clip import Clip
from eoras.draw.colours import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY_BLUE, VERMILION, WHITE, YELLOW, Colour
from eoras.errors import PackageError
from eoras.model.bev import BirdsEyeView, bilinear_taps
from eoras.model.eoras import EoRaS
from eoras.prediction.recording import Record, record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["explain"]

_SLOTS = (BLUE, ORANGE, GREEN, PURPLE, SKY_BLUE, VERMILION, YELLOW, BLACK)
_FRAMES = 8  # shown at most
_PANEL = 1.15  # inches
_MARGINS = 1.15, 0.1, 0.52, 0.25  # inches, left, right, top and bottom
_SIDE = 16  # cells of each view
_UNSEEN = 0.82  # grey of cells that see nothing


def explain(network: EoRaS, clip: Clip) -> dict[str, "Figure"]:
    """Let a network answer for a clip, and draw what it did.

    Args:
        network: on the CPU, in evaluation mode.
        clip: a whole track.

    Returns:
        Figures by name: ``crops``, ``lattice`` (only with a bird's-eye view), ``attention_forward`` and
        ``attention_backward`` (``attention_together`` with ``temporal: clip``), ``directions``, ``masks``.

    Raises:
        PackageError: the extra ``plot`` is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401 (asked for here, so that its absence is told before the work)
    except ModuleNotFoundError as error:
        raise PackageError.of(error.name, "plot") from error
    heard = record(network, clip)
    frames = sorted({round(t) for t in np.linspace(0, len(clip) - 1, _FRAMES)})
    figures = {"crops": _draw_crops(clip, frames)}
    seen = None
    if network.bev is not None:
        seen = _seen_cells(network.bev, clip.intrinsics)
        figures["lattice"] = _draw_lattice(network.bev, clip, frames[len(frames) // 2])
    for number, direction in enumerate(heard.directions):
        figures[f"attention_{direction}"] = _draw_attention(clip, frames, heard, number, seen)
    figures["directions"] = _draw_directions(clip, frames, heard)
    figures["masks"] = _draw_masks(clip, frames, heard)
    return figures


def _draw_crops(clip: Clip, frames: Sequence[int]) -> "Figure":
    """What the network is shown, and what it should answer."""
    figure, axes = _grid(2, len(frames), f"video {clip.video}, track {clip.track_id}: what the network is shown")
    for column, t in enumerate(frames):
        _show(axes[0][column], _crop(clip, t), title=f"frame {int(clip.frame_indices[t])}")
        _show(axes[1][column], _pale_with_seen(clip, t))
        _outline(axes[1][column], clip.amodal[t], BLACK)
    _label(axes, ["crop", "true masks:\nseen (blue),\nwhole (outline)"])
    return figure


def _draw_lattice(bev: BirdsEyeView, clip: Clip, t: int) -> "Figure":
    """Where each cell of the bird's-eye lattice reads the crop, height by height, and which see nothing."""
    rows, columns, seen = _places(bev, clip.intrinsics[t])  # (P, heights) each
    colours, heights = _cell_colours(bev.cells), seen.shape[1]
    share = 1 - seen.any(1).float().mean().item()
    title = f"where each bird's-eye cell reads frame {int(clip.frame_indices[t])}; {share:.0%} of the cells see nothing"
    figure, axes = _grid(1, heights + 1, title, panel=2.1)
    scale = clip.frames.shape[-1] / _SIDE
    for number in range(heights):
        panel, inside = axes[0][number], seen[:, number].numpy()
        _show(panel, _crop(clip, t), title=f"points of layer {number + 1} of {heights}")
        at = (columns[inside, number] + 0.5) * scale - 0.5, (rows[inside, number] + 0.5) * scale - 0.5
        panel.scatter(*at, s=160 / bev.cells, c=colours[inside], linewidths=0)
    shown = np.where(seen.any(1).numpy()[:, None], colours, _UNSEEN).reshape(bev.cells, bev.cells, 3)
    _show(axes[0][-1], shown[::-1], title="cells from above, same colours")
    axes[0][-1].set_xlabel("camera below; grey: sees nothing", fontsize=8)
    _label(axes, ["layer 1 is\nthe highest"])
    return figure


def _draw_attention(clip: Clip, frames: Sequence[int], heard: Record, direction: int, seen: Tensor | None) -> "Figure":
    """What each slot attends to in both views, frame by frame."""
    slots = range(heard.front.shape[2])
    views = len(frames) * (1 if heard.bev is None else 2)
    way = heard.directions[direction]
    told = "all frames at once" if way == "together" else f"walking {way}"
    title = f"what each slot attends to, {told}: front view" + ("" if heard.bev is None else " | bird's-eye view")
    figure, axes = _grid(1 + len(slots), views, title, panel=0.82)
    front_top = float(heard.front.quantile(0.99))
    bev_top = 0.0 if heard.bev is None else float(heard.bev.quantile(0.998))
    for column, t in enumerate(frames):
        _show(axes[0][column], _crop(clip, t), title=f"{int(clip.frame_indices[t])}")
        for slot in slots:
            panel = axes[1 + slot][column]
            weight = (heard.front[direction, t, slot] / front_top).clamp(max=1)
            _show(panel, _lit(clip, t, weight))
        if heard.bev is None or seen is None:
            continue
        right = len(frames) + column
        _show(
            axes[0][right],
            np.full((_SIDE, _SIDE, 3), 1.0) - 0.18 * ~seen[t].numpy()[::-1, :, None],
            title=f"{int(clip.frame_indices[t])}",
        )
        for slot in slots:
            weight = (heard.bev[direction, t, slot] / bev_top).clamp(max=1).numpy()[::-1]
            axes[1 + slot][right].imshow(weight, cmap="magma", vmin=0, vmax=1)
    _label(axes, ["frame", *(f"slot {slot + 1}" for slot in slots)])
    return figure


def _draw_directions(clip: Clip, frames: Sequence[int], heard: Record) -> "Figure":
    """Which slot each cell of the front view reads most when it is rewritten, in each direction."""
    title = "the slot that each front-view cell reads most when it is rewritten (paler: less decided)"
    figure, axes = _grid(1 + len(heard.directions), len(frames), title)
    palette = np.array([_SLOTS[slot % len(_SLOTS)] for slot in range(heard.rewriting.shape[-1])]) / 255
    most, slots = heard.rewriting.max(-1)
    even = 1 / len(palette)
    decided = ((most - even) / (float(most.quantile(0.99)) - even)).clamp(0, 1)[..., None].numpy()
    for column, t in enumerate(frames):
        _show(axes[0][column], _crop(clip, t), title=f"frame {int(clip.frame_indices[t])}")
        _outline(axes[0][column], clip.amodal[t], WHITE)
        for number in range(len(heard.directions)):
            colours = palette[slots[number, t].numpy()]
            _show(axes[1 + number][column], 1 - decided[number, t] * (1 - colours))
    _label(axes, ["crop", *heard.directions])
    return figure


def _draw_masks(clip: Clip, frames: Sequence[int], heard: Record) -> "Figure":
    """The answer: logits, and the mask beside the truth."""
    logits = heard.masks.amodal
    figure, axes = _grid(3, len(frames), "from logits to the mask of the whole object")
    top = float(logits[list(frames)].abs().quantile(0.98))
    for column, t in enumerate(frames):
        _show(axes[0][column], _crop(clip, t), title=f"frame {int(clip.frame_indices[t])}")
        axes[1][column].imshow(logits[t].numpy(), cmap="RdBu_r", vmin=-top, vmax=top)
        _show(axes[2][column], _pale_with_seen(clip, t))
        _outline(axes[2][column], clip.amodal[t], BLACK)
        _outline(axes[2][column], logits[t] > 0, VERMILION)
        axes[2][column].set_xlabel(_iou(clip.amodal[t], logits[t] > 0), fontsize=8)
    _label(
        axes,
        ["crop", f"logits\n(red to {top:.0f},\nblue to {-top:.0f})", "seen (blue), true\n(black), predicted\n(orange)"],
    )
    return figure


def _grid(rows: int, columns: int, title: str, panel: float = _PANEL) -> tuple["Figure", Any]:
    """A figure of square panels without axes, laid out by hand: with hundreds of panels matplotlib takes long."""
    from matplotlib.figure import Figure

    left, right, top, bottom = _MARGINS
    width, height = columns * panel + left + right, rows * panel + top + bottom
    figure = Figure(figsize=(width, height), dpi=100)
    figure.suptitle(title, fontsize=11, y=1 - 0.06 / height, va="top")
    within = {"left": left / width, "right": 1 - right / width, "top": 1 - top / height, "bottom": bottom / height}
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw={**within, "wspace": 0.05, "hspace": 0.05})
    for panel_axes in axes.flat:
        panel_axes.set(xticks=[], yticks=[])
    return figure, axes


def _show(axes: "Axes", image: np.ndarray, title: str = "") -> None:
    axes.imshow(image, interpolation="nearest")
    if title:
        axes.set_title(title, fontsize=8)


def _label(axes: Any, names: Sequence[str]) -> None:
    for row, name in zip(axes, names, strict=True):
        row[0].set_ylabel(name, fontsize=8, rotation=0, ha="right", va="center")


def _outline(axes: "Axes", mask: Tensor, colour: Colour) -> None:
    """Draw the edge of a mask ``(121, 121)`` over a panel that shows a window."""
    if mask.any() and not mask.all():
        axes.contour(mask.float().numpy(), [0.5], colors=[np.array(colour) / 255], linewidths=1.2)


def _crop(clip: Clip, t: int) -> np.ndarray:
    """Float ``(128, 128, 3)``."""
    return clip.frames[t].permute(1, 2, 0).numpy()


def _pale_with_seen(clip: Clip, t: int) -> np.ndarray:
    """The crop in pale grey, its seen part blue, float ``(121, 121, 3)``: the size of masks."""
    grey = torch.nn.functional.interpolate(clip.frames[t].mean(0)[None, None], clip.visible.shape[1:], mode="area")
    pale = (0.5 + 0.5 * grey[0, 0].numpy())[..., None].repeat(3, -1)
    return np.where(clip.visible[t].numpy()[..., None], 0.4 * pale + 0.6 * np.array(SKY_BLUE) / 255, pale)


def _lit(clip: Clip, t: int, weight: Tensor) -> np.ndarray:
    """The crop in dark grey, turned to yellow where ``weight`` (0..1, ``(16, 16)``) is large."""
    side = clip.frames.shape[-1]
    light = torch.nn.functional.interpolate(weight[None, None], (side, side), mode="bilinear")[0, 0].numpy()[..., None]
    grey = 0.15 + 0.45 * clip.frames[t].mean(0).numpy()[..., None]
    return grey * (1 - light) + light * np.array([1.0, 0.8, 0.1])


def _places(bev: BirdsEyeView, intrinsics: Tensor) -> tuple[np.ndarray, np.ndarray, Tensor]:
    """Row and column of the 16x16 map that each point reads about, and whether it reads anything: ``(P, heights)``."""
    taps = bilinear_taps(bev.points, intrinsics[None], align_corners=bev.align_corners)
    heights = bev.points.shape[-2]
    weight, cell = taps.weight.unflatten(1, (heights, 4)), taps.index.unflatten(1, (heights, 4)) // heights
    total = weight.sum(-1)
    rows, columns = ((weight * part).sum(-1) / total for part in (cell // _SIDE, cell % _SIDE))
    return rows.numpy(), columns.numpy(), total > 0


def _seen_cells(bev: BirdsEyeView, intrinsics: Tensor) -> Tensor:
    """Which of the 16x16 cells of the reduced view hold a point that reads something, bool ``(T, 16, 16)``."""
    share = bev.cells // _SIDE
    seen = torch.stack([_places(bev, matrix)[2].any(1) for matrix in intrinsics])
    return seen.view(-1, _SIDE, share, _SIDE, share).any(4).any(2)


def _cell_colours(cells: int) -> np.ndarray:
    """RGB in 0..1 of each cell, ``(cells * cells, 3)``: the hue tells the width, the lightness the depth."""
    lattice = np.ndindex(cells, cells)
    return np.array([colorsys.hls_to_rgb(0.8 * x / cells, 0.75 - 0.5 * z / cells, 0.9) for z, x in lattice])


def _iou(true: Tensor, predicted: Tensor) -> str:
    either = int((true | predicted).sum())
    return f"IoU {int((true & predicted).sum()) / either:.2f}" if either else "nothing there"
