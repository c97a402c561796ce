"""Checking the label images of one frame against each other and against the boxes (formats A.2, A.3.1)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from eoras.data.check_report import BINS, Contents, Problem

__all__ = ["FrameOfTrack", "check_frame", "check_values"]

_GRAVE = 0.5  # share of a mask or a box that is wrong, from which on a network would learn something wrong
_NEAR = 1  # pixels by which truncated or rounded boxes may differ from the visible pixels


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
        area = int(np.count_nonzero(self.amodal))
        if not area:
            return Contents()
        hidden = int(np.count_nonzero(self.amodal & ~self.visible))
        occlusion = Counter([min(hidden * BINS // area, BINS - 1)])
        return Contents(hidden_frames=int(not self.visible.any()), occlusion=occlusion)


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
        cure = f"write object {frame.track_id} as {label}; other values count as background"
        kind = "label without an object"
        yield Problem(kind=kind, path=frame.amodal_path, what=what, cure=cure, breaks=bool(lost))
    elif lost:
        what = "expected the whole object, found an empty mask, though the object is seen in this frame"
        cure = "write the mask again, or take the track off the list"
        yield Problem(kind="empty amodal mask", path=frame.amodal_path, what=what, cure=cure)
    outside, seen = np.count_nonzero(visible & ~amodal), np.count_nonzero(visible)
    if outside and not lost:
        what = f"expected all visible pixels in the amodal mask, found {outside} of {seen} outside"
        cure = "write both masks again from one rendering; is this the image of another object or frame?"
        kind, grave = "visible outside amodal", outside >= _GRAVE * seen
        yield Problem(kind=kind, path=frame.amodal_path, what=what, cure=cure, breaks=bool(grave))


def _check_box(frame: FrameOfTrack) -> Iterator[Problem]:
    """Compare the box with the visible pixels that it should bound."""
    path, where = frame.folder / "metadata.json", f"instances.{frame.track_id}, frame {frame.t}"
    if frame.box is None and not frame.visible.any():
        return
    if frame.box is None or not frame.visible.any():
        found = "visible pixels without a box" if frame.box is None else "a box without visible pixels"
        what = f"{where}: expected a box just where the object is seen, found {found}"
        cure = "write bboxes and bbox_frames again from the visible masks"
        yield Problem(kind="box", path=path, what=what, cure=cure, breaks=False)
        return
    seen = _bounds(frame.visible)
    box = tuple(round(share * side) for share, side in zip(frame.box, frame.visible.shape * 2, strict=True))
    if max(abs(a - b) for a, b in zip(seen, box, strict=True)) > _NEAR:
        what = f"{where}: expected the bounds of the visible pixels, {seen}, found {box} (top, left, bottom, right)"
        cure = "write bboxes again, as [ymin, xmin, ymax, xmax] over height and width"
        yield Problem(kind="box", path=path, what=what, cure=cure, breaks=_overlap(seen, box) < _GRAVE)


def _bounds(mask: np.ndarray) -> tuple[int, ...]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)).tolist() for axis in (1, 0))
    return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1


def _overlap(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    """IoU of two boxes."""

    def area(top: int, left: int, bottom: int, right: int) -> int:
        return max(bottom - top, 0) * max(right - left, 0)

    both = area(max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    return both / (area(*a) + area(*b) - both)


def _few(values: np.ndarray) -> str:
    shown = ", ".join(map(str, values[:5].tolist()))
    return f"{shown} and {len(values) - 5} more" if len(values) > 5 else shown
