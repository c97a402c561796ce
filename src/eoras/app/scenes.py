"""Example scenes: simple shapes that move behind one another, drawn when the page starts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["SCENES", "Scene", "draw_scene"]

LENGTH, SIDE, RATE = 24, 256, 12
"""Frames, rows and columns, frames a second."""

_BACKGROUND = np.array([196.0, 202.0, 208.0])


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A shape that moves; its number is its place in the scene, from 1.

    Attributes:
        outline: signed distance to its border, in pixels, of points relative to its middle; negative inside.
        colour: RGB, 0..255.
        path: of its middle, (x, y) in pixels, at a time 0..1.
    """

    outline: Callable[[np.ndarray, np.ndarray], np.ndarray]
    colour: tuple[int, int, int]
    path: Callable[[float], tuple[float, float]]


Scene = tuple[Shape, ...]
"""Shapes from the farthest to the nearest."""


def _disc(radius: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    return lambda x, y: np.hypot(x, y) - radius


def _box(width: float, height: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    return lambda x, y: np.maximum(np.abs(x) - width / 2, np.abs(y) - height / 2)


def _diamond(radius: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    return lambda x, y: (np.abs(x) + np.abs(y) - radius) / np.sqrt(2)


SCENES: dict[str, Scene] = {
    "Ball behind a pillar": (
        Shape(outline=_disc(36), colour=(214, 84, 60), path=lambda t: (60 + 136 * t, 160 - 40 * np.sin(np.pi * t))),
        Shape(outline=_box(46, 210), colour=(88, 96, 112), path=lambda _: (134, 150)),
    ),
    "Three shapes cross": (
        Shape(outline=_box(88, 64), colour=(72, 120, 196), path=lambda t: (196 - 136 * t, 108)),
        Shape(outline=_diamond(52), colour=(232, 184, 64), path=lambda t: (128, 190 - 120 * t)),
        Shape(outline=_disc(34), colour=(70, 150, 110), path=lambda t: (56 + 144 * t, 136)),
    ),
    "Out of sight for a while": (
        Shape(outline=_disc(24), colour=(150, 90, 170), path=lambda t: (40 + 176 * t, 132)),
        Shape(outline=_box(92, 120), colour=(176, 128, 88), path=lambda t: (150 - 30 * t, 140)),
    ),
}


def draw_scene(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Draw the frames of a scene, and its visible masks.

    Returns:
        uint8 ``(T, H, W, 3)``, RGB, and uint8 ``(T, H, W)``: the number of the nearest shape, 0 for the background.
    """
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    background = _BACKGROUND * (1.08 - 0.28 * rows / SIDE)[..., None]
    frames, labels = np.empty((LENGTH, SIDE, SIDE, 3), np.uint8), np.zeros((LENGTH, SIDE, SIDE), np.uint8)
    for t in range(LENGTH):
        picture = background
        for number, shape in enumerate(scene, start=1):
            x, y = shape.path(t / (LENGTH - 1))
            across, down = columns - x, rows - y
            distance = shape.outline(across, down)
            light = 1 + 0.12 * np.sign(np.sin((across + down) / 7)) - down / 300  # stripes that move with the shape
            cover = np.clip(0.5 - distance, 0, 1)[..., None]
            picture = (1 - cover) * picture + cover * light[..., None] * np.array(shape.colour, float)
            labels[t][distance < 0] = number
        frames[t] = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return frames, labels
