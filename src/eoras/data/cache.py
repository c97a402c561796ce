"""One file that holds a MOVi video's images decoded, read through a memory map (docs/training.md, Reading fast).

First one record a frame: the colours, the visible labels of all objects, and a bit a pixel for each listed object's
amodal mask. Then JSON: shape, and the images it was made from with size, time of change and hash. Then a fixed end:
length and hash of the JSON, and the format's name. A file cut short, or of another version, has no such end.
"""

import hashlib
import json
import os
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch

from eoras.data.images import read_frame, read_labels
from eoras.data.movi_images import amodal_path, frame_path, visible_path
from eoras.data.movi_metadata import read_metadata
from eoras.data.pictures import Picture, TrackMasks
from eoras.errors import DataError
from eoras.files import write_beside

__all__ = ["CachedImages", "cache_path", "open_cached", "verify_cached", "write_cached"]

_NAME = b"eoras cache 2\0\0\0"  # a change of the format changes the number
_END = struct.Struct("<Q32s16s")
_BLOCK = 2**20  # bytes read at a time, so that memory does not grow with the file
_CURE = "build it again with: eoras cache DATA"
_REMOVE = f"remove the cache file, then {_CURE}"  # whoever builds looks at sizes and times only


class CachedImages:
    """A video's images, decoded; ``picture`` gives the very values that ``LooseImages`` gives.

    Args:
        records: one a frame.
        objects: the objects whose amodal masks there are, in the order of the records' entry ``amodal``.
    """

    def __init__(self, records: np.ndarray, objects: Collection[int]) -> None:
        self._records = records
        self._place = {track_id: place for place, track_id in enumerate(objects)}

    def picture(self, frame_index: int, track_id: int) -> Picture:
        """Look three images up. The frame is a view of the file; whoever writes to it changes no file."""
        frame = torch.from_numpy(self._records[frame_index]["frame"])
        return Picture(frame, *self.masks(frame_index, track_id))

    def masks(self, frame_index: int, track_id: int) -> TrackMasks:
        """Look two images up."""
        record = self._records[frame_index]
        visible = record["visible"] == track_id + 1
        amodal = np.unpackbits(record["amodal"][self._place[track_id]], axis=-1, count=visible.shape[-1])
        return TrackMasks(torch.from_numpy(amodal.view(bool)), torch.from_numpy(visible))

    def seen(self, frame_index: int, objects: Collection[int]) -> torch.Tensor:
        """Where any of the objects is seen, bool ``(H, W)``."""
        labels = [track_id + 1 for track_id in objects]
        return torch.from_numpy(np.isin(self._records[frame_index]["visible"], labels))


def cache_path(data: Path, split: str, video: str, cache: Path | None = None) -> Path:
    """Where the cache of a video lies: in ``cache``, or where that is None in the data folder's ``.eoras_cache``."""
    return (cache or data / ".eoras_cache") / split / f"{video}.cache"


def open_cached(path: Path, folder: Path, objects: Collection[int]) -> CachedImages | None:
    """Open a video's cache, if there is one; sizes and times of the sources are compared, contents are not.

    Args:
        path: the cache of the video.
        folder: the video.
        objects: the objects whose masks will be asked for.

    Raises:
        DataError: it is damaged, or was made from other images than there are now.
    """
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            header = _read_header(path, file)
            _compare(path, folder, objects, header)
        record = _record(header["height"], header["width"], header["objects"], header["last_label"])
        if header["payload"] != header["frames"] * record.itemsize:
            raise _damaged(path)
        # Not a map of numpy's: each of those keeps a file open, of which a process often may have 1,024. Copy on write.
        payload = torch.from_file(str(path), shared=False, size=header["payload"], dtype=torch.uint8)
    except DataError:
        raise
    except (OSError, RuntimeError) as error:
        raise DataError(f"{path}: expected a cache of {folder}, could not read one of the two ({error})") from None
    except (KeyError, TypeError, ValueError):  # whole, but not as it is written here
        raise _damaged(path) from None
    return CachedImages(payload.numpy().view(record), header["objects"])


def verify_cached(path: Path, folder: Path, objects: Collection[int]) -> None:
    """Open a video's cache and compare every byte, its own and its sources', with the hashes taken when it was made.

    Raises:
        DataError: there is none, it is damaged, or it was made from other images.
    """
    if open_cached(path, folder, objects) is None:
        raise DataError(f"{path}: expected the cache of {folder}, found no file; {_CURE}")
    with path.open("rb") as file:
        header = _read_header(path, file)
    if _hash(path, header["payload"]) != header["hash"]:
        raise DataError(f"{path}: expected the bytes it was made with, found others: the file is damaged; {_REMOVE}")
    for name, (_, _, digest) in header["sources"].items():
        if _hash(folder / name) != digest:
            raise DataError(f"{path}: {folder / name} has other contents than when it was read; {_REMOVE}")


def write_cached(path: Path, folder: Path, objects: Collection[int]) -> None:
    """Decode a video's images into its cache, which appears when it is whole.

    Args:
        path: the cache of the video.
        folder: the video.
        objects: the objects whose amodal masks to keep.

    Raises:
        DataError: an image or the metadata is missing or damaged.
        RunError: the disk is full, or the folder cannot be written.
    """
    metadata = read_metadata(folder / "metadata.json")
    height, width = metadata.header.size
    objects = sorted(objects)
    last_label = max(objects[-1] + 1, len(metadata.instances))
    sources = {source.name: _describe(source) for source in _sources(folder, metadata.header.num_frames, objects)}
    whole = hashlib.sha256()
    with write_beside(path) as beside, beside.open("wb") as file:
        for index in range(metadata.header.num_frames):
            pixels = _decode(folder, index, height, width, objects, last_label)
            whole.update(pixels)
            file.write(pixels)
        header = {"frames": metadata.header.num_frames, "height": height, "width": width}
        header |= {"objects": objects, "last_label": last_label}
        header |= {"payload": file.tell(), "hash": whole.hexdigest(), "sources": sources}
        text = json.dumps(header).encode()
        file.write(text + _END.pack(len(text), hashlib.sha256(text).digest(), _NAME))


def _record(height: int, width: int, objects: Collection[int], last_label: int) -> np.dtype:
    labels = np.min_scalar_type(last_label)
    masks = (len(objects), height, -(-width // 8))
    return np.dtype(
        [("frame", "u1", (3, height, width)), ("visible", labels, (height, width)), ("amodal", "u1", masks)]
    )


def _decode(folder: Path, index: int, height: int, width: int, objects: Collection[int], last_label: int) -> bytes:
    """The record of a frame. Visible labels that are no object's are left out."""
    pixels = np.zeros((), _record(height, width, objects, last_label))
    pixels["frame"] = read_frame(frame_path(folder, index), height, width).numpy()
    visible = read_labels(visible_path(folder, index), height, width).numpy()
    pixels["visible"] = np.where(visible <= last_label, visible, 0)
    for place, track_id in enumerate(objects):
        labels = read_labels(amodal_path(folder, track_id, index), height, width).numpy()
        pixels["amodal"][place] = np.packbits(labels == track_id + 1, axis=-1)
    return pixels.tobytes()


def _sources(folder: Path, num_frames: int, objects: Collection[int]) -> Iterator[Path]:
    for index in range(num_frames):
        yield frame_path(folder, index)
        yield visible_path(folder, index)
        yield from (amodal_path(folder, track_id, index) for track_id in objects)


def _describe(source: Path) -> tuple[int, int, str]:
    """Size, time of the last change in nanoseconds, and hash."""
    try:
        state = source.stat()
    except OSError as error:
        raise DataError(
            f"{source}: expected an image, found none that can be read ({error.strerror}); restore it, or take its "
            "track off the list"
        ) from None
    return state.st_size, state.st_mtime_ns, _hash(source)


def _hash(path: Path, size: int | None = None) -> str:
    """Of the first ``size`` bytes of a file, or of all."""
    digest = hashlib.sha256()
    try:
        left = path.stat().st_size if size is None else size
        with path.open("rb") as file:
            while block := file.read(min(left, _BLOCK)):
                digest.update(block)
                left -= len(block)
    except OSError as error:
        raise DataError(f"{path}: expected a file, found none that can be read ({error.strerror})") from None
    return digest.hexdigest()


def _read_header(path: Path, file: BinaryIO) -> dict[str, Any]:
    """The JSON near the end of the file.

    Raises:
        DataError: the end is not there, or does not fit the rest.
    """
    end = max(file.seek(0, os.SEEK_END) - _END.size, 0)
    file.seek(end)
    length, digest, name = _END.unpack(file.read(_END.size).ljust(_END.size))
    start = max(end - length, 0)
    file.seek(start)
    text = file.read(end - start)
    if name != _NAME or hashlib.sha256(text).digest() != digest:
        raise _damaged(path)
    header = json.loads(text)
    if header["payload"] != start:
        raise DataError(f"{path}: expected {header['payload']} bytes of images, found {start}; {_CURE}")
    return header


def _compare(path: Path, folder: Path, objects: Collection[int], header: dict[str, Any]) -> None:
    """Whether a cache is of the images that there are now."""
    if not set(objects) <= set(header["objects"]):
        missing = ", ".join(map(str, sorted(set(objects) - set(header["objects"]))))
        raise DataError(f"{path}: expected the masks of all listed tracks, found none of track {missing}; {_CURE}")
    metadata = read_metadata(folder / "metadata.json")
    now = (metadata.header.num_frames, *metadata.header.size)
    if now != (header["frames"], header["height"], header["width"]) or len(metadata.instances) > header["last_label"]:
        raise DataError(
            f"{path}: {folder / 'metadata.json'} gives another length, size or number of objects than it had; {_CURE}"
        )
    sources = dict(header["sources"])
    if sources.keys() != {source.name for source in _sources(folder, header["frames"], header["objects"])}:
        raise _damaged(path)
    with os.scandir(folder) as listing:
        entries = {entry.name: entry for entry in listing}
    for name, (size, changed, _) in sources.items():
        state = entries[name].stat() if name in entries else None
        if state is None or (state.st_size, state.st_mtime_ns) != (size, changed):
            raise DataError(f"{path}: {folder / name} has changed since it was read, or is gone; {_CURE}")


def _damaged(path: Path) -> DataError:
    return DataError(f"{path}: expected a whole cache file, found one that is damaged or of another version; {_CURE}")
