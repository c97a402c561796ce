"""Erosion, and how near two outlines come to each other."""

import math

import numpy as np
from numpy.typing import NDArray

from eoras.evaluation.counts import Masks, areas

__all__ = ["Outlines", "erode", "outline_reach"]

_SHARE = 0.008  # of the image's diagonal, as DAVIS has it


def outline_reach(height: int, width: int) -> int:
    """How far apart two outlines may be to count as one, in pixels: DAVIS' 0.008 of the diagonal, rounded up."""
    return math.ceil(_SHARE * math.hypot(height, width))


def erode(masks: Masks, reach: int) -> Masks:
    """Keep the pixels around which a square of ``2 * reach + 1`` pixels is all mask; past the image all is mask.

    Args:
        masks: bool ``(T, H, W)``.
        reach: pixels on each side.

    Returns:
        bool ``(T, H, W)``.
    """
    for axis in (1, 2):
        masks = _shrink(masks, axis, reach)
    return masks


class Outlines:
    """The outlines of masks, compared with those of others (formats 7.10).

    The outline of a mask are its pixels with a neighbour above, below or beside them that is not of it; the border of
    the image is no outline.

    Args:
        masks: bool ``(T, H, W)``.
        reach: how far, in pixels, near is.
    """

    def __init__(self, masks: Masks, reach: int) -> None:
        self._reach = reach
        self._outline = _outline(masks)
        self._near = _widen(self._outline, reach)
        self._pixels = areas(self._outline)

    def compare(self, prediction: Masks) -> NDArray[np.int64]:
        """Count the pixels of two outlines, and those that lie near the other one.

        Args:
            prediction: bool ``(T, H, W)``.

        Returns:
            int64 ``(4, T)``: pixels of the masks' outline, those of them near the predicted one, pixels of the
            predicted outline, those of them near the masks' one.
        """
        answer = _outline(prediction)
        found = self._outline & _widen(answer, self._reach)
        return np.array([self._pixels, areas(found), areas(answer), areas(answer & self._near)], np.int64)


def _outline(masks: Masks) -> Masks:
    return masks & ~(_shrink(masks, 1, 1) & _shrink(masks, 2, 1))


def _shrink(masks: Masks, axis: int, reach: int) -> Masks:
    """A pixel stays where the ``reach`` pixels on both sides along the axis are mask."""
    result = masks.copy()
    for step in range(1, min(reach + 1, masks.shape[axis])):
        before, after = _shifted(axis, step)
        result[after] &= masks[before]
        result[before] &= masks[after]
    return result


def _widen(masks: Masks, reach: int) -> Masks:
    """All pixels whose distance to a pixel of the mask is ``reach`` or less."""
    result = masks.copy()
    wide = masks.copy()
    for across in range(reach + 1):  # from narrow to wide, so that each widening builds on the one before
        if 0 < across < masks.shape[2]:
            before, after = _shifted(2, across)
            wide[after] |= masks[before]
            wide[before] |= masks[after]
        down = math.isqrt(reach**2 - across**2)
        least = 0 if across == reach else math.isqrt(reach**2 - (across + 1) ** 2) + 1
        for step in range(least, min(down + 1, masks.shape[1])):
            before, after = _shifted(1, step)
            result[after] |= wide[before]
            result[before] |= wide[after]
    return result


def _shifted(axis: int, step: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Two views of equal size of which the second lies ``step`` pixels further along the axis."""
    rest = (slice(None),) * axis
    return (*rest, slice(None, -step or None)), (*rest, slice(step, None))
