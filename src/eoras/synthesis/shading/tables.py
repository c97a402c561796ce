"""The objects of a scene as flat tables, which the kernels read."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from eoras.synthesis.scene import Material, Scene, SceneObject
from eoras.synthesis.shading.occlusion import bake_occlusion, field_box
from eoras.synthesis.shading.textures import PATTERNS
from eoras.synthesis.trace import Tracer

__all__ = ["IMAGE", "Geometry", "Poses", "Surfaces", "geometry_of", "poses_of", "surfaces_of"]

IMAGE = -1  # the pattern number of what has a picture on it
_LEVELS = 8  # of a picture, each half as large as the one before


class Geometry(NamedTuple):
    """Shapes of N objects, each in its own space; world units.

    Attributes:
        vertices: float32 ``(V, 3)``, of all objects.
        normals: float32 ``(V, 3)``.
        uv: float32 ``(V, 2)``.
        faces: int32 ``(F, 3)``, counting all vertices.
        first_face: int64 ``(N,)``, where the faces of each object begin.
        centres: float32 ``(N, 3)``, of the objects' boxes.
        radii: float32 ``(N,)``, of balls about the centres that enclose the objects.
        halves: float32 ``(N, 3)``, half sizes of the boxes about the centres that the fields of occlusion fill.
        reaches: float32 ``(N,)``, of balls about the centres that enclose these boxes.
        blocked: float32 ``(N * G * G * G,)``, see ``bake_occlusion``.
        leanings: float32 ``(N * G * G * G, 3)``.
    """

    vertices: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    first_face: np.ndarray
    centres: np.ndarray
    radii: np.ndarray
    halves: np.ndarray
    reaches: np.ndarray
    blocked: np.ndarray
    leanings: np.ndarray


class Surfaces(NamedTuple):
    """Materials of N objects, and last that of the ground; see ``Material``.

    Attributes:
        pattern: int64 ``(N + 1,)``, place in ``PATTERNS``, or ``IMAGE``.
        colours: float32 ``(2 * (N + 1), 3)``, two a material.
        frequency: float32 ``(N + 1,)``.
        phase: float32 ``(N + 1, 3)``.
        finish: float32 ``(N + 1, 3)``: roughness, metallic, specular.
        tint: float32 ``(N + 1, 3)``, mean colour.
        texels: uint8 ``(X, 3)``, sRGB, of all pictures in all sizes.
        pictures: int64 ``(N + 1, L, 3)``: first texel, rows and columns of each size of each picture.
        has_floor: whether the ground has a material.
    """

    pattern: np.ndarray
    colours: np.ndarray
    frequency: np.ndarray
    phase: np.ndarray
    finish: np.ndarray
    tint: np.ndarray
    texels: np.ndarray
    pictures: np.ndarray
    has_floor: bool


class Poses(NamedTuple):
    """Where the objects are in one frame.

    Attributes:
        rotations: float32 ``(N, 3, 3)``, world_from_object.
        positions: float32 ``(N, 3)``, of the objects' origins, world units.
        middles: float32 ``(N, 3)``, of the centres of their boxes, world units.
    """

    rotations: np.ndarray
    positions: np.ndarray
    middles: np.ndarray


def geometry_of(objects: tuple[SceneObject, ...], tracer: Tracer) -> Geometry:
    """Lay the shapes of a scene out in tables, and bake their fields of occlusion."""
    meshes = [item.mesh for item in objects]
    first_vertex = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    first_face = np.cumsum([0, *(len(mesh.faces) for mesh in meshes)])
    boxes = [field_box(mesh) for mesh in meshes]
    radii = [
        np.linalg.norm(mesh.vertices - centre, axis=1).max() for mesh, (centre, _) in zip(meshes, boxes, strict=True)
    ]
    fields = _rows([bake_occlusion(tracer, k, mesh) for k, mesh in enumerate(meshes)], 4)
    halves = _rows([half[None] for _, half in boxes], 3)
    return Geometry(
        vertices=_rows([mesh.vertices for mesh in meshes], 3),
        normals=_rows([mesh.normals for mesh in meshes], 3),
        uv=_rows([np.zeros((len(mesh.vertices), 2)) if mesh.uv is None else mesh.uv for mesh in meshes], 2),
        faces=_rows([mesh.faces + first for mesh, first in zip(meshes, first_vertex, strict=False)], 3, np.int32),
        first_face=first_face[:-1].astype(np.int64),
        centres=_rows([centre[None] for centre, _ in boxes], 3),
        radii=np.array(radii, np.float32),
        halves=halves,
        reaches=np.linalg.norm(halves, axis=1),
        blocked=fields[:, 0].copy(),
        leanings=fields[:, 1:].copy(),
    )


def surfaces_of(scene: Scene) -> Surfaces:
    """Lay the materials of a scene out in tables."""
    floor = scene.environment.floor
    plain = Material(name="none", pattern="plain", colours=np.zeros((2, 3), np.float32))
    materials = [*(item.material for item in scene.objects), floor or plain]
    texels, pictures = _pictures(materials)
    return Surfaces(
        pattern=np.array([IMAGE if m.pattern == "image" else PATTERNS.index(m.pattern) for m in materials]),
        colours=_rows([m.colours for m in materials], 3),
        frequency=np.array([m.frequency for m in materials], np.float32),
        phase=np.array([m.phase for m in materials], np.float32),
        finish=np.array([(m.roughness, m.metallic, m.specular) for m in materials], np.float32),
        tint=np.array([m.mean_colour for m in materials], np.float32),
        texels=texels,
        pictures=pictures,
        has_floor=floor is not None,
    )


def poses_of(geometry: Geometry, tracer: Tracer, t: int) -> Poses:
    """Where the objects are in frame ``t``."""
    rotations, positions = tracer.rotations[:, t].astype(np.float32), tracer.positions[:, t].astype(np.float32)
    return Poses(rotations, positions, positions + np.einsum("nij,nj->ni", rotations, geometry.centres))


def _rows(parts: list[np.ndarray], width: int, dtype: type = np.float32) -> np.ndarray:
    """One table of many; a table of no rows where there are none."""
    return np.concatenate([np.zeros((0, width), dtype), *parts]).astype(dtype)


def _pictures(materials: list[Material]) -> tuple[np.ndarray, np.ndarray]:
    """``Surfaces.texels`` and ``Surfaces.pictures``."""
    texels, first = [np.zeros((1, 3), np.uint8)], 1
    pictures = np.zeros((len(materials), _LEVELS, 3), np.int64)
    for k, material in enumerate(materials):
        if material.texture is None:
            continue
        image = Image.fromarray(material.texture)
        for level in range(_LEVELS):
            pictures[k, level] = first, image.height, image.width
            texels.append(np.asarray(image).reshape(-1, 3))
            first += len(texels[-1])
            image = image.resize((max(image.width // 2, 1), max(image.height // 2, 1)), Image.Resampling.BOX)
    return np.concatenate(texels), pictures
