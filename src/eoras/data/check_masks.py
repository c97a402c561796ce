"""Checking the label images of one frame against each other and against the boxes (formats A.2, A.3.1)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from eoras.data.check_objects import check_box, check_empty, check_outside
from eoras.data.check_report import Contents, Problem
from eoras.geometry import Box

__all__ = ["FrameOfTrack", "check_frame", "check_values"]


@dataclass(frozen=True, kw_only=True)
class FrameOfTrack:
    """An object in one frame of its video.

    Attributes:
        folder: of the video.
        t: the frame.
        track_id: index of the object.
        labels: int ``(H, W)``, of all that is seen.
        amodal_labels: int ``(H, W)``, of the whole object.
        box: (top, left, bottom, right), half-open, as shares of height and width; None where there is none.
    """

    folder: Path
    t: int
    track_id: int
    labels: np.ndarray
    amodal_labels: np.ndarray
    box: tuple[float, float, float, float] | None

    @property
    def amodal_path(self) -> Path:
        """The image of the whole object."""
        return self.folder / f"segmentation_{self.track_id}_{self.t:05d}.png"

    @cached_property
    def visible(self) -> np.ndarray:
        """Bool ``(H, W)``."""
        return self.labels == self.track_id + 1

    @cached_property
    def amodal(self) -> np.ndarray:
        """Bool ``(H, W)``."""
        return self.amodal_labels == self.track_id + 1

    def contents(self) -> Contents:
        """How much of the object is hidden."""
        hidden = int(np.count_nonzero(self.amodal & ~self.visible))
        return Contents.occluded(int(np.count_nonzero(self.amodal)), hidden, seen=bool(self.visible.any()))


def check_values(path: Path, labels: np.ndarray, num_instances: int) -> Iterator[Problem]:
    """Find labels without an object in an image of all visible masks.

    Args:
        path: the image.
        labels: int ``(H, W)``.
        num_instances: objects that the metadata name.
    """
    if labels.min() < 0 or labels.max() > num_instances:
        strange = np.unique(labels[(labels < 0) | (labels > num_instances)])
        what = f"expected labels 0 to {num_instances}, as there are {num_instances} instances, found {_few(strange)}"
        cure = "they count as background; write the labels again, or add the instances"
        yield Problem(kind="label without an object", path=path, what=what, cure=cure, breaks=False)


def check_frame(frame: FrameOfTrack) -> Iterator[Problem]:
    """Hold the amodal mask, the visible mask and the box of an object against each other."""
    yield from _check_box(frame)
    label, visible, amodal = frame.track_id + 1, frame.visible, frame.amodal
    strange = np.unique(frame.amodal_labels[~amodal & (frame.amodal_labels != 0)])
    lost = visible.any() and not amodal.any()
    if len(strange):
        what = f"expected 0 and {label} alone, found {_few(strange)}"
        cure = f"write track {frame.track_id} as {label}; other values count as background"
        kind = "label without an object"
        yield Problem(kind=kind, path=frame.amodal_path, what=what, cure=cure, breaks=bool(lost))
    elif lost:
        yield check_empty(frame.amodal_path, "", "write the mask again, or take the track off the list")
    if not lost:
        outside, seen = int(np.count_nonzero(visible & ~amodal)), int(np.count_nonzero(visible))
        yield from check_outside(frame.amodal_path, "", outside, seen)


def _check_box(frame: FrameOfTrack) -> Iterator[Problem]:
    path, where = frame.folder / "metadata.json", f"instances.{frame.track_id}, frame {frame.t}: "
    sides = zip(frame.box, frame.visible.shape * 2, strict=True) if frame.box else ()
    box = Box(*(round(share * side) for share, side in sides)) if frame.box else None
    cure = (
        "write bboxes and bbox_frames again from the visible masks, as [ymin, xmin, ymax, xmax] over height and width"
    )
    yield from check_box(path, where, _bounds(frame.visible), box, cure)


def _bounds(mask: np.ndarray) -> Box | None:
    if not mask.any():
        return None
    rows, columns = (np.flatnonzero(mask.any(axis=axis)).tolist() for axis in (1, 0))
    return Box(rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)


def _few(values: np.ndarray) -> str:
    shown = ", ".join(map(str, values[:5].tolist()))
    return f"{shown} and {len(values) - 5} more" if len(values) > 5 else shown
