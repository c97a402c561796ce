"""Small scenes of known shapes."""

import numpy as np
import trimesh

from eoras.synthesis.looks.materials import random_material
from eoras.synthesis.scene import Environment, Mesh, Scene, SceneObject
from eoras.synthesis.video import Camera

FRAMES = 3
EYE = np.array([0.0, -8.0, 2.0])


def flat_mesh(shape: trimesh.Trimesh) -> Mesh:
    vertices = shape.triangles.reshape(-1, 3)
    faces = np.arange(len(vertices)).reshape(-1, 3)
    return Mesh(
        vertices=vertices.astype(np.float32),
        faces=faces.astype(np.int32),
        normals=np.repeat(shape.face_normals, 3, axis=0).astype(np.float32),
    )


def box() -> Mesh:
    return flat_mesh(trimesh.creation.box((1.2, 1.0, 1.4)))


def ball(radius: float = 0.6) -> Mesh:
    sphere = trimesh.creation.icosphere(subdivisions=4, radius=radius)
    vertices, faces = sphere.vertices.astype(np.float32), sphere.faces.astype(np.int32)
    return Mesh(vertices=vertices, faces=faces, normals=vertices / np.float32(radius))


def tube() -> Mesh:
    return flat_mesh(trimesh.creation.cylinder(radius=0.5, height=1.0, sections=24))


def placed(mesh: Mesh, position: tuple[float, float, float], turn: float = 0.0, seed: int = 0) -> SceneObject:
    """An object that stands still, turned about z."""
    quaternion = [np.cos(turn / 2), 0.0, 0.0, np.sin(turn / 2)]
    return SceneObject(
        asset_id="toy",
        mesh=mesh,
        material=random_material(np.random.default_rng(seed), "train", "varied"),
        positions=np.tile(position, (FRAMES, 1)),
        quaternions=np.tile(quaternion, (FRAMES, 1)),
    )


def sliding_camera(height: int = 48, width: int = 64) -> Camera:
    """Looks along +y, a little above the ground, and slides to the right."""
    positions = EYE + np.linspace(-0.4, 0.4, FRAMES)[:, None] * [1, 0, 0]
    tilt = np.pi / 2 - 0.2
    quaternion = [np.cos(tilt / 2), np.sin(tilt / 2), 0.0, 0.0]
    return Camera(height=height, width=width, positions=positions, quaternions=np.tile(quaternion, (FRAMES, 1)))


def camera_above(height: int = 40, width: int = 40) -> Camera:
    """Looks straight down; x is right and y is up in its images."""
    positions, quaternions = np.tile([0.0, 0.0, 12.0], (FRAMES, 1)), np.tile([1.0, 0.0, 0.0, 0.0], (FRAMES, 1))
    return Camera(height=height, width=width, positions=positions, quaternions=quaternions)


def plain_environment() -> Environment:
    return Environment(
        name="plain",
        panorama=np.full((32, 64, 3), 0.5, np.float32),
        sun_direction=np.array([0.36, -0.48, 0.8]),
        sun_radiance=np.full(3, 1.0, np.float32),
    )


def scene_of(*objects: SceneObject, environment: Environment | None = None, seed: int = 0) -> Scene:
    return Scene(
        objects=objects,
        environment=environment or plain_environment(),
        camera=sliding_camera(),
        bev_camera=camera_above(),
        seed=seed,
    )


def three_objects() -> Scene:
    """A box before a ball, both before a tube; the ball is half hidden."""
    return scene_of(
        placed(box(), (-0.6, -1.0, 0.7), turn=0.4, seed=1),
        placed(ball(), (0.2, 0.4, 0.6), seed=2),
        placed(tube(), (1.3, 1.5, 0.5), turn=0.3, seed=3),
    )
