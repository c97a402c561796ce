"""The regular shapes: what Kubric's basic shapes offer, with three of our own in place of its scanned models."""

from functools import cache

import numpy as np

from eoras.synthesis.scene import Mesh
from eoras.synthesis.things.forms import Form, extruded, joined, lathed, loft, ring_of, tube, unit_mesh

__all__ = ["REGULAR_SHAPES", "regular_shape"]

_BEVEL = 0.03  # of an edge, in longest sides


@cache
def regular_shape(name: str) -> Mesh:
    """One of ``REGULAR_SHAPES``, its longest side 1, centred on the origin; the same object every time."""
    return unit_mesh(_MAKERS[name]())


def _cube() -> Form:
    side, cut = 0.5, 0.5 - _BEVEL
    corners = [(side, -cut), (side, cut), (cut, side), (-cut, side), (-side, cut), (-side, -cut), (-cut, -side)]
    return extruded(np.array([*corners, (cut, -side)]), _bevelled(1.0, 1 - 2 * _BEVEL))


def _bevelled(height: float, inner: float) -> list[tuple[float, float]]:
    """Scale and z of a prism of the given height with bevelled rims; ``inner`` is the scale within them."""
    top = height / 2
    return [(inner, -top), (1, _BEVEL - top), (1, top - _BEVEL), (inner, top)]


def _cylinder() -> Form:
    return lathed(
        [(0, -0.5), (0.5 - _BEVEL, -0.5), (0.5, _BEVEL - 0.5), (0.5, 0.5 - _BEVEL), (0.5 - _BEVEL, 0.5), (0, 0.5)]
    )


def _sphere() -> Form:
    angles = np.linspace(-np.pi / 2, np.pi / 2, 25)
    return lathed(np.stack([np.cos(angles).round(12), np.sin(angles)], axis=1))


def _cone() -> Form:
    return lathed([(0, -0.5), (0.5 - _BEVEL, -0.5), (0.5, _BEVEL - 0.5), (0.25, _BEVEL / 2), (0, 0.5)], 48)


def _torus() -> Form:
    angles = 2 * np.pi * np.arange(48) / 48
    return tube(np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1), 0.4, closed=True, segments=24)


def _gear() -> Form:
    teeth, low, high = 9, 0.76, 1.0
    outline = ring_of(np.tile([low, low, high, high, high, low], teeth))
    hole = ring_of(np.full(len(outline), 0.3))
    levels = [(outline * (1 - _BEVEL), 0.0), (outline, _BEVEL), (outline, 0.6 - _BEVEL), (outline * (1 - _BEVEL), 0.6)]
    rings = [np.insert(ring, 2, z, axis=1) for ring, z in [*levels, (hole, 0.6), (hole, 0.0)]]
    return loft(np.array(rings), None)


def _torus_knot() -> Form:
    angles = 2 * np.pi * np.arange(144) / 144
    radius = 1 + 0.42 * np.cos(3 * angles)
    path = np.stack([radius * np.cos(2 * angles), radius * np.sin(2 * angles), 0.5 * np.sin(3 * angles)], axis=1)
    return tube(path, 0.24, closed=True)


def _sponge() -> Form:
    """Menger's sponge after two steps."""
    digits = np.arange(9)
    filled = np.ones((9, 9, 9), bool)
    for middle in (digits // 3 == 1, digits % 3 == 1):
        filled &= middle.astype(int)[:, None, None] + middle[:, None] + middle < 2
    return _blocks(filled)


def _blocks(filled: np.ndarray) -> Form:
    """The surface of the full cells of a grid, bool ``(a, b, c)``."""
    padded = np.pad(filled, 1)
    corners = []
    for axis in range(3):
        across = np.roll(np.eye(3, dtype=int), -axis - 1, axis=0)[:2]  # two axes that make a right-handed system
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) @ across
        before = np.roll(padded, 1, axis)
        for cells, turn in ((padded & ~before, -1), (~padded & before, 1)):
            corners.append(np.argwhere(cells)[:, None] + square[::turn])
    quads = np.concatenate(corners)
    points, number = np.unique(quads.reshape(-1, 3), axis=0, return_inverse=True)
    return Form(points.astype(np.float64), number.reshape(-1, 4)[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3))


def _star() -> Form:
    outline = ring_of(np.tile([1.0, 0.5], 5))
    return extruded(outline, [(0.9, -0.3), (1, -0.22), (1, 0.22), (0.9, 0.3)])


def _teapot() -> Form:
    body = [(0, 0), (0.5, 0), (0.7, 0.08), (0.95, 0.35), (1, 0.6), (0.9, 0.88), (0.66, 1.05), (0.6, 1.08), (0.52, 1.14)]
    lid = [(0.3, 1.24), (0.12, 1.28), (0.09, 1.33), (0.15, 1.4), (0.12, 1.47), (0, 1.5)]
    turn = np.linspace(-0.5 * np.pi, 0.5 * np.pi, 15)
    handle = np.stack([-0.85 - 0.65 * np.cos(turn), 0 * turn, 0.62 + 0.33 * np.sin(turn)], axis=1)
    spout = np.array([(0.75, 0, 0.35), (1.1, 0, 0.45), (1.3, 0, 0.7), (1.42, 0, 0.95), (1.62, 0, 1.08)])
    return joined(lathed(body + lid), tube(handle, 0.09), tube(spout, np.array([0.26, 0.22, 0.15, 0.11, 0.1])))


def _spring() -> Form:
    turns = np.linspace(0, 3.5 * 2 * np.pi, 120)
    return tube(np.stack([np.cos(turns), np.sin(turns), turns * 0.085], axis=1), 0.19, segments=14)


_MAKERS = {
    "cube": _cube,
    "cylinder": _cylinder,
    "sphere": _sphere,
    "cone": _cone,
    "torus": _torus,
    "gear": _gear,
    "torus_knot": _torus_knot,
    "sponge": _sponge,
    "star": _star,
    "teapot": _teapot,
    "spring": _spring,
}

REGULAR_SHAPES = tuple(_MAKERS)
