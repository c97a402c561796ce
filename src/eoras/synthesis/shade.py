"""The kernel that shades: what a sample shows of the object, the ground or the dome that its ray meets.

Radiances are linear and exposed for the display. Each sample is computed alone, in one order of operations, so that
equal input gives equal bytes.
"""

import math

import numpy as np
from numba import njit

from eoras.synthesis.optics import blurred, fresnel, highlight, irradiance, lookup, toned
from eoras.synthesis.surface import corners, face_normal, ground_colour, ground_point, object_colour, object_point
from eoras.synthesis.vectors import dot, mixed, moved, row, scaled, times, turned_back, unit

__all__ = ["shade"]

_UP = (0.0, 0.0, 1.0)
_GROUND_SHADE = 0.85  # share of the light from below that an object itself takes from its ground


@njit(cache=True, nogil=True)
def shade(geometry, surfaces, poses, light, origin, spread, directions, label, depth, triangle, weights, sunlit):
    """What samples show.

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
        sunlit: bool ``(n,)``, whether the sun reaches the point.

    Returns:
        float32 ``(n, 3)``, linear RGB in 0..1, toned for the display.
    """
    shown = np.empty((len(label), 3), np.float32)
    for i in range(len(label)):
        direction, sun = row(directions[i]), scaled(1.0 if sunlit[i] else 0.0, row(light.sun))
        length = math.sqrt(dot(direction, direction))
        width = spread * depth[i] * length
        view = scaled(-1 / length, direction)
        if label[i] > 0:
            k = label[i] - 1
            face = corners(geometry, k, triangle[i])
            colour = _object(geometry, surfaces, poses, light, k, face, weights[i], view, width, sun)
        else:
            on_ground, point = ground_point(origin, direction, depth[i], light.dome)
            colour = lookup(light.panorama, (point[0], point[1], point[2] - light.eye))
            if on_ground:
                colour = _ground(geometry, surfaces, poses, light, point, view, width, sun, colour)
        shown[i] = toned(colour[0]), toned(colour[1]), toned(colour[2])
    return shown


@njit(cache=True, nogil=True)
def _ground(geometry, surfaces, poses, light, point, view, width, sun, pictured):
    """Radiance of the ground, where the panorama has ``pictured``."""
    free = 1.0
    for k in range(len(geometry.radii)):
        free *= 1 - _hidden(geometry, poses, k, point, _UP, 2.0)
    ambient, slope = irradiance(light.harmonics, _UP), light.sun_direction[2]
    received = moved(scaled(free, ambient), slope, sun)
    if not surfaces.has_floor:
        open_air = moved(ambient, slope, row(light.sun))
        return times(pictured, (received[0] / open_air[0], received[1] / open_air[1], received[2] / open_air[2]))
    colour = ground_colour(surfaces, point, width / max(view[2], 0.02) ** 0.75)  # between a sample's width and length
    away = math.sqrt(dot(point, point)) / light.dome
    return mixed(times(colour, received), pictured, min(max(2 * away - 1, 0.0), 1.0) ** 2)


@njit(cache=True, nogil=True)
def _object(geometry, surfaces, poses, light, k, face, weights, view, width, sun):
    """Radiance of a point of object ``k``."""
    flat = face_normal(geometry, poses.rotations[k], face, scaled(-1.0, view))
    local, point, normal = object_point(geometry, poses, k, face, weights, flat)
    colour = object_colour(geometry, surfaces, k, face, weights, local, width / math.sqrt(max(dot(flat, view), 0.05)))
    roughness, metallic, specular = row(surfaces.finish[k])
    free = _openness(geometry, poses, k, point, normal)
    ambient = scaled(free, irradiance(light.harmonics, normal))
    to_sun = row(light.sun_direction)
    facing = max(dot(normal, view), 0.02)
    mirrored = scaled(0.3 + 0.7 * free, _mirrored(geometry, surfaces, poses, light, k, point, normal, view, roughness))
    gloss = moved(mirrored, highlight(to_sun, normal, view, roughness), sun)
    if metallic > 0.5:
        edge = (1 - facing) ** 5
        return times(mixed(colour, (1.0, 1.0, 1.0), edge), gloss)
    matt = times(colour, moved(ambient, max(dot(normal, to_sun), 0.0), sun))
    return mixed(matt, gloss, fresnel(0.08 * specular, facing, roughness))


@njit(cache=True, nogil=True)
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
            seen = mixed(seen, times(row(surfaces.tint[other]), around), hidden)
    return seen


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _hidden(geometry, poses, k, point, direction, sharpness):
    """Share 0..1 of what lies in a direction from a point that object ``k`` hides.

    ``sharpness`` is 2 for all that a surface with this normal receives, 3 for the direction alone: the factors of a
    field's first harmonics under a cosine lobe and under none.
    """
    rotation, half, centre = poses.rotations[k], geometry.halves[k], geometry.centres[k]
    local = turned_back(rotation, moved(point, -1.0, poses.positions[k]))
    x, y, z = (local[0] - centre[0]) / half[0], (local[1] - centre[1]) / half[1], (local[2] - centre[2]) / half[2]
    far = max(abs(x), abs(y), abs(z))
    if far >= 1:
        return 0.0
    last = geometry.fields.shape[1] - 1
    x, y, z = 0.5 * (x + 1) * last, 0.5 * (y + 1) * last, 0.5 * (z + 1) * last
    i, j, m = int(x), int(y), int(z)
    x, y, z = x - i, y - j, z - m
    direction = turned_back(rotation, direction)
    hidden = 0.0
    for corner in range(8):
        right, back, up = corner & 1, (corner >> 1) & 1, corner >> 2
        weight = (x if right else 1 - x) * (y if back else 1 - y) * (z if up else 1 - z)
        value = geometry.fields[k, i + right, j + back, m + up]
        along = value[1] * direction[0] + value[2] * direction[1] + value[3] * direction[2]
        hidden += weight * (value[0] + sharpness * along)
    return min(1.0, 3 * (1 - far)) * min(max(hidden, 0.0), 1.0)
