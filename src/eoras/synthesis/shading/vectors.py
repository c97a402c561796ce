"""Vectors and colours of three numbers, for the kernels."""

import math

from eoras.synthesis.shading.kernel import kernel

__all__ = ["cross", "dot", "mixed", "moved", "row", "scaled", "times", "turned", "turned_back", "unit"]


@kernel
def row(table, i):
    """The three numbers of a row of a table; faster than a slice, which numba counts the references of."""
    return float(table[i, 0]), float(table[i, 1]), float(table[i, 2])


@kernel
def dot(a, b):
    """Scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@kernel
def cross(a, b):
    """Vector product."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@kernel
def moved(a, step, b):
    """``a + step * b``."""
    return a[0] + step * b[0], a[1] + step * b[1], a[2] + step * b[2]


@kernel
def scaled(factor, a):
    """``factor * a``."""
    return factor * a[0], factor * a[1], factor * a[2]


@kernel
def times(a, b):
    """Number by number, as a colour times a light."""
    return a[0] * b[0], a[1] * b[1], a[2] * b[2]


@kernel
def mixed(a, b, share):
    """``a``, and the share 0..1 of ``b``."""
    return moved(scaled(1 - share, a), share, b)


@kernel
def unit(a):
    """The direction of a vector; of none, none."""
    return scaled(1 / (math.sqrt(dot(a, a)) + 1e-20), a)


@kernel
def turned(rotations, k, a):
    """``rotations[k] @ a``."""
    return (
        rotations[k, 0, 0] * a[0] + rotations[k, 0, 1] * a[1] + rotations[k, 0, 2] * a[2],
        rotations[k, 1, 0] * a[0] + rotations[k, 1, 1] * a[1] + rotations[k, 1, 2] * a[2],
        rotations[k, 2, 0] * a[0] + rotations[k, 2, 1] * a[1] + rotations[k, 2, 2] * a[2],
    )


@kernel
def turned_back(rotations, k, a):
    """``rotations[k].T @ a``."""
    return (
        rotations[k, 0, 0] * a[0] + rotations[k, 1, 0] * a[1] + rotations[k, 2, 0] * a[2],
        rotations[k, 0, 1] * a[0] + rotations[k, 1, 1] * a[1] + rotations[k, 2, 1] * a[2],
        rotations[k, 0, 2] * a[0] + rotations[k, 1, 2] * a[1] + rotations[k, 2, 2] * a[2],
    )
