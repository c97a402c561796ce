"""Files and folders of visible masks; what a folder holds is found by looking."""

import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eoras.data.annotations import MaskVideo
from eoras.data.arrays import read_header
from eoras.data.formats import mot, read_masks
from eoras.data.formats.format import Source
from eoras.data.images import read_labels, read_size
from eoras.data.json_files import LONGEST_SIDE
from eoras.data.masks import encode
from eoras.errors import DataError, EorasError
from eoras.files import UNREADABLE_ARCHIVE
from eoras.prediction.masks import collect, collect_labels, of_video
from eoras.prediction.tracks import FrameMasks, VideoTracks, VisibleTrack, check_id, corners, split_labels

__all__ = ["read_path"]

_SUFFIXES = (".png", ".bmp", ".tif", ".tiff")
_KINDS = (".npz", ".npy", ".json", ".txt")
_TOO_MANY = 10_000_000  # frames: four days; what is numbered higher has a date or a time for its name
_MOST_PIXELS = 90_000_000  # of a frame; images with more are not read either, for Pillow warns


def read_path(
    path: Path,
    video: str,
    names: list[str] | None,
    length: int | None,
    count_frames: Callable[[], int | None],
    tell: Callable[[str], None],
) -> VideoTracks:
    """Read the masks of a video.

    Args:
        path: a file or a folder.
        video: name of the video, to choose from several.
        names: names of the video's files without suffix, where it is a folder: masks of that name belong to them.
        length: number of frames of the video, where it is known.
        count_frames: counts them, where it is not: numbers of files that end with it count from 1.
        tell: is told how masks were given to frames where that may be wrong.

    Raises:
        DataError: there is nothing, nothing of a known form, or a file is damaged.
    """
    if path.is_dir():
        frames = _Frames(names, count_frames if length is None else lambda: length, tell)
        return _read_folder(path, video, frames)
    if not path.is_file():
        raise DataError(f"{path}: expected masks, found no such file or folder; mend the path")
    suffix = path.suffix.lower()
    if suffix not in _KINDS:
        raise DataError(
            f"{path}: expected masks as a folder of images or a file {', '.join(_KINDS)}, found a file "
            f"{suffix or 'without suffix'}; convert it to one of them"
        )
    if suffix == ".npz":
        return _read_archive(path, length)
    if suffix == ".npy":
        with _unpacking(path), path.open("rb") as file:
            return collect_labels(_frames_of(file, path), str(path), length)
    if suffix == ".txt" and mot.recognises(Source(path)):
        return _read_boxes(path)
    chosen = _choose(read_masks(path), path, video)
    return of_video(chosen, places=None if names is None else _by_image(chosen, names, tell))


@dataclass(frozen=True)
class _Frames:
    """The frames that masks are given to; the fields are arguments of ``read_path``."""

    names: list[str] | None
    count: Callable[[], int | None]
    tell: Callable[[str], None]


def _read_folder(path: Path, video: str, frames: _Frames) -> VideoTracks:
    if images := _images(path):
        return _read_label_images(path, images, frames)
    if (path / video).is_dir():
        return _read_folder(path / video, video, frames)
    objects = {
        check_id(int(below.name), str(below)): below for below in sorted(path.glob("[!.]*")) if _is_object(below)
    }
    if objects:
        return _read_object_folders(objects, frames)
    return of_video(_choose(read_masks(path), path, video))


def _read_label_images(folder: Path, images: list[Path], frames: _Frames) -> VideoTracks:
    (files,) = _by_frame({folder: images}, frames)
    height, width = read_size(files[min(files)])

    def read(path: Path) -> FrameMasks:
        return split_labels(read_labels(path, height, width).numpy(), str(path), image=True)

    tracks = collect(_each(files, read))
    return VideoTracks(tracks=tracks.tracks, size=(height, width), length=tracks.length)


def _read_object_folders(objects: dict[int, Path], frames: _Frames) -> VideoTracks:
    tracks: dict[int, VisibleTrack] = {}
    size, length = None, 0
    files_of_each = _by_frame({folder: _images(folder) for folder in objects.values()}, frames)
    for object_id, files in zip(objects, files_of_each, strict=True):
        size = size or read_size(files[min(files)])
        rows, columns = size
        found = collect(_each(files, lambda path: {object_id: encode(read_labels(path, rows, columns).numpy() != 0)}))  # noqa: B023 (used at once)
        tracks |= found.tracks
        length = max(length, found.length or 0)
    return VideoTracks(tracks=tracks, size=size, length=length)


def _each(files: dict[int, Path], read: Callable[[Path], FrameMasks]) -> Iterator[tuple[int, FrameMasks]]:
    return ((t, read(files[t])) for t in sorted(files))


def _images(folder: Path) -> list[Path]:
    found = (path for path in folder.glob("[!.]*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    return sorted(found, key=lambda path: (_number(path.stem) or 0, path.name))


def _is_object(folder: Path) -> bool:
    return folder.is_dir() and re.fullmatch(r"\d{1,9}", folder.name, re.ASCII) is not None and bool(_images(folder))


def _by_frame(folders: Mapping[Path, list[Path]], frames: _Frames) -> list[dict[int, Path]]:
    """The images of each folder by the frame they belong to: that of the same name, else that of their number.

    All folders are counted alike: an object that is not seen in the last frame does not tell whether they count from 1.
    """
    if frames.names is not None and {path.stem for images in folders.values() for path in images} <= set(frames.names):
        places = {name: t for t, name in enumerate(frames.names)}
        return [_one_a_frame((places[path.stem], path) for path in images) for images in folders.values()]
    numbered = [_by_number(folder, images) for folder, images in folders.items()]
    lowest, name = min((number, path.name) for images in numbered for number, path in images.items())
    highest = max(number for images in numbered for number in images)
    if lowest and highest == frames.count():
        return [{number - 1: path for number, path in images.items()} for images in numbered]
    if lowest:
        frames.tell(
            f"masks: their numbers are taken to count from 0, so that {name} belongs to frame {lowest}, and the first "
            "frame, 0, has no mask; if they count from 1, number them from 0, or add an empty mask for the last frame"
        )
    return numbered


def _by_number(folder: Path, images: list[Path]) -> dict[int, Path]:
    numbers = {path: number for path in images if (number := _number(path.stem)) is not None}
    for path, number in numbers.items():
        if number >= _TOO_MANY:
            raise DataError(f"{path}: expected the number of a frame in its name, found {number}; rename it")
    if not numbers:
        raise DataError(f"{folder}: expected images named by their frame, such as 00000.png, found none; rename them")
    return _one_a_frame((number, path) for path, number in numbers.items())


def _one_a_frame(images: Iterable[tuple[int, Path]]) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for t, path in images:
        if t in found:
            raise DataError(f"{path}: expected one image of masks a frame, found {found[t].name}, too; take one away")
        found[t] = path
    return found


def _number(name: str) -> int | None:
    """The last number in a name."""
    found = re.findall(r"\d{1,9}", name, re.ASCII)
    return int(found[-1]) if found else None


def _read_boxes(path: Path) -> VideoTracks:
    tracks = {
        track_id + 1: VisibleTrack(
            frames=np.array(sorted(found), np.int32), boxes=corners(found[t] for t in sorted(found)), counts=None
        )
        for track_id, found in mot.read_boxes(path).items()
    }
    return VideoTracks(tracks=tracks, size=None, length=None)


def _choose(videos: Iterable[MaskVideo], path: Path, name: str) -> MaskVideo:
    """The video of that name, or the only one."""
    known: list[str] = []
    only: MaskVideo | None = None
    for video in videos:
        if video.name == name:
            return video
        known.append(video.name)
        only = video
    if only is None or len(known) > 1:
        some = ", ".join(known[:5])
        raise DataError(
            f"{path}: expected the masks of one video, or of one named {name!r}, found {some or 'none'}; name "
            "the video as the masks do"
        )
    return only


def _by_image(video: MaskVideo, names: list[str], tell: Callable[[str], None]) -> list[int] | None:
    """Where the frames of a record lie in a folder that has their images; None: in order."""
    images = [None if image is None else image.stem for image in video.images]
    places = {name: t for t, name in enumerate(names)}
    found = [places[image] for image in images if image in places]
    if len(set(found)) == video.length:
        return found
    if any(images):
        tell(
            "masks: the images that they name are not those of the video, so they are given to its frames in order, "
            f"the first to {names[0]!r}; if that is wrong, name its images as the masks do"
        )
    return None


def _read_archive(path: Path, length: int | None) -> VideoTracks:
    """One array of ids, or an array an object by its number; read frame by frame, however large they are."""
    with _unpacking(path), zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        if len(names) == 1 and not names[0].isdigit():
            with archive.open(f"{names[0]}.npy") as file:
                return collect_labels(_frames_of(file, path), str(path), length)
        wrong = [name for name in names if not re.fullmatch(r"\d{1,9}", name, re.ASCII)]
        if wrong or not names:
            raise DataError(
                f"{path}: expected one array (T, H, W) of ids, or arrays named by the number of their object, found "
                f"{', '.join(names[:5]) or 'none'}; save it again"
            )
        tracks: dict[int, VisibleTrack] = {}
        size, frames = None, 0
        for object_id in sorted(check_id(int(name), str(path)) for name in names):
            name = next(name for name in names if int(name) == object_id)
            with archive.open(f"{name}.npy") as file:
                found = collect(
                    ((t, {object_id: encode(mask != 0)}) for t, mask in enumerate(_frames_of(file, path))), length
                )
            if size and found.size and found.size != size:
                raise DataError(
                    f"{path}: array {name}: expected masks of size {size}, found {found.size}; save it again"
                )
            size, frames = size or found.size, max(frames, found.length or 0)
            tracks |= found.tracks
    return VideoTracks(tracks=tracks, size=size, length=frames)


def _frames_of(file: Any, path: Path) -> Iterator[np.ndarray]:
    """The frames of an array in the file ``path``, one at a time."""
    shape, is_fortran, dtype = read_header(file)
    if len(shape) != 3 or dtype.kind not in "bui" or is_fortran:
        order = " in Fortran's order" if is_fortran else ""
        cure = "np.ascontiguousarray(masks)" if is_fortran else "masks > 0 of each object"
        if len(shape) == 4 and shape[1] == 1:  # as SAM 2 gives them
            cure = "masks[:, 0] > 0"
        raise DataError(f"{path}: expected bool or whole numbers (T, H, W), found {dtype} {shape}{order}; save {cure}")
    length, height, width = shape
    fits = 0 <= length <= _TOO_MANY and 0 < min(height, width) <= max(height, width) <= LONGEST_SIDE
    if not fits or height * width > _MOST_PIXELS:
        raise DataError(
            f"{path}: expected at most {_TOO_MANY:,} frames of 1 to {LONGEST_SIDE} pixels a side and {_MOST_PIXELS:,} "
            f"in all, found the shape {shape}; save masks of the size of the video"
        )
    size = height * width * dtype.itemsize
    for _ in range(length):
        data = file.read(size)
        if len(data) < size:
            raise ValueError("it is cut short")
        yield np.frombuffer(data, dtype).reshape(shape[1:])


@contextmanager
def _unpacking(path: Path) -> Iterator[None]:
    try:
        yield
    except (*UNREADABLE_ARCHIVE, KeyError) as error:
        if isinstance(error, EorasError):
            raise
        raise DataError(
            f"{path}: expected arrays of NumPy, found what cannot be read ({error}); save it again"
        ) from None
