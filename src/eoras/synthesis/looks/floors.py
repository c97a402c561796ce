"""Grounds: their materials, and how they continue in the panorama."""

import numpy as np

from eoras.synthesis.looks.palette import linear_rgb, random_hue
from eoras.synthesis.scene import Material, Split
from eoras.synthesis.shading.light import ambient_on_ground

__all__ = ["ground_floor", "indoor_floor", "lay_ground", "pattern_floor"]

_GROUNDS = {  # hues, saturation, value, darkest share, frequency
    "grass": ((1 / 6, 3 / 8), (0.4, 0.65), (0.35, 0.6), 0.4, (3.0, 5.0)),
    "sand": ((1 / 24, 1 / 6), (0.25, 0.5), (0.65, 0.85), 0.65, (2.0, 4.0)),
    "earth": ((0.0, 1 / 8), (0.3, 0.5), (0.35, 0.6), 0.45, (1.5, 4.0)),
    "concrete": ((0.0, 1.0), (0.02, 0.1), (0.55, 0.75), 0.7, (0.8, 2.0)),
    "asphalt": ((0.0, 1.0), (0.02, 0.1), (0.3, 0.45), 0.5, (5.0, 8.0)),
}


def ground_floor(rng: np.random.Generator, split: Split) -> Material:
    """Draw ground of the open: grass, sand, earth, concrete, asphalt or slabs."""
    kind = str(rng.choice([*_GROUNDS, "paving"]))
    if kind == "paving":
        return pattern_floor(rng, split, "paving", (0.0, 1.0), (0.05, 0.25), (0.6, 0.8), (0.5, 1.0))
    hues, saturation, value, darkest, frequency = _GROUNDS[kind]
    colour = linear_rgb(random_hue(rng, split, *hues), rng.uniform(*saturation), rng.uniform(*value))
    return Material(
        name=kind,
        pattern="ground",
        colours=np.stack([colour, colour * np.float32(darkest)]),
        frequency=float(rng.uniform(*frequency)),
        phase=rng.uniform(-90, 90, 3).astype(np.float32),
        roughness=1.0,
        specular=0.0,
    )


def indoor_floor(rng: np.random.Generator, split: Split) -> Material:
    """Draw the floor of a room: boards, slabs, tiles or carpet."""
    kind = str(rng.choice(["planks", "planks", "paving", "checks", "ground"]))
    if kind == "planks":
        return pattern_floor(rng, split, kind, (0.0, 1 / 8), (0.35, 0.6), (0.45, 0.8), (0.9, 1.6))
    if kind == "ground":
        return pattern_floor(rng, split, kind, (0.0, 1.0), (0.2, 0.5), (0.35, 0.7), (7.0, 10.0))
    return pattern_floor(rng, split, kind, (0.0, 1.0), (0.05, 0.25), (0.6, 0.85), (0.35, 0.8))


def pattern_floor(
    rng: np.random.Generator,
    split: Split,
    pattern: str,
    hues: tuple[float, float],
    saturation: tuple[float, float],
    value: tuple[float, float],
    frequency: tuple[float, float],
) -> Material:
    """Draw a floor whose pattern is darker than the rest; the ranges are those of its colour and of the pattern."""
    colour = linear_rgb(random_hue(rng, split, *hues), rng.uniform(*saturation), rng.uniform(*value))
    return Material(
        name=pattern,
        pattern=pattern,
        colours=np.stack([colour, colour * np.float32(rng.uniform(0.3, 0.5))]),
        frequency=float(rng.uniform(*frequency)),
        phase=rng.uniform(-90, 90, 3).astype(np.float32),
        roughness=1.0,
        specular=0.0,
    )


def lay_ground(
    panorama: np.ndarray,
    directions: np.ndarray,
    floor: Material,
    sun_on_ground: np.ndarray,
    haze: np.ndarray,
    *,
    depth: float = 0.03,
    strength: float = 0.3,
) -> np.ndarray:
    """Let a floor go on to the horizon, where haze swallows some of it.

    Args:
        panorama: float32 ``(h, 2 h, 3)``, whose lower half is to be filled.
        directions: float32 ``(h, 2 h, 3)``, where its pixels look.
        floor: the ground's material.
        sun_on_ground: float32 ``(3,)``, irradiance over pi of the ground by the sun.
        haze: float32 ``(3,)``, radiance of the horizon.
        depth: how far below the horizon the haze reaches, as the sine of the angle.
        strength: share 0..1 of the haze at the horizon.
    """
    below = np.clip(-directions[..., 2], 0, 1)[..., None]
    panorama = np.where(below > 0, haze * 0.5, panorama)  # a first guess of what the ground gives back
    shown = floor.mean_colour * (ambient_on_ground(panorama) + sun_on_ground)
    hazed = shown + np.exp(-below / depth) * strength * (haze - shown)
    return np.where(below > 0, hazed, panorama).astype(np.float32)
