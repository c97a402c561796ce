"""What a camera sees: the objects, the ground, and a dome round it all."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eoras.synthesis.scene import Mesh, Scene
from eoras.synthesis.trace import Hits, Tracer
from eoras.synthesis.video import Camera, rotation_matrices

__all__ = ["Sight", "View", "box_corners", "dome_radius"]

_NEAR = 1e-3  # world units before the camera, from where projections are safe


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What n rays of one frame meet.

    Attributes:
        directions: float32 ``(n, 3)``, of the rays, world axes; as long as the step that goes 1 deep into the image.
        label: uint8 ``(n,)``, 0 for the background, k + 1 for object k.
        depth: float32 ``(n,)``, in lengths of the directions, so measured along the camera's axis, world units.
        triangle: int32 ``(n,)``, number of the object's face.
        weights: float32 ``(n, 2)``, barycentric coordinates: the shares of the face's second and third corner.
        hits: what each object alone would show.
    """

    directions: np.ndarray
    label: np.ndarray
    depth: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray
    hits: list[Hits]


class View:
    """A camera before the objects of a scene.

    Args:
        scene: what it looks at.
        camera: who looks.
        tracer: the scene's objects.

    Attributes:
        centres: float32 ``(H * W, 2)``, column and row of the pixels' centres; pixel i spans i to i + 1.
    """

    def __init__(self, scene: Scene, camera: Camera, tracer: Tracer) -> None:
        self.camera = camera
        self._tracer = tracer
        self._rotations = rotation_matrices(camera.quaternions)
        self._boxes = _projected_boxes([item.mesh for item in scene.objects], tracer, camera)
        self._dome = dome_radius(scene)
        rows, columns = np.mgrid[: camera.height, : camera.width]
        self.centres = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float32) + np.float32(0.5)

    def look(self, t: int, pixels: np.ndarray) -> Sight:
        """Cast rays of frame ``t``.

        Args:
            t: frame index.
            pixels: float32 ``(n, 2)``, column and row where each ray passes the image.
        """
        origin, directions = self.camera.positions[t], self._directions(t, pixels)
        label = np.zeros(len(pixels), np.uint8)
        depth = self._backdrop(origin, directions)
        triangle = np.zeros(len(pixels), np.int32)
        weights = np.zeros((len(pixels), 2), np.float32)
        nearest = np.full(len(pixels), np.inf, np.float32)  # the ground hides nothing: an object may sink in a little
        hits = []
        columns, rows = np.ascontiguousarray(pixels.T)
        for k, ((left, top), (right, bottom)) in enumerate(self._boxes[:, t]):
            inside = (columns >= left) & (columns <= right) & (rows >= top) & (rows <= bottom)
            hit = self._tracer.first(k, t, origin, directions, np.flatnonzero(inside))
            nearer = hit.distance < nearest[hit.index]
            index = hit.index[nearer]
            label[index] = k + 1
            nearest[index] = depth[index] = hit.distance[nearer]
            triangle[index], weights[index] = hit.triangle[nearer], hit.weights[nearer]
            hits.append(hit)
        return Sight(directions=directions, label=label, depth=depth, triangle=triangle, weights=weights, hits=hits)

    def _directions(self, t: int, pixels: np.ndarray) -> np.ndarray:
        camera = self.camera
        fx, fy = np.abs(camera.intrinsics[[0, 1], [0, 1]])
        x = (pixels[:, 0] / camera.width - 0.5) / fx
        y = (0.5 - pixels[:, 1] / camera.height) / fy
        right, up, back = self._rotations[t].T.astype(np.float32)
        return x[:, None].astype(np.float32) * right + y[:, None].astype(np.float32) * up - back

    def _backdrop(self, origin: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """float32 ``(n,)``: how far the ground is, or the dome where that is nearer."""
        squared = np.einsum("nc,nc->n", directions, directions)
        along = directions @ origin.astype(np.float32) / squared
        dome = -along + np.sqrt(along**2 + np.float32(self._dome**2 - origin @ origin) / squared)
        down = np.minimum(directions[:, 2], -1e-9)
        return np.where(directions[:, 2] < 0, np.minimum(-np.float32(origin[2]) / down, dome), dome)


def dome_radius(scene: Scene) -> float:
    """Radius of the environment's dome, or 1.5 times as far as the cameras, which have to stand inside; world units."""
    places = np.concatenate([scene.camera.positions, scene.bev_camera.positions])
    return max(scene.environment.dome, 1.5 * float(np.linalg.norm(places, axis=-1).max()))


def box_corners(mesh: Mesh) -> np.ndarray:
    """float64 ``(8, 3)``: corners of a mesh's box in its own space, in the order of formats A.3.1."""
    ends = np.stack([mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)]).astype(np.float64)
    return np.stack([ends[np.array(choice), range(3)] for choice in np.ndindex(2, 2, 2)])


def _projected_boxes(meshes: Sequence[Mesh], tracer: Tracer, camera: Camera) -> np.ndarray:
    """float64 ``(N, T, 2, 2)``: first and last (column, row) of the pixels that may show an object."""
    size = np.array([camera.width, camera.height])
    boxes = np.empty((len(meshes), len(camera.positions), 2, 2))
    for k, mesh in enumerate(meshes):
        corners = tracer.in_world(k, box_corners(mesh))
        before = ((corners - camera.positions[:, None]) @ rotation_matrices(camera.quaternions))[..., 2] < -_NEAR
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = camera.project(corners) * size
        boxes[k] = np.stack([pixels.min(axis=1) - 0.01, pixels.max(axis=1) + 0.01], axis=1)
        boxes[k, ~before.all(axis=1)] = [[0, 0], size]
        boxes[k, ~before.any(axis=1)] = [[1, 1], [0, 0]]
    return boxes
