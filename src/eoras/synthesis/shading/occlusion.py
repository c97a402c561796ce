"""How much of the sky an object takes from the points around it: a field of its own space, baked once."""

import numpy as np

from eoras.synthesis.scene import Mesh
from eoras.synthesis.trace import Tracer

__all__ = ["FIELD_SIZE", "bake_occlusion", "field_box"]

FIELD_SIZE = 16  # points along each axis of a field
_RAYS = 32


def field_box(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Centre and half size, each float32 ``(3,)``, of the box of the object's space that its field fills."""
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    half = 0.5 * (high - low)
    return 0.5 * (low + high), half + 0.5 * half.max() + 1e-6


def bake_occlusion(tracer: Tracer, k: int, mesh: Mesh) -> np.ndarray:
    """Measure how much of the surroundings an object hides from each point of a grid.

    Args:
        tracer: the scene's objects.
        k: number of the object.
        mesh: its surface.

    Returns:
        float32 ``(G * G * G, 4)``: the share of directions that are blocked, and the mean of ``blocked * direction``.
        Inside the object stand the values of its surroundings, so that these can be interpolated up to its surface.
    """
    centre, half = field_box(mesh)
    axes = np.linspace(-1, 1, FIELD_SIZE, dtype=np.float32)
    points = np.stack(np.meshgrid(axes, axes, axes, indexing="ij"), axis=-1).reshape(-1, 3) * half + centre
    directions = _even_directions(_RAYS)
    field = np.zeros((len(points), 4), np.float32)
    for direction in directions:
        blocked = tracer.blocked_in_object(k, points, direction)
        field += blocked[:, None] * np.append(np.float32(1), direction) / _RAYS
    return _fill_inside(field.reshape(FIELD_SIZE, FIELD_SIZE, FIELD_SIZE, 4)).reshape(-1, 4)


def _fill_inside(field: np.ndarray) -> np.ndarray:
    """Spread the values of points that see out to those that do not."""
    known = (field[..., :1] < 0.99).astype(np.float32)
    for _ in range(3):
        sums, counts = (sum(np.roll(part, step, axis) for step in (-1, 1) for axis in range(3))
                        for part in (field * known, known))  # fmt: skip
        field = np.where((known == 0) & (counts > 0), sums / np.maximum(counts, 1), field)
        known = np.maximum(known, counts > 0).astype(np.float32)
    return field


def _even_directions(count: int) -> np.ndarray:
    """float32 ``(count, 3)``, spread evenly over the sphere along a spiral."""
    z = 1 - (2 * np.arange(count) + 1) / count
    azimuth = np.arange(count) * np.pi * (3 - np.sqrt(5))
    level = np.sqrt(1 - z * z)
    return np.stack([level * np.cos(azimuth), level * np.sin(azimuth), z], axis=1).astype(np.float32)
