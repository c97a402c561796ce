"""Reading frames and label images, whole or not at all."""

import os
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from eoras.errors import DataError

__all__ = ["look_at_frame", "read_frame", "read_labels", "read_size"]

_COLOURS = (("RGB", "RGBA"), "colours", "write it again in one of them")
_LABELS = (
    ("P", "L", "I;16", "I"),
    "one label number a pixel",
    "write the object's number as grey value; colours are not read",
)
_TAIL = 4096  # bytes at the end of a PNG in which its last chunk must begin; some programs write something after it
_FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")  # of others Pillow starts programs, or fills the memory


def read_frame(path: Path, height: int, width: int) -> Tensor:
    """Read a colour image; an alpha channel is dropped, not blended (formats A.2).

    Args:
        path: an RGB or RGBA image.
        height: rows it must have, in pixels.
        width: columns it must have, in pixels.

    Returns:
        uint8 ``(3, height, width)``, RGB.

    Raises:
        DataError: no such file, not a whole image, not in colour, or of another size.
    """
    pixels = _read(path, height, width, *_COLOURS)
    return torch.from_numpy(pixels[..., :3]).permute(2, 0, 1)


def look_at_frame(path: Path, height: int, width: int) -> None:
    """Look whether ``read_frame`` would read an image, by its header, and whether a PNG is there to its end.

    Args:
        path: an RGB or RGBA image.
        height: rows it must have, in pixels.
        width: columns it must have, in pixels.

    Raises:
        DataError: no such file, not an image, cut off, not in colour, or of another size.
    """
    with _opened(path) as image:
        _check(path, image, height, width, *_COLOURS)
        png = image.format == "PNG"
    if png and b"IEND" not in _tail(path):
        raise DataError(f"{path}: expected a whole image, found one that is cut off; write it again")


def read_labels(path: Path, height: int, width: int) -> Tensor:
    """Read an image of object numbers; a palette's colours play no part (formats A.2).

    Args:
        path: a palette image, or grey with 8, 16 or 32 bits.
        height: rows it must have, in pixels.
        width: columns it must have, in pixels.

    Returns:
        int32 ``(height, width)``: 0 is the background, ``k + 1`` the object with index ``k``.

    Raises:
        DataError: no such file, not a whole image, not one number a pixel, or of another size.
    """
    pixels = _read(path, height, width, *_LABELS)
    return torch.from_numpy(pixels.astype(np.int32))


def read_size(path: Path) -> tuple[int, int]:
    """Rows and columns of an image, in pixels.

    Raises:
        DataError: no such file, or not a whole image.
    """
    with _opened(path) as image:
        image.load()
        return image.height, image.width


def _read(path: Path, height: int, width: int, modes: Collection[str], content: str, cure: str) -> np.ndarray:
    """The pixels of an image file, decoded only if it is of the right mode and size."""
    with _opened(path) as image:
        _check(path, image, height, width, modes, content, cure)
        return np.array(image)


def _check(
    path: Path, image: Image.Image, height: int, width: int, modes: Collection[str], content: str, cure: str
) -> None:
    if image.mode not in modes:
        expected = f"{content} (image mode {' or '.join(modes)})"
        raise DataError(f"{path}: expected {expected}, found mode {image.mode}; {cure}")
    if image.size != (width, height):
        raise DataError(
            f"{path}: expected {height} rows and {width} columns, as the video has, "
            f"found {image.height} and {image.width}; write all images of a video in one size"
        )


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _TAIL, 0), os.SEEK_SET)
        return file.read()


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # half-read files
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as image:
                yield image
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: expected an image, found no such file; restore it, or leave out the frame or track that needs it"
        ) from error
    except Exception as error:  # Pillow's decoders let almost any exception through
        raise DataError(
            f"{path}: expected a whole image, found one that cannot be read ({error}); write it again"
        ) from error
