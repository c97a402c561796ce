"""Light for the kernels: irradiance, reflections, the display's tones."""

import math

from eoras.synthesis.shading.kernel import inlined, kernel
from eoras.synthesis.shading.vectors import dot, mixed, moved, row, unit

__all__ = ["blurred", "fresnel", "highlight", "irradiance", "lookup", "toned"]

_LEAST_ROUGHNESS = 0.12  # for the sun's highlight; narrower ones would sparkle


@kernel
def irradiance(harmonics, normal):
    """Irradiance over pi of a surface under an open sky; ``harmonics`` are those of ``Light``."""
    x, y, z = normal
    total = moved(moved(row(harmonics, 0), x, row(harmonics, 1)), y, row(harmonics, 2))
    total = moved(moved(total, z, row(harmonics, 3)), x * y, row(harmonics, 4))
    total = moved(moved(total, y * z, row(harmonics, 5)), x * z, row(harmonics, 6))
    total = moved(moved(total, 3 * z * z - 1, row(harmonics, 7)), x * x - y * y, row(harmonics, 8))
    least = 0.1 * harmonics[0, 0], 0.1 * harmonics[0, 1], 0.1 * harmonics[0, 2]  # the waves may undershoot
    return max(total[0], least[0]), max(total[1], least[1]), max(total[2], least[2])


@kernel
def lookup(panorama, direction):
    """Radiance float32 ``(h, 2 h, 3)`` of a panorama in a direction of any length, between the nearest four pixels."""
    rows, columns = panorama.shape[0], panorama.shape[1]
    x, y, z = unit(direction)
    down = min(max(math.acos(min(max(z, -1.0), 1.0)) / math.pi * rows - 0.5, 0.0), rows - 1.001)
    right = (0.5 - math.atan2(y, x) / (2 * math.pi)) * columns - 0.5 + columns
    top, left = int(down), int(right)
    low, side = down - top, right - left
    left, beside = left % columns, (left + 1) % columns
    above = mixed(_pixel(panorama, top, left), _pixel(panorama, top, beside), side)
    below = mixed(_pixel(panorama, top + 1, left), _pixel(panorama, top + 1, beside), side)
    return mixed(above, below, low)


@kernel
def _pixel(panorama, i, j):
    return float(panorama[i, j, 0]), float(panorama[i, j, 1]), float(panorama[i, j, 2])


@inlined
def blurred(light, direction, roughness):
    """Radiance of the panorama averaged over the lobe of a glossy reflection."""
    level = 4 * roughness
    if level < 1:
        return mixed(lookup(light.panorama, direction), lookup(light.glossy, direction), level)
    if level < 2:
        return mixed(lookup(light.glossy, direction), lookup(light.soft[0], direction), level - 1)
    lobe = min(int(level) - 2, 1)
    return mixed(
        lookup(light.soft[lobe], direction), lookup(light.soft[lobe + 1], direction), min(level - 2 - lobe, 1.0)
    )


@kernel
def fresnel(plain, cosine, roughness):
    """Share that is reflected at an angle, of what reflects the share ``plain`` straight on (after Schlick)."""
    most = max(1 - roughness, plain)
    return plain + (most - plain) * (1 - cosine) ** 5


@kernel
def highlight(to_light, normal, to_viewer, roughness):
    """Radiance over Fresnel's share that a light of irradiance pi shows on a glossy surface (after Walter et al.)."""
    lit, seen = dot(normal, to_light), max(dot(normal, to_viewer), 0.05)
    if lit <= 0:
        return 0.0
    alpha = max(roughness, _LEAST_ROUGHNESS) ** 2
    half = dot(normal, unit(moved(to_light, 1.0, to_viewer)))
    width = half * half * (alpha * alpha - 1) + 1
    k = 0.5 * alpha
    return alpha * alpha * lit / (4 * width * width * (lit * (1 - k) + k) * (seen * (1 - k) + k))


@kernel
def toned(radiance):
    """Linear display value 0..1 of a radiance: nearly itself when dark, never cut off when bright (after Narkowicz)."""
    x = 0.8 * max(radiance, 0.0)
    return min(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 1.0)
