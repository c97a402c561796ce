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
        num_frames: as the file says, or as its length suggests; None where it says nothing. For progress bars: only
            reading tells.
        num_ignored: files of a folder that are not images.
        cut_short: after reading, a sentence for the user if the file ended before its time; else None.
    """

    def __init__(
        self, path: Path, height: int, width: int, rate: Fraction, num_frames: int | None, num_ignored: int = 0
    ) -> None:
        self.path = path
        self.height = height
        self.width = width
        self.rate = rate
        self.num_frames = num_frames
        self.num_ignored = num_ignored
        self.cut_short: str | None = None

    @property
    def frame_names(self) -> list[str] | None:
        """Names of the frames' files without suffix; None where the video is one file."""
        return None

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
