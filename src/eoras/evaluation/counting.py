"""Counting the pixels of a clip's frames: what only the truth decides once, the rest for each answer."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eoras.evaluation.counts import CONFIDENCE_STEPS, COUNTS, Masks, areas
from eoras.evaluation.outlines import Outlines, erode, outline_reach

__all__ = ["Counter", "Part", "margin", "part_around"]

EROSION = 2  # pixels on each side: Diffusion-VAS erodes by 5x5 (formats 7.7)
_OUTLINE = ("outline", "outline_found", "predicted_outline", "outline_right")


@dataclass(frozen=True)
class Part:
    """The part of an image that holds the masks.

    Attributes:
        top: its first row.
        left: its first column.
        height: rows of the whole image.
        width: columns of the whole image.
    """

    top: int
    left: int
    height: int
    width: int


class Counter:
    """Counts answers to the same truth. All masks are given in a part of the image.

    Args:
        frame_indices: int64 ``(T,)``, positions in the video, from 0.
        amodal: bool ``(T, h, w)``, the truth.
        visible: bool ``(T, h, w)``, its seen part.
        part: where they lie. Around every mask, answers too, it holds ``margin`` pixels, or all up to the border.
        available: bool ``(T,)``, true where the frame has an amodal annotation; no step begins or ends at another one.
        others: bool ``(T, h, w)``, the seen parts of the video's other objects.
        outlines: whether to compare outlines, too.
    """

    def __init__(
        self,
        frame_indices: NDArray[np.int64],
        amodal: Masks,
        visible: Masks,
        part: Part,
        *,
        available: NDArray[np.bool_],
        others: Masks | None = None,
        outlines: bool = False,
    ) -> None:
        self._amodal, self._unseen = amodal, ~visible
        self._occluded = amodal & self._unseen
        self._behind = None if others is None else others & self._unseen
        self._eroded = erode(self._occluded, EROSION)
        self._outlines = Outlines(amodal, outline_reach(part.height, part.width)) if outlines else None
        self._follows = (np.diff(frame_indices) == 1) & available[1:] & available[:-1]
        self._rows = rows = np.full(len(frame_indices), -1, COUNTS)
        rows["frame_index"] = frame_indices
        rows["repeated"] = 0
        rows["repeated"][1:] = np.diff(frame_indices) == 0
        rows["border"] = _border(amodal, part)
        rows["amodal"] = areas(amodal)
        rows["visible"] = areas(visible)
        rows["occluded"] = areas(self._occluded)
        if self._behind is not None:
            rows["behind"] = areas(amodal & self._behind)
        rows["eroded_occluded"] = areas(self._eroded)
        self._count_steps(rows, "amodal", amodal)

    def count(
        self,
        prediction: Masks,
        window: tuple[Masks, Masks] | None = None,
        confidence: NDArray[np.floating] | None = None,
    ) -> NDArray[np.void]:
        """Count an answer's pixels.

        Args:
            prediction: bool ``(T, h, w)``, in the part of the image.
            window: amodal mask and answer in the network's window, bool ``(T, h, w)`` each.
            confidence: of the network in its answer, float ``(T,)``, 0..1.

        Returns:
            ``COUNTS`` ``(T,)``.
        """
        rows = self._rows.copy()
        overlap, added = self._amodal & prediction, prediction & self._unseen
        rows["predicted"] = areas(prediction)
        rows["overlap"] = areas(overlap)
        rows["predicted_occluded"] = areas(added)
        rows["occluded_overlap"] = areas(overlap & self._unseen)
        if self._behind is not None:
            rows["predicted_behind"] = areas(prediction & self._behind)
            rows["behind_overlap"] = areas(overlap & self._behind)
        inside = part_around(added, EROSION)
        eroded = erode(added[inside], EROSION)
        rows["eroded_predicted"] = areas(eroded)
        rows["eroded_overlap"] = areas(eroded & self._eroded[inside])
        self._count_steps(rows, "predicted", prediction)
        if self._outlines is not None:
            for name, values in zip(_OUTLINE, self._outlines.compare(prediction), strict=True):
                rows[name] = values
        if window is not None:
            rows["window_overlap"] = areas(window[0] & window[1])
            rows["window_union"] = areas(window[0] | window[1])
        if confidence is not None:
            rows["confidence"] = np.rint(confidence * CONFIDENCE_STEPS)
        return rows

    def _count_steps(self, rows: NDArray[np.void], name: str, masks: Masks) -> None:
        """What stays from one frame to the next."""
        follows = self._follows
        kept, sizes = np.array(areas(masks[1:] & masks[:-1]), np.int64), rows[name]
        rows[f"{name}_kept"][1:][follows] = kept[follows]
        rows[f"{name}_joined"][1:][follows] = (sizes[1:] + sizes[:-1] - kept)[follows]


def margin(height: int, width: int) -> int:
    """How far around a mask its frame is looked at, in pixels, in an image of this size."""
    return max(EROSION, outline_reach(height, width))


def part_around(masks: Masks, pixels: int) -> tuple[slice, slice, slice]:
    """The whole clip where any mask bool ``(T, H, W)`` has a pixel, and ``pixels`` around it, inside the image."""
    ever: Masks = np.logical_or.reduce(masks, axis=0)
    sides = []
    for axis in (1, 0):
        places = np.flatnonzero(np.logical_or.reduce(ever, axis=axis))
        first, last = (int(places[0]), int(places[-1])) if len(places) else (0, -1 - pixels)
        sides.append(slice(max(first - pixels, 0), last + 1 + pixels))
    return slice(None), sides[0], sides[1]


def _border(amodal: Masks, part: Part) -> NDArray[np.int64]:
    distances = []
    for axis, start, side in ((2, part.top, part.height), (1, part.left, part.width)):
        taken: Masks = np.logical_or.reduce(amodal, axis=axis)
        if not taken.shape[1]:
            return np.full(len(amodal), -1)
        distances.append(start + taken.argmax(axis=1))
        distances.append(side - start - taken.shape[1] + taken[:, ::-1].argmax(axis=1))
    return np.where(amodal.any(axis=(1, 2)), np.min(distances, axis=0), -1)
