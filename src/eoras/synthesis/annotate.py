"""The truth of a scene: what each camera sees, and what it would see of each object alone."""

from dataclasses import dataclass

import numpy as np

from eoras.synthesis.scene import Scene
from eoras.synthesis.trace import Tracer
from eoras.synthesis.video import Camera
from eoras.synthesis.view import Sight, View

__all__ = ["Annotations", "Truth", "annotate"]


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """Truth at the pixels' centres, which no blending of colours has touched.

    Attributes:
        visible: uint8 ``(T, H, W)``, labels: 0 is background, k + 1 the seen part of object k.
        amodal: bool ``(N, T, H, W)``, seen or hidden parts inside the image.
        depth: float32 ``(T, H, W)``, distance to the camera's centre along the ray, world units. The background is the
            ground, or the dome where that is nearer (``dome_radius``).
        bev_amodal: bool ``(N, T, h, w)``, seen from above; no object where it was not asked for.
    """

    visible: np.ndarray
    amodal: np.ndarray
    depth: np.ndarray
    bev_amodal: np.ndarray


class Truth:
    """Truth of one camera, filled frame by frame; the arrays are those of ``Annotations``."""

    def __init__(self, count: int, camera: Camera) -> None:
        shape = (len(camera.positions), camera.height, camera.width)
        self.visible = np.zeros(shape, np.uint8)
        self.amodal = np.zeros((count, *shape), bool)
        self.depth = np.zeros(shape, np.float32)

    def add(self, t: int, sight: Sight) -> None:
        """Take what is seen through the pixels' centres of frame ``t``."""
        self.visible[t] = sight.label.reshape(self.visible.shape[1:])
        lengths = np.sqrt(np.einsum("nc,nc->n", sight.directions, sight.directions))
        self.depth[t] = (sight.depth * lengths).reshape(self.depth.shape[1:])
        for mask, hits in zip(self.amodal[:, t], sight.hits, strict=True):
            mask.reshape(-1)[hits.index] = True


def annotate(scene: Scene, bev: bool = True) -> Annotations:
    """Find out where each object is seen and where it would be seen alone.

    The ground hides nothing: an object that sinks in is seen whole.

    Args:
        scene: what to look at.
        bev: whether the camera above looks as well.
    """
    tracer = Tracer(scene.objects, len(scene.camera.positions))
    main = _truth(scene, scene.camera, tracer)
    above = _truth(scene, scene.bev_camera, tracer).amodal if bev else np.zeros((0, *main.visible.shape), bool)
    return Annotations(visible=main.visible, amodal=main.amodal, depth=main.depth, bev_amodal=above)


def _truth(scene: Scene, camera: Camera, tracer: Tracer) -> Truth:
    view, truth = View(scene, camera, tracer), Truth(len(scene.objects), camera)
    for t in range(len(camera.positions)):
        truth.add(t, view.look(t, view.centres))
    return truth
