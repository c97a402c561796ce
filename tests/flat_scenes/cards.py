"""Cards: flat shapes with painted surfaces, always parallel to the image plane."""

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from eoras.synthesis.video import rotation_matrices

__all__ = ["SHAPES", "Card", "Plane", "Surface", "corners_of", "random_surface"]

Plane = NDArray[np.complex128]  # points of a plane parallel to the image's: right + 1j * up

SHAPES = ("ellipse", "rectangle", "triangle", "hexagon", "star", "cross", "gear")

_DIRECTIONS = 4096  # in which a card's radius is tabulated
_WAVES: dict[str, Callable[[Plane], np.ndarray]] = {
    "plain": lambda points: np.full(points.shape, -1.0),
    "stripes": lambda points: np.sin(points.real),
    "checks": lambda points: np.sin(points.real) * np.sin(points.imag),
    "dots": lambda points: np.cos(points.real) + np.cos(points.imag) - 0.8,
    "rings": lambda points: np.sin(np.abs(points)),
}


@dataclass(frozen=True, kw_only=True)
class Surface:
    """Paint: a pattern of two colours, each float32 RGB in 0..255."""

    pattern: str
    frequency: float
    colours: tuple[np.ndarray, np.ndarray]

    def paint(self, points: Plane) -> np.ndarray:
        """Float32 ``(H, W, 3)``, RGB in 0..255, at points of the surface."""
        share = np.clip(0.5 + 2 * _WAVES[self.pattern](points * self.frequency), 0, 1)  # soft, or it would alias
        return self.colours[0] + share.astype(np.float32)[..., None] * (self.colours[1] - self.colours[0])


@dataclass(frozen=True, kw_only=True)
class Card:
    """A flat shape, always parallel to the image plane, in world units.

    Attributes:
        shape: one of ``SHAPES``.
        corners: complex ``(V,)``, counter-clockwise about the card's centre, from where all of the edge is seen.
        positions: float ``(T, 3)`` of the centre; x right, y away from the camera, z up.
        angles: float ``(T,)``, radians, counter-clockwise.
        surface: its paint.
    """

    shape: str
    corners: Plane
    positions: np.ndarray
    angles: np.ndarray
    surface: Surface

    @cached_property
    def _edge(self) -> tuple[np.ndarray, np.ndarray]:
        """In each direction, the distance of the edge from the centre, and the cosine between ray and normal there."""
        steps = np.linspace(0, 1, 32, endpoint=False)[:, None]
        points = (self.corners * (1 - steps) + np.roll(self.corners, -1) * steps).ravel()
        directions = np.linspace(0, 2 * np.pi, _DIRECTIONS, endpoint=False)
        radius = np.interp(directions, np.angle(points), np.abs(points), period=2 * np.pi)
        slope = (np.roll(radius, -1) - np.roll(radius, 1)) / (4 * np.pi / _DIRECTIONS)
        return radius, 1 / np.hypot(1, slope / radius)

    def inside(self, points: Plane) -> np.ndarray:
        """How far points are within the edge: negative outside, the distance wherever that is small."""
        radius, cosine = self._edge
        direction = (np.angle(points) * (_DIRECTIONS / (2 * np.pi))).astype(int)  # negative ones count from the end
        return (radius[direction] - np.abs(points)) * cosine[direction]

    @property
    def quaternions(self) -> np.ndarray:
        """Float ``(T, 4)``: the turn, about the y axis."""
        zeros = np.zeros_like(self.angles)
        return np.stack([np.cos(self.angles / 2), zeros, -np.sin(self.angles / 2), zeros], axis=-1)

    def in_world(self, points: Plane) -> np.ndarray:
        """Points ``(P,)`` of the card as float ``(T, P, 3)`` of the world."""
        local = np.stack([points.real, np.zeros(len(points)), points.imag], axis=-1)
        return local @ rotation_matrices(self.quaternions).swapaxes(-1, -2) + self.positions[:, None]

    @property
    def box_3d(self) -> np.ndarray:
        """Float ``(T, 8, 3)``: corners of the oriented box, which has no thickness (formats A.3.1)."""
        x, z = self.corners.real, self.corners.imag
        ends = [complex(side, end) for side in (x.min(), x.max()) for _ in "yy" for end in (z.min(), z.max())]
        return self.in_world(np.array(ends))


def corners_of(shape: str) -> Plane:
    """The corners of a regular shape of radius 1: a motif, turned about the centre."""
    tooth = np.exp(1j * np.pi / 7 * np.array([-0.55, -0.4, 0.4, 0.55])) * [0.75, 1, 1, 0.75]
    motif, times = {
        "ellipse": ([1], 90),
        "rectangle": ([1 + 1j], 4),
        "triangle": ([1], 3),
        "hexagon": ([1], 6),
        "star": ([1, 0.42 * np.exp(1j * np.pi / 5)], 5),
        "cross": ([1 - 0.36j, 1 + 0.36j, 0.36 + 0.36j], 4),
        "gear": (tooth, 7),
    }[shape]
    corners = np.outer(np.exp(2j * np.pi * np.arange(times) / times), motif).ravel()
    return corners / np.abs(corners).max()


def random_surface(
    rng: np.random.Generator, hue: float, saturation: float, value: float, frequency: float, contrast: float
) -> Surface:
    """Paint of a random pattern; its second colour is the first times ``contrast``."""
    colour = 255 * np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value), np.float32)
    pattern = str(rng.choice(list(_WAVES)))
    return Surface(pattern=pattern, frequency=frequency, colours=(colour, contrast * colour))
