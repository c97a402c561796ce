"""Everyday-like objects made up from a seed: each family has its own random measures."""

from collections.abc import Callable

import numpy as np
from scipy.interpolate import PchipInterpolator

from eoras.synthesis.scene import Mesh
from eoras.synthesis.things.forms import Form, circle, extruded, joined, lathed, loft, ring_of, tube, unit_mesh

__all__ = ["FAMILIES", "varied_object"]


def varied_object(family: str, seed: int) -> Mesh:
    """An object of one of ``FAMILIES``, its longest side 1, centred on the origin; it stands upright on its z axis."""
    return unit_mesh(_MAKERS[family](np.random.default_rng([seed, FAMILIES.index(family)])))


def _box(rng: np.random.Generator) -> Form:
    sides = rng.uniform(0.25, 1, 3)
    return _block(sides, rng.uniform(0.02, 0.12) * sides.min())


def _block(sides: np.ndarray, bevel: float) -> Form:
    """A cuboid with bevelled edges; its middle is the origin."""
    x, y, z = sides / 2
    b = bevel
    corners = [(x, b - y), (x, y - b), (x - b, y), (b - x, y), (-x, y - b), (-x, b - y), (b - x, -y), (x - b, -y)]
    outer = np.array(corners)
    inner = np.sign(outer) * (np.abs(outer) - b)
    levels = [(inner, -z), (outer, b - z), (outer, z - b), (inner, z)]
    return loft(np.array([np.insert(ring, 2, height, axis=1) for ring, height in levels]), [(0, 0, -z), (0, 0, z)])


def _can(rng: np.random.Generator) -> Form:
    radius, height = rng.uniform(0.25, 0.6), rng.uniform(0.3, 1.4)
    rim = rng.uniform(0.01, 0.15) * min(radius, height)
    return lathed(
        [(0, 0), (radius - rim, 0), (radius, rim), (radius, height - rim), (radius - rim, height), (0, height)]
    )


def _bottle(rng: np.random.Generator) -> Form:
    belly, neck = rng.uniform(0.2, 0.42), rng.uniform(0.06, 0.15)
    waist, shoulder = rng.uniform(0.7, 1.1) * belly, rng.uniform(0.45, 0.75)
    heights = [0, 0.04, rng.uniform(0.2, 0.4), shoulder, shoulder + rng.uniform(0.08, 0.2), 1.0]
    radii = [0.85 * belly, belly, waist, belly, neck, neck * rng.uniform(0.9, 1.1)]
    return lathed([(0, 0), *_smooth_profile(heights, radii, 28), (0, 1.0)])


def _vase(rng: np.random.Generator) -> Form:
    heights = np.linspace(0, rng.uniform(0.7, 1.6), 5)
    wall = rng.uniform(0.03, 0.06)
    return lathed(_hollow(heights, rng.uniform(0.18, 0.6, 5), wall, 24))


def _bowl(rng: np.random.Generator) -> Form:
    height, wall = rng.uniform(0.25, 0.6), rng.uniform(0.03, 0.07)
    foot = rng.uniform(0.2, 0.5)
    radii = [foot, foot + (1 - foot) * rng.uniform(0.4, 0.8), foot + (1 - foot) * rng.uniform(0.8, 0.95), 1]
    return lathed(_hollow(np.linspace(0, height, 4), np.array(radii) * rng.uniform(0.6, 1), wall, 16))


def _mug(rng: np.random.Generator) -> Form:
    height, radius = rng.uniform(0.7, 1.2), rng.uniform(0.32, 0.5)
    radii = radius * rng.uniform(0.85, 1.1, 3)
    turn = np.linspace(-np.pi / 2, np.pi / 2, 15)
    reach, half = rng.uniform(0.2, 0.35), height * rng.uniform(0.22, 0.36)
    x, z = 0.9 * radius + reach * np.cos(turn), height * 0.5 + half * np.sin(turn)
    handle = tube(np.stack([x, 0 * turn, z], axis=1), rng.uniform(0.04, 0.07), segments=10)
    return joined(lathed(_hollow(np.linspace(0, height, 3), radii, 0.05, 12)), handle)


def _smooth_profile(heights: np.ndarray | list[float], radii: np.ndarray | list[float], steps: int) -> np.ndarray:
    """float64 ``(steps, 2)`` of radius and height on a smooth curve through a few."""
    z = np.linspace(heights[0], heights[-1], steps)
    return np.stack([PchipInterpolator(heights, radii)(z), z], axis=1)


def _hollow(heights: np.ndarray, radii: np.ndarray, wall: float, steps: int) -> np.ndarray:
    """Profile of a vessel: up its outside, over the rim, down its inside."""
    outer = _smooth_profile(heights, radii, steps)
    inner = outer[::-1] - [wall, 0]
    inner = inner[inner[:, 1] > heights[0] + wall]
    return np.concatenate([[(0, heights[0])], outer, inner, [(0, heights[0] + wall)]])


def _shoe(rng: np.random.Generator) -> Form:
    """Rounded slices from heel to toe."""
    along = np.linspace(0, 1, 21)
    width = PchipInterpolator([0, 0.15, 0.45, 0.75, 1], [0.06, 0.15, 0.13, *rng.uniform([0.15, 0.04], [0.2, 0.08])])
    collar, tip = rng.uniform(0.25, 0.6), rng.uniform(0.1, 0.16)
    height = PchipInterpolator([0, 0.12, 0.38, 0.62, 0.9, 1], [0.5 * collar, collar, 0.9 * collar, 0.24, tip, 0.05])
    bend = rng.uniform(-0.06, 0.06) * np.sin(np.pi * along)
    angles = 2 * np.pi * np.arange(24) / 24
    y, z = (np.sign(wave) * np.abs(wave) ** 0.7 for wave in (np.cos(angles), np.sin(angles)))
    rings = np.empty((len(along), len(angles), 3))
    rings[..., 0] = along[:, None]
    rings[..., 1] = bend[:, None] + width(along)[:, None] * y
    rings[..., 2] = height(along)[:, None] * (0.5 + 0.5 * z)
    return loft(rings, rings[[0, -1]].mean(axis=1))


def _pebble(rng: np.random.Generator) -> Form:
    """A superellipsoid: between a ball, a cushion and a cuboid."""
    power, around = rng.uniform(0.3, 1.1, 2)
    angles = np.linspace(-np.pi / 2, np.pi / 2, 19)[1:-1]
    turn = 2 * np.pi * np.arange(36) / 36
    outline = np.stack([_bulge(np.cos(turn), around), _bulge(np.sin(turn), around)], axis=1)
    profile = np.stack([_bulge(np.cos(angles), power), _bulge(np.sin(angles), power)], axis=1)
    return extruded(outline, profile, [(0, 0, -1), (0, 0, 1)]).stretched(*rng.uniform(0.35, 1, 3))


def _bulge(wave: np.ndarray, power: float) -> np.ndarray:
    return np.sign(wave) * np.abs(wave) ** power


def _plate(rng: np.random.Generator) -> Form:
    """A thick piece cut along a wavy or toothed outline."""
    if rng.uniform() < 0.5:
        turn = 2 * np.pi * np.arange(60) / 60
        phases, sizes = rng.uniform(0, 2 * np.pi, 3), rng.uniform(0, 0.22, 3) * [1, 0.8, 0.6]
        radii = 1 + np.cos(np.outer(turn, (2, 3, 5)) + phases) @ sizes
    else:
        motif = rng.choice([0, 1], 4, p=[0.4, 0.6])
        radii = np.tile(np.where(motif, 1.0, rng.uniform(0.5, 0.85)), int(rng.integers(3, 9)))
    height, top = rng.uniform(0.3, 1.2), rng.uniform(0.5, 1)
    return extruded(ring_of(radii), [(0.94, 0), (1, 0.05), (top, height - 0.05), (0.94 * top, height)])


def _table(rng: np.random.Generator) -> Form:
    length, width, height = rng.uniform([0.7, 0.45, 0.4], [1.4, 0.8, 0.9])
    top = rng.uniform(0.05, 0.12)
    return joined(_slab(length, width, top, height), *_legs(rng, length, width, height))


def _chair(rng: np.random.Generator) -> Form:
    length, width, height = rng.uniform([0.4, 0.4, 0.35], [0.6, 0.6, 0.6])
    back = rng.uniform(0.35, 0.75)
    rest = _slab(0.07, width, back, height + 0.06).moved(0.035 - length / 2, 0, 0)
    return joined(_slab(length, width, 0.07, height), rest, *_legs(rng, length, width, height))


def _slab(length: float, width: float, height: float, bottom: float) -> Form:
    return _block(np.array([length, width, height]), 0.012).moved(0, 0, bottom + height / 2)


def _legs(rng: np.random.Generator, length: float, width: float, height: float) -> list[Form]:
    """Four legs from the ground a little into what stands on them."""
    thick = rng.uniform(0.05, 0.12)
    leg = _slab(thick, thick, height + 0.02, 0)
    x, y = (length - thick) / 2 * 0.96, (width - thick) / 2 * 0.96
    return [leg.moved(right * x, front * y, 0) for right in (-1, 1) for front in (-1, 1)]


def _lamp(rng: np.random.Generator) -> Form:
    height, foot = rng.uniform(0.5, 1.2), rng.uniform(0.18, 0.32)
    low, high, shade = rng.uniform([0.25, 0.12, 0.25], [0.45, 0.25, 0.45])
    stem = [(0, 0), (foot, 0), (foot, 0.06), (0.05, 0.1), (0.05, height - 0.02), (0, height - 0.02)]
    hood = [(0, height), (low, height), (high, height + shade), (0, height + shade)]
    return joined(lathed(stem), lathed(hood).moved(0, 0, -0.04))


def _animal(rng: np.random.Generator) -> Form:
    """A toy of balls: trunk, head, four legs, ears, a tail."""
    long, wide, tall = rng.uniform([0.4, 0.18, 0.18], [0.6, 0.3, 0.3])
    leg, thick = rng.uniform(0.2, 0.5), rng.uniform(0.06, 0.1)
    head, neck = rng.uniform(0.14, 0.24), rng.uniform(0.1, 0.35)
    floor = leg + 0.7 * tall
    x, z = long * 0.95, floor + neck
    parts = [_ball(long, wide, tall).moved(0, 0, floor), _ball(1.3 * head, head, head).moved(x, 0, z)]
    parts.append(tube(np.linspace((0.6 * long, 0, floor), (x, 0, z), 4), 0.6 * head, segments=12))
    for right, front in np.ndindex(2, 2):
        place = ((2 * right - 1) * 0.62 * long, (2 * front - 1) * 0.55 * wide)
        parts.append(tube(np.array([(*place, 0.0), (*place, 0.5 * leg), (*place, floor)]), thick, segments=12))
    ear = _ball(0.05, 0.05, rng.uniform(0.08, 0.2))
    parts += [ear.moved(x - 0.03, side * 0.6 * head, z + head) for side in (-1, 1)]
    back = np.array([(-0.85 * long, 0, floor), (-1.15 * long, 0, floor + 0.08), (-1.3 * long, 0, floor + 0.25)])
    return joined(*parts, tube(back, 0.04, segments=8))


def _ball(x: float, y: float, z: float) -> Form:
    angles = np.linspace(-np.pi / 2, np.pi / 2, 13)[1:-1]
    profile = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return extruded(circle(24), profile, [(0, 0, -1), (0, 0, 1)]).stretched(x, y, z)


_MAKERS: dict[str, Callable[[np.random.Generator], Form]] = {
    "box": _box,
    "can": _can,
    "bottle": _bottle,
    "vase": _vase,
    "bowl": _bowl,
    "mug": _mug,
    "shoe": _shoe,
    "pebble": _pebble,
    "plate": _plate,
    "table": _table,
    "chair": _chair,
    "lamp": _lamp,
    "animal": _animal,
}

FAMILIES = tuple(_MAKERS)
