"""The frames that a user gives: a file or folder, an array, or one by one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from os import fsencode
from pathlib import Path
from typing import Any

import numpy as np

from eoras.errors import DataError
from eoras.video import Video, open_video

__all__ = ["Footage", "Frames"]

_ENDS = 1 << 20  # bytes of a file that are looked at from either end

Frames = str | Path | np.ndarray | Iterable[Any]
"""A path, an array ``(T, H, W, 3)``, or an iterable of ``(H, W, 3)``; uint8, RGB. Grey ``(H, W)`` will do, too."""


@dataclass
class Footage:
    """Frames that are read when they are asked for.

    Attributes:
        source: as a user gives them.
        name: of the file or folder; ``video`` where there is none.
        video: the file or folder, opened.
    """

    source: Frames
    name: str = field(init=False, default="video")
    video: Video | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if isinstance(self.source, str | Path):
            path = Path(self.source)
            self.video = open_video(path)
            self.name = path.resolve().stem if path.is_file() else path.resolve().name

    @property
    def length(self) -> int | None:
        """Number of frames, where it is known."""
        if self.video is not None:
            return self.video.length
        return len(self.source) if isinstance(self.source, np.ndarray | list | tuple) else None

    @property
    def num_frames(self) -> int | None:
        """``length``, or an estimate, for progress bars."""
        return self.length if self.video is None else self.video.num_frames

    def count_frames(self) -> int | None:
        """``length``, or where that is not known, what a look through the whole file tells."""
        return self.length if self.video is None else self.video.count_frames()

    @property
    def pixel_ratio(self) -> float:
        """Width of a pixel over its height."""
        return 1.0 if self.video is None else float(self.video.pixel_ratio)

    @property
    def frame_names(self) -> list[str] | None:
        """Names of the frames' files without suffix, where there are such files."""
        return None if self.video is None else self.video.frame_names

    @property
    def fingerprint(self) -> str | None:
        """Some digits that another file or folder would not have; None where frames come from memory.

        Long videos take no longer: it is made of the names and sizes of all files, and of the ends of the first, the
        middle and the last one.
        """
        if self.video is None:
            return None
        files, digest = self.video.files, sha256()
        for path in files:
            digest.update(b"%b %d\n" % (fsencode(path.name), path.stat().st_size))
        for place in sorted({0, len(files) // 2, len(files) - 1}):
            with files[place].open("rb") as file:
                digest.update(file.read(_ENDS))
                file.seek(max(files[place].stat().st_size - _ENDS, 0))
                digest.update(file.read())
        return digest.hexdigest()[:16]

    def frames(self, start: int = 0, end: int | None = None) -> Iterator[np.ndarray]:
        """Give the frames from ``start`` to before ``end``, uint8 ``(H, W, 3)``, RGB, all of one size.

        Raises:
            DataError: a frame is not of that kind, or of another size than the first.
        """
        if self.video is not None:
            yield from self.video.frames(start, end)
            return
        assert not isinstance(self.source, str | Path)
        size: tuple[int, int] | None = None
        for index, frame in enumerate(islice(self.source, start, end), start=start):
            pixels = _pixels(frame, f"frame {index}")
            height, width = pixels.shape[:2]
            size = size or (height, width)
            if size != (height, width):
                raise DataError(
                    f"frame {index}: expected {size[0]} rows and {size[1]} columns, as those before, found {height} "
                    f"and {width}; give all frames in one size"
                )
            yield pixels

    @property
    def complaint(self) -> str | None:
        """After reading: why there were fewer frames than promised."""
        return None if self.video is None else self.video.cut_short


def _pixels(value: Any, where: str) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype == np.uint8 and array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=2)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise DataError(
            f"{where}: expected uint8 (H, W, 3), RGB, found {array.dtype} {array.shape}; convert the frames"
        )
    return array
