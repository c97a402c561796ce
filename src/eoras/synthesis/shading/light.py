"""The light of an environment, prepared for shading."""

from typing import NamedTuple

import numpy as np

from eoras.synthesis.scene import Environment

__all__ = ["Light", "ambient_on_ground", "light_of", "panorama_directions"]

_SOFT_ROWS = 32  # of the blurred panoramas; each cell is as wide as the narrowest of their lobes
_LOBES = (60.0, 16.0, 5.0)  # sharpness of the lobes by which a panorama is blurred for roughness 1/2, 3/4 and 1
_WHITE = 0.75  # what a white surface that lies on the ground in full light shows, of the display's range


class Light(NamedTuple):
    """What the kernels need to know of an environment; all radiances are exposed for the display.

    Attributes:
        panorama: float32 ``(h, 2 h, 3)``.
        glossy: float32 ``(64, 128, 3)``, the panorama averaged over cells.
        soft: float32 ``(3, 32, 64, 3)``, the panorama blurred by wider and wider lobes.
        harmonics: float32 ``(9, 3)``, coefficients of the irradiance over pi, see ``shade.irradiance``.
        sun_direction: to the sun, of length 1.
        sun: irradiance over pi of a surface that faces the sun.
        sun_radius: radians.
        eye: height of the panorama's eye, world units.
        dome: radius of the dome, world units.
    """

    panorama: np.ndarray
    glossy: np.ndarray
    soft: np.ndarray
    harmonics: np.ndarray
    sun_direction: tuple[float, float, float]
    sun: tuple[float, float, float]
    sun_radius: float
    eye: float
    dome: float


def light_of(environment: Environment, dome: float) -> Light:
    """Prepare the light of an environment.

    Args:
        environment: where the light comes from.
        dome: radius of the dome, world units.
    """
    glossy = _shrink(environment.panorama, 64)
    harmonics = _harmonics(glossy)
    on_ground = _upward(harmonics) + environment.sun_radiance * environment.sun_direction[2]
    exposure = np.float32(_WHITE / max(float(on_ground.mean()), 1e-6))
    return Light(
        panorama=np.ascontiguousarray(environment.panorama * exposure, np.float32),
        glossy=glossy * exposure,
        soft=_blur(_shrink(environment.panorama, _SOFT_ROWS)) * exposure,
        harmonics=harmonics * exposure,
        sun_direction=_triple(environment.sun_direction),
        sun=_triple(environment.sun_radiance * exposure),
        sun_radius=float(environment.sun_radius),
        eye=float(environment.eye),
        dome=dome,
    )


def ambient_on_ground(panorama: np.ndarray) -> np.ndarray:
    """float32 ``(3,)``: irradiance over pi, by a panorama float32 ``(h, 2 h, 3)``, of what lies on the ground."""
    return _upward(_harmonics(_shrink(panorama, _SOFT_ROWS)))


def panorama_directions(rows: int) -> np.ndarray:
    """float64 ``(rows, 2 rows, 3)``: where the pixels of a panorama look, of length 1."""
    polar = (np.arange(rows) + 0.5)[:, None] * np.pi / rows
    azimuth = (0.5 - (np.arange(2 * rows) + 0.5) / (2 * rows)) * 2 * np.pi
    level = np.sin(polar)
    z = np.broadcast_to(np.cos(polar), (rows, 2 * rows))
    return np.stack([level * np.cos(azimuth), level * np.sin(azimuth), z], axis=-1)


def _triple(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = values
    return float(x), float(y), float(z)


def _solid_angles(rows: int) -> np.ndarray:
    """Shares of the sphere of a panorama's pixels, ``(rows, 1)``."""
    edges = np.cos(np.linspace(0, np.pi, rows + 1))
    return (edges[:-1] - edges[1:])[:, None] / (4 * rows)


def _shrink(panorama: np.ndarray, rows: int) -> np.ndarray:
    """Average over cells; a smaller panorama is repeated first."""
    times = max(1, -(-rows // len(panorama)))
    panorama = panorama.repeat(times, axis=0).repeat(times, axis=1)
    step = np.linspace(0, len(panorama), rows, endpoint=False).astype(int)
    counts = np.diff([*step, len(panorama)])
    across = np.concatenate([step, step + len(panorama)])
    sums = np.add.reduceat(np.add.reduceat(panorama, step, axis=0), across, axis=1)
    return (sums / (counts[:, None] * np.tile(counts, 2))[..., None]).astype(np.float32)


def _blur(panorama: np.ndarray) -> np.ndarray:
    """float32 ``(lobes, rows, 2 rows, 3)``: averages over lobes exp(sharpness (cosine - 1))."""
    rows = len(panorama)
    directions = panorama_directions(rows).astype(np.float32)
    weights = np.repeat(_solid_angles(rows), 2 * rows).astype(np.float32)
    flat = panorama.reshape(-1, 3)
    blurred = np.empty((len(_LOBES), *panorama.shape), np.float32)
    # the sphere is alike all round, so one column of lobes serves all columns when the panorama is rolled
    cosines = np.einsum("rc,nc->rn", directions[:, 0], directions.reshape(-1, 3))
    for lobe, sharpness in enumerate(_LOBES):
        kernel = np.exp(sharpness * (cosines - 1)) * weights
        kernel /= kernel.sum(axis=1, keepdims=True)
        for column in range(2 * rows):
            rolled = np.roll(panorama, -column, axis=1).reshape(flat.shape)
            blurred[lobe, :, column] = kernel @ rolled
    return blurred


def _harmonics(panorama: np.ndarray) -> np.ndarray:
    """Spherical harmonics up to degree 2 of the irradiance over pi, as factors of plain polynomials."""
    x, y, z = np.moveaxis(panorama_directions(len(panorama)), -1, 0)
    polynomials = np.stack([np.ones_like(x), x, y, z, x * y, y * z, x * z, 3 * z * z - 1, x * x - y * y])
    factors = np.array([1, 2, 2, 2, 15 / 4, 15 / 4, 15 / 4, 5 / 16, 15 / 16])  # of the cosine lobe and of the norms
    moments = np.einsum("prc,rck->pk", polynomials * _solid_angles(len(panorama)), panorama)
    return (moments * factors[:, None]).astype(np.float32)


def _upward(harmonics: np.ndarray) -> np.ndarray:
    return harmonics[0] + harmonics[3] + 2 * harmonics[7]  # the polynomials at (0, 0, 1)
