"""Rendering a scene: the colours that both cameras see, with the whole truth."""

from typing import TYPE_CHECKING, Any

import numpy as np

from eoras.synthesis.annotate import Annotations, Truth, annotate
from eoras.synthesis.scene import Scene, SceneObject
from eoras.synthesis.trace import Tracer
from eoras.synthesis.video import AnnotatedVideo, Camera
from eoras.synthesis.view import View, box_corners

if TYPE_CHECKING:
    from eoras.synthesis.shading.paint import Painter

__all__ = ["Annotations", "annotate", "render"]


def render(scene: Scene) -> AnnotatedVideo:
    """Render a scene from both cameras.

    Labels, masks and depth are those of the pixels' centres; colours blend several samples where it matters. The same
    scene gives the same bytes.

    Args:
        scene: what to render.

    Returns:
        the video of the objects that are seen, the most visible first.

    Raises:
        PackageError: the packages of the extra ``synthesis`` are missing.
    """
    from eoras.synthesis.shading.paint import Painter  # which needs numba

    tracer = Tracer(scene.objects, len(scene.camera.positions))
    painter = Painter(scene, tracer)
    frames, truth = _shoot(scene, scene.camera, tracer, painter)
    bev_frames, bev_truth = _shoot(scene, scene.bev_camera, tracer, painter)
    return AnnotatedVideo(
        frames=frames,
        visible=truth.visible,
        amodal=truth.amodal,
        depth=truth.depth,
        camera=scene.camera,
        bev_frames=bev_frames,
        bev_amodal=bev_truth.amodal,
        bev_camera=scene.bev_camera,
        boxes_3d=np.array([tracer.in_world(k, box_corners(item.mesh)) for k, item in enumerate(scene.objects)]).reshape(
            -1, len(frames), 8, 3
        ),
        instances=tuple(_describe(item, scene.camera) for item in scene.objects),
        metadata={"background": scene.environment.name, **scene.metadata},
    ).ordered()


def _shoot(scene: Scene, camera: Camera, tracer: Tracer, painter: "Painter") -> tuple[np.ndarray, Truth]:
    """Frames uint8 ``(T, H, W, 3)`` of a camera, and their truth."""
    view, truth = View(scene, camera, tracer), Truth(len(tracer), camera)
    frames = np.empty((*truth.visible.shape, 3), np.uint8)
    for t in range(len(frames)):
        sight = view.look(t, view.centres)
        truth.add(t, sight)
        frames[t] = painter.paint(view, t, sight)
    return frames, truth


def _describe(item: SceneObject, camera: Camera) -> dict[str, Any]:
    """What the metadata say of an object (formats A.3.4)."""
    return {
        "asset_id": item.asset_id,
        "shape": item.asset_id,
        "material": item.material.name,
        "color": item.material.mean_colour ** (1 / 2.2),
        "positions": item.positions,
        "quaternions": item.quaternions,
        "image_positions": camera.project(item.positions),
        **item.record,
    }
