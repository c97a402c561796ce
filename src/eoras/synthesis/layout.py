"""Where the objects of a scene lie and how they move."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from eoras.synthesis.physics import Body, Motion, Rest, hull_points, settle, simulate
from eoras.synthesis.scene import Split
from eoras.synthesis.settings import ObjectsConfig, SceneConfig, SpawnConfig
from eoras.synthesis.things.catalogue import Thing, pick
from eoras.synthesis.video import rotation_matrices

__all__ = ["Piece", "lay_out"]

_TRIES = 100  # at a free place, before the region grows upward
_METAL, _RUBBER, _OTHER = (0.4, 0.3, 2.7), (0.8, 0.7, 1.1), (0.5, 0.5, 1.0)  # friction, restitution, density (C.1)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A thing at its size and place.

    Attributes:
        thing: what it is.
        size: its longest side, world units.
        body: what it is to physics, in the first frame.
        thrown: whether it was thrown; if not, it has settled before.
    """

    thing: Thing
    size: float
    body: Body
    thrown: bool


def lay_out(
    config: SceneConfig, seed: int, split: Split, rng: np.random.Generator, looks: np.random.Generator
) -> tuple[list[Piece], Motion, float]:
    """Draw objects, let the static ones settle and throw the others.

    Args:
        config: the kind of scene.
        seed: of the whole set.
        split: where the video belongs.
        rng: says what lies where.
        looks: says what it is made of.

    Returns:
        The objects, how they move, and the greatest speed at which a static one still moved when it was stopped, in
        world units or radians a second.
    """
    objects, spawn = config.objects, config.spawn
    counts = [int(rng.integers(low, high, endpoint=True)) for low, high in (objects.static, objects.thrown)]
    static = [_draw(objects, seed, split, rng, looks, thrown=False) for _ in range(counts[0])]
    static, rest = _settled(_placed(static, spawn.static_low, spawn.static_high, [], rng), spawn)
    thrown = [_draw(objects, seed, split, rng, looks, thrown=True) for _ in range(counts[1])]
    thrown = _placed(thrown, spawn.thrown_low, spawn.thrown_high, [_box(piece.body) for piece in static], rng)
    thrown = [replace(piece, body=_launched(piece.body, spawn, rng)) for piece in thrown]
    pieces = [*static, *thrown]
    if not thrown:
        return pieces, _stillness(rest, config.frames), rest.speed
    return pieces, simulate([piece.body for piece in pieces], config.frames, config.fps), rest.speed


def _draw(
    config: ObjectsConfig,
    seed: int,
    split: Split,
    rng: np.random.Generator,
    looks: np.random.Generator,
    *,
    thrown: bool,
) -> Piece:
    """An object at the origin, turned at random."""
    thing, size = pick(config, seed, split, rng, looks), float(rng.uniform(*config.scale))
    friction, restitution, density = _substance(thing, config)
    turn, still = rng.normal(size=4), np.zeros(3)
    body = Body(
        points=hull_points(thing.mesh.vertices) * size,
        mass=density * size**3,
        friction=friction,
        restitution=restitution,
        position=still,
        quaternion=turn / np.linalg.norm(turn),
        velocity=still,
        angular_velocity=still,
    )
    return Piece(thing=thing, size=size, body=body, thrown=thrown)


def _substance(thing: Thing, config: ObjectsConfig) -> tuple[float, float, float]:
    if config.family == "varied" or config.folder is not None:
        return _OTHER
    return _METAL if thing.material.metallic else _RUBBER


def _placed(
    pieces: Sequence[Piece],
    low: Sequence[float],
    high: Sequence[float],
    taken: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> list[Piece]:
    """The pieces in a region, so that no two boxes overlap, nor one of ``taken``; a full region grows upward."""
    boxes, placed = list(taken), []
    for piece in pieces:
        own = _box(piece.body)
        place = _free_place(own, np.array(low), np.array(high), boxes, rng)
        boxes.append(own + place)
        placed.append(replace(piece, body=replace(piece.body, position=place)))
    return placed


def _free_place(
    own: np.ndarray, low: np.ndarray, high: np.ndarray, taken: Sequence[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Where a box ``own`` about the origin fits; the middle of a side of the region that is too short for it."""
    first, last = low - own[0], high - own[1]
    middle = np.maximum((first + last) / 2, [-np.inf, -np.inf, first[2]])
    tries = 0
    while True:
        place = rng.uniform(np.minimum(first, middle), np.maximum(last, middle))
        if not _touches(own + place, taken):
            return place
        tries += 1
        if tries % _TRIES == 0:
            last[2] = max(last[2], first[2]) + np.ptp(own[:, 2])


def _box(body: Body) -> np.ndarray:
    """float64 ``(2, 3)``: smallest and largest x, y, z."""
    corners = body.points @ rotation_matrices(body.quaternion).T + body.position
    return np.stack([corners.min(axis=0), corners.max(axis=0)])


def _touches(box: np.ndarray, others: Sequence[np.ndarray]) -> bool:
    return any(bool(np.all((box[0] <= other[1]) & (other[0] <= box[1]))) for other in others)


def _settled(pieces: list[Piece], spawn: SpawnConfig) -> tuple[list[Piece], Rest]:
    """The pieces at rest, without those that have left the arena."""
    while True:
        # rough and without bounce meanwhile, as in Kubric
        rest = settle([replace(p.body, friction=1.0, restitution=0.0) for p in pieces], spawn.settle_seconds)
        inside = [bool(np.hypot(*body.position[:2]) <= spawn.arena) for body in rest.bodies]
        if all(inside):
            break
        pieces = [piece for piece, stays in zip(pieces, inside, strict=True) if stays]
    poses = [
        replace(piece.body, position=body.position, quaternion=body.quaternion)
        for piece, body in zip(pieces, rest.bodies, strict=True)
    ]
    return [replace(piece, body=body) for piece, body in zip(pieces, poses, strict=True)], rest


def _launched(body: Body, spawn: SpawnConfig, rng: np.random.Generator) -> Body:
    """Thrown at the middle, as in Kubric."""
    x, y = rng.uniform(-spawn.speed, spawn.speed, 2) - body.position[:2]
    return replace(body, velocity=np.array([x, y, rng.uniform(*spawn.upward)]))


def _stillness(rest: Rest, frames: int) -> Motion:
    shape = (len(rest.bodies), frames, 3)
    positions = np.reshape([body.position for body in rest.bodies], (-1, 1, 3))
    quaternions = np.reshape([body.quaternion for body in rest.bodies], (-1, 1, 4))
    return Motion(
        positions=np.repeat(positions, frames, axis=1),
        quaternions=np.repeat(quaternions, frames, axis=1),
        velocities=np.zeros(shape),
        angular_velocities=np.zeros(shape),
        penetration=rest.penetration,
    )
