"""Answers that need no network, for every table: the visible mask itself, and its convex hull (formats 7.8)."""

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["BASELINES", "convex_hull", "visible_mask"]

Mask = NDArray[np.bool_]


def visible_mask(visible: Mask) -> Mask:
    """The seen part as the answer: what a system scores that completes nothing.

    Args:
        visible: bool ``(H, W)``.

    Returns:
        ``visible`` itself.
    """
    return visible


def convex_hull(visible: Mask) -> Mask:
    """The pixels whose centres lie in the convex hull of the visible pixels' centres, its border included.

    Exact, in integers. Only the outermost pixels of each row matter, so it is fast.

    Args:
        visible: bool ``(H, W)``.

    Returns:
        bool ``(H, W)``, with all of ``visible`` in it; empty if ``visible`` is.
    """
    hull = np.zeros_like(visible)
    rows = np.flatnonzero(visible.any(axis=1))
    if len(rows) == 0:
        return hull
    seen = visible[rows]
    left = _left_edge(rows, seen.argmax(axis=1))
    right = -_left_edge(rows, seen[:, ::-1].argmax(axis=1) - (visible.shape[1] - 1))
    columns = np.arange(visible.shape[1])
    hull[rows[0] : rows[-1] + 1] = (columns >= left[:, None]) & (columns <= right[:, None])
    return hull


BASELINES: Mapping[str, Callable[[Mask], Mask]] = {"visible_mask": visible_mask, "convex_hull": convex_hull}


def _left_edge(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """First column on or right of the hull of the points, for every row from ``rows[0]`` to ``rows[-1]``.

    Args:
        rows: int64 ``(N,)``, ascending.
        columns: int64 ``(N,)``, the leftmost point of each row.
    """
    corners: list[tuple[int, int]] = []
    for point in zip(rows.tolist(), columns.tolist(), strict=True):
        while len(corners) > 1 and not _turns_right(corners[-2], corners[-1], point):
            corners.pop()
        corners.append(point)
    edge = [np.array([corners[0][1]])]
    for (row, column), (next_row, next_column) in pairwise(corners):
        steps = np.arange(1, next_row - row + 1)
        edge.append(column - (column - next_column) * steps // (next_row - row))  # rounds up: a minus a floor
    return np.concatenate(edge)


def _turns_right(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    """Whether ``b`` lies left of the line from ``a`` down to ``c``; points are (row, column)."""
    return (b[1] - a[1]) * (c[0] - a[0]) < (c[1] - a[1]) * (b[0] - a[0])
