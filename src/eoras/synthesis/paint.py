"""The colours of a frame: samples where they matter, shadows, shading, the display's code values."""

import numpy as np

from eoras.synthesis.light import light_of
from eoras.synthesis.scene import Scene
from eoras.synthesis.shade import shade
from eoras.synthesis.shadow import find_edges, shadow_rays
from eoras.synthesis.tables import geometry_of, poses_of, surfaces_of
from eoras.synthesis.trace import Tracer
from eoras.synthesis.view import Sight, View, dome_radius

__all__ = ["Painter"]

_CONTRAST = 0.04  # of neighbours on one object that calls for more samples
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
        shown, sunlit = self._sample(view, t, sight, 0)
        at_edge = np.zeros(shape, bool)
        find_edges(sight.label.reshape(shape), sunlit.reshape(shape), shown.reshape(*shape, 3), _CONTRAST, at_edge)
        edges = np.flatnonzero(at_edge)
        finer = (view.centres[edges, None] + _OFFSETS).reshape(-1, 2)
        samples, _ = self._sample(view, t, view.look(t, finer), 1)
        shown[edges] = samples.reshape(len(edges), len(_OFFSETS), 3).mean(axis=1)
        return _CODES[(shown * (len(_CODES) - 1) + 0.5).astype(np.int32)].reshape(*shape, 3)

    def _sample(self, view: View, t: int, sight: Sight, round_: int) -> tuple[np.ndarray, np.ndarray]:
        """Colours float32 ``(n, 3)`` of samples, linear, toned, and whether the sun reaches them, bool ``(n,)``."""
        poses = poses_of(self._geometry, self._tracer, t)
        x, y, z = view.camera.positions[t]
        origin = (float(x), float(y), float(z))
        seen = (sight.directions, sight.label, sight.depth, sight.triangle)
        (word,) = np.random.SeedSequence([self._seed, t, round_]).generate_state(1)
        salts = np.arange(len(sight.label)) + (int(word) << 24)
        starts, rays, shown = (np.empty(sight.directions.shape, np.float32) for _ in range(3))
        may_meet = np.zeros((len(self._tracer), len(salts)), bool)
        shadow_rays(self._geometry, poses, self._light, origin, *seen, salts, starts, rays, may_meet)
        sunlit = rays[:, 2] > 0
        for k, candidates in enumerate(may_meet):
            index = np.flatnonzero(candidates & sunlit)
            sunlit[index] = ~self._tracer.blocked(k, t, starts[index], rays[index])
        spread = view.camera.sensor_width / (view.camera.focal_length * view.camera.width)
        scene = (self._geometry, self._surfaces, poses, self._light)
        shade(*scene, origin, spread, *seen, sight.weights, sunlit, shown)
        return shown, sunlit
