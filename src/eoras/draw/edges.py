"""Smooth areas and lines of masks, quickly: one blur, then a table."""

from collections.abc import Callable
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from PIL import Image, ImageFilter

__all__ = ["Edge"]


class Edge:
    """A mask blurred, from which follows how far each pixel lies from its edge.

    Along a straight edge a blurred mask has the values of the normal distribution. Turned round, they tell the distance
    to within a pixel or so, up to twice the blur; beyond a pixel is taken to be far away.

    Args:
        mask: bool ``(h, w)``.
        blur: standard deviation, in pixels; what is thinner has no area.
    """

    def __init__(self, mask: np.ndarray, blur: float) -> None:
        self.blurred = Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.GaussianBlur(blur))
        self._blur = blur

    def area(self) -> Image.Image:
        """Opacity of the mask, without stairs, as a grey image."""
        return self.blurred.point(_table(self._blur, None))

    def line(self, radius: float) -> Image.Image:
        """Opacity of a line of twice the ``radius``, in pixels, on the edge."""
        return self.blurred.point(_table(self._blur, radius))

    @staticmethod
    def soften(opacity: Image.Image, blur: float) -> Image.Image:
        """What lies within about twice the ``blur`` of an area, as opacity."""
        return opacity.filter(ImageFilter.GaussianBlur(blur)).point([min(8 * value, 255) for value in range(256)])

    def is_steep(self) -> np.ndarray:
        """Where the edge is steeper than 45 degrees, bool ``(h, w)``."""
        values = np.pad(np.asarray(self.blurred).astype(np.int16), 1, mode="edge")
        across = np.abs(values[1:-1, 2:] - values[1:-1, :-2])
        down = np.abs(values[2:, 1:-1] - values[:-2, 1:-1])
        return across > down


@lru_cache
def _table(blur: float, radius: float | None) -> list[int]:
    """Opacity for each value of a blurred mask: of the area, or of a line on its edge."""
    distances = [blur * NormalDist().inv_cdf(min(max(value / 255, 0.002), 0.998)) for value in range(256)]
    cover: Callable[[float], float] = (lambda d: d + 0.5) if radius is None else (lambda d: radius + 0.5 - abs(d))
    return [round(255 * min(max(cover(distance), 0.0), 1.0)) for distance in distances]
