"""What the masks of a frame come down to: a few areas in pixels, from which every protocol computes its score."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["COUNTS", "FrameTable", "Masks", "count"]

Masks = NDArray[np.bool_]

COUNTS = np.dtype(
    [
        ("frame_index", np.int64),  # position in the video, from 0
        ("repeated", np.int64),  # 1 where it repeats the frame before it, as padding does; else 0
        ("amodal", np.int64),  # areas in pixels, from here on
        ("visible", np.int64),
        ("predicted", np.int64),
        ("overlap", np.int64),  # amodal and predicted
        ("occluded", np.int64),  # amodal and not visible
        ("predicted_occluded", np.int64),  # predicted and not visible: the true visible mask, on both sides (Q-M9)
        ("occluded_overlap", np.int64),  # occluded and predicted
        ("window_overlap", np.int64),  # amodal and predicted in the network's window; -1 where it is not known
        ("window_union", np.int64),  # amodal or predicted in the network's window; -1 where it is not known
    ]
)


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
    window: tuple[Masks, Masks] | None,
) -> NDArray[np.void]:
    """Count the pixels of a clip's frames.

    Args:
        frame_indices: int64 ``(T,)``, positions in the video, from 0.
        amodal: bool ``(T, H, W)``, the truth in the whole image.
        visible: bool ``(T, H, W)``, its seen part.
        prediction: bool ``(T, H, W)``, the answer.
        window: amodal mask and answer in the network's window, bool ``(T, h, w)`` each.

    Returns:
        ``COUNTS`` ``(T,)``.
    """
    rows = np.zeros(len(frame_indices), COUNTS)
    rows["frame_index"] = frame_indices
    rows["repeated"][1:] = np.diff(frame_indices) == 0
    rows["amodal"] = _areas(amodal)
    rows["visible"] = _areas(visible)
    rows["predicted"] = _areas(prediction)
    rows["overlap"] = _areas(amodal & prediction)
    occluded = amodal & ~visible
    rows["occluded"] = _areas(occluded)
    rows["predicted_occluded"] = _areas(prediction & ~visible)
    rows["occluded_overlap"] = _areas(occluded & prediction)
    rows["window_overlap"] = -1 if window is None else _areas(window[0] & window[1])
    rows["window_union"] = -1 if window is None else _areas(window[0] | window[1])
    return rows


def _areas(masks: Masks) -> list[int]:
    # Frame by frame: counting a whole array is 10 times faster than counting along axes.
    return [int(np.count_nonzero(mask)) for mask in masks]
