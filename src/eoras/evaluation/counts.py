"""What the masks of a frame come down to: a few areas in pixels, from which every protocol computes its score."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eoras.evaluation.outlines import compare_outlines, erode, outline_reach

__all__ = ["COUNTS", "EROSION", "FrameTable", "Masks", "count"]

Masks = NDArray[np.bool_]

EROSION = 2  # pixels on each side: Diffusion-VAS erodes by 5x5 (formats 7.7)

# Areas in pixels, but for the first three. -1 where something is not known.
_NAMES = (
    "repeated",  # 1 where it repeats the frame before it, as padding does; else 0
    "border",  # pixels between the amodal mask and the nearest border of the image; -1 where the mask is empty
    "amodal",
    "visible",
    "predicted",
    "overlap",  # amodal and predicted
    "occluded",  # amodal and not visible
    "predicted_occluded",  # predicted and not visible: the true visible mask, on both sides (Q-M9)
    "occluded_overlap",  # occluded and predicted
    "behind",  # amodal where other objects are seen; these three are -1 where the others are not known
    "predicted_behind",  # predicted where other objects are seen
    "behind_overlap",  # amodal and predicted where other objects are seen
    "eroded_occluded",  # occluded, after an erosion of 5x5 pixels
    "eroded_predicted",  # predicted and not visible, eroded alike
    "eroded_overlap",  # both, after the erosion
    "amodal_kept",  # amodal here and in the frame before; these four are -1 where that one is not in the clip
    "amodal_joined",  # amodal here or in the frame before
    "predicted_kept",  # the same two of the answer
    "predicted_joined",
    "outline",  # pixels of the amodal mask's outline; these four are -1 where they were not asked for
    "outline_found",  # those of them that lie near the answer's outline
    "predicted_outline",  # pixels of the answer's outline
    "outline_right",  # those of them that lie near the amodal mask's outline
    "window_overlap",  # amodal and predicted in the network's window; -1 where it is not known
    "window_union",  # amodal or predicted in the network's window; -1 where it is not known
)

COUNTS = np.dtype([("frame_index", np.int64), *((name, np.int32) for name in _NAMES)])  # positions are from 0


@dataclass(frozen=True)
class FrameTable:
    """One row a frame, sorted by video, track and frame.

    Attributes:
        counts: ``COUNTS`` ``(N,)``.
        tracks: int64 ``(N,)``, number of the row's track in this table, from 0.
        videos: int64 ``(N,)``, number of the row's video in this table, from 0.
    """

    counts: NDArray[np.void]
    tracks: NDArray[np.int64]
    videos: NDArray[np.int64]

    def where(self, rows: NDArray[np.bool_]) -> "FrameTable":
        """The rows where bool ``(N,)`` is true."""
        return FrameTable(self.counts[rows], self.tracks[rows], self.videos[rows])


def count(
    frame_indices: NDArray[np.int64],
    amodal: Masks,
    visible: Masks,
    prediction: Masks,
    *,
    others: Masks | None = None,
    window: tuple[Masks, Masks] | None = None,
    outlines: bool = False,
) -> NDArray[np.void]:
    """Count the pixels of a clip's frames; all but the first look is at a crop around the masks.

    Args:
        frame_indices: int64 ``(T,)``, positions in the video, from 0.
        amodal: bool ``(T, H, W)``, the truth in the whole image.
        visible: bool ``(T, H, W)``, its seen part.
        prediction: bool ``(T, H, W)``, the answer.
        others: bool ``(T, H, W)``, the seen parts of the video's other objects.
        window: amodal mask and answer in the network's window, bool ``(T, h, w)`` each.
        outlines: whether to compare outlines, too.

    Returns:
        ``COUNTS`` ``(T,)``.
    """
    rows = np.zeros(len(frame_indices), COUNTS)
    rows["frame_index"] = frame_indices
    rows["repeated"][1:] = np.diff(frame_indices) == 0
    reach = outline_reach(*amodal.shape[1:])
    crop = _crop(amodal | visible | prediction, max(EROSION, reach))
    rows["border"] = _border(amodal, crop)
    a, v, p = amodal[crop], visible[crop], prediction[crop]
    occluded, added = a & ~v, p & ~v
    areas = {
        "amodal": a,
        "visible": v,
        "predicted": p,
        "overlap": a & p,
        "occluded": occluded,
        "predicted_occluded": added,
        "occluded_overlap": occluded & p,
    }
    for name, masks in areas.items():
        rows[name] = _areas(masks)
    _count_behind(rows, a, p, None if others is None else others[crop] & ~v)
    _count_eroded(rows, occluded, added)
    _count_steps(rows, a, p)
    sums = compare_outlines(a, p, reach) if outlines else np.full((4, len(rows)), -1)
    for name, values in zip(("outline", "outline_found", "predicted_outline", "outline_right"), sums, strict=True):
        rows[name] = values
    rows["window_overlap"] = -1 if window is None else _areas(window[0] & window[1])
    rows["window_union"] = -1 if window is None else _areas(window[0] | window[1])
    return rows


def _crop(masks: Masks, margin: int) -> tuple[slice, slice, slice]:
    """The whole clip where any mask has a pixel, and ``margin`` pixels around it, inside the image."""
    ever: Masks = np.logical_or.reduce(masks, axis=0)
    sides = []
    for axis in (1, 0):
        places = np.flatnonzero(np.logical_or.reduce(ever, axis=axis))
        first, last = (int(places[0]), int(places[-1])) if len(places) else (0, -1)
        sides.append(slice(max(first - margin, 0), last + 1 + margin))
    return slice(None), sides[0], sides[1]


def _border(amodal: Masks, crop: tuple[slice, slice, slice]) -> NDArray[np.int64]:
    masks, distances = amodal[crop], []
    for axis, side, cut in ((2, amodal.shape[1], crop[1]), (1, amodal.shape[2], crop[2])):
        taken: Masks = np.logical_or.reduce(masks, axis=axis)
        distances.append(cut.start + taken.argmax(axis=1))
        distances.append(side - cut.start - taken.shape[1] + taken[:, ::-1].argmax(axis=1))
    return np.where(masks.any(axis=(1, 2)), np.min(distances, axis=0), -1)


def _count_behind(rows: NDArray[np.void], amodal: Masks, prediction: Masks, others: Masks | None) -> None:
    if others is None:
        for name in ("behind", "predicted_behind", "behind_overlap"):
            rows[name] = -1
        return
    behind, predicted = amodal & others, prediction & others
    rows["behind"] = _areas(behind)
    rows["predicted_behind"] = _areas(predicted)
    rows["behind_overlap"] = _areas(behind & predicted)


def _count_eroded(rows: NDArray[np.void], occluded: Masks, added: Masks) -> None:
    truth, answer = erode(occluded, EROSION), erode(added, EROSION)
    rows["eroded_occluded"] = _areas(truth)
    rows["eroded_predicted"] = _areas(answer)
    rows["eroded_overlap"] = _areas(truth & answer)


def _count_steps(rows: NDArray[np.void], amodal: Masks, prediction: Masks) -> None:
    follows = np.diff(rows["frame_index"]) == 1
    for name, masks in (("amodal", amodal), ("predicted", prediction)):
        rows[f"{name}_kept"] = rows[f"{name}_joined"] = -1
        rows[f"{name}_kept"][1:][follows] = _areas((masks[1:] & masks[:-1])[follows])
        rows[f"{name}_joined"][1:][follows] = _areas((masks[1:] | masks[:-1])[follows])


def _areas(masks: Masks) -> list[int]:
    # Frame by frame: counting a whole array is 10 times faster than counting along axes.
    return [int(np.count_nonzero(mask)) for mask in masks]
