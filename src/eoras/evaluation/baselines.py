"""Answers that need no network, for every table: the visible mask itself, and its convex hull (formats 7.8)."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["BASELINES", "convex_hull", "visible_mask"]

Masks = NDArray[np.bool_]


def visible_mask(visible: Masks) -> Masks:
    """The seen part as the answer: what a system scores that completes nothing.

    Args:
        visible: bool ``(H, W)`` or ``(T, H, W)``.

    Returns:
        ``visible`` itself.
    """
    return visible


def convex_hull(visible: Masks) -> Masks:
    """The pixels whose centres lie in the convex hull of the visible pixels' centres, its border included.

    Exact, in integers. Only the outermost pixels of each row matter, so it is fast.

    Args:
        visible: bool ``(H, W)`` or ``(T, H, W)``.

    Returns:
        bool, one hull a frame, with all of ``visible`` in it; empty where ``visible`` is.

    Raises:
        ValueError: ``visible`` is not bool.
    """
    if visible.dtype != bool:
        raise ValueError(f"visible: expected bool, found {visible.dtype}; compare it, as in labels == 1")
    masks = visible if visible.ndim == 3 else visible[None]
    hulls = np.zeros_like(masks)
    frames, rows = np.nonzero(masks.any(axis=2))
    if len(frames):
        seen = masks[frames, rows]
        width = masks.shape[2]
        left = _left_edges(frames, rows, seen.argmax(axis=1))
        right = _left_edges(frames, rows, seen[:, ::-1].argmax(axis=1) - (width - 1))
        columns = np.arange(width)
        hulls[left[:2]] = (columns >= left[2][:, None]) & (columns <= -right[2][:, None])
    return hulls.reshape(visible.shape)


BASELINES: Mapping[str, Callable[[Masks], Masks]] = {"visible_mask": visible_mask, "convex_hull": convex_hull}

_Points = NDArray[np.int64]


def _left_edges(frames: _Points, rows: _Points, columns: _Points) -> tuple[_Points, _Points, _Points]:
    """First column on or right of the hull of each frame's points, for every row from its first to its last.

    Args:
        frames: int64 ``(N,)``, ascending.
        rows: int64 ``(N,)``, ascending in each frame.
        columns: int64 ``(N,)``, the leftmost point of each row.

    Returns:
        Frame, row and column, int64 ``(M,)`` each.
    """
    while not (corners := _are_corners(frames, rows, columns)).all():
        frames, rows, columns = frames[corners], rows[corners], columns[corners]
    goes_on = np.append(frames[1:] == frames[:-1], False)
    heights = np.where(goes_on, np.append(np.diff(rows), 1), 1)
    widths = np.where(goes_on, np.append(np.diff(columns), 0), 0)
    edge = np.repeat(np.arange(len(rows)), heights)
    steps = np.arange(len(edge)) - np.repeat(np.cumsum(heights) - heights, heights)
    # Rounds up: a minus a floor.
    return frames[edge], rows[edge] + steps, columns[edge] - -widths[edge] * steps // heights[edge]


def _are_corners(frames: _Points, rows: _Points, columns: _Points) -> NDArray[np.bool_]:
    """Whether each point lies left of the line between its neighbours, or is the first or last of its frame.

    The hull's corners always do. All others may go at once: what is not left of a line between points of the hull is
    none of its corners.
    """
    corners = np.ones(len(rows), bool)
    down, across = np.diff(rows), np.diff(columns)
    inside = (frames[1:-1] == frames[:-2]) & (frames[1:-1] == frames[2:])
    corners[1:-1] = ~inside | (across[:-1] * down[1:] < across[1:] * down[:-1])
    return corners
