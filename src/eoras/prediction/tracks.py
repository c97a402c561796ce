"""Visible masks of a whole video, kept as runs: what is known before the first frame is looked at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from eoras.data.masks import Rle, encode
from eoras.errors import DataError
from eoras.geometry import Box

__all__ = [
    "FrameMasks",
    "TrackCollector",
    "VideoTracks",
    "VisibleTrack",
    "check_id",
    "is_void_alone",
    "split_labels",
    "without_void",
]

T = TypeVar("T")

_VOID = 255  # among labels of 8 bits
_NO_ID = 0  # what goes by it until more is known: no object has it

FrameMasks = Mapping[int, Rle]
"""The seen parts of a frame's objects, by id, from 1; none of them is empty."""


@dataclass(frozen=True, kw_only=True)
class VisibleTrack:
    """Where one object is seen.

    Attributes:
        frames: int32 ``(N,)``, positions in the video, ascending.
        boxes: int32 ``(N, 4)``, the visible box in each: top, left, bottom, right, half-open, in pixels.
        counts: the runs of each mask, as COCO writes them; None where only boxes are known.
    """

    frames: NDArray[np.int32]
    boxes: NDArray[np.int32]
    counts: tuple[str, ...] | None

    def mask(self, frame_index: int, height: int, width: int) -> Rle | None:
        """The seen part in a frame; None where the object is not seen, or only its box is known."""
        place = int(np.searchsorted(self.frames, frame_index))
        if self.counts is None or place == len(self.frames) or self.frames[place] != frame_index:
            return None
        return Rle(height, width, self.counts[place])

    def is_seen(self, frame_index: int) -> bool:
        """Whether the object is seen in a frame."""
        place = int(np.searchsorted(self.frames, frame_index))
        return place < len(self.frames) and self.frames[place] == frame_index


@dataclass(frozen=True, kw_only=True)
class VideoTracks:
    """All objects of a video.

    Attributes:
        tracks: by id, from 1, as in label images; one that is seen after the video's end alone has no frames.
        size: rows and columns of the masks, in pixels; None where the source tells only boxes.
        length: number of frames that the source speaks of; None where it does not tell.
    """

    tracks: Mapping[int, VisibleTrack]
    size: tuple[int, int] | None
    length: int | None

    @property
    def has_masks(self) -> bool:
        """Whether masks are known, not only boxes."""
        return all(track.counts is not None for track in self.tracks.values())

    @property
    def fingerprint(self) -> str:
        """Some digits that other masks would not have, whatever file they come from."""
        digest = sha256(repr(self.size).encode())
        for key, track in sorted(self.tracks.items()):
            digest.update(f"{key} {len(track.frames)}\n".encode())
            digest.update(track.frames.tobytes() + track.boxes.tobytes())
            digest.update("\n".join(track.counts or ()).encode())
        return digest.hexdigest()[:16]


class TrackCollector:
    """Collects the masks of a video frame by frame; only runs are kept."""

    def __init__(self) -> None:
        self._frames: dict[int, list[int]] = {}
        self._counts: dict[int, list[str]] = {}
        self._boxes: dict[int, list[Box]] = {}

    def add(self, frame_index: int, masks: FrameMasks) -> None:
        """Add the masks of the next frame."""
        for object_id, rle in masks.items():
            if (box := box_of(rle)) is None:
                continue
            self._frames.setdefault(object_id, []).append(frame_index)
            self._counts.setdefault(object_id, []).append(rle.counts)
            self._boxes.setdefault(object_id, []).append(box)

    def tracks(self) -> dict[int, VisibleTrack]:
        """What was collected, by id."""
        return {
            object_id: VisibleTrack(
                frames=np.array(frames, np.int32),
                boxes=corners(self._boxes[object_id]),
                counts=tuple(self._counts[object_id]),
            )
            for object_id, frames in sorted(self._frames.items())
        }


def box_of(rle: Rle) -> Box | None:
    """``Rle.box`` without keeping it in the record, of which a long video has very many."""
    left, top, width, height = (int(number) for number in coco.toBbox(rle.record))
    return Box(top, left, top + height, left + width) if width and height else None


def corners(boxes: Iterable[Box]) -> NDArray[np.int32]:
    """Boxes as rows of an array, int32 ``(N, 4)``."""
    return np.array([(box.top, box.left, box.bottom, box.right) for box in boxes], np.int32).reshape(-1, 4)


def check_id(number: int, where: str) -> int:
    """See that an object has a number that label images can hold.

    Raises:
        DataError: it is 0 or less.
    """
    if number < 1:
        raise DataError(
            f"{where}: expected objects numbered from 1, found {number}; number objects from 1: 0 is the background of "
            "label images"
        )
    return number


def split_labels(labels: np.ndarray, where: str, *, image: bool = False) -> dict[int, Rle]:
    """The objects of a label image; what its number 255 marks goes by 0, for ``without_void``.

    Args:
        labels: whole numbers or bool ``(H, W)``; 0 is the background.
        where: names the image in errors.
        image: whether 255 is special whatever the type of the numbers, not in uint8 alone.

    Raises:
        DataError: a label is negative.
    """
    has_void = image or labels.dtype == np.uint8
    found = {int(k): encode(labels == k) for k in np.unique(labels) if k}
    return {_NO_ID if has_void and k == _VOID else check_id(k, where): rle for k, rle in found.items()}


def without_void(found: Mapping[int, T], *, alone: bool | None = None) -> dict[int, T]:
    """The one rule for the number 255 of labels: it is nobody's, unless there is no other; then it is object 1.

    Args:
        found: what belongs to each object, from ``split_labels``.
        alone: whether there is no other; None: as ``found`` tells.
    """
    objects = {key: value for key, value in found.items() if key != _NO_ID}
    alone = not objects if alone is None else alone
    return {1: found[_NO_ID]} if alone and _NO_ID in found else objects


def is_void_alone(found: Mapping[int, T]) -> bool:
    """Whether nothing but 255 was found, or nothing at all."""
    return found.keys() <= {_NO_ID}
