"""Shadow rays, and which pixels need more than one sample."""

import math

from eoras.synthesis.shading.kernel import kernel
from eoras.synthesis.shading.surface import corners, face_normal, ground_point
from eoras.synthesis.shading.vectors import dot, moved, row, unit

__all__ = ["find_edges", "shadow_rays"]

_GAP = 2e-3  # world units between a surface and where its shadow rays start


@kernel
def shadow_rays(geometry, poses, light, origin, directions, label, depth, triangle, jitter, starts, rays, may_meet):
    """Find where the samples' rays to the sun start and go, and which objects they may meet.

    Args:
        geometry: ``Geometry``.
        poses: ``Poses`` of the frame.
        light: ``Light``.
        origin: the three coordinates of the camera.
        directions: float32 ``(n, 3)``, as all of ``Sight`` that follow.
        label: uint8 ``(n,)``.
        depth: float32 ``(n,)``.
        triangle: int32 ``(n,)``.
        jitter: float32 ``(n, 2)``, which point of the sun's disc to aim at; even over 0..1 is even over the disc.
        starts: where results go: float32 ``(n, 3)``.
        rays: float32 ``(n, 3)``, directions of length 1; 0 where the surface does not look towards the sun.
        may_meet: bool ``(N, n)``, False at first.
    """
    for i in range(len(label)):
        direction = row(directions, i)
        if label[i] > 0:
            k = label[i] - 1
            normal = face_normal(geometry, poses, k, corners(geometry, k, triangle[i]), direction)
            facing = dot(normal, light.sun_direction) > 0
            point = moved(moved(origin, depth[i], direction), _GAP, normal)
        else:
            facing, point = ground_point(origin, direction, depth[i], light.dome)
        if not facing:
            rays[i, 0] = rays[i, 1] = rays[i, 2] = 0.0
        else:
            ray = _jittered(light.sun_direction, light.sun_radius, jitter[i, 0], jitter[i, 1])
            starts[i, 0], starts[i, 1], starts[i, 2] = point
            rays[i, 0], rays[i, 1], rays[i, 2] = ray
            for k in range(len(geometry.radii)):
                to_middle = moved(row(poses.middles, k), -1.0, point)
                along = dot(to_middle, ray)
                squared = geometry.radii[k] ** 2
                may_meet[k, i] = dot(to_middle, to_middle) - along * along < squared and along > -geometry.radii[k]


@kernel
def find_edges(label, sunlit, shown, contrast, edges):
    """Find which pixels need more samples: where labels or shadows end, or an object's colours change abruptly.

    Args:
        label: uint8 ``(H, W)``.
        sunlit: float32 ``(H, W)``.
        shown: float32 ``(H, W, 3)``, linear RGB in 0..1.
        contrast: what is abrupt.
        edges: where the result goes: bool ``(H, W)``, False at first.
    """
    height, width = label.shape
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        for i in range(height - down):
            for j in range(max(-right, 0), width - max(right, 0)):
                m, n = i + down, j + right
                if (
                    label[i, j] != label[m, n]
                    or sunlit[i, j] != sunlit[m, n]
                    or (label[i, j] > 0 and _apart(shown, i, j, m, n) > contrast)
                ):
                    edges[i, j] = edges[m, n] = True


@kernel
def _apart(shown, i, j, m, n):
    most = 0.0
    for channel in range(3):
        most = max(most, abs(shown[i, j, channel] - shown[m, n, channel]))
    return most


@kernel
def _jittered(to_sun, radius, outward, around):
    """A direction to a point of the sun's disc."""
    r, angle = radius * math.sqrt(outward), 2 * math.pi * around
    x, y, z = to_sun
    side = math.sqrt(x * x + y * y) + 1e-9
    level, steep = (-y / side, x / side, 0.0), (-x * z / side, -y * z / side, side)  # square to the sun's direction
    return unit(moved(moved(to_sun, r * math.cos(angle), level), r * math.sin(angle), steep))
