"""Solid patterns: how much of a material's second colour there is at a point.

Each pattern takes a point in periods and the width of a sample there, in periods too, over which it averages: what a
sample cannot resolve turns into the pattern's mean instead of into moiré.
"""

import math

from eoras.synthesis.shading.kernel import kernel

__all__ = ["PATTERNS", "fractal", "fractal_at", "share"]

PATTERNS = (
    "plain",
    "stripes",
    "hoops",
    "checks",
    "tiles",
    "dots",
    "zigzag",
    "plaid",
    "marble",
    "granite",
    "wood",
    "label",
    "planks",
    "ground",
    "paving",
)


@kernel
def share(pattern, x, y, z, width):
    """Share 0..1 of the second colour at a point, all four in periods; ``pattern`` counts ``PATTERNS``."""
    if pattern == 0:
        return 0.0
    if pattern == 1:
        return _bars(x, width, 0.5)
    if pattern == 2:
        return _bars(z, width, 0.5)
    if pattern == 3:
        return 0.5 - 0.5 * _sign(x, width) * _sign(y, width) * _sign(z, width)
    if pattern == 4:
        return 1 - (1 - _bars(x, width, 0.07)) * (1 - _bars(y, width, 0.07)) * (1 - _bars(z, width, 0.07))
    if pattern == 5:
        return _dots(x, y, z, width)
    if pattern == 6:
        return _bars(z + 0.5 * abs(2 * (x + 0.5 * y - math.floor(x + 0.5 * y)) - 1), width, 0.5)
    if pattern == 7:
        return (_bars(x, width, 0.4) + _bars(y, width, 0.4) + _bars(z, width, 0.4)) / 3
    if pattern == 8:
        return _marble(x, y, z, width)
    if pattern == 9:
        return _cut(fractal(3 * x, 3 * y, 3 * z, 3 * width, 3), 0.5, 0.12)
    if pattern == 10:
        return _wood(x, y, z, width)
    if pattern == 11:
        return _label(x, y, z, width)
    if pattern == 12:
        return _planks(x, y, width)
    if pattern == 13:
        return _cut(fractal(x, y, z, width, 5), 0.5, 0.45)
    return _paving(x, y, width)


@kernel
def fractal(x, y, z, width, octaves):
    """Noise 0..1 with a mean of one half, the sum of ``octaves`` noises of doubling frequency."""
    total, weight, size = 0.0, 0.5, 0.0
    for _ in range(octaves):
        seen = min(max(2 - 2.4 * width, 0.0), 1.0)  # a wave, which is about 2 long, shorter than 2 samples would alias
        if seen > 0:
            total += seen * weight * (_noise(x, y, z) - 0.5)
        size += weight
        x, y = 1.62 * x + 1.22 * y + 7.1, 1.62 * y - 1.22 * x + 3.7  # turned, or the grids would show
        z, width, weight = 2.03 * z + 5.3, 2.03 * width, 0.6 * weight
    return min(max(0.5 + 1.3 * total / size, 0.0), 1.0)


@kernel
def fractal_at(points, octaves, values):
    """``fractal`` at points float ``(n, 3)``, at its sharpest; the result goes into ``values``, float ``(n,)``."""
    for i in range(len(points)):
        values[i] = fractal(points[i, 0], points[i, 1], points[i, 2], 0.0, octaves)


@kernel
def _hash(i, j, k):
    """0..1, the same for the same whole numbers."""
    n = (i * 73856093) ^ (j * 19349663) ^ (k * 83492791)
    n = (n ^ (n >> 13)) * 1274126177 & 0xFFFFFFFF
    n = (n ^ (n >> 16)) * 668265263 & 0xFFFFFFFF
    return ((n ^ (n >> 15)) & 0xFFFFFF) / 16777215.0


@kernel
def _noise(x, y, z):
    """Smooth noise 0..1 with a wave length of about two."""
    i, j, k = math.floor(x), math.floor(y), math.floor(z)
    x, y, z = x - i, y - j, z - k
    i, j, k = int(i), int(j), int(k)
    x, y, z = x * x * (3 - 2 * x), y * y * (3 - 2 * y), z * z * (3 - 2 * z)
    a = _hash(i, j, k) * (1 - x) + _hash(i + 1, j, k) * x
    b = _hash(i, j + 1, k) * (1 - x) + _hash(i + 1, j + 1, k) * x
    c = _hash(i, j, k + 1) * (1 - x) + _hash(i + 1, j, k + 1) * x
    d = _hash(i, j + 1, k + 1) * (1 - x) + _hash(i + 1, j + 1, k + 1) * x
    return (a * (1 - y) + b * y) * (1 - z) + (c * (1 - y) + d * y) * z


@kernel
def _bars(x, width, duty):
    """How much of x +- width / 2 lies in bars that take up the share ``duty`` of each period."""
    width = max(width, 1e-3)
    low, high = x - 0.5 * width, x + 0.5 * width
    floor_low, floor_high = math.floor(low), math.floor(high)
    return ((floor_high - floor_low) * duty + min(high - floor_high, duty) - min(low - floor_low, duty)) / width


@kernel
def _sign(x, width):
    return 2 * _bars(x, width, 0.5) - 1


@kernel
def _cut(value, middle, softness):
    """A soft step from 0 to 1."""
    s = min(max(0.5 + (value - middle) / (2 * softness), 0.0), 1.0)
    return s * s * (3 - 2 * s)


@kernel
def _mottle(i, j, width):
    """Tone 0..1 of a cell; the mean where cells are too small to be seen."""
    return 0.5 + min(max(1.5 - width, 0.0), 1.0) * (_hash(i, j, 1) - 0.5)


@kernel
def _dots(x, y, z, width):
    """Balls at the points of a lattice whose every second layer is shifted."""
    layer = math.floor(z)
    shift = 0.5 * (layer - 2 * math.floor(0.5 * layer))
    dx, dy, dz = x + shift - math.floor(x + shift) - 0.5, y + shift - math.floor(y + shift) - 0.5, z - layer - 0.5
    inside = 0.42 - math.sqrt(dx * dx + dy * dy + dz * dz)
    seen = min(max(1.5 - width, 0.0), 1.0)
    return 0.31 + seen * (min(max(0.5 + inside / max(width, 0.02), 0.0), 1.0) - 0.31)


@kernel
def _marble(x, y, z, width):
    turbulence = fractal(1.5 * x, 1.5 * y, 1.5 * z, 1.5 * width, 4)
    vein = (1 - abs(math.sin(math.pi * (x + 0.5 * z + 3.5 * turbulence)))) ** 2
    seen = min(max(1.5 - width, 0.0), 1.0)
    return 0.8 * (0.23 + seen * (vein - 0.23)) + 0.2 * turbulence


@kernel
def _wood(x, y, z, width):
    radius = math.hypot(x, y) + 0.35 * fractal(x, y, 0.3 * z, width, 2)
    ring = radius - math.floor(radius)
    grain = fractal(9 * x, 9 * y, 0.6 * z, 9 * width, 2)
    seen = min(max(1.5 - width, 0.0), 1.0)
    return min(max(0.35 + seen * (ring * ring * (1 - _cut(ring, 0.92, 0.08)) - 0.27) + 0.35 * (grain - 0.5), 0.0), 1.0)


@kernel
def _label(x, y, z, width):
    """A band round the middle with lines of print."""
    band = min(max(0.5 + (0.28 - abs(z)) / max(width, 0.01), 0.0), 1.0)
    around = 3.2 * math.atan2(y, x)
    row = math.floor(10 * z)
    word = 1.0 if _hash(math.floor(2.5 * around + 3 * row), int(row), 3) > 0.4 else 0.0
    print_ = word * _bars(10 * z, 10 * width, 0.45) * _cut(0.2 - abs(z), 0.0, 0.02)
    return band * (1 - 0.85 * print_)


@kernel
def _planks(x, y, width):
    """Boards along y: each of another tone, with grain and dark joints."""
    board = math.floor(x)
    along = 0.22 * y + 0.618 * board
    tone = _mottle(int(board), math.floor(along), width)
    grain = fractal(6 * x, 0.5 * y + 13 * tone, 9 * tone, 6 * width, 3)
    joint = max(_bars(x, width, 0.035), _bars(along, 0.22 * width, 0.008))
    return min(0.2 + 0.35 * tone + 0.35 * (grain - 0.3) + 0.9 * joint, 1.0)


@kernel
def _paving(x, y, width):
    """Square slabs, each of another tone, rough, with dark joints."""
    tone = _mottle(math.floor(x), math.floor(y), width)
    joint = 1 - (1 - _bars(x, width, 0.03)) * (1 - _bars(y, width, 0.03))
    rough = fractal(7 * x, 7 * y, 9 * tone, 7 * width, 3)
    return min(max(0.3 * tone + 0.45 * (rough - 0.3) + 0.9 * joint, 0.0), 1.0)
