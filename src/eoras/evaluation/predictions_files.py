"""Reading predictions: the project's masks file, a folder of images an object, or NumPy archives (formats 7.13)."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from eoras.config import ViewConfig
from eoras.data.images import read_labels, read_size
from eoras.data.masks import decode, parse_mask
from eoras.errors import DataError
from eoras.evaluation.counts import Masks
from eoras.evaluation.pasted import Paste
from eoras.evaluation.predictions import Entry, Predictions, Problems, UnusableMaskError

__all__ = ["Runs", "read_predictions"]

_SIZE = "masks of another size than the video"
_DAMAGED = "masks that cannot be read"
_TWICE = "entries of an object that has one already; the first is scored"


def read_predictions(path: Path) -> Predictions:
    """Open the predictions of a system; images and archives are read when they are scored.

    Args:
        path: a JSON file in the form of this project's masks file (formats D.3), a folder of VIDEO/OBJECT/00000.png
            (formats D.2), or one or a folder of VIDEO.npz.

    Raises:
        DataError: it is none of these, or no JSON.
    """
    if path.is_file() and path.suffix == ".npz":
        return _read_archives(path, [path])
    if path.is_file():
        return _read_json(path)
    folder = path / "AmodalAnnotations" if (path / "AmodalAnnotations").is_dir() else path
    if archives := sorted(folder.glob("[!.]*.npz")):
        return _read_archives(path, archives)
    if next(folder.glob("[!.]*/[!.]*/*.png"), None) is None:
        raise DataError(
            f"{path}: expected predictions: a JSON file of masks, VIDEO.npz, or a folder of VIDEO/OBJECT/00000.png or "
            "of VIDEO.npz, found none of them; mend the path"
        )
    return _read_folder(path, folder)


@dataclass(frozen=True)
class Runs:
    """Masks of a JSON file, as they stand in it."""

    by_paste: Mapping[Paste, Sequence[Any]]

    def read(self, frame_index: int, height: int, width: int, paste: Paste, problems: Problems) -> Masks | None:  # noqa: ARG002
        """The mask of a frame."""
        masks = self.by_paste.get(paste, self.by_paste["strict"])
        value = masks[frame_index] if frame_index < len(masks) else None
        if value is None:
            return None
        if isinstance(value, dict) and value.get("size") not in (None, [height, width]):
            raise UnusableMaskError(_SIZE)
        try:
            return decode(parse_mask(value, height, width, "mask"))
        except DataError:
            raise UnusableMaskError(_DAMAGED) from None


@dataclass(frozen=True)
class _Images:
    """Masks in image files, by frame."""

    files: Mapping[int, Path]

    def read(self, frame_index: int, height: int, width: int, paste: Paste, problems: Problems) -> Masks | None:  # noqa: ARG002
        if frame_index not in self.files:
            return None
        try:
            if read_size(self.files[frame_index]) != (height, width):
                raise UnusableMaskError(_SIZE)
            return read_labels(self.files[frame_index], height, width).numpy() > 0
        except DataError:
            raise UnusableMaskError(_DAMAGED) from None


class _Archives:
    """Arrays of archives; the one asked for last is kept, for a track's frames are asked for one after the other."""

    def __init__(self) -> None:
        self._key: tuple[Path, str] | None = None
        self._masks: Any = None

    def masks(self, path: Path, name: str) -> Any:
        """An array, ``(T, H, W)``."""
        if self._key != (path, name):
            try:
                with np.load(path, allow_pickle=False) as archive:
                    self._masks = archive[name]
            except (OSError, ValueError, EOFError):
                self._masks = None
            self._key = (path, name)
        if self._masks is None or self._masks.ndim != 3 or self._masks.dtype.kind not in "buif":
            raise UnusableMaskError(_DAMAGED)
        return self._masks


@dataclass(frozen=True)
class _Array:
    """Masks in one array of an archive."""

    path: Path
    name: str
    archives: _Archives

    def read(self, frame_index: int, height: int, width: int, paste: Paste, problems: Problems) -> Masks | None:  # noqa: ARG002
        masks = self.archives.masks(self.path, self.name)
        if frame_index >= len(masks):
            return None
        mask = masks[frame_index]
        if mask.shape != (height, width):
            raise UnusableMaskError(_SIZE)
        if mask.dtype.kind != "f":
            return mask != 0
        if np.isnan(mask).any():
            problems["frames with probabilities that are not numbers; those count as background"] += 1
        return mask > 0.5


def _read_archives(path: Path, archives: Sequence[Path]) -> Predictions:
    entries: dict[tuple[str, int], Entry] = {}
    problems, loaded = Problems(), _Archives()
    for archive in archives:
        try:
            with np.load(archive, allow_pickle=False) as arrays:
                names = list(arrays)
        except (OSError, ValueError, EOFError) as error:
            raise DataError(
                f"{archive}: expected a NumPy archive, found something else ({error}); save it again"
            ) from error
        _collect(entries, problems, archive.stem, ((name, _Array(archive, name, loaded)) for name in names), shift=0)
    return Predictions(path=path, entries=entries, problems=problems)


def _read_folder(path: Path, folder: Path) -> Predictions:
    entries: dict[tuple[str, int], Entry] = {}
    problems = Problems()
    for video in sorted(below for below in folder.glob("[!.]*") if below.is_dir()):
        objects = sorted(below for below in video.glob("[!.]*") if below.is_dir())
        found = ((below.name, _Images(_numbered(below, problems))) for below in objects)
        _collect(entries, problems, video.name, found, shift=1)
    return Predictions(path=path, entries=entries, problems=problems)


def _collect(
    entries: dict[tuple[str, int], Entry],
    problems: Problems,
    video: str,
    found: Iterator[tuple[str, Entry]],
    shift: int,
) -> None:
    """Add the objects of a video, whose names are their ``track_id + shift``."""
    for name, entry in found:
        if not re.fullmatch(r"\d{1,9}", name, re.ASCII) or int(name) < shift:
            problems["objects whose name is no number; left out"] += 1
        elif (video, int(name) - shift) in entries:
            problems[_TWICE] += 1
        else:
            entries[video, int(name) - shift] = entry


def _numbered(folder: Path, problems: Problems) -> dict[int, Path]:
    files: dict[int, Path] = {}
    for path in sorted(folder.glob("[!.]*.png")):
        if not re.fullmatch(r"\d{1,6}", path.stem, re.ASCII):
            problems["images whose name is no number; left out"] += 1
        elif int(path.stem) in files:
            problems["images of a frame that has one already; the first is scored"] += 1
        else:
            files[int(path.stem)] = path
    return files


def _read_json(path: Path) -> Predictions:
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected JSON, found something else ({error}); write it again") from error
    if not isinstance(record, dict) or record.get("format_version") != 1:
        raise DataError(
            f"{path}: expected an object with format_version 1, videos and annotations, found something else; write it "
            "in that form"
        )
    problems = Problems()
    names = _video_names(path, record, problems)
    entries: dict[tuple[str, int], Entry] = {}
    ids: set[Any] = set()
    pastes: tuple[Paste, ...] = ("strict",)
    for item in _records(path, record, "annotations"):
        problems["scores that are not numbers"] += not _is_number(item.get("score", 0))
        number = item.get("id")
        if isinstance(number, int):
            problems["entries with an id that another one has"] += number in ids
            ids.add(number)
        video_id, track_id, masks = (item.get(key) for key in ("video_id", "track_id", "amodal_segmentations"))
        name = names.get(video_id) if type(video_id) is int else None
        if name is None:
            problems["entries of a video_id that is not in videos; left out"] += 1
        elif type(track_id) is not int:
            problems["entries without a track_id; left out"] += 1
        elif not isinstance(masks, list):
            problems["entries without amodal_segmentations; left out"] += 1
        elif (name, track_id) in entries:
            problems[_TWICE] += 1
        else:
            by_paste: dict[Paste, Sequence[Any]] = {"strict": masks}
            if isinstance(item.get("paper_segmentations"), list):
                by_paste["paper"] = item["paper_segmentations"]
                pastes = ("strict", "paper")
            entries[name, track_id] = Runs(by_paste)
    return Predictions(path=path, entries=entries, problems=problems, pastes=pastes, view=_view(path, record))


def _video_names(path: Path, record: Mapping[str, Any], problems: Problems) -> dict[Any, str]:
    """Name by id."""
    names: dict[Any, str] = {}
    for video in _records(path, record, "videos"):
        number, name = video.get("id"), video.get("name")
        if type(number) is not int or not isinstance(name, str):
            problems["videos without id and name; left out"] += 1
        elif number in names or name in names.values():
            problems["videos whose id or name another one has; the first is scored"] += 1
        else:
            names[number] = name
    return names


def _records(path: Path, record: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    items = record.get(key)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise DataError(f"{path}: {key}: expected a list of objects, found something else; write it again")
    return items


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _view(path: Path, record: Mapping[str, Any]) -> ViewConfig | None:
    info = record.get("info")
    if not isinstance(info, dict) or "view" not in info:
        return None
    try:
        return TypeAdapter(ViewConfig).validate_python(info["view"])
    except ValidationError as error:
        raise DataError(f"{path}: info.view: expected a view of this project ({error}); take it out") from None
