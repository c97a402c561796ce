"""What every video can do, wherever its frames come from."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

__all__ = ["Frame", "Video"]


class Frame(NamedTuple):
    """One frame of a video.

    Attributes:
        pixels: uint8 ``(H, W, 3)``, RGB.
        time: seconds on the video's own clock, exact; that of the first frame need not be 0.
    """

    pixels: np.ndarray
    time: Fraction


class Video(ABC):
    """A video that can be read any number of times, frame by frame.

    Attributes:
        path: the file, or the folder of images.
        height: rows of its frames as they are shown, in pixels.
        width: columns of its frames as they are shown, in pixels.
        rate: frames a second on average.
        num_frames: ``length``, or as the file's duration suggests; None where it says nothing. For progress bars.
        length: number of frames, exact; None where only reading tells.
        pixel_ratio: width of a pixel over its height, as it is shown.
        num_ignored: files of a folder that are not images.
        cut_short: after reading, a sentence for the user if the file ended before its time; else None.
    """

    def __init__(
        self,
        path: Path,
        height: int,
        width: int,
        rate: Fraction,
        *,
        length: int | None,
        num_frames: int | None,
        pixel_ratio: Fraction = Fraction(1),
        num_ignored: int = 0,
    ) -> None:
        self.path = path
        self.height = height
        self.width = width
        self.rate = rate
        self.length = length
        self.num_frames = num_frames
        self.pixel_ratio = pixel_ratio
        self.num_ignored = num_ignored
        self.cut_short: str | None = None

    @property
    def frame_names(self) -> list[str] | None:
        """Names of the frames' files without suffix; None where the video is one file."""
        return None

    @property
    def files(self) -> list[Path]:
        """What it is read from, in the order of its frames."""
        return [self.path]

    def count_frames(self) -> int | None:
        """``length``, or where that is not known, what a look through the whole file tells; nothing is decoded."""
        return self.length

    def frames(self, start: int = 0, end: int | None = None) -> Iterator[np.ndarray]:
        """Give the pixels of the frames from ``start`` to before ``end``, uint8 ``(H, W, 3)``, RGB.

        Raises:
            DataError: a frame cannot be read, or is not of the video's size.
        """
        return (frame.pixels for frame in self.timed_frames(start, end))

    @abstractmethod
    def timed_frames(self, start: int = 0, end: int | None = None) -> Iterator[Frame]:
        """Give the frames with their times.

        Args:
            start: index of the first frame, from 0.
            end: index of the frame to stop before; None: to the last one.

        Raises:
            DataError: a frame cannot be read, or is not of the video's size.
        """
