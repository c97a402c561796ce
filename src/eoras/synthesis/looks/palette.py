"""Colours of the two splits, which share none: the circle of hues is cut into bands that belong to one or the other."""

import colorsys

import numpy as np

from eoras.synthesis.scene import Split

__all__ = ["BANDS", "hue_band", "linear_rgb", "random_hue"]

BANDS = 24  # of hue; the even ones are for training
_MARGIN = 0.15  # of a band at either end, which belongs to nobody


def random_hue(rng: np.random.Generator, split: Split, low: float = 0.0, high: float = 1.0) -> float:
    """Draw a hue of a split.

    Args:
        rng: where the numbers come from.
        split: whose hue.
        low: where the range begins, in turns of the circle of hues.
        high: where it ends; at least two bands later.
    """
    parity = ("train", "test").index(split)
    bands = [band for band in range(round(low * BANDS), round(high * BANDS)) if band % 2 == parity]
    return float((rng.choice(bands) + rng.uniform(_MARGIN, 1 - _MARGIN)) / BANDS % 1)


def linear_rgb(hue: float, saturation: float, value: float) -> np.ndarray:
    """float32 ``(3,)``: linear RGB in 0..1 of a colour that is chosen by eye, as the display shows it."""
    return (np.array(colorsys.hsv_to_rgb(hue, saturation, value)) ** 2.2).astype(np.float32)


def hue_band(colour: np.ndarray) -> int:
    """The band in which a linear RGB colour, which is not grey, lies."""
    red, green, blue = np.asarray(colour, np.float64) ** (1 / 2.2)
    return int(colorsys.rgb_to_hsv(red, green, blue)[0] * BANDS)
