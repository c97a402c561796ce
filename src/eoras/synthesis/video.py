"""A video with its whole truth, and the cameras that see it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

__all__ = ["AnnotatedVideo", "Camera", "rotation_matrices"]


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera in Kubric's convention: +x right, +y up, it looks along -z (formats 6.1).

    Attributes:
        height: rows of its images.
        width: columns of its images; pixels are square.
        positions: float ``(T, 3)``, world units.
        quaternions: float ``(T, 4)``, rotation world_from_camera as (w, x, y, z), of length 1.
        focal_length: millimetres.
        sensor_width: millimetres.
    """

    height: int
    width: int
    positions: np.ndarray
    quaternions: np.ndarray
    focal_length: float = 35.0
    sensor_width: float = 32.0

    @property
    def intrinsics(self) -> np.ndarray:
        """float64 ``(3, 3)``: camera coordinates to the unit square (u right, v down), third row (0, 0, -1)."""
        fx = self.focal_length / self.sensor_width
        fy = fx * self.width / self.height
        return np.array([[fx, 0.0, -0.5], [0.0, -fy, -0.5], [0.0, 0.0, -1.0]])

    @property
    def field_of_view(self) -> float:
        """Angle from the left border to the right one, in radians."""
        return float(2 * np.arctan(self.sensor_width / (2 * self.focal_length)))

    @property
    def world_from_camera(self) -> np.ndarray:
        """float64 ``(T, 4, 4)``: pose of each frame."""
        poses = np.tile(np.eye(4), (len(self.positions), 1, 1))
        poses[:, :3, :3] = rotation_matrices(self.quaternions)
        poses[:, :3, 3] = self.positions
        return poses

    def project(self, points: np.ndarray) -> np.ndarray:
        """Where points of the world appear.

        Args:
            points: float ``(T, ..., 3)``, world units, in front of the camera.

        Returns:
            float64 ``(T, ..., 2)``: (u, v), 0..1 over the image; the centre of pixel i lies at (i + 0.5) / width.
        """
        length = len(self.positions)
        offsets = points.reshape(length, -1, 3) - self.positions[:, None]
        # points are rows, so that the inverse rotation is the matrix on the right, untransposed
        homogeneous = offsets @ rotation_matrices(self.quaternions) @ self.intrinsics.T
        return (homogeneous[..., :2] / homogeneous[..., 2:]).reshape(*points.shape[:-1], 2)


@dataclass(frozen=True, kw_only=True)
class AnnotatedVideo:
    """A video seen by a main camera and from above, with the truth of each instance.

    Attributes:
        frames: uint8 ``(T, H, W, 3)``, RGB.
        visible: uint8 ``(T, H, W)``, labels: 0 is background, k + 1 the seen part of instance k.
        amodal: bool ``(N, T, H, W)``, seen or hidden parts inside the image.
        depth: float32 ``(T, H, W)``, distance to the camera's centre along the ray of the pixel's centre, world units.
        camera: the main camera.
        bev_frames: uint8 ``(T, h, w, 3)``, RGB, seen from above.
        bev_amodal: bool ``(N, T, h, w)``, the same instances seen from above.
        bev_camera: the camera above.
        boxes_3d: float ``(N, T, 8, 3)``, corners of the oriented boxes in world units; corner ``4 ix + 2 iy + iz`` with
            0 for the smaller and 1 for the larger end of the object's own axes (formats A.3.1).
        instances: per instance what else ``metadata.json`` is to say (formats A.3.4): plain values or arrays.
        metadata: what else its ``metadata`` is to say, such as the seed.
    """

    frames: np.ndarray
    visible: np.ndarray
    amodal: np.ndarray
    depth: np.ndarray
    camera: Camera
    bev_frames: np.ndarray
    bev_amodal: np.ndarray
    bev_camera: Camera
    boxes_3d: np.ndarray
    instances: tuple[Mapping[str, Any], ...]
    metadata: Mapping[str, Any]

    def __post_init__(self) -> None:
        count, length, height, width = self.amodal.shape
        bev = (self.bev_camera.height, self.bev_camera.width)
        assert count <= 255, "labels have 8 bits"
        assert (self.camera.height, self.camera.width) == (height, width)
        assert self.frames.shape == (length, height, width, 3)
        assert self.visible.shape == self.depth.shape == (length, height, width)
        assert self.bev_frames.shape == (length, *bev, 3)
        assert self.bev_amodal.shape == (count, length, *bev)
        assert self.boxes_3d.shape == (count, length, 8, 3)
        assert len(self.instances) == count
        assert len(self.camera.positions) == len(self.bev_camera.positions) == length

    def ordered(self) -> "AnnotatedVideo":
        """The same video without the instances that are never seen, the most visible first, as Kubric orders them."""
        pixels = np.bincount(self.visible.ravel(), minlength=len(self.amodal) + 1)[1:]
        order = [k for k in np.argsort(-pixels, kind="stable") if pixels[k]]
        labels = np.zeros(len(pixels) + 1, np.uint8)
        labels[1 + np.array(order, int)] = np.arange(1, len(order) + 1)
        return replace(
            self,
            visible=labels[self.visible],
            amodal=self.amodal[order],
            bev_amodal=self.bev_amodal[order],
            boxes_3d=self.boxes_3d[order],
            instances=tuple(self.instances[k] for k in order),
        )


def rotation_matrices(quaternions: np.ndarray) -> np.ndarray:
    """Matrices of rotations.

    Args:
        quaternions: float ``(..., 4)`` as (w, x, y, z), of length 1.

    Returns:
        float64 ``(..., 3, 3)``, for column vectors.
    """
    w, x, y, z = np.moveaxis(np.asarray(quaternions, np.float64), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))
