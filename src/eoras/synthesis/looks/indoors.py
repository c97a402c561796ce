"""Rooms with windows, and studios with lamps."""

import numpy as np

from eoras.synthesis.looks.floors import indoor_floor, lay_ground, pattern_floor
from eoras.synthesis.looks.outdoors import noise, step
from eoras.synthesis.looks.palette import linear_rgb, random_hue
from eoras.synthesis.scene import Environment, Split
from eoras.synthesis.shading.light import panorama_directions

__all__ = ["room", "studio"]

_ROWS = 512
_EYE = 4.0  # height above the floor, world units
_SKIRTING = 0.5  # world units
_WINDOW_RADIANCE = 4.0  # of the daylight in a window; white walls have about 1


def room(rng: np.random.Generator, split: Split, name: str) -> Environment:
    """Draw a room.

    Args:
        rng: where the numbers come from.
        split: whose hues.
        name: of the environment.
    """
    directions = panorama_directions(_ROWS).astype(np.float32)
    half = rng.uniform([16, 16], [24, 24])  # world units, from the middle to the walls
    height = rng.uniform(9, 13)
    floor = indoor_floor(rng, split)
    panorama, sun = _walls(rng, split, directions, half, height)
    sun_radiance = np.array([1.0, 0.95, 0.88], np.float32) * np.float32(rng.uniform(1.0, 1.8))
    return Environment(
        name=name,
        panorama=_floor_to_walls(panorama, directions, half, floor.mean_colour * (0.9 + sun_radiance * sun[2])),
        sun_direction=sun,
        sun_radiance=sun_radiance,
        sun_radius=float(rng.uniform(0.04, 0.12)),
        floor=floor,
        eye=_EYE,
        dome=float(half.min()),
    )


def studio(rng: np.random.Generator, split: Split, name: str) -> Environment:
    """Draw a studio: a backdrop without an edge, and lamps behind large screens.

    Args:
        rng: where the numbers come from.
        split: whose hues.
        name: of the environment.
    """
    directions = panorama_directions(_ROWS).astype(np.float32)
    backdrop = linear_rgb(random_hue(rng, split), rng.uniform(0.05, 0.5), rng.uniform(0.45, 0.9))
    fall = 1.0 - 0.55 * step(directions[..., 2], 0.0, 0.8)
    panorama = backdrop * (fall * (0.9 + 0.2 * noise(directions * 3, 2)))[..., None]
    azimuth = rng.uniform(0, 2 * np.pi)
    key = _from_angles(azimuth, rng.uniform(0.65, 1.0))
    for turn, height, strength in ((0.0, None, 6.0), (2.1, 0.5, 2.5), (4.2, 0.6, 2.0)):
        lamp = key if height is None else _from_angles(azimuth + turn, height)
        panorama = panorama + _screen(directions, lamp, rng.uniform(0.2, 0.35))[..., None] * np.float32(strength)
    floor = pattern_floor(rng, split, "plain", (0.0, 1.0), (0.0, 0.0), (0.5, 0.5), (1.0, 1.0))
    floor.colours[:] = backdrop
    sun_radiance = np.full(3, rng.uniform(0.8, 1.4), np.float32)
    horizon = panorama[_ROWS // 2 - 1].mean(axis=0)
    panorama = lay_ground(
        panorama.astype(np.float32), directions, floor, sun_radiance * key[2], horizon, depth=0.12, strength=1.0
    )
    return Environment(
        name=name,
        panorama=panorama,
        sun_direction=key,
        sun_radiance=sun_radiance,
        sun_radius=float(rng.uniform(0.08, 0.15)),
        floor=floor,
    )


def _from_angles(azimuth: float, height: float) -> np.ndarray:
    return np.array([np.cos(height) * np.cos(azimuth), np.cos(height) * np.sin(azimuth), np.sin(height)])


def _screen(directions: np.ndarray, lamp: np.ndarray, size: float) -> np.ndarray:
    """Share 0..1 of a square lamp at each pixel."""
    right = np.cross([0, 0, 1], lamp)
    right /= np.linalg.norm(right)
    ahead = np.maximum(directions @ lamp.astype(np.float32), 1e-3)
    across, up = (
        directions @ right.astype(np.float32) / ahead,
        directions @ np.cross(lamp, right).astype(np.float32) / ahead,
    )
    return step(size - np.maximum(np.abs(across), np.abs(up)), 0.0, 0.06) * (ahead > 0.1)


def _walls(
    rng: np.random.Generator, split: Split, directions: np.ndarray, half: np.ndarray, height: float
) -> tuple[np.ndarray, np.ndarray]:
    """The panorama ``(h, 2 h, 3)`` of walls and ceiling, and the direction to the brightest window."""
    across = half / np.maximum(np.abs(directions[..., :2]), 1e-6)
    side = np.argmin(across, axis=-1)
    reach = np.minimum(across.min(axis=-1), (height - _EYE) / np.maximum(directions[..., 2], 1e-6))
    points = directions * reach[..., None] + np.array([0, 0, _EYE], np.float32)
    wall = 2 * side + (np.take_along_axis(directions[..., :2], side[..., None], -1)[..., 0] > 0)
    along = np.take_along_axis(points[..., :2], 1 - side[..., None], -1)[..., 0]
    up = points[..., 2]
    panorama = _painted(rng, split, wall, along, up)
    ceiling = up > height - 1e-3
    panorama = np.where(ceiling[..., None], linear_rgb(random_hue(rng, split), 0.05, 0.95), panorama)
    corner = np.where(ceiling, across.min(axis=-1) - reach, np.minimum(half[1 - side] - np.abs(along), height - up))
    panorama = panorama * (0.95 - 0.4 * np.exp(-corner / 1.5))[..., None]
    return _windows(rng, panorama, wall, np.where(ceiling, 1e3, along), up, height)


def _painted(rng: np.random.Generator, split: Split, wall: np.ndarray, along: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Walls in their paint, with a dado, a skirting and pictures."""
    paint = linear_rgb(random_hue(rng, split), rng.uniform(0.08, 0.4), rng.uniform(0.6, 0.95))
    panorama = np.broadcast_to(paint, (*up.shape, 3)).copy()
    if rng.uniform() < 0.4:
        stripes = 0.5 + 0.5 * np.sin(along * rng.uniform(2, 4))
        panorama *= (1 - 0.2 * step(stripes, 0.4, 0.6))[..., None]
    if rng.uniform() < 0.5:
        dado = linear_rgb(random_hue(rng, split), rng.uniform(0.1, 0.5), rng.uniform(0.4, 0.9))
        panorama = np.where((up < rng.uniform(2.5, 3.5))[..., None], dado, panorama)
    panorama = np.where((up < _SKIRTING)[..., None], linear_rgb(random_hue(rng, split), 0.08, 0.9), panorama)
    for _ in range(rng.integers(4, 12)):
        colour = linear_rgb(random_hue(rng, split), rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8))
        low = float(rng.choice([0.0, rng.uniform(3, 5)]))  # a thing that stands at the wall, or a picture
        size = rng.uniform([1.0, 1.2], [3.5, 4.5])
        inside = np.equal(wall, rng.integers(4)) & (np.abs(along - rng.uniform(-15, 15)) < size[0]) & (up > low)
        inside &= up < low + size[1]
        panorama = np.where(inside[..., None], colour * (0.8 + 0.1 * np.floor(up[..., None] * 1.3) % 2 * 2), panorama)
    return panorama


def _windows(
    rng: np.random.Generator,
    panorama: np.ndarray,
    wall: np.ndarray,
    along: np.ndarray,
    up: np.ndarray,
    height: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Cut two or three windows into one wall; the light comes from above the middle one."""
    chosen = int(rng.integers(4))
    width, pitch = rng.uniform(2.0, 3.2), rng.uniform(7.5, 9.5)
    for place in (-pitch, 0.0, pitch):
        inside = (wall == chosen) & (np.abs(along - place) < width) & (up > 3.0) & (up < height - 1.2)
        bar = (np.abs(along - place) < 0.12) | (np.abs(up - 0.5 * (height + 2)) < 0.12)
        frame = inside & (bar | (np.abs(along - place) > width - 0.25))
        daylight = np.array([0.9, 0.97, 1.0], np.float32) * _WINDOW_RADIANCE * np.clip(0.4 + 0.1 * up, 0, 1)[..., None]
        panorama = np.where(inside[..., None], daylight, panorama)
        panorama = np.where(frame[..., None], np.float32(0.8), panorama)
    azimuth = (np.pi, 0.0, -np.pi / 2, np.pi / 2)[chosen] + rng.uniform(-0.4, 0.4)
    return panorama.astype(np.float32), _from_angles(azimuth, rng.uniform(0.6, 0.9))


def _floor_to_walls(panorama: np.ndarray, directions: np.ndarray, half: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Put the floor, of radiance ``shown``, where the eye sees it before the walls."""
    reach = _EYE / np.maximum(-directions[..., 2], 1e-6)
    x, y = np.moveaxis(np.abs(directions[..., :2]) * reach[..., None], -1, 0)
    on_floor = (x < half[0]) & (y < half[1])
    return np.where(on_floor[..., None], shown, panorama).astype(np.float32)
