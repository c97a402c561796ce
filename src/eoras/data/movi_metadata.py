"""What a reader needs of a MOVi video's ``metadata.json`` (formats A.3): sizes, camera and visible boxes."""

from functools import lru_cache
from pathlib import Path
from reprlib import repr as shorten
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from eoras.data.json_files import MOST_FRAMES, Finite, Number, Side, explain
from eoras.errors import DataError

__all__ = ["Camera", "Header", "Metadata", "VisibleBoxes", "boxes_of", "read_metadata"]

_Length = Annotated[int, Field(ge=1, le=MOST_FRAMES)]
_Share = Annotated[float, Field(ge=0, le=1)]
_Row = tuple[Finite, Finite, Finite]


@dataclass(frozen=True, kw_only=True)
class Header:
    """The entry ``metadata``.

    Attributes:
        num_frames: frames of the video.
        height: rows of its images, in pixels.
        width: columns of its images, in pixels.
        resolution: (width, height), which Kubric writes in place of the two since February 2022.
    """

    num_frames: _Length
    height: Side | None = None
    width: Side | None = None
    resolution: tuple[Side, Side] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the images."""
        width, height = self.resolution or (self.width, self.height)
        assert height is not None
        assert width is not None
        return height, width

    @model_validator(mode="after")
    def _check(self) -> "Header":
        given = {size for size in ((self.width, self.height), self.resolution) if size and None not in size}
        if not given:
            raise ValueError("must hold height and width, or resolution = [width, height]")
        if len(given) == 2:
            raise ValueError(
                f"height = {self.height} and width = {self.width} differ from resolution = {self.resolution}"
            )
        return self


@dataclass(frozen=True, kw_only=True)
class Camera:
    """The entry ``camera``.

    Attributes:
        intrinsics: the matrix to the unit square, in Kubric's convention (formats 6.1).
    """

    intrinsics: Annotated[tuple[_Row, _Row, _Row], Field(alias="K")]


@dataclass(frozen=True, kw_only=True)
class VisibleBoxes:
    """An entry of ``instances``: where an object is seen.

    Attributes:
        bboxes: (top, left, bottom, right) each, half-open, as shares of height and width.
        bbox_frames: the frame of each, ascending; frames in which the object is fully hidden have none.
        category: name of its class, where that is told.
    """

    bboxes: tuple[tuple[_Share, _Share, _Share, _Share], ...]
    bbox_frames: tuple[Number, ...]
    category: Any = None

    @model_validator(mode="after")
    def _check(self) -> "VisibleBoxes":
        if len(self.bboxes) != len(self.bbox_frames):
            raise ValueError(f"{len(self.bboxes)} bboxes for {len(self.bbox_frames)} bbox_frames")
        if list(self.bbox_frames) != sorted(set(self.bbox_frames)):
            raise ValueError(f"bbox_frames must ascend, found {shorten(self.bbox_frames)}")
        for box in self.bboxes:
            if box[0] > box[2] or box[1] > box[3]:
                raise ValueError(f"bboxes must be (top, left, bottom, right), found {box}")
        return self


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """A video's ``metadata.json``.

    Attributes:
        header: length and size.
        camera: intrinsics.
        instances: one an object; the index is its ``track_id``.
    """

    header: Annotated[Header, Field(alias="metadata")]
    camera: Camera
    instances: tuple[VisibleBoxes, ...]

    @model_validator(mode="after")
    def _check(self) -> "Metadata":
        for index, instance in enumerate(self.instances):
            if instance.bbox_frames and instance.bbox_frames[-1] >= self.header.num_frames:
                raise ValueError(
                    f"instances.{index}.bbox_frames must lie below metadata.num_frames = {self.header.num_frames}, "
                    f"found {instance.bbox_frames[-1]}"
                )
        return self


def read_metadata(path: Path) -> Metadata:
    """Read a ``metadata.json``; the latest ones are kept, until the file changes.

    Raises:
        DataError: no such file, no JSON, or a key is missing or wrong.
    """
    try:
        state = path.stat()
        return _read(path, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise DataError(
            f"{path}: expected the video's metadata, found no file that can be read ({error.strerror}); "
            "restore it, or take the video off the list"
        ) from error


def boxes_of(path: Path, metadata: Metadata, track_id: int) -> VisibleBoxes:
    """Where a listed track is seen.

    Args:
        path: the ``metadata.json``.
        metadata: what it holds.
        track_id: index of the object.

    Raises:
        DataError: there is no such object, or it is never seen: such a track crashes the official code.
    """
    if track_id >= len(metadata.instances):
        raise DataError(
            f"{path}: expected an object with index {track_id}, as the list of tracks says, "
            f"found {len(metadata.instances)} instances; take the entry off the list"
        )
    seen = metadata.instances[track_id]
    if not seen.bboxes:
        raise DataError(
            f"{path}: expected instances.{track_id}.bboxes of at least one frame, found none: the object is never "
            "seen; take the entry off the list"
        )
    return seen


@lru_cache(maxsize=64)
def _read(path: Path, *_state: int) -> Metadata:
    try:
        return TypeAdapter(Metadata).validate_json(path.read_bytes())
    except ValidationError as error:
        raise DataError(f"{path}: {explain(error)}; write it again as Kubric does") from None
