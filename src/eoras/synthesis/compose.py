"""Drawing a scene: what lies where, how it moves, who looks at it. All follows from a seed, a split and an index."""

from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from eoras.config_files import describe
from eoras.errors import DataError
from eoras.synthesis.cameras import camera_above, main_camera
from eoras.synthesis.layout import Piece, lay_out
from eoras.synthesis.looks.environment import load_environment, random_environment
from eoras.synthesis.own_files import PANORAMAS, digests_of, find_panoramas
from eoras.synthesis.physics import Motion
from eoras.synthesis.scene import SPLITS, Environment, Mesh, Scene, SceneObject, Split
from eoras.synthesis.settings import SceneConfig
from eoras.synthesis.things.catalogue import part_of_split

__all__ = ["compose"]


def compose(config: SceneConfig, seed: int, index: int, split: Split) -> Scene:
    """Draw a scene. The same arguments give the same scene, whatever was drawn before.

    Args:
        config: the kind of scene.
        seed: of the whole set, at least 0.
        index: number of the video in its split, from 0.
        split: where the video belongs.

    Raises:
        DataError: a model or a panorama cannot be used, or their folder holds too few.
    """
    rng = np.random.default_rng([seed, SPLITS.index(split), index])
    (looks,) = rng.spawn(1)  # of its own, so that colours may change and everything stay in its place
    camera = main_camera(config, rng)
    pieces, motion, speed = lay_out(config, seed, split, rng, looks)
    environment = _environment(config.backgrounds, seed, split, looks)
    return Scene(
        objects=tuple(_object(piece, motion, k) for k, piece in enumerate(pieces)),
        environment=environment,
        camera=camera,
        bev_camera=camera_above(config),
        seed=int(looks.integers(2**31)),
        metadata={
            "generator": "scene",
            "preset": config.name,
            "seed": seed,
            "index": index,
            "split": split,
            "background": environment.name,
            "parameters": describe(config),
            **digests_of(config),
            "penetration": motion.penetration,
            "settled_speed": speed,
            "versions": _versions(),
        },
    )


def _environment(folder: Path | None, seed: int, split: Split, rng: np.random.Generator) -> Environment:
    if folder is None:
        return random_environment(rng, split)
    names = find_panoramas(folder)
    if len(names) < 2:
        raise DataError(
            f"{folder}: expected two panoramas or more ({', '.join(PANORAMAS)}), one of them held out for the test "
            f"split, found {len(names)}"
        )
    return load_environment(folder / str(rng.choice(part_of_split(names, seed, split, -(-len(names) // 10)))))


def _object(piece: Piece, motion: Motion, k: int) -> SceneObject:
    unit, body = piece.thing.mesh, piece.body
    return SceneObject(
        asset_id=piece.thing.asset_id,
        mesh=Mesh(vertices=unit.vertices * np.float32(piece.size), faces=unit.faces, normals=unit.normals, uv=unit.uv),
        material=piece.thing.material,
        positions=motion.positions[k],
        quaternions=motion.quaternions[k],
        record={
            **piece.thing.record,
            "size": piece.size,
            "scale": piece.size,
            "material": piece.thing.material.name,
            "is_dynamic": piece.thrown,
            "mass": body.mass,
            "friction": body.friction,
            "restitution": body.restitution,
            "velocities": motion.velocities[k],
            "angular_velocities": motion.angular_velocities[k],
        },
    )


@cache
def _versions() -> dict[str, Any]:
    import mujoco

    # MuJoCo comes from mujoco-core or, with a viewer, from mujoco: the same code, and of the same version
    return {"mujoco-core": mujoco.__version__} | {name: version(name) for name in ("embreex", "numba")}
