"""Palette images as DAVIS and YouTube-VOS have them, and folders an object for masks that overlap (formats D.2)."""

import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from eoras.data.annotations import MaskTrack, MaskVideo, check_entries, check_name
from eoras.data.formats.format import Losses, Source
from eoras.data.formats.labels import count_lost_boxes, label_type, paint_visible
from eoras.data.images import read_labels, read_size
from eoras.data.masks import Rle, decode, empty, encode
from eoras.errors import DataError
from eoras.files import write_folder_beside
from eoras.movi_files import label_image, save_image

__all__ = ["read", "recognises", "write"]

_IMAGES, _VISIBLE, _AMODAL = "JPEGImages", "Annotations", "AmodalAnnotations"
_SIZES = ("480p", "Full-Resolution")
_BINARY = 255  # in images of one object
_VOID = frozenset({254, 255})
_HIGHEST = 253


def recognises(source: Source) -> bool:
    """Whether the source is a folder with one of the folders of masks."""
    return any((source.path / name).is_dir() for name in (_VISIBLE, _AMODAL))


def read(source: Source) -> Iterator[MaskVideo]:
    """Give the videos of a folder; a frame without an image of masks is not annotated.

    The values 254 and 255 are void and belong to nobody. Where 255 is the only one of a video without amodal masks, as
    in DAVIS-2016, it is object 1. Visible masks may also lie in a folder an object, as amodal ones do.

    Raises:
        DataError: a file is damaged, of another size, its name is no number, or no visible mask has an object's number
            beside amodal masks.
    """
    visible, amodal = _sized(source.path / _VISIBLE), _sized(source.path / _AMODAL)
    folders = [path for above in (visible, amodal) for path in above.glob("[!.]*") if path.is_dir()]
    if not folders:
        raise DataError(f"{source.path}: expected {_VISIBLE}/VIDEO/00000.png, found no video; name the folder above")
    for name in sorted({folder.name for folder in folders}):
        yield _read_video(source.path, name, visible / name, amodal / name)


def write(out: Path, videos: Iterable[MaskVideo]) -> Losses:
    """Write a folder of palette images, with the frames' images where the source has them.

    Args:
        out: the folder to make.
        videos: what to write.

    Returns:
        What the layout cannot hold.

    Raises:
        DataError: there are too many tracks, or an image that the source names cannot be read.
        RunError: the disk is full, ``out`` cannot be written, or it exists.
    """
    losses = Losses()
    with write_folder_beside(out) as beside:
        (beside / _VISIBLE).mkdir()
        for video in videos:
            label_type(video, _HIGHEST, "DAVIS' layout")
            _count_losses(video, losses)
            for t, image in enumerate(video.images):
                if image is not None:
                    _copy(image, beside / _IMAGES / video.name / f"{t:05d}{image.suffix.lower()}")
                _write_masks(beside, video, t, losses)
    return losses


def _sized(folder: Path) -> Path:
    """The folder of one size, where the videos are parted by size."""
    return next((folder / size for size in _SIZES if (folder / size).is_dir()), folder)


def _read_video(root: Path, name: str, visible: Path, amodal: Path) -> MaskVideo:
    images = _numbered(_sized(root / _IMAGES) / name)
    shared, parts = _numbered(visible), _objects(visible)
    wholes = _objects(amodal)
    if shared and parts:
        raise DataError(
            f"{visible}: expected images of all objects, or a folder an object, found both; take one kind away"
        )
    files = [path for numbered in (shared, *parts.values(), *wholes.values(), images) for path in numbered.values()]
    if not files:
        raise DataError(f"{visible}: expected images named by their frame, such as 00000.png, found none; add them")
    height, width = read_size(files[0])
    length = 1 + max(max(numbered, default=0) for numbered in (images, shared, *parts.values(), *wholes.values()))
    labels = {t: _by_label(read_labels(path, height, width).numpy()) for t, path in shared.items()}
    seen = _name(labels, bool(wholes), visible)
    numbers = sorted({label for masks in seen.values() for label in masks} | parts.keys() | wholes.keys())
    check_entries(length * (1 + len(numbers)), str(visible))
    nothing = empty(height, width)
    tracks = []
    for label in numbers:
        part, whole = (
            {t: encode(read_labels(path, height, width).numpy() > 0) for t, path in of_object.get(label, {}).items()}
            for of_object in (parts, wholes)
        )
        part |= {t: masks.get(label, nothing) for t, masks in seen.items()}
        tracks.append(
            MaskTrack(
                track_id=label - 1,
                category="object",
                visible=tuple(map(part.get, range(length))),
                amodal=tuple(map(whole.get, range(length))),
            )
        )
    return MaskVideo(
        name=check_name(name, str(visible)),
        height=height,
        width=width,
        images=tuple(map(images.get, range(length))),
        tracks=tuple(tracks),
    )


def _numbered(folder: Path) -> dict[int, Path]:
    """The images of a folder by their number."""
    numbered: dict[int, Path] = {}
    for path in sorted(folder.glob("[!.]*.*")):
        if not re.fullmatch(r"\d{1,6}", path.stem, re.ASCII) or int(path.stem) in numbered:
            raise DataError(f"{path}: expected the number of a frame, each once, such as 00000.png; rename the file")
        numbered[int(path.stem)] = path
    return numbered


def _objects(folder: Path) -> dict[int, dict[int, Path]]:
    """The numbered images of each object that has a folder."""
    folders: dict[int, Path] = {}
    for path in sorted(path for path in folder.glob("[!.]*") if path.is_dir()):
        label = _label(path)
        if label in folders:
            raise DataError(f"{path}: expected one folder an object, found {folders[label].name}, too; take one away")
        folders[label] = path
    return {label: _numbered(path) for label, path in folders.items()}


def _label(folder: Path) -> int:
    if not re.fullmatch(r"0*[1-9]\d{0,2}", folder.name, re.ASCII) or int(folder.name) > _HIGHEST:
        raise DataError(f"{folder}: expected the number of an object, 1 to {_HIGHEST}; rename the folder")
    return int(folder.name)


def _by_label(labels: np.ndarray) -> dict[int, Rle]:
    return {int(label): encode(labels == label) for label in np.unique(labels) if label}


def _name(seen: dict[int, dict[int, Rle]], are_numbered: bool, folder: Path) -> dict[int, dict[int, Rle]]:
    """The masks of each frame by the number of their object; void is nobody's, unless the images are binary ones."""
    labels = {label for masks in seen.values() for label in masks}
    numbers = {label: label for label in labels - _VOID}
    if labels == {_BINARY}:
        if are_numbered:
            raise DataError(
                f"{folder}: expected the numbers of the objects that have amodal masks, found 0 and {_BINARY} alone, "
                "which is void; write the numbers, or put the images into a folder an object"
            )
        numbers = {_BINARY: 1}
    return {t: {numbers[label]: rle for label, rle in masks.items() if label in numbers} for t, masks in seen.items()}


def _copy(image: Path, target: Path) -> None:
    read_size(image)  # an image that is none is told here, not by whoever reads the copy
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(image, target)


def _write_masks(out: Path, video: MaskVideo, t: int, losses: Losses) -> None:
    if any(track.visible[t] is not None for track in video.tracks):
        path = out / _VISIBLE / video.name / f"{t:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_image(path, label_image(paint_visible(video, t, np.uint8, losses)))
        losses["visible masks are not annotated and read as not seen"] += sum(
            track.visible[t] is None for track in video.tracks
        )
    for track in video.tracks:
        if (rle := track.amodal[t]) is not None:
            path = out / _AMODAL / video.name / str(track.track_id + 1) / f"{t:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            save_image(path, Image.fromarray(decode(rle) * np.uint8(255)))


def _count_losses(video: MaskVideo, losses: Losses) -> None:
    count_lost_boxes(video, losses)
    known = [
        image is not None or any(track.is_annotated(t) for track in video.tracks)
        for t, image in enumerate(video.images)
    ]
    losses["videos end with frames that have neither image nor mask and come back shorter"] += int(not known[-1])
    losses["tracks without a pixel in any visible mask, and without amodal ones, are left out"] += sum(
        all(rle is None for rle in track.amodal) and not any(rle and rle.area for rle in track.visible)
        for track in video.tracks
    )
    losses["categories of objects are left out"] += sum(track.category != "object" for track in video.tracks)
    losses["cameras are left out"] += int(video.pixel_intrinsics is not None)
