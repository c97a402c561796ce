"""Rectangles of a picture, in Pillow's order."""

from typing import NamedTuple

import numpy as np

__all__ = ["Rectangle"]


class Rectangle(NamedTuple):
    """Pixels ``left <= column < right`` and ``top <= row < bottom``."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, mask: np.ndarray) -> "Rectangle | None":
        """The smallest around a mask, bool ``(H, W)``; None where it is empty."""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return None
        return cls(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)

    def grow(self, margin: int, height: int, width: int) -> "Rectangle":
        """With a margin, inside a picture of that size, in pixels."""
        return Rectangle(
            max(self.left - margin, 0),
            max(self.top - margin, 0),
            min(self.right + margin, width),
            min(self.bottom + margin, height),
        )

    def cut(self, array: np.ndarray) -> np.ndarray:
        """This part of an array ``(H, W, ...)``."""
        return array[self.top : self.bottom, self.left : self.right]

    def common(self, other: "Rectangle") -> int:
        """Number of pixels of both."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0) * max(height, 0)
