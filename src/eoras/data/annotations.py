"""The one record between formats: a video's tracks, their masks as runs (formats part D)."""

from dataclasses import dataclass
from pathlib import Path

from eoras.data.masks import Rle
from eoras.errors import DataError
from eoras.geometry import Box

__all__ = ["MaskTrack", "MaskVideo", "Matrix", "check_entries", "check_name"]

# Published files have a fifth of it at most: a video of MOT20 has some 3,300 frames of 1,200 objects, YouTube-VIS 4,000
# videos of 36 frames.
_MOST_ENTRIES = 20_000_000

Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True, kw_only=True)
class MaskTrack:
    """One object through one video.

    Where a mask is None the frame is not annotated; a mask without a pixel says that the object is not there.

    Attributes:
        track_id: number of the object in the video, from 0; in label images it has the value ``track_id + 1``.
        category: name of its class.
        visible: one a frame of the video.
        amodal: one a frame of the video.
        amodal_boxes: those the source tells, one a frame of the video; they may reach past the image.
    """

    track_id: int
    category: str
    visible: tuple[Rle | None, ...]
    amodal: tuple[Rle | None, ...]
    amodal_boxes: tuple[Box | None, ...] = ()

    def is_annotated(self, frame_index: int) -> bool:
        """Whether either mask is known."""
        return self.visible[frame_index] is not None or self.amodal[frame_index] is not None


@dataclass(frozen=True, kw_only=True)
class MaskVideo:
    """A video and the masks of its objects.

    Attributes:
        name: of the video.
        height: rows of its images, in pixels.
        width: columns of its images, in pixels.
        images: one a frame, None where there is none; the files need not exist until they are copied.
        tracks: the objects, by ``track_id``.
        pixel_intrinsics: the camera's matrix to pixels (formats 6.1), where the source tells it.
    """

    name: str
    height: int
    width: int
    images: tuple[Path | None, ...]
    tracks: tuple[MaskTrack, ...]
    pixel_intrinsics: Matrix | None = None

    @property
    def length(self) -> int:
        """Number of frames."""
        return len(self.images)


def check_entries(count: int, where: str) -> None:
    """Look whether tracks can be told frame by frame: a slip in a number makes gigabytes of a few lines.

    Args:
        count: places for an image or a mask that there would be.
        where: the file or folder, for the error.

    Raises:
        DataError: they would fill the memory.
    """
    if count > _MOST_ENTRIES:
        raise DataError(
            f"{where}: expected at most {_MOST_ENTRIES:,} places for images and masks, frames times objects, found "
            f"{count:,}; look for a frame's number or a length that is far too high, or part the video"
        )


def check_name(name: str, where: str) -> str:
    """Give the name back if it can be that of a folder.

    Raises:
        DataError: it is empty, begins with a dot, or holds a slash or what cannot be printed.
    """
    if not name or name[0] == "." or set(name) & set("/\\") or not name.isprintable():
        raise DataError(
            f"{where}: expected a video's name without '/', '\\' and a dot at its start, found {name!r}; rename the "
            "video"
        )
    return name
