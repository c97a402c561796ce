"""Where cameras look, and the ways they take."""

import numpy as np
from scipy.spatial.transform import Rotation

__all__ = ["line", "look_at", "orbit"]


def look_at(positions: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Turn cameras to targets, the world's z axis up in the image (formats 6.1).

    A camera that looks straight down or up has the world's x axis to the left.

    Args:
        positions: float ``(T, 3)``, world units.
        targets: float ``(T, 3)`` or ``(3,)``, world units, each elsewhere than its camera.

    Returns:
        float64 ``(T, 4)``: rotation world_from_camera as (w, x, y, z), w at least 0.
    """
    ahead = _unit(np.broadcast_to(targets, positions.shape) - positions)
    left = np.cross([0.0, 0.0, 1.0], ahead)
    left[np.linalg.norm(left, axis=1) < 1e-9] = [1.0, 0.0, 0.0]
    left = _unit(left)
    axes = np.stack([-left, np.cross(ahead, left), -ahead], axis=-1)
    return Rotation.from_matrix(axes).as_quat(canonical=True)[:, [3, 0, 1, 2]]


def orbit(radius: float, height: float, azimuths: np.ndarray) -> np.ndarray:
    """A way on a circle about the z axis.

    Args:
        radius: of the circle, world units.
        height: of the circle, world units.
        azimuths: float ``(T,)``, degrees from the x axis to the y axis.

    Returns:
        float64 ``(T, 3)``, world units.
    """
    angles = np.radians(azimuths)
    return np.stack([radius * np.cos(angles), radius * np.sin(angles), np.full(len(angles), height)], axis=1)


def line(start: np.ndarray, travel: np.ndarray, frames: int) -> np.ndarray:
    """A straight way at constant speed, float64 ``(frames, 3)``: from ``start`` on by ``travel``, both ``(3,)``."""
    return start + np.linspace(0, 1, frames)[:, None] * travel


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
