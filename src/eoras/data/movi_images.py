"""The images of a MOVi video: one way to ask for them, whether they lie in loose files or in a cache."""

from collections import OrderedDict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from eoras.data.images import read_frame, read_labels
from eoras.data.pictures import Picture, TrackMasks

__all__ = ["Images", "LooseImages", "Recent", "amodal_path", "frame_path", "visible_path"]


class Images(Protocol):
    """The images of one video."""

    def picture(self, frame_index: int, track_id: int) -> Picture:
        """A whole frame, and the masks of one object in it."""
        ...

    def masks(self, frame_index: int, track_id: int) -> TrackMasks:
        """The masks alone."""
        ...

    def seen(self, frame_index: int, objects: Collection[int]) -> Tensor:
        """Where any of the objects is seen, bool ``(H, W)``."""
        ...


class Recent:
    """The images read last, so that tracks of one video that follow each other share what was decoded.

    Args:
        max_bytes: how much is kept at most; 256 MiB hold about 40 videos of 24 frames of 256x256 pixels.
    """

    def __init__(self, max_bytes: int = 2**28) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._images: OrderedDict[tuple[object, ...], Tensor] = OrderedDict()

    def get(self, read: Callable[[Path, int, int], Tensor], path: Path, height: int, width: int) -> Tensor:
        """``read(path, height, width)``, or what it gave before, unless the file has changed since."""
        try:
            state = path.stat()
        except OSError:
            return read(path, height, width)  # which says what is wrong
        key = (path, state.st_mtime_ns, state.st_size, height, width)
        if key in self._images:
            self._images.move_to_end(key)
            return self._images[key]
        image = read(path, height, width)
        self._images[key] = image
        self._bytes += _size(image)
        while self._bytes > self._max_bytes:
            self._bytes -= _size(self._images.popitem(last=False)[1])
        return image


class LooseImages:
    """A video's own files (formats A.2).

    Args:
        folder: of the video.
        height: rows that its images must have, in pixels.
        width: columns that they must have, in pixels.
        recent: keeps frames and visible labels, which the tracks of a video share.
    """

    def __init__(self, folder: Path, height: int, width: int, recent: Recent) -> None:
        self._folder = folder
        self._size = (height, width)
        self._recent = recent

    def picture(self, frame_index: int, track_id: int) -> Picture:
        """Read three images.

        Raises:
            DataError: one of them is missing, damaged or of another size.
        """
        frame = self._recent.get(read_frame, frame_path(self._folder, frame_index), *self._size)
        return Picture(frame, *self.masks(frame_index, track_id))

    def masks(self, frame_index: int, track_id: int) -> TrackMasks:
        """Read two images.

        Raises:
            DataError: one of them is missing, damaged or of another size.
        """
        amodal = read_labels(amodal_path(self._folder, track_id, frame_index), *self._size)
        return TrackMasks(amodal == track_id + 1, self._visible(frame_index) == track_id + 1)

    def seen(self, frame_index: int, objects: Collection[int]) -> Tensor:
        """Where any of the objects is seen, bool ``(H, W)``.

        Raises:
            DataError: the image is missing, damaged or of another size.
        """
        labels = torch.tensor([track_id + 1 for track_id in objects], dtype=torch.int32)
        return torch.isin(self._visible(frame_index), labels)

    def _visible(self, frame_index: int) -> Tensor:
        return self._recent.get(read_labels, visible_path(self._folder, frame_index), *self._size)


def frame_path(folder: Path, frame_index: int) -> Path:
    """Where a frame of a video lies."""
    return folder / f"rgba_full_{frame_index:05d}.png"


def visible_path(folder: Path, frame_index: int) -> Path:
    """Where the visible labels of all objects lie."""
    return folder / f"segmentation_full_{frame_index:05d}.png"


def amodal_path(folder: Path, track_id: int, frame_index: int) -> Path:
    """Where the amodal labels of one object lie."""
    return folder / f"segmentation_{track_id}_{frame_index:05d}.png"


def _size(image: Tensor) -> int:
    """Bytes in memory; an alpha channel that a view leaves out counts."""
    return image.untyped_storage().nbytes()
