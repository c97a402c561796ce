"""The colours of a frame: samples where they matter, shadows, shading, the display's code values."""

from typing import Any

import numpy as np

from eoras.synthesis.scene import Scene
from eoras.synthesis.shading.light import light_of
from eoras.synthesis.shading.shade import shade
from eoras.synthesis.shading.shadow import find_edges, shadow_rays
from eoras.synthesis.shading.tables import Poses, geometry_of, poses_of, surfaces_of
from eoras.synthesis.trace import Tracer
from eoras.synthesis.view import Sight, View, dome_radius

__all__ = ["Painter"]

_CONTRAST = 0.04  # of neighbours on one object that calls for more samples
_FINE_SHADOWS = 3  # rays to the sun of each of the samples that refine a pixel
_EVEN_STEP = np.array([0.7548776662, 0.5698402910])
_OFFSETS = np.array([[-0.125, -0.375], [0.375, -0.125], [0.125, 0.375], [-0.375, 0.125]], np.float32)  # turned grid
_CODES = np.round(255 * np.linspace(0, 1, 4096) ** (1 / 2.2)).astype(np.uint8)  # of linear values


class Painter:
    """Paints what cameras see of a scene.

    Args:
        scene: the scene.
        tracer: its objects.
    """

    def __init__(self, scene: Scene, tracer: Tracer) -> None:
        self._seed = scene.seed
        self._tracer = tracer
        self._geometry = geometry_of(scene.objects, tracer)
        self._surfaces = surfaces_of(scene)
        self._light = light_of(scene.environment, dome_radius(scene))

    def paint(self, view: View, t: int, sight: Sight) -> np.ndarray:
        """Paint a frame.

        Args:
            view: the camera.
            t: frame index.
            sight: what is seen through the pixels' centres.

        Returns:
            uint8 ``(H, W, 3)``, sRGB.
        """
        shape = (view.camera.height, view.camera.width)
        rng = np.random.default_rng([self._seed, t])
        shown, sunlit = self._sample(view, t, sight, rng.random((1, len(sight.label), 2), np.float32))
        at_edge = np.zeros(shape, bool)
        find_edges(sight.label.reshape(shape), sunlit.reshape(shape), shown.reshape(*shape, 3), _CONTRAST, at_edge)
        edges = np.flatnonzero(at_edge)
        finer = (view.centres[edges, None] + _OFFSETS).reshape(-1, 2)
        samples, _ = self._sample(view, t, view.look(t, finer), _spread_evenly(rng, len(edges)))
        shown[edges] = samples.reshape(len(edges), len(_OFFSETS), 3).mean(axis=1)
        return _CODES[(shown * (len(_CODES) - 1) + 0.5).astype(np.int32)].reshape(*shape, 3)

    def _sample(self, view: View, t: int, sight: Sight, jitters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Colours float32 ``(n, 3)`` of samples, linear, toned, and the shares float32 ``(n,)`` of the sun they see.

        ``jitters``, float32 ``(r, n, 2)``, are the points of the sun's disc that each sample looks for.
        """
        poses = poses_of(self._geometry, self._tracer, t)
        x, y, z = view.camera.positions[t]
        origin = (float(x), float(y), float(z))
        seen = (sight.directions, sight.label, sight.depth, sight.triangle)
        sunlit = np.zeros(len(sight.label), np.float32)
        for jitter in jitters:
            sunlit += self._reached_by_sun(t, poses, origin, (*seen, jitter)) / np.float32(len(jitters))
        spread = view.camera.sensor_width / (view.camera.focal_length * view.camera.width)
        shown = np.empty(sight.directions.shape, np.float32)
        tables = (self._geometry, self._surfaces, poses, self._light)
        samples = (*seen, sight.weights, sunlit)
        run: Any = shade  # numba hides what it takes
        run(*tables, origin, spread, *samples, shown)
        return shown, sunlit

    def _reached_by_sun(
        self, t: int, poses: Poses, origin: tuple[float, float, float], seen: tuple[np.ndarray, ...]
    ) -> np.ndarray:
        """Whether one ray a sample to a point of the sun's disc is free, bool ``(n,)``."""
        count = len(seen[0])
        starts, rays = (np.empty((count, 3), np.float32) for _ in range(2))
        may_meet = np.zeros((len(self._tracer), count), bool)
        run: Any = shadow_rays  # numba hides what it takes
        run(self._geometry, poses, self._light, origin, *seen, starts, rays, may_meet)
        free = rays[:, 2] > 0
        for k, candidates in enumerate(may_meet):
            index = np.flatnonzero(candidates & free)
            free[index] = ~self._tracer.blocked(k, t, starts[index], rays[index])
        return free


def _spread_evenly(rng: np.random.Generator, pixels: int) -> np.ndarray:
    """float32 ``(r, 4 * pixels, 2)`` in 0..1: evenly in the square over turns and samples of a pixel."""
    turns, samples = _FINE_SHADOWS, len(_OFFSETS)
    steps = np.arange(turns * samples).reshape(turns, 1, samples, 1) * _EVEN_STEP  # after Roberts
    jitters = (rng.random((1, pixels, 1, 2), np.float32) + steps) % 1
    return jitters.reshape(turns, pixels * samples, 2).astype(np.float32)
