"""What the kernels know of a point of a surface: where it is, how it is inclined, what colour it has."""

import math

import numpy as np
from numba import njit

from eoras.synthesis.textures import share
from eoras.synthesis.vectors import cross, dot, mixed, moved, row, scaled, turned, unit

__all__ = ["corners", "face_normal", "ground_colour", "ground_point", "object_colour", "object_point"]

_LINEAR = (np.arange(256) / 255.0) ** 2.2  # of sRGB, nearly


@njit(cache=True, nogil=True)
def ground_point(origin, direction, depth, dome):
    """Whether a ray of the background ends on the ground, and where it ends."""
    point = moved(origin, depth, direction)
    return abs(point[2]) < 1e-3 and direction[2] < 0 and dot(point, point) < dome * dome, point


@njit(cache=True, nogil=True)
def corners(geometry, k, triangle):
    """Numbers of the vertices of a face of object ``k``."""
    face = geometry.faces[geometry.first_face[k] + triangle]
    return face[0], face[1], face[2]


@njit(cache=True, nogil=True)
def face_normal(geometry, rotation, face, direction):
    """The direction in which a face looks, of its two sides the seen one's."""
    a = row(geometry.vertices[face[0]])
    along = cross(moved(row(geometry.vertices[face[1]]), -1.0, a), moved(row(geometry.vertices[face[2]]), -1.0, a))
    normal = unit(turned(rotation, along))
    return scaled(-1.0, normal) if dot(normal, direction) > 0 else normal


@njit(cache=True, nogil=True)
def object_point(geometry, poses, k, face, weights, flat):
    """A point in the object's space and in the world's, and its interpolated normal on the side of ``flat``."""
    local = _interpolated(geometry.vertices, face, weights)
    place = moved(turned(poses.rotations[k], local), 1.0, poses.positions[k])
    normal = unit(turned(poses.rotations[k], _interpolated(geometry.normals, face, weights)))
    side = dot(normal, flat)
    if side < 0:
        normal = scaled(-1.0, normal)
    return local, place, normal if abs(side) > 1e-3 else flat


@njit(cache=True, nogil=True)
def object_colour(geometry, surfaces, k, face, weights, local, width):
    """The colour of a point of object ``k`` for a sample of some width in world units."""
    if surfaces.pattern[k] >= 0:
        return _pattern_colour(surfaces, k, local, width)
    a, b, c = geometry.uv[face[0]], geometry.uv[face[1]], geometry.uv[face[2]]
    first = 1 - weights[0] - weights[1]
    u = first * a[0] + weights[0] * b[0] + weights[1] * c[0]
    v = first * a[1] + weights[0] * b[1] + weights[1] * c[1]
    in_picture = abs((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]))
    corner = row(geometry.vertices[face[0]])
    area = cross(
        moved(row(geometry.vertices[face[1]]), -1.0, corner), moved(row(geometry.vertices[face[2]]), -1.0, corner)
    )
    return _picture_colour(surfaces, k, u, v, width * math.sqrt(in_picture / (math.sqrt(dot(area, area)) + 1e-12)))


@njit(cache=True, nogil=True)
def ground_colour(surfaces, point, width):
    """The colour of the ground for a sample of some width in world units."""
    return _pattern_colour(surfaces, len(surfaces.pattern) - 1, point, width)


@njit(cache=True, nogil=True)
def _interpolated(table, face, weights):
    first = scaled(1 - weights[0] - weights[1], row(table[face[0]]))
    return moved(moved(first, weights[0], row(table[face[1]])), weights[1], row(table[face[2]]))


@njit(cache=True, nogil=True)
def _pattern_colour(surfaces, k, point, width):
    often = surfaces.frequency[k]
    x, y, z = scaled(often, moved(point, 1.0, surfaces.phase[k]))
    second = share(surfaces.pattern[k], x, y, z, often * width)
    return mixed(row(surfaces.colours[k, 0]), row(surfaces.colours[k, 1]), second)


@njit(cache=True, nogil=True)
def _picture_colour(surfaces, k, u, v, width):
    """Of a picture, between two of its sizes; ``width`` is that of the sample, in widths of the picture."""
    sizes = surfaces.pictures.shape[1]
    texels = width * math.sqrt(surfaces.pictures[k, 0, 1] * surfaces.pictures[k, 0, 2])
    level = min(max(math.log2(max(texels, 1e-6)), 0.0), sizes - 1.001)
    sharp = int(level)
    return mixed(_texel(surfaces, k, sharp, u, v), _texel(surfaces, k, sharp + 1, u, v), level - sharp)


@njit(cache=True, nogil=True)
def _texel(surfaces, k, size, u, v):
    first, rows, columns = surfaces.pictures[k, size]
    x, y = (u - math.floor(u)) * columns - 0.5, (1 - v - math.floor(1 - v)) * rows - 0.5
    left, top = math.floor(x), math.floor(y)
    colour = (0.0, 0.0, 0.0)
    for down in range(2):
        for right in range(2):
            weight = (x - left if right else 1 - x + left) * (y - top if down else 1 - y + top)
            texel = surfaces.texels[first + (int(top) + down) % rows * columns + (int(left) + right) % columns]
            colour = moved(colour, weight, (_LINEAR[texel[0]], _LINEAR[texel[1]], _LINEAR[texel[2]]))
    return colour
