"""The camera of a person's video: told, or assumed."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from reprlib import repr as shorten
from typing import Any

import numpy as np

from eoras.errors import ConfigError

__all__ = ["ASSUMED_FOV", "Camera"]

ASSUMED_FOV = 60.0  # degrees from left to right: that of many phones and webcams


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera; at most one of the three is told, and without any it is assumed to see 60 degrees.

    Attributes:
        intrinsics: the 3x3 matrix to pixels of the whole image, x to the right, y down, z forward, as OpenCV has it.
        focal: focal length, in widths of a pixel.
        fov: angle from the left border to the right, in degrees.
    """

    intrinsics: tuple[tuple[float, ...], ...] | None = None
    focal: float | None = None
    fov: float | None = None

    def __post_init__(self) -> None:
        told = [name for name in ("intrinsics", "focal", "fov") if getattr(self, name) is not None]
        if len(told) > 1:
            raise ConfigError(f"expected one of intrinsics, focal and fov, found {' and '.join(told)}; leave one out")
        if self.focal is not None and not (math.isfinite(self.focal) and self.focal > 0):
            raise ConfigError(f"focal: expected a length in pixels above 0, found {self.focal}")
        if self.fov is not None and not 0 < self.fov < 180:
            raise ConfigError(f"fov: expected degrees between 0 and 180, found {self.fov}")

    @classmethod
    def of(cls, value: Any, where: str = "intrinsics") -> "Camera":
        """A camera from a matrix, a camera or None.

        Raises:
            ConfigError: it is no matrix of a pinhole camera.
        """
        if value is None or isinstance(value, Camera):
            return value or cls()
        try:
            matrix = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            matrix = np.zeros((0, 0))
        good = matrix.shape == (3, 3) and np.isfinite(matrix).all() and (np.diag(matrix) > 0).all()
        if not good or not np.allclose(matrix[2], (0, 0, 1)) or matrix[1, 0]:
            raise ConfigError(
                f"{where}: expected [[fx, s, cx], [0, fy, cy], [0, 0, 1]] in pixels, with fx and fy above 0, found "
                f"{shorten(value)}; give OpenCV's matrix"
            )
        rows: list[list[float]] = matrix.tolist()
        return cls(intrinsics=tuple(tuple(row) for row in rows))

    @classmethod
    def read(cls, path: str | Path) -> "Camera":
        """A camera from a JSON file of three rows of three numbers.

        Raises:
            ConfigError: the file cannot be read, or holds something else.
        """
        try:
            return cls.of(json.loads(Path(path).read_bytes()), str(path))
        except (OSError, ValueError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"{path}: expected JSON of three rows of three numbers, found none ({error})") from None

    @property
    def is_assumed(self) -> bool:
        """Whether nothing was told."""
        return self.intrinsics is None and self.focal is None and self.fov is None

    def matrix(self, height: int, width: int, pixel_ratio: float = 1.0) -> tuple[tuple[float, ...], ...]:
        """The matrix to pixels of an image.

        Args:
            height: its rows.
            width: its columns.
            pixel_ratio: width of a pixel over its height; a matrix that was told knows of it.
        """
        if self.intrinsics is not None:
            return self.intrinsics
        fov = ASSUMED_FOV if self.fov is None else self.fov
        focal = self.focal or width / 2 / math.tan(math.radians(fov) / 2)
        return (focal, 0.0, width / 2), (0.0, focal * pixel_ratio, height / 2), (0.0, 0.0, 1.0)
