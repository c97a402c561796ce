"""Panoramas from files."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from eoras.errors import DataError, PackageError
from eoras.synthesis.looks.radiance import read_radiance
from eoras.synthesis.scene import Environment
from eoras.synthesis.shading.light import ambient_on_ground, panorama_directions

__all__ = ["load_environment"]

_ROWS = 1024  # at most; more would not be seen in a video
_MOST = 60_000.0  # radiance, near the end of half precision
_SUN_SPREAD = 0.15  # radians about the brightest spot that count as the sun
_BRIGHT = 8.0  # times the median radiance of the upper half, from where on light counts as a lamp's or the sun's
_SUN_TINT = (0.75, 1.25)  # of its mean; lossy compression spoils the colours of very bright pixels
_LOWEST_SUN = 0.3  # height of the direction to the sun, of length 1; lower ones throw endless shadows
_LEAST_SUN = 0.9  # irradiance over pi of the sun, of the ambient light on the ground; or things would seem to float


@lru_cache(maxsize=2)  # each takes some 25 MB; a worker may well draw the same one again
def load_environment(path: Path) -> Environment:
    """Read an equirectangular panorama.

    The ground shows the panorama's lower half; the brightest region of the upper half becomes the sun.

    Args:
        path: a PNG or JPEG image (sRGB), a Radiance ``.hdr`` or an OpenEXR ``.exr`` file, twice as wide as high.

    Raises:
        DataError: the file is no such panorama.
    """
    panorama = _read(path)
    height, width = panorama.shape[:2]
    if width != 2 * height or height < 16:
        raise DataError(
            f"{path}: expected an equirectangular panorama, twice as wide as high and at least 32 pixels wide, found "
            f"{width} x {height} pixels; give another file"
        )
    if np.isnan(panorama).any() or panorama.max() <= 0:
        raise DataError(f"{path}: expected radiances above 0, found none, or NaN; give another file")
    panorama = _reduced(np.clip(panorama, 0, _MOST))  # compression leaves some below 0; the sun may be infinite
    panorama = panorama / ambient_on_ground(panorama).mean()
    panorama, direction, radiance, radius = _take_sun(panorama.astype(np.float32))
    return Environment(
        name=path.stem,
        panorama=panorama,
        sun_direction=direction,
        sun_radiance=radiance,
        sun_radius=radius,
    )


def _read(path: Path) -> np.ndarray:
    """Linear radiance float32 ``(h, w, 3)``."""
    try:
        if path.suffix.lower() in (".hdr", ".exr"):
            pixels = _read_exr(path) if path.suffix.lower() == ".exr" else read_radiance(path)
            return np.asarray(pixels, np.float32)[..., :3]
        return _read_coded(path) ** np.float32(2.2)
    except ModuleNotFoundError as error:
        raise PackageError.of(error.name, "synthesis") from error
    except Exception as error:  # each reader has its own
        raise DataError(f"{path}: expected a panorama (PNG, JPEG, HDR or EXR), found {error}; give another") from error


def _read_coded(path: Path) -> np.ndarray:
    """Code values float32 ``(h, w, 3)`` in 0..1 of a PNG or JPEG image."""
    with Image.open(path) as image:
        if image.mode.startswith("I"):  # grey of 16 bits, which convert() would cut off at 255
            return np.repeat(np.asarray(image, np.float32)[..., None] / 65535, 3, axis=-1)
        return np.asarray(image.convert("RGB"), np.float32) / 255


def _read_exr(path: Path) -> np.ndarray:
    import OpenEXR

    channels = OpenEXR.File(str(path)).channels()
    if "RGB" in channels or "RGBA" in channels:
        return channels["RGB" if "RGB" in channels else "RGBA"].pixels
    return np.stack([channels[name].pixels for name in "RGB"], axis=-1)


def _reduced(panorama: np.ndarray) -> np.ndarray:
    """Of at most ``_ROWS`` rows, by averaging whole blocks."""
    times = -(-len(panorama) // _ROWS)
    rows = len(panorama) // times
    cut = panorama[: rows * times, : 2 * rows * times]
    return cut.reshape(rows, times, 2 * rows, times, 3).mean(axis=(1, 3))


def _take_sun(panorama: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """The panorama without its brightest region, and that region's direction, irradiance over pi, and radius."""
    rows = len(panorama)
    directions = panorama_directions(rows)
    areas = (4 * np.pi / (4 * rows)) * -np.diff(np.cos(np.linspace(0, np.pi, rows + 1)))[:, None]
    brightness = panorama.mean(axis=-1)
    upper = directions[..., 2] > 0
    limit = np.float32(_BRIGHT * np.median(brightness[upper]))
    excess = np.maximum(1 - limit / np.maximum(brightness, 1e-9), 0) * upper
    place = np.unravel_index(np.argmax(np.where(upper, _smooth(brightness), 0)), brightness.shape)
    about = directions @ directions[place] > np.cos(_SUN_SPREAD)
    taken = panorama * (excess * about)[..., None]
    share = taken.mean(axis=-1) * areas
    middle = (directions * share[..., None]).sum(axis=(0, 1)) if share.sum() > 0 else directions[place]
    radiance = (taken * areas[..., None]).sum(axis=(0, 1)) / np.pi
    direction = _not_too_low(middle / np.linalg.norm(middle))
    radiance = radiance.mean() * np.clip(radiance / max(radiance.mean(), 1e-9), *_SUN_TINT)
    missing = max(_LEAST_SUN - float(radiance.mean()), 0.0)
    radius = 0.02 if missing == 0 else 0.12
    return (panorama - taken).astype(np.float32), direction, (radiance + missing).astype(np.float32), radius


def _smooth(brightness: np.ndarray) -> np.ndarray:
    """Averages over neighbours, so that no single pixel passes for the sun."""
    wide = np.roll(brightness, -1, axis=1) + brightness + np.roll(brightness, 1, axis=1)
    return (np.roll(wide, -1, axis=0) + wide + np.roll(wide, 1, axis=0)) / 9


def _not_too_low(direction: np.ndarray) -> np.ndarray:
    level = np.hypot(direction[0], direction[1])
    if direction[2] >= _LOWEST_SUN or level == 0:
        return direction
    return np.array([*direction[:2] * (np.sqrt(1 - _LOWEST_SUN**2) / level), _LOWEST_SUN])
