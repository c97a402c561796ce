"""The kernel that shades: what a sample shows of the object, the ground or the dome that its ray meets.

Radiances are linear and exposed for the display. Each sample is computed alone, in one order of operations, so that
equal input gives equal bytes.
"""

import math

from eoras.synthesis.shading.kernel import inlined, kernel
from eoras.synthesis.shading.occlusion import FIELD_SIZE
from eoras.synthesis.shading.optics import blurred, fresnel, highlight, irradiance, lookup, toned
from eoras.synthesis.shading.surface import (
    corners,
    face_normal,
    ground_colour,
    ground_point,
    object_colour,
    object_point,
)
from eoras.synthesis.shading.vectors import dot, mixed, moved, row, scaled, times, turned_back, unit

__all__ = ["shade"]

_UP = (0.0, 0.0, 1.0)
_GROUND_SHADE = 0.85  # share of the light from below that an object itself takes from its ground


@kernel
def shade(geometry, surfaces, poses, light, origin, spread, directions, label, depth, triangle, weights, sunlit, shown):
    """Find what samples show.

    Args:
        geometry: ``Geometry``.
        surfaces: ``Surfaces``.
        poses: ``Poses`` of the frame.
        light: ``Light``.
        origin: the three coordinates of the camera.
        spread: width of a sample at distance 1.
        directions: float32 ``(n, 3)``, as all of ``Sight`` that follow.
        label: uint8 ``(n,)``.
        depth: float32 ``(n,)``.
        triangle: int32 ``(n,)``.
        weights: float32 ``(n, 2)``.
        sunlit: float32 ``(n,)``, share of the sun that reaches the point.
        shown: where the result goes: float32 ``(n, 3)``, linear RGB in 0..1, toned for the display.
    """
    for i in range(len(label)):
        direction, sun = row(directions, i), scaled(sunlit[i], light.sun)
        length = math.sqrt(dot(direction, direction))
        width = spread * depth[i] * length
        view = scaled(-1 / length, direction)
        if label[i] > 0:
            k = label[i] - 1
            face = corners(geometry, k, triangle[i])
            shares = (weights[i, 0], weights[i, 1])
            colour = _object(geometry, surfaces, poses, light, k, face, shares, view, width, sun)
        else:
            on_ground, point = ground_point(origin, direction, depth[i], light.dome)
            if on_ground:
                colour = _ground(geometry, surfaces, poses, light, point, view, width, sun)
            else:
                colour = _pictured(light, point)
        shown[i, 0], shown[i, 1], shown[i, 2] = toned(colour[0]), toned(colour[1]), toned(colour[2])


@inlined
def _ground(geometry, surfaces, poses, light, point, view, width, sun):
    """Radiance of the ground."""
    free = 1.0
    for k in range(len(geometry.radii)):
        free *= 1 - _hidden(geometry, poses, k, point, _UP, 2.0)
    ambient, slope = irradiance(light.harmonics, _UP), light.sun_direction[2]
    free = free**1.5  # for the fields are too coarse for the dark line where things touch
    received = moved(scaled(free, ambient), slope, sun)
    if not surfaces.has_floor:
        open_air = moved(ambient, slope, light.sun)
        shade_ = received[0] / open_air[0], received[1] / open_air[1], received[2] / open_air[2]
        return times(_pictured(light, point), shade_)
    colour = ground_colour(surfaces, point, width / max(view[2], 0.02) ** 0.6)  # between a sample's width and length
    colour = times(colour, received)
    away = 2 * math.sqrt(dot(point, point)) / light.dome - 1
    return colour if away < 0 else mixed(colour, _pictured(light, point), min(away, 1.0) ** 2)


@inlined
def _pictured(light, point):
    """Radiance of the panorama where it stands on the ground or on the dome."""
    return lookup(light.panorama, (point[0], point[1], point[2] - light.eye))


@inlined
def _object(geometry, surfaces, poses, light, k, face, weights, view, width, sun):
    """Radiance of a point of object ``k``."""
    flat = face_normal(geometry, poses, k, face, scaled(-1.0, view))
    local, point, normal = object_point(geometry, poses, k, face, weights, flat)
    colour = object_colour(geometry, surfaces, k, face, weights, local, width / math.sqrt(max(dot(flat, view), 0.05)))
    roughness, metallic, specular = row(surfaces.finish, k)
    free = _openness(geometry, poses, k, point, normal)
    ambient = scaled(free, irradiance(light.harmonics, normal))
    to_sun = light.sun_direction
    facing = max(dot(normal, view), 0.02)
    mirrored = scaled(0.3 + 0.7 * free, _mirrored(geometry, surfaces, poses, light, k, point, normal, view, roughness))
    gloss = moved(mirrored, highlight(to_sun, normal, view, roughness), sun)
    if metallic > 0.5:
        edge = (1 - facing) ** 5
        return times(mixed(colour, (1.0, 1.0, 1.0), edge), gloss)
    matt = times(colour, moved(ambient, max(dot(normal, to_sun), 0.0), sun))
    return mixed(matt, gloss, fresnel(0.08 * specular, facing, roughness))


@inlined
def _mirrored(geometry, surfaces, poses, light, k, point, normal, view, roughness):
    """What a glossy point sees in its reflection: the panorama, the shaded ground nearby, the tint of objects."""
    ray = unit(moved(scaled(-1.0, view), 2 * max(dot(normal, view), 0.02), normal))
    seen = blurred(light, ray, roughness)
    near = math.exp(-2 * max(point[2], 0.0) / geometry.radii[k])
    seen = scaled(1 - _GROUND_SHADE * near * min(max(-2 * ray[2], 0.0), 1.0), seen)
    around = scaled(0.7, irradiance(light.harmonics, _UP))
    for other in range(len(geometry.radii)):
        if other != k:
            hidden = _hidden(geometry, poses, other, point, ray, 3.0)
            seen = mixed(seen, times(row(surfaces.tint, other), around), hidden)
    return seen


@inlined
def _openness(geometry, poses, k, point, normal):
    """Share of the ambient light that objects and the ground beneath leave to a point of object ``k``."""
    near = math.exp(-2 * max(point[2], 0.0) / geometry.radii[k])
    free = 1 - _GROUND_SHADE * near * (0.5 - 0.5 * normal[2]) ** 1.5
    for other in range(len(geometry.radii)):
        if other == k:
            outside = moved(point, 0.2 * geometry.radii[k], normal)  # the field is blind within its own object
            free *= 1 - 0.7 * _hidden(geometry, poses, k, outside, normal, 2.0)
        else:
            free *= 1 - 0.9 * _hidden(geometry, poses, other, point, normal, 2.0)
    return free


@inlined
def _hidden(geometry, poses, k, point, direction, sharpness):
    """Share 0..1 of what lies in a direction from a point that object ``k`` hides.

    ``sharpness`` is 2 for all that a surface with this normal receives, 3 for the direction alone: the factors of a
    field's first harmonics under a cosine lobe and under none.
    """
    from_middle = moved(point, -1.0, row(poses.middles, k))
    if dot(from_middle, from_middle) > geometry.reaches[k] ** 2:
        return 0.0
    x, y, z = turned_back(poses.rotations, k, from_middle)
    x, y, z = x / geometry.halves[k, 0], y / geometry.halves[k, 1], z / geometry.halves[k, 2]
    far = max(abs(x), abs(y), abs(z))
    if far >= 1:
        return 0.0
    size = FIELD_SIZE
    x, y, z = 0.5 * (x + 1) * (size - 1), 0.5 * (y + 1) * (size - 1), 0.5 * (z + 1) * (size - 1)
    i, j, m = int(x), int(y), int(z)
    x, y, z = x - i, y - j, z - m
    direction = turned_back(poses.rotations, k, direction)
    hidden = 0.0
    for corner in range(8):
        right, back, up = corner & 1, (corner >> 1) & 1, corner >> 2
        weight = (x if right else 1 - x) * (y if back else 1 - y) * (z if up else 1 - z)
        node = ((k * size + i + right) * size + j + back) * size + m + up
        hidden += weight * (geometry.blocked[node] + sharpness * dot(row(geometry.leanings, node), direction))
    return min(1.0, 3 * (1 - far)) * min(max(hidden, 0.0), 1.0)
