"""What the masks of a frame come down to: a few areas in pixels, from which every protocol computes its score."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONFIDENCE_STEPS", "COUNTS", "FrameTable", "Masks", "areas"]

Masks = NDArray[np.bool_]

# Areas in pixels, but for the first three and the last one. -1 where something is not known.
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
    "amodal_kept",  # amodal here and in the frame before; these four are -1 where that one is not there or annotated
    "amodal_joined",  # amodal here or in the frame before
    "predicted_kept",  # the same two of the answer
    "predicted_joined",
    "outline",  # pixels of the amodal mask's outline; these four are -1 where they were not asked for
    "outline_found",  # those of them that lie near the answer's outline
    "predicted_outline",  # pixels of the answer's outline
    "outline_right",  # those of them that lie near the amodal mask's outline
    "window_overlap",  # amodal and predicted in the network's window; -1 where it is not known
    "window_union",  # amodal or predicted in the network's window; -1 where it is not known
    "confidence",  # of the network in its answer, in parts of CONFIDENCE_STEPS; -1 where it does not tell
)
CONFIDENCE_STEPS = 1_000_000  # of a confidence of 1

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


def areas(masks: Masks) -> list[int]:
    """Pixels of each mask, bool ``(T, H, W)``."""
    # Frame by frame: counting a whole array is 10 times faster than counting along axes.
    return [int(np.count_nonzero(mask)) for mask in masks]
