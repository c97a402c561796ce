"""Intersection over union from counts, and what the protocols share: a mean, its terms, numbers of frames."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Terms",
    "count_frames",
    "mean",
    "means_of_groups",
    "number",
    "occluded_union",
    "paper_iou",
    "union",
]


@dataclass(frozen=True)
class Terms:
    """What a mean runs over.

    Attributes:
        values: float ``(N,)``, one a frame, track or image, whatever the protocol averages last.
        videos: int64 ``(N,)``, number of the video each belongs to.
    """

    values: NDArray[Any]
    videos: NDArray[np.int64]

    @property
    def mean(self) -> float | None:
        """Their mean; None where there are none."""
        return mean(self.values)

    def where(self, kept: NDArray[np.bool_]) -> "Terms":
        """The terms where bool ``(N,)`` is true."""
        return Terms(self.values[kept], self.videos[kept])

    def within(self, groups: NDArray[np.int64]) -> "Terms":
        """One term a group, the mean of its terms; a group lies in one video.

        Args:
            groups: int64 ``(N,)``, number of each term's group.
        """
        _, first, place = np.unique(groups, return_index=True, return_inverse=True)
        return Terms(means_of_groups(self.values, place), self.videos[first])


def paper_iou(overlap: ArrayLike, union: ArrayLike) -> NDArray[np.float32]:
    """Intersection over union as the official code has it, in float32 (formats 7.1).

    Empty against empty is 0 (Q-M1). A perfect match is exactly 1 from a union of 32 pixels up, just below 1 under
    that (Q-M3).
    """
    return np.divide(overlap, np.add(union, 1e-6, dtype=np.float32), dtype=np.float32)


def union(rows: NDArray[np.void]) -> NDArray[np.int32]:
    """Amodal or predicted."""
    return rows["amodal"] + rows["predicted"] - rows["overlap"]


def occluded_union(rows: NDArray[np.void]) -> NDArray[np.int32]:
    """Amodal or predicted, and not visible."""
    return rows["occluded"] + rows["predicted_occluded"] - rows["occluded_overlap"]


def means_of_groups(values: NDArray[Any], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean of each group.

    Args:
        values: float ``(N,)``.
        groups: int64 ``(N,)``, from 0 up without a gap.
    """
    return np.bincount(groups, values) / np.bincount(groups)


def mean(values: NDArray[Any]) -> float | None:
    """In double precision; None where there are none."""
    return float(values.mean(dtype=np.float64)) if len(values) else None


def number(rows: NDArray[np.bool_]) -> int:
    """How many are true."""
    return int(np.count_nonzero(rows))


def count_frames(
    occluded: NDArray[np.integer], overlap: NDArray[np.integer], perfect: NDArray[np.bool_]
) -> dict[str, int]:
    """The numbers of frames that stand beside every protocol's scores.

    Args:
        occluded: int ``(N,)``, pixels of the region whose IoU is the protocol's ``miou_occ``.
        overlap: int ``(N,)``, those of them that were predicted.
        perfect: bool ``(N,)``, what the protocol holds for a perfect answer.
    """
    return {
        "frames": len(occluded),
        "occluded": number(occluded > 0),
        "unoccluded": number(occluded == 0),
        "perfect": number(perfect),
        "missed": number((occluded > 0) & (overlap == 0)),
    }
