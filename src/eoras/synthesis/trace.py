"""Rays cast at the objects of a scene with Embree: one search tree an object, in the object's own space."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eoras.errors import PackageError
from eoras.synthesis.scene import Mesh, SceneObject
from eoras.synthesis.video import rotation_matrices

__all__ = ["Hits", "Tracer"]

_MISSED = 1e30  # Embree leaves 1e37 as the distance of what is not hit


@dataclass(frozen=True)
class Hits:
    """Where the rays that meet one object first meet it.

    Attributes:
        index: int64 ``(m,)``, which of the rays they are, ascending.
        distance: float32 ``(m,)``, in lengths of the ray's direction.
        triangle: int32 ``(m,)``, number of the face.
        weights: float32 ``(m, 2)``, barycentric coordinates: the shares of the face's second and third corner.
    """

    index: np.ndarray
    distance: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray


class Tracer:
    """The objects of a scene, ready for rays.

    Args:
        objects: what to cast rays at, with their poses in each frame; there may be none.
        frames: T.
    """

    def __init__(self, objects: Sequence[SceneObject], frames: int) -> None:
        self._trees = [_search_tree(item.mesh) for item in objects]
        poses = (len(objects), frames)
        self.positions = np.array([item.positions for item in objects], np.float64).reshape(*poses, 3)
        self.rotations = rotation_matrices(np.reshape([item.quaternions for item in objects], (*poses, 4)))

    def __len__(self) -> int:
        """Number of objects."""
        return len(self._trees)

    def in_world(self, k: int, points: np.ndarray) -> np.ndarray:
        """Points ``(P, 3)`` of object ``k`` as float64 ``(T, P, 3)`` of the world."""
        return points @ self.rotations[k].swapaxes(-1, -2) + self.positions[k][:, None]

    def first(self, k: int, t: int, origin: np.ndarray, directions: np.ndarray, index: np.ndarray) -> Hits:
        """Cast some of the rays that start at one point at object ``k`` as it is in frame ``t``.

        Args:
            k: number of the object.
            t: frame index.
            origin: float64 ``(3,)``, world units.
            directions: float32 ``(n, 3)``, world axes, of any length.
            index: int64 ``(i,)``, the rays to cast, ascending.
        """
        if not len(index):
            return Hits(index, np.empty(0, np.float32), np.empty(0, np.int32), np.empty((0, 2), np.float32))
        start, turned = self._to_object(k, t, origin[None], directions[index])
        found = self._trees[k].run(np.broadcast_to(start, turned.shape), turned, output=1)
        hit = found["tfar"] < _MISSED
        weights = np.stack([found["u"][hit], found["v"][hit]], axis=1)
        return Hits(index[hit], found["tfar"][hit], found["primID"][hit], weights)

    def blocked(self, k: int, t: int, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Whether object ``k`` in frame ``t`` lies anywhere on rays.

        Args:
            k: number of the object.
            t: frame index.
            origins: float32 ``(n, 3)``, world units.
            directions: float32 ``(n, 3)``, world axes.

        Returns:
            bool ``(n,)``.
        """
        if not len(origins):
            return np.empty(0, bool)
        starts, turned = self._to_object(k, t, origins, directions)
        return self._trees[k].run(starts, turned, query="OCCLUDED") >= 0

    def blocked_in_object(self, k: int, points: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """As ``blocked``, of float32 points ``(n, 3)`` and one direction ``(3,)`` in the object's own space."""
        return self._trees[k].run(points, direction[None], query="OCCLUDED") >= 0

    def _to_object(self, k: int, t: int, origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rays of the world in the space of object ``k``, as Embree wants them."""
        turn = self.rotations[k, t]  # rows times world_from_object are columns times object_from_world
        starts = (origins - self.positions[k, t]) @ turn
        return starts.astype(np.float32), directions @ turn.astype(np.float32)


def _search_tree(mesh: Mesh) -> Any:
    """Embree's scene of one mesh."""
    try:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene
    except ModuleNotFoundError as error:
        raise PackageError.of("embreex", "synthesis") from error
    tree = EmbreeScene()
    TriangleMesh(tree, np.ascontiguousarray(mesh.vertices, np.float32), np.ascontiguousarray(mesh.faces, np.int32))
    return tree
