"""Opening a video, whatever it is."""

from fractions import Fraction
from pathlib import Path

from eoras.errors import DataError
from eoras.video.video import Video

__all__ = ["open_video"]


def open_video(path: str | Path, *, folder_rate: Fraction | int = 24, most_pixels: int | None = None) -> Video:
    """Open a video file, or a folder of images as a video; frames are read when they are asked for.

    Args:
        path: a file of any kind that FFmpeg reads, or a folder with one image a frame, in the order of their names, in
            which numbers count as such.
        folder_rate: frames a second of a folder, which does not tell.
        most_pixels: of a frame of a file; it is refused before a larger one is decoded. None: any number.

    Raises:
        DataError: there is no such file or folder, it holds no video, or its frames are too large.
    """
    path = Path(path)
    if path.is_dir():
        from eoras.video.folder import FolderVideo

        return FolderVideo(path, Fraction(folder_rate))
    if not path.is_file():
        raise DataError(f"{path}: expected a video file or a folder of images, found no such file; check the name")
    from eoras.video.file import FileVideo

    return FileVideo(path, most_pixels)
