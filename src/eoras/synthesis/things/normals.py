"""Normals of a mesh: smooth where its faces bend a little, sharp where they fold."""

import numpy as np

from eoras.synthesis.scene import Mesh

__all__ = ["shaded"]

_LEAST_COSINE = np.cos(np.radians(50))  # of the normals of two faces at a vertex that blend
_CROWD = 64  # faces at one vertex; more are as good as always the middle of a flat fan, and pairs of them are many


def shaded(points: np.ndarray, faces: np.ndarray, *, uv: np.ndarray | None = None) -> Mesh:
    """A mesh with normals: the mean over the faces round a vertex, by area, which keeps large flat faces flat.

    Args:
        points: float ``(V, 3)``, world units, each once; no two faces that touch may use copies of one point.
        faces: int ``(F, 3)``, counter-clockwise seen from outside, none without an area.
        uv: float ``(F, 3, 2)``, of the corners of each face.
    """
    normals = _corner_normals(points, faces)
    corners = np.concatenate([faces.reshape(-1, 1), np.round(normals * 1000)], axis=1)
    if uv is not None:
        corners = np.concatenate([corners, np.round(uv.reshape(-1, 2) * 1e5)], axis=1)
    _, first, number = np.unique(corners, axis=0, return_index=True, return_inverse=True)
    return Mesh(
        vertices=points[faces.ravel()[first]].astype(np.float32),
        faces=number.reshape(-1, 3).astype(np.int32),
        normals=normals[first].astype(np.float32),
        uv=None if uv is None else uv.reshape(-1, 2)[first].astype(np.float32),
    )


def _corner_normals(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """float64 ``(3 F, 3)``, of length 1."""
    a, b, c = np.moveaxis(points[faces].astype(np.float64), 1, 0)
    areas = np.cross(b - a, c - a)
    unit = areas / np.linalg.norm(areas, axis=1, keepdims=True)
    first, second = _neighbours(faces.ravel())
    near = np.einsum("nc,nc->n", unit[first // 3], unit[second // 3]) > _LEAST_COSINE
    first, second = first[near], second[near] // 3
    sums = np.stack([np.bincount(first, areas[second, axis], faces.size) for axis in range(3)], axis=1)
    sums += 1e-3 * areas[np.arange(faces.size) // 3]  # of a crowded corner nothing else
    return sums / np.linalg.norm(sums, axis=1, keepdims=True)


def _neighbours(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of corners, numbers into ``vertices``, at one vertex, those with themselves included."""
    order = np.argsort(vertices, kind="stable")
    valence = np.bincount(vertices)
    begin = np.cumsum(valence) - valence
    partners = valence[vertices]
    partners[partners > _CROWD] = 0
    first = np.repeat(np.arange(len(vertices)), partners)
    place = np.arange(len(first)) - np.repeat(np.cumsum(partners) - partners, partners)
    return first, order[begin[vertices[first]] + place]
