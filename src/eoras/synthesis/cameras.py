"""Where cameras look, and the ways they take."""

import numpy as np
from scipy.spatial.transform import Rotation

from eoras.synthesis.settings import CameraConfig, SceneConfig
from eoras.synthesis.video import Camera

__all__ = ["camera_above", "look_at", "main_camera"]


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
    left = _left_of(ahead)
    axes = np.stack([-left, np.cross(ahead, left), -ahead], axis=-1)
    return Rotation.from_matrix(axes).as_quat(canonical=True)[:, [3, 0, 1, 2]]


def main_camera(config: SceneConfig, rng: np.random.Generator) -> Camera:
    """The camera of a clip, its way drawn at random."""
    way = config.camera
    time = np.linspace(0, 1, config.frames)
    positions = _way(way, rng, time)
    aims = np.tile(np.array(way.aim), (config.frames, 1))
    aside = -_left_of(aims - positions)
    aims += rng.choice([-1, 1]) * rng.uniform(*way.sway) * np.sin(2 * np.pi * time)[:, None] * aside
    return Camera(
        height=config.height,
        width=config.width,
        positions=positions,
        quaternions=look_at(positions, aims),
        focal_length=way.focal_length,
        sensor_width=way.sensor_width,
    )


def camera_above(config: SceneConfig) -> Camera:
    """The camera that looks down on the origin; the world's x is right and its y is up in the image."""
    above = config.above
    return Camera(
        height=config.height,
        width=config.width,
        positions=np.tile([0.0, 0.0, above.height], (config.frames, 1)),
        quaternions=np.tile([1.0, 0.0, 0.0, 0.0], (config.frames, 1)),
        focal_length=float(32.0 / (2 * np.tan(np.radians(above.field_of_view / 2)))),
        sensor_width=32.0,
    )


def _way(config: CameraConfig, rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """float64 ``(T, 3)``: positions at times 0..1, world units."""
    radius, height, azimuth = (rng.uniform(*span) for span in (config.radius, config.height, config.azimuth))
    turned, travel, heading = rng.uniform(*config.arc), rng.uniform(*config.travel), rng.uniform(0, 2 * np.pi)
    sign = {"left": -1, "right": 1, "either": rng.choice([-1, 1])}[config.direction]
    azimuths = np.radians(azimuth + sign * turned * (time if config.path == "orbit" else 0 * time))
    positions = np.stack([radius * np.cos(azimuths), radius * np.sin(azimuths), np.full(len(time), height)], axis=1)
    if config.path == "linear":
        positions[:, :2] += travel * time[:, None] * [np.cos(heading), np.sin(heading)]
    return positions


def _left_of(ahead: np.ndarray) -> np.ndarray:
    """Level directions ``(T, 3)`` to the left of those in which cameras look; x where that is straight down or up."""
    left = np.cross([0.0, 0.0, 1.0], ahead)
    left[np.linalg.norm(left, axis=1) < 1e-9 * np.linalg.norm(ahead, axis=1)] = [1.0, 0.0, 0.0]
    return _unit(left)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
