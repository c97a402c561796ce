"""The annotations of a KINS_Video_Car split: tracks of cars, their visible and their amodal masks (formats B.2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass as plain_dataclass
from pathlib import Path
from reprlib import repr as shorten
from typing import Annotated, Any, TypeVar

import torch
from pydantic import Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor

from eoras.data import masks
from eoras.data.annotations import check_name
from eoras.data.json_files import Number, Side
from eoras.data.movi_list import Track
from eoras.data.pickles import read_pickle
from eoras.errors import DataError
from eoras.geometry import Box

__all__ = ["Annotation", "Rle", "annotation_files", "read_annotations"]

T = TypeVar("T")

_CURE = "restore the file, or take the track out of both pickles"
# Five bits a character, of which a sixth says that more follow: a string that ends on such a one is cut off.
_COUNTS = re.compile(rb"(?:[P-o]*[0-O])*")


@dataclass(frozen=True, kw_only=True)
class Rle:
    """A mask in COCO's compressed form.

    Attributes:
        size: rows and columns.
        counts: lengths of runs, column by column.
    """

    size: tuple[Side, Side]
    counts: bytes

    @model_validator(mode="after")
    def _check(self) -> "Rle":
        if not _COUNTS.fullmatch(self.counts):
            raise ValueError(f"counts must be COCO's compressed form, found {shorten(self.counts)}")
        return self

    def parse(self, where: str) -> masks.Rle:
        """The mask as runs that fit its size.

        Args:
            where: what it is the mask of, for the error.

        Raises:
            DataError: the runs do not fit the size.
        """
        height, width = self.size
        record = {"size": [height, width], "counts": self.counts.decode("ascii")}
        return masks.parse_mask(record, height, width, where)

    def decode(self, where: str) -> Tensor:
        """The mask, bool ``(H, W)``.

        Args:
            where: what it is the mask of, for the error.

        Raises:
            DataError: the runs do not fit the size.
        """
        return torch.from_numpy(masks.decode(self.parse(where)))


@dataclass(frozen=True, kw_only=True)
class _Visible:
    """A record of ``SPLIT_data.pkl``; ``loss_mask`` stays unread, for the official code makes no use of it."""

    mask: Annotated[Rle, Field(alias="VM")]
    bbox: Annotated[tuple[Number, Number, Number, Number], Field(alias="VM_bbox")]


@dataclass(frozen=True, kw_only=True)
class _Amodal:
    """A record of ``SPLIT_data_full_mask.pkl``."""

    mask: Annotated[Rle, Field(alias="FM")]


@plain_dataclass(frozen=True)
class Annotation:
    """One object in one frame.

    Attributes:
        visible: its seen part, found by a tracker.
        amodal: all of it; empty where the frame is not annotated.
        box: first row and column of the visible mask, last row and column (included), in pixels.
    """

    visible: Rle
    amodal: Rle
    box: Box


def read_annotations(
    folder: Path, split: str, passed_over: list[DataError] | None = None
) -> dict[Track, dict[int, Annotation]]:
    """The tracks of a split in the order of the file, each with its frames in the order of time.

    Args:
        folder: ``car_data``.
        split: ``train``, ``val`` or ``test``.
        passed_over: gets what is wrong with each damaged track, which is then left out; None: the first is raised.

    Raises:
        DataError: a pickle is missing or damaged, would run code, is empty, or holds something else.
    """
    visible_path, amodal_path = annotation_files(folder, split)
    visible, amodal = _Records.read(visible_path, _Visible), _Records.read(amodal_path, _Amodal)
    tracks: dict[Track, dict[int, Annotation]] = {}
    for video, objects in visible.content.items():
        check_name(video, str(visible_path))
        for track_id in objects:
            track = Track(video, track_id)
            try:
                tracks[track] = _read_track(track, visible, amodal)
            except DataError as error:
                if passed_over is None:
                    raise
                passed_over.append(error)
    if not tracks and not passed_over:
        raise DataError(f"{visible_path}: expected at least one track, found none; restore the file")
    return tracks


def annotation_files(folder: Path, split: str) -> tuple[Path, Path]:
    """The files of the visible and of the amodal masks of a split.

    Args:
        folder: ``car_data``.
        split: ``train``, ``val`` or ``test``.
    """
    return folder / f"{split}_data.pkl", folder / f"{split}_data_full_mask.pkl"


@plain_dataclass(frozen=True)
class _Records:
    """A pickle, its records still unread."""

    path: Path
    content: Mapping[str, Mapping[int, Any]]
    frames: TypeAdapter[Any]

    @classmethod
    def read(cls, path: Path, record: type) -> "_Records":
        nested: Any = dict[str, dict[Number, Any]]
        frames: Any = dict[Number, record]
        return cls(path, _validate(TypeAdapter(nested), read_pickle(path), path), TypeAdapter(frames))

    def of(self, track: Track) -> dict[int, Any]:
        value = self.content.get(track.video, {}).get(track.track_id, {})
        return _validate(self.frames, value, self.path, track.video, track.track_id)


def _validate(kind: TypeAdapter[T], value: Any, path: Path, *place: Any) -> T:
    try:
        return kind.validate_python(value)
    except ValidationError as error:
        item = error.errors()[0]
        found = "" if item["type"] in ("missing", "value_error") else f", found {shorten(item['input'])}"
        where = " ".join(str(key) if str(key).isprintable() else repr(key) for key in (*place, *item["loc"]))
        message = item["msg"].removeprefix("Value error, ")
        raise DataError(
            f"{path}: expected video, object, frame and its record; {where}: {message}{found}; {_CURE}"
        ) from None


def _read_track(track: Track, visible: _Records, amodal: _Records) -> dict[int, Annotation]:
    where = f"video {track.video}, track {track.track_id}"
    frames, known = visible.of(track), amodal.of(track)
    indices = sorted(frames)
    if not indices or indices != list(range(indices[0], indices[-1] + 1)):
        raise DataError(f"{visible.path}: {where}: expected frames without a gap, found {shorten(indices)}; {_CURE}")
    if missing := [index for index in indices if index not in known]:
        raise DataError(
            f"{amodal.path}: {where}: expected a mask for each of its frames, all zero where there is no "
            f"annotation, found none for {shorten(missing)}; {_CURE}"
        )
    size = frames[indices[0]].mask.size
    return {
        index: _annotation(frames[index], known[index], size, f"{visible.path}: {where}, frame {index}")
        for index in indices
    }


def _annotation(visible: _Visible, amodal: _Amodal, size: tuple[int, int], where: str) -> Annotation:
    first_row, last_row, first_column, last_column = visible.bbox
    if visible.mask.size != size or amodal.mask.size != size:
        raise DataError(
            f"{where}: expected masks of {size[0]} rows and {size[1]} columns, as in the track's first frame, found "
            f"{visible.mask.size} (visible) and {amodal.mask.size} (amodal); {_CURE}"
        )
    if not (first_row <= last_row <= size[0] and first_column <= last_column <= size[1]):
        raise DataError(
            f"{where}: expected VM_bbox to be first row, last row, first column, last column inside {size[0]} rows "
            f"and {size[1]} columns, found {visible.bbox}; {_CURE}"
        )
    return Annotation(visible.mask, amodal.mask, Box(first_row, first_column, last_row, last_column))
