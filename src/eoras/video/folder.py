"""A folder of images as a video."""

import re
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from eoras.errors import DataError
from eoras.video.video import Frame, Video

__all__ = ["FolderVideo"]

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
_FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # of others Pillow starts programs, or fills the memory


class FolderVideo(Video):
    """The images of a folder in the order of their names; what is not an image is passed over and counted.

    Args:
        path: the folder.
        rate: frames a second.

    Raises:
        DataError: it holds no image, or the first cannot be read.
    """

    def __init__(self, path: Path, rate: Fraction) -> None:
        try:
            entries = list(path.iterdir())
        except OSError as error:
            raise DataError(f"{path}: expected a folder of images, found one that cannot be read ({error})") from error
        self._images = sorted(filter(_is_image, entries), key=lambda image: natural_key(image.name))
        if not self._images:
            raise DataError(
                f"{path}: expected an image a frame ({', '.join(_SUFFIXES)}), found none among {len(entries)} files; "
                "check its name"
            )
        height, width = _read(self._images[0]).shape[:2]
        length = len(self._images)
        super().__init__(path, height, width, rate, length=length, num_frames=length, num_ignored=len(entries) - length)

    @property
    def frame_names(self) -> list[str]:
        """Names of the images without suffix."""
        return [path.stem for path in self._images]

    @property
    def files(self) -> list[Path]:
        """The images, in the order of its frames."""
        return self._images

    def timed_frames(self, start: int = 0, end: int | None = None) -> Iterator[Frame]:
        """Give the frames with their times, which are those of an even rate.

        Raises:
            DataError: an image cannot be read, or is not of the first one's size.
        """
        for index in range(len(self._images))[start:end]:
            pixels = _read(self._images[index])
            if pixels.shape[:2] != (self.height, self.width):
                raise DataError(
                    f"{self._images[index]}: expected {self.height} rows and {self.width} columns, as "
                    f"{self._images[0].name} has, found {pixels.shape[0]} and {pixels.shape[1]}; write all images of a "
                    "video in one size"
                )
            yield Frame(pixels, index / self.rate)


def natural_key(name: str) -> list[tuple[int, str]]:
    """What to sort names by, so that ``frame10`` follows ``frame9``."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts)] + [(0, name)]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and path.is_file()


def _read(path: Path) -> np.ndarray:
    """The pixels of an image, uint8 ``(H, W, 3)``; turned as its camera was held, without its alpha channel."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # half-read files
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                return _to_rgb(ImageOps.exif_transpose(image))
    except Exception as error:  # Pillow's decoders let almost any exception through
        raise DataError(
            f"{path}: expected a whole image, found one that cannot be read ({error}); write it again"
        ) from error


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode == "F":
        raise ValueError("its numbers are floating-point, whose white is unknown")
    if image.mode.startswith("I"):
        grey = (np.clip(np.asarray(image), 0, 65535).astype(np.uint32) + 128) // 257  # so that white stays white
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    alpha = "A" in image.getbands() or "transparency" in image.info
    return np.ascontiguousarray(np.asarray(image.convert("RGBA" if alpha else "RGB"))[..., :3])
