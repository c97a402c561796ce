"""A scene: what stands where, what it is made of, what lights it, and who looks at it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from eoras.synthesis.video import Camera

__all__ = ["SPLITS", "Environment", "Material", "Mesh", "Scene", "SceneObject", "Split"]

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """Triangles of one object in its own space.

    Attributes:
        vertices: float32 ``(V, 3)``, world units; a vertex on a sharp edge is there once a side of the edge.
        faces: int32 ``(F, 3)``, counter-clockwise seen from outside.
        normals: float32 ``(V, 3)``, of length 1, outward; interpolated over a face when it is shaded.
        uv: float32 ``(V, 2)``, where each vertex lies in the material's texture: u right, v up, 0..1 and repeating.
            None where the material needs none.
    """

    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    uv: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Material:
    """A surface.

    Attributes:
        name: what the metadata say of it; two materials of one name look alike.
        pattern: one of ``textures.PATTERNS``, a solid pattern in the object's own space; or ``image``.
        colours: float32 ``(2, 3)``, linear RGB in 0..1, which the pattern mixes.
        frequency: of the pattern, periods a world unit.
        phase: float32 ``(3,)``, world units; moves the pattern.
        roughness: 0 (mirror) .. 1 (chalk).
        metallic: 0 or 1: whether the reflection has the colour of the surface.
        specular: 0..1, strength of the reflection of what is no metal, as in Blender's shader.
        texture: uint8 ``(h, w, 3)``, sRGB, row 0 at v = 1; only with the pattern ``image``.
    """

    name: str
    pattern: str
    colours: np.ndarray
    frequency: float = 1.0
    phase: np.ndarray = field(default_factory=lambda: np.zeros(3, np.float32))
    roughness: float = 0.7
    metallic: float = 0.0
    specular: float = 0.3
    texture: np.ndarray | None = None

    @property
    def mean_colour(self) -> np.ndarray:
        """Float ``(3,)``, linear RGB in 0..1."""
        if self.texture is not None:
            return ((self.texture / 255.0) ** 2.2).mean(axis=(0, 1))
        return self.colours[0] if self.pattern == "plain" else self.colours.mean(axis=0)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What surrounds the objects and lights them.

    Attributes:
        name: what the metadata say of it; a made-up one's parameters follow from it.
        panorama: float32 ``(h, 2 h, 3)``, linear radiance, equirectangular: row 0 is up (+z), the middle row the
            horizon; column 0 looks along -x, a quarter of the width along +y, half of it along +x, as in Blender.
        sun_direction: float64 ``(3,)``, of length 1, from the ground to the sun; above the horizon.
        sun_radiance: float32 ``(3,)``, linear; irradiance of a surface that faces the sun, over pi.
        sun_radius: radians, half the angle under which the sun is seen; makes shadows soft.
        floor: the ground, the plane z = 0, whose space is the world's. None: the lower half of the panorama is laid
            upon the ground, and shadows darken it.
        eye: height above the origin, world units, from which the panorama shows ground and dome.
        dome: radius about the origin, world units; the ground ends there and the rest of the panorama stands on it.
    """

    name: str
    panorama: np.ndarray
    sun_direction: np.ndarray
    sun_radiance: np.ndarray
    sun_radius: float = 0.02
    floor: Material | None = None
    eye: float = 4.0
    dome: float = 40.0


@dataclass(frozen=True, kw_only=True)
class SceneObject:
    """One object and its way through the clip.

    Attributes:
        asset_id: name of the shape or the file.
        mesh: its surface, at its size in the scene, in its own space.
        material: what it is made of.
        positions: float64 ``(T, 3)``, world units; where the mesh's origin is in each frame.
        quaternions: float64 ``(T, 4)``, rotation world_from_object as (w, x, y, z), of length 1.
        record: what else the metadata say (formats A.3.4): mass, friction, velocities, ...
    """

    asset_id: str
    mesh: Mesh
    material: Material
    positions: np.ndarray
    quaternions: np.ndarray
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that a video shows; what it looks like follows from this alone.

    Attributes:
        objects: at most 255.
        environment: ground, sky and light.
        camera: the main camera; its poses are those of the T frames.
        bev_camera: the camera above.
        seed: of what is drawn while rendering, such as the directions of shadow rays.
        metadata: what else ``metadata.json`` says of the video: seed, preset, parameters, versions.
    """

    objects: tuple[SceneObject, ...]
    environment: Environment
    camera: Camera
    bev_camera: Camera
    seed: int
    metadata: Mapping[str, Any] = field(default_factory=dict)
