"""What the kernels know of a point of a surface: where it is, how it is inclined, what colour it has."""

import math

import numpy as np

from eoras.synthesis.shading.kernel import inlined, kernel
from eoras.synthesis.shading.textures import share
from eoras.synthesis.shading.vectors import cross, dot, mixed, moved, row, scaled, turned, unit

__all__ = ["corners", "face_normal", "ground_colour", "ground_point", "object_colour", "object_point"]

_LINEAR = (np.arange(256) / 255.0) ** 2.2  # of sRGB, nearly


@kernel
def ground_point(origin, direction, depth, dome):
    """Whether a ray of the background ends on the ground, and where it ends."""
    point = moved(origin, depth, direction)
    return abs(point[2]) < 1e-3 and direction[2] < 0 and dot(point, point) < dome * dome, point


@inlined
def corners(geometry, k, triangle):
    """Numbers of the vertices of a face of object ``k``."""
    i = geometry.first_face[k] + triangle
    return geometry.faces[i, 0], geometry.faces[i, 1], geometry.faces[i, 2]


@inlined
def face_normal(geometry, poses, k, face, direction):
    """The direction in which a face looks, of its two sides the seen one's."""
    normal = unit(turned(poses.rotations, k, _across(geometry, face)))
    return scaled(-1.0, normal) if dot(normal, direction) > 0 else normal


@inlined
def object_point(geometry, poses, k, face, weights, flat):
    """A point in the object's space and in the world's, and its interpolated normal on the side of ``flat``."""
    local = _interpolated(geometry.vertices, face, weights)
    place = moved(turned(poses.rotations, k, local), 1.0, row(poses.positions, k))
    normal = unit(turned(poses.rotations, k, _interpolated(geometry.normals, face, weights)))
    side = dot(normal, flat)
    if side < 0:
        normal = scaled(-1.0, normal)
    return local, place, normal if abs(side) > 1e-3 else flat


@inlined
def object_colour(geometry, surfaces, k, face, weights, local, width):
    """The colour of a point of object ``k`` for a sample of some width in world units."""
    if surfaces.pattern[k] >= 0:
        return _pattern_colour(surfaces, k, local, width)
    u, v = geometry.uv[face[0], 0], geometry.uv[face[0], 1]
    right_b, up_b = geometry.uv[face[1], 0] - u, geometry.uv[face[1], 1] - v
    right_c, up_c = geometry.uv[face[2], 0] - u, geometry.uv[face[2], 1] - v
    across = _across(geometry, face)
    shrunk = abs(right_b * up_c - right_c * up_b) / (math.sqrt(dot(across, across)) + 1e-12)
    u, v = u + weights[0] * right_b + weights[1] * right_c, v + weights[0] * up_b + weights[1] * up_c
    return _picture_colour(surfaces, k, u, v, width * math.sqrt(shrunk))


@inlined
def ground_colour(surfaces, point, width):
    """The colour of the ground for a sample of some width in world units."""
    return _pattern_colour(surfaces, len(surfaces.pattern) - 1, point, width)


@kernel
def _interpolated(table, face, weights):
    first = scaled(1 - weights[0] - weights[1], row(table, face[0]))
    return moved(moved(first, weights[0], row(table, face[1])), weights[1], row(table, face[2]))


@inlined
def _across(geometry, face):
    """Square to a face, as long as twice its area, in the object's space."""
    a = row(geometry.vertices, face[0])
    return cross(moved(row(geometry.vertices, face[1]), -1.0, a), moved(row(geometry.vertices, face[2]), -1.0, a))


@inlined
def _pattern_colour(surfaces, k, point, width):
    often = surfaces.frequency[k]
    x, y, z = scaled(often, moved(point, 1.0, row(surfaces.phase, k)))
    second = share(surfaces.pattern[k], x, y, z, often * width)
    return mixed(row(surfaces.colours, 2 * k), row(surfaces.colours, 2 * k + 1), second)


@inlined
def _picture_colour(surfaces, k, u, v, width):
    """Of a picture, between two of its sizes; ``width`` is that of the sample, in widths of the picture."""
    sizes = surfaces.pictures.shape[1]
    texels = width * math.sqrt(surfaces.pictures[k, 0, 1] * surfaces.pictures[k, 0, 2])
    level = min(max(math.log2(max(texels, 1e-6)), 0.0), sizes - 1.001)
    sharp = int(level)
    return mixed(_texel(surfaces, k, sharp, u, v), _texel(surfaces, k, sharp + 1, u, v), level - sharp)


@inlined
def _texel(surfaces, k, size, u, v):
    first, rows, columns = surfaces.pictures[k, size, 0], surfaces.pictures[k, size, 1], surfaces.pictures[k, size, 2]
    x, y = (u - math.floor(u)) * columns - 0.5, (1 - v - math.floor(1 - v)) * rows - 0.5
    left, top = math.floor(x), math.floor(y)
    colour = (0.0, 0.0, 0.0)
    for down in range(2):
        for right in range(2):
            weight = (x - left if right else 1 - x + left) * (y - top if down else 1 - y + top)
            i = first + (int(top) + down) % rows * columns + (int(left) + right) % columns
            red, green, blue = surfaces.texels[i, 0], surfaces.texels[i, 1], surfaces.texels[i, 2]
            colour = moved(colour, weight, (_LINEAR[red], _LINEAR[green], _LINEAR[blue]))
    return colour
