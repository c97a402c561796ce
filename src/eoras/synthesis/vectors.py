"""Vectors and colours of three numbers, for the kernels."""

import math

from numba import njit

__all__ = ["cross", "dot", "mixed", "moved", "row", "scaled", "times", "turned", "turned_back", "unit"]


@njit(cache=True, nogil=True)
def row(array):
    """The three numbers of a row."""
    return float(array[0]), float(array[1]), float(array[2])


@njit(cache=True, nogil=True)
def dot(a, b):
    """Scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(cache=True, nogil=True)
def cross(a, b):
    """Vector product."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@njit(cache=True, nogil=True)
def moved(a, step, b):
    """``a + step * b``."""
    return a[0] + step * b[0], a[1] + step * b[1], a[2] + step * b[2]


@njit(cache=True, nogil=True)
def scaled(factor, a):
    """``factor * a``."""
    return factor * a[0], factor * a[1], factor * a[2]


@njit(cache=True, nogil=True)
def times(a, b):
    """Number by number, as a colour times a light."""
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


@njit(cache=True, nogil=True)
def mixed(a, b, share):
    """``a``, and the share 0..1 of ``b``."""
    return moved(scaled(1 - share, a), share, b)


@njit(cache=True, nogil=True)
def unit(a):
    """The direction of a vector; of none, none."""
    return scaled(1 / (math.sqrt(dot(a, a)) + 1e-20), a)


@njit(cache=True, nogil=True)
def turned(rotation, a):
    """``rotation @ a``."""
    return dot(rotation[0], a), dot(rotation[1], a), dot(rotation[2], a)


@njit(cache=True, nogil=True)
def turned_back(rotation, a):
    """``rotation.T @ a``."""
    return moved(moved(scaled(a[0], row(rotation[0])), a[1], rotation[1]), a[2], rotation[2])
