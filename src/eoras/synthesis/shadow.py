"""Shadow rays, and which pixels need more than one sample."""

import math

import numpy as np
from numba import njit

from eoras.synthesis.surface import corners, face_normal, ground_point
from eoras.synthesis.vectors import dot, moved, row, scaled, turned, unit

__all__ = ["find_edges", "shadow_rays"]

_GAP = 2e-3  # world units between a surface and where its shadow rays start


@njit(cache=True, nogil=True)
def shadow_rays(geometry, poses, light, origin, directions, label, depth, triangle, salts):
    """Where the samples' rays to the sun start and go, and which objects they may meet.

    Args:
        geometry: ``Geometry``.
        poses: ``Poses`` of the frame.
        light: ``Light``.
        origin: the three coordinates of the camera.
        directions: float32 ``(n, 3)``, as all of ``Sight`` that follow.
        label: uint8 ``(n,)``.
        depth: float32 ``(n,)``.
        triangle: int32 ``(n,)``.
        salts: int64 ``(n,)``, unlike for samples that are to be jittered unlike.

    Returns:
        float32 ``(n, 3)`` starts, float32 ``(n, 3)`` directions, bool ``(N, n)`` whether an object may be met, bool
        ``(n,)`` whether the surface looks towards the sun at all.
    """
    count, objects = len(label), len(geometry.radii)
    starts, rays = np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32)
    may_meet, facing = np.zeros((objects, count), np.bool_), np.zeros(count, np.bool_)
    middles = np.empty((objects, 3))
    for k in range(objects):
        middles[k] = moved(turned(poses.rotations[k], row(geometry.centres[k])), 1.0, poses.positions[k])
    for i in range(count):
        direction = row(directions[i])
        if label[i] > 0:
            face = corners(geometry, label[i] - 1, triangle[i])
            normal = face_normal(geometry, poses.rotations[label[i] - 1], face, direction)
            facing[i] = dot(normal, light.sun_direction) > 0
            point = moved(moved(origin, depth[i], direction), _GAP, normal)
        else:
            facing[i], point = ground_point(origin, direction, depth[i], light.dome)
        if facing[i]:
            ray = _jittered(row(light.sun_direction), light.sun_radius, salts[i])
            starts[i], rays[i] = point, ray
            for k in range(objects):
                to_middle = moved(row(middles[k]), -1.0, point)
                along = dot(to_middle, ray)
                squared = geometry.radii[k] ** 2
                may_meet[k, i] = dot(to_middle, to_middle) - along * along < squared and along > -geometry.radii[k]
    return starts, rays, may_meet, facing


@njit(cache=True, nogil=True)
def find_edges(label, sunlit, shown, contrast):
    """Which pixels need more samples: where labels or shadows end, or an object's colours change abruptly.

    Args:
        label: uint8 ``(H, W)``.
        sunlit: bool ``(H, W)``.
        shown: float32 ``(H, W, 3)``, linear RGB in 0..1.
        contrast: what is abrupt.

    Returns:
        bool ``(H, W)``.
    """
    height, width = label.shape
    edges = np.zeros((height, width), np.bool_)
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        for i in range(height - down):
            for j in range(max(-right, 0), width - max(right, 0)):
                m, n = i + down, j + right
                if (
                    label[i, j] != label[m, n]
                    or sunlit[i, j] != sunlit[m, n]
                    or (label[i, j] > 0 and _apart(shown[i, j], shown[m, n]) > contrast)
                ):
                    edges[i, j] = edges[m, n] = True
    return edges


@njit(cache=True, nogil=True)
def _apart(a, b):
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]), abs(a[2] - b[2]))


@njit(cache=True, nogil=True)
def _jittered(to_sun, radius, salt):
    """A direction to a point of the sun's disc."""
    n = np.uint64(salt) * np.uint64(0x9E3779B97F4A7C15)
    n = (n ^ (n >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    n = n ^ (n >> np.uint64(32))
    r = radius * math.sqrt((n & np.uint64(0xFFFF)) / 65536.0)
    angle = 2 * math.pi * ((n >> np.uint64(16)) & np.uint64(0xFFFF)) / 65536.0
    x, y, z = to_sun
    side = math.sqrt(x * x + y * y) + 1e-9
    level, steep = (-y / side, x / side, 0.0), (-x * z / side, -y * z / side, side)  # square to the sun's direction
    return unit(moved(moved(scaled(1.0, to_sun), r * math.cos(angle), level), r * math.sin(angle), steep))
