"""Open places: a sky with clouds and a sun, a skyline, and ground as far as one sees."""

import numpy as np

from eoras.synthesis.looks.floors import ground_floor, lay_ground
from eoras.synthesis.looks.palette import linear_rgb, random_hue
from eoras.synthesis.scene import Environment, Split
from eoras.synthesis.shading.light import panorama_directions

__all__ = ["noise", "outdoors", "step"]

_ROWS = 512
_SKY = (13 / 24, 15 / 24)  # range of its hue: one blue for each split


def outdoors(rng: np.random.Generator, split: Split, name: str) -> Environment:
    """Draw an open place.

    Args:
        rng: where the numbers come from.
        split: whose hues.
        name: of the environment.
    """
    directions = panorama_directions(_ROWS).astype(np.float32)
    clouds = float(rng.choice([0.15, 0.4, 0.65, 0.9]))  # share of the sky
    sun = _sun_direction(rng)
    haze = linear_rgb(random_hue(rng, split, *_SKY), rng.uniform(0.05, 0.25), rng.uniform(0.85, 1.0))
    panorama = _sky(rng, split, directions, sun, clouds, haze)
    panorama = _skyline(rng, split, directions, panorama, haze)
    warm = np.array([1.0, 0.92 - 0.25 * (1 - sun[2]) ** 2, 0.82 - 0.5 * (1 - sun[2]) ** 2], np.float32)
    sun_radiance = warm * np.float32(rng.uniform(1.0, 1.6) * (1 - clouds) + 0.2)
    floor = ground_floor(rng, split)
    return Environment(
        name=name,
        panorama=lay_ground(panorama, directions, floor, sun_radiance * sun[2], haze),
        sun_direction=sun,
        sun_radiance=sun_radiance,
        sun_radius=float(0.02 + 0.12 * clouds**2),
        floor=floor,
    )


def noise(points: np.ndarray, octaves: int) -> np.ndarray:
    """Fractal noise in 0..1, mean one half: float32 of the shape of ``points`` ``(..., 3)`` without its last axis."""
    from eoras.synthesis.shading.textures import fractal_at

    values = np.empty(points.size // 3, np.float32)
    fractal_at(np.ascontiguousarray(points.reshape(-1, 3), np.float32), octaves, values)
    return values.reshape(points.shape[:-1])


def step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Soft step from 0 at ``low`` to 1 at ``high``."""
    share = np.clip((values - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def _sun_direction(rng: np.random.Generator) -> np.ndarray:
    azimuth, height = rng.uniform(0, 2 * np.pi), rng.uniform(np.radians(28), np.radians(62))
    return np.array([np.cos(height) * np.cos(azimuth), np.cos(height) * np.sin(azimuth), np.sin(height)])


def _sky(
    rng: np.random.Generator, split: Split, directions: np.ndarray, sun: np.ndarray, clouds: float, haze: np.ndarray
) -> np.ndarray:
    """float32 ``(h, 2 h, 3)``."""
    height = np.maximum(directions[..., 2], 0)
    zenith = linear_rgb(random_hue(rng, split, *_SKY), rng.uniform(0.45, 0.75), rng.uniform(0.5, 0.85))
    sky = haze + (height**0.45)[..., None] * (zenith - haze)
    toward = np.clip(directions @ sun.astype(np.float32), 0, 1)
    sky += ((0.35 * toward**8 + 1.5 * toward**200) * (1 - clouds))[..., None] * np.array([1.0, 0.9, 0.75], np.float32)
    overhead = directions[..., :2] / (height + 0.12)[..., None] * np.float32(rng.uniform(0.6, 1.3))
    where = np.concatenate(
        [overhead + rng.uniform(-90, 90, 2), np.full_like(height, rng.uniform(0, 90))[..., None]], -1
    )
    amount = noise(where, 6)
    cover = step(amount, 0.68 - 0.4 * clouds, 0.86 - 0.4 * clouds) * step(height, 0.0, 0.12)
    lit = (1.05 - 0.5 * step(amount, 0.5, 1.0))[..., None] * (haze * 0.4 + 0.6)
    return (sky + cover[..., None] * (lit - sky)).astype(np.float32)


def _skyline(
    rng: np.random.Generator, split: Split, directions: np.ndarray, panorama: np.ndarray, haze: np.ndarray
) -> np.ndarray:
    """The sky with hills, trees or houses before it, the farther the paler."""
    rise = np.arcsin(np.clip(directions[..., 2], -1, 1))
    width = panorama.shape[1]
    kinds = ["hills", *rng.choice(["hills", "trees", "town", "nothing"], size=2)]
    for depth, kind in zip((0.75, 0.5, 0.25), kinds, strict=True):
        if kind == "nothing":
            continue
        top = _outline(rng, str(kind), width) * rng.uniform(0.6, 1.2)
        hue = random_hue(rng, split) if kind == "town" else random_hue(rng, split, 1 / 6, 3 / 8)
        colour = linear_rgb(hue, rng.uniform(0.15, 0.45), rng.uniform(0.3, 0.6))
        grain = 0.6 + 0.8 * noise(directions * np.float32(60 if kind == "trees" else 25) + rng.uniform(0, 90), 4)
        if kind == "town":
            grain = grain * _windows(rise, top, width)
        near = colour * grain[..., None]
        shown = near + depth * (haze - near)
        cover = np.clip((top - rise) * len(panorama) / np.pi + 0.5, 0, 1)[..., None]
        panorama = panorama + cover * (shown - panorama)
    return panorama.astype(np.float32)


def _outline(rng: np.random.Generator, kind: str, width: int) -> np.ndarray:
    """float32 ``(width,)``: angle above the horizon, radians."""
    azimuth = np.arange(width) * (2 * np.pi / width)
    circle = np.stack([np.cos(azimuth), np.sin(azimuth), np.full(width, rng.uniform(0, 90))], axis=-1)
    if kind == "hills":
        return 0.02 + 0.22 * np.maximum(noise(circle * 2 + [5, 9, 0], 5) - 0.3, 0)
    if kind == "trees":
        return 0.03 + 0.09 * noise(circle * 3, 2) + 0.06 * noise(circle * 22, 3)
    walls = np.sort(rng.uniform(0, width, 70)).astype(int)
    heights = np.where(rng.uniform(size=71) < 0.25, 0.01, rng.uniform(0.05, 0.2, 71))
    return heights[np.searchsorted(walls, np.arange(width), side="right")]


def _windows(rise: np.ndarray, top: np.ndarray, width: int) -> np.ndarray:
    """Factor of a town's brightness: houses of another tone each, with dark windows."""
    columns = np.arange(width)
    pane = (columns % 6 >= 3) & (np.floor(rise / 0.018) % 2 == 0) & (rise < top - 0.015) & (rise > 0.01)
    return np.where(pane, 0.55, 1.0) * (0.7 + 6 * top % 0.6)
