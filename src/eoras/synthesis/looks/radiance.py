"""Reading Radiance pictures (``.hdr``): four bytes a pixel, mantissas of red, green, blue and their common exponent."""

import re
from pathlib import Path

import numpy as np

__all__ = ["read_radiance"]

_SHORTEST, _LONGEST = 8, 32767  # columns of pictures that are packed by rows


def read_radiance(path: Path) -> np.ndarray:
    """Read a Radiance picture whose rows run from the top and whose columns run from the left, as nearly all do.

    Returns:
        float32 ``(h, w, 3)``, linear.

    Raises:
        ValueError: the file is no such picture, or cut off.
    """
    data = path.read_bytes()
    size = re.search(rb"\n\n-Y (\d+) \+X (\d+)\n", data)
    if not data.startswith(b"#?") or b"32-bit_rle_rgbe" not in data or size is None:
        raise ValueError("no Radiance picture in RGBE from the top left")
    height, width = int(size[1]), int(size[2])
    packed = data[size.end() : size.end() + 2] == b"\x02\x02" and _SHORTEST <= width <= _LONGEST
    pixels = _unpack(data, size.end(), height, width) if packed else _plain(data, size.end(), height, width)
    scale = np.ldexp(np.float32(1), pixels[..., 3].astype(np.int32) - 136)
    return np.where(pixels[..., 3:] > 0, (pixels[..., :3] + np.float32(0.5)) * scale[..., None], 0).astype(np.float32)


def _plain(data: bytes, start: int, height: int, width: int) -> np.ndarray:
    """Pixels uint8 ``(h, w, 4)`` of an unpacked picture."""
    if len(data) < start + 4 * height * width:
        raise ValueError("the picture is cut off")
    return np.frombuffer(data, np.uint8, 4 * height * width, start).reshape(height, width, 4)


def _unpack(data: bytes, at: int, height: int, width: int) -> np.ndarray:
    """Pixels uint8 ``(h, w, 4)`` of a picture in which each row is four runs of bytes, one a channel."""
    rows = []
    try:
        for _ in range(height):
            if data[at : at + 4] != bytes([2, 2, width >> 8, width & 255]):
                raise ValueError("a row of the picture is damaged")
            row, at = bytearray(), at + 4
            while len(row) < 4 * width:
                count, at = data[at], at + 1
                if count > 128:
                    row += data[at : at + 1] * (count - 128)
                    at += 1
                else:
                    row += data[at : at + count]
                    at += count
            rows.append(np.frombuffer(row, np.uint8).reshape(4, width).T)
    except IndexError as error:
        raise ValueError("the picture is cut off") from error
    return np.stack(rows)
