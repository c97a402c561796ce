"""Rigid bodies that fall, collide and come to rest, by MuJoCo. Bodies collide as their convex hulls."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.spatial import ConvexHull

from eoras.errors import PackageError
from eoras.synthesis.video import rotation_matrices

__all__ = ["Body", "Motion", "Rest", "hull_points", "settle", "simulate"]

_SETTLE_RATE = 240  # steps a second, Kubric's
_MOTION_RATE = 480  # twice that: bodies that collide sink in half as deep
_GRAVITY = 10.0  # world units a second squared
_STIFFNESS = 180.0  # of contacts: radians a second
_AT_REST = 0.02  # world units or radians a second; slower than a pixel a clip
_BRAKES = (0.2, 2.0)  # share of the speed, of the spin, that a second takes while bodies settle
_SPIN_FRICTION = 0.02  # world units, about the normal of a contact
_ROLL_FRICTION = {"settle": 0.05, "simulate": 0.003}  # world units
_SOFTEST, _HARDEST = 0.02, 0.98  # restitutions; contacts behave badly at the ends


@dataclass(frozen=True, kw_only=True)
class Body:
    """A rigid body at one moment.

    Attributes:
        points: float64 ``(P, 3)``, corners of its convex hull in its own space, world units.
        mass: any unit.
        friction: coefficient against another of the same; of two bodies the larger counts.
        restitution: share of the speed that a collision gives back, 0..1; of two bodies the mean counts.
        position: float64 ``(3,)``, world units, of the origin of its space.
        quaternion: float64 ``(4,)``, rotation world_from_body as (w, x, y, z).
        velocity: float64 ``(3,)``, of that origin, world units a second.
        angular_velocity: float64 ``(3,)``, radians a second, world axes.
    """

    points: np.ndarray
    mass: float
    friction: float
    restitution: float
    position: np.ndarray
    quaternion: np.ndarray
    velocity: np.ndarray
    angular_velocity: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Motion:
    """How N bodies move through T frames.

    Attributes:
        positions: float64 ``(N, T, 3)``, world units.
        quaternions: float64 ``(N, T, 4)``, rotation world_from_body as (w, x, y, z), of length 1.
        velocities: float64 ``(N, T, 3)``, world units a second.
        angular_velocities: float64 ``(N, T, 3)``, radians a second, world axes.
        penetration: world units, the deepest that two hulls, or a hull and the ground, overlap in any of the frames.
    """

    positions: np.ndarray
    quaternions: np.ndarray
    velocities: np.ndarray
    angular_velocities: np.ndarray
    penetration: float


@dataclass(frozen=True, kw_only=True)
class Rest:
    """Bodies that have come to rest.

    Attributes:
        bodies: as they lie, without any speed.
        speed: the greatest at which one of them still moved, world units or radians a second.
        penetration: world units, the deepest that two hulls, or a hull and the ground, overlap.
    """

    bodies: tuple[Body, ...]
    speed: float
    penetration: float


def hull_points(points: np.ndarray) -> np.ndarray:
    """The points ``(P, 3)`` that are corners of the convex hull, float64.

    Raises:
        ValueError: the points lie in a plane, or almost.
    """
    points = points.astype(np.float64)
    try:
        return points[ConvexHull(points).vertices]
    except RuntimeError as error:  # scipy's QhullError
        raise ValueError(f"no convex hull with a volume: {str(error).splitlines()[0]}") from error


def settle(bodies: Sequence[Body], seconds: float) -> Rest:
    """Let bodies fall on the ground, and on one another, until they rest.

    What would roll on for ever is braked, but gently: a heap that moves in honey takes much longer to fall down.

    Args:
        bodies: where they are let go.
        seconds: the longest that they may take.
    """
    world = _World(bodies, _SETTLE_RATE, _ROLL_FRICTION["settle"], floor=(1.0, 0.0))
    world.brake(*_BRAKES)
    speed = 0.0
    for _ in range(int(seconds * 10)):
        speed = world.step(_SETTLE_RATE // 10)
        if speed < _AT_REST:
            break
    positions, quaternions, *_ = world.state()
    still = np.zeros(3)
    poses = zip(bodies, positions, quaternions, strict=True)
    at_rest = (replace(b, position=p, quaternion=q, velocity=still, angular_velocity=still) for b, p, q in poses)
    return Rest(bodies=tuple(at_rest), speed=speed, penetration=world.penetration())


def simulate(bodies: Sequence[Body], frames: int, fps: int) -> Motion:
    """Let bodies move.

    Args:
        bodies: as they are in the first frame.
        frames: T.
        fps: frames a second.
    """
    world = _World(bodies, _MOTION_RATE, _ROLL_FRICTION["simulate"], floor=(0.3, 0.5))
    states, deepest = [world.state()], world.penetration()
    for t in range(1, frames):
        world.step(_MOTION_RATE * t // fps - _MOTION_RATE * (t - 1) // fps)
        states.append(world.state())
        deepest = max(deepest, world.penetration())
    positions, quaternions, velocities, spins = (np.stack(part, axis=1) for part in zip(*states, strict=True))
    return Motion(
        positions=positions,
        quaternions=quaternions,
        velocities=velocities,
        angular_velocities=spins,
        penetration=deepest,
    )


class _World:
    """MuJoCo's model of a ground and bodies, and their state."""

    def __init__(self, bodies: Sequence[Body], rate: int, roll_friction: float, floor: tuple[float, float]) -> None:
        self._mujoco = mujoco = _import_mujoco()
        spec = mujoco.MjSpec()
        spec.option.timestep = 1 / rate
        spec.option.gravity = [0, 0, -_GRAVITY]
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
        plane = {"type": mujoco.mjtGeom.mjGEOM_PLANE, "size": [100, 100, 1]}
        spec.worldbody.add_geom(**plane, **_surface(*floor, roll_friction))
        for k, body in enumerate(bodies):
            spec.add_mesh(name=str(k), uservert=body.points.ravel())
            item = spec.worldbody.add_body(pos=body.position, quat=body.quaternion)
            item.add_freejoint()
            shape = {"type": mujoco.mjtGeom.mjGEOM_MESH, "meshname": str(k), "mass": body.mass}
            item.add_geom(**shape, **_surface(body.friction, body.restitution, roll_friction))
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        turns = rotation_matrices(np.reshape([body.quaternion for body in bodies], (-1, 4)))
        for speeds, body, turn in zip(self._data.qvel.reshape(-1, 6), bodies, turns, strict=True):
            speeds[:3], speeds[3:] = body.velocity, body.angular_velocity @ turn
        mujoco.mj_forward(self._model, self._data)

    def brake(self, speed: float, spin: float) -> None:
        """Take shares of all speed and spin each second from now on."""
        model = self._model
        linear, angular = model.body_mass[1:, None], model.body_inertia[1:].max(axis=1, keepdims=True)
        damping = np.concatenate([np.repeat(speed * linear, 3, 1), np.repeat(spin * angular, 3, 1)], axis=1)
        model.dof_damping[:] = damping.ravel()

    def step(self, steps: int) -> float:
        """Go on for some steps; the greatest speed or spin of a body then."""
        self._mujoco.mj_step(self._model, self._data, steps)
        return float(np.abs(self._data.qvel).max(initial=0))

    def state(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Positions, quaternions, velocities and angular velocities ``(N, ...)``, the last two along world axes."""
        poses, speeds = self._data.qpos.reshape(-1, 7).copy(), self._data.qvel.reshape(-1, 6).copy()
        quaternions = poses[:, 3:] / np.linalg.norm(poses[:, 3:], axis=1, keepdims=True)
        spins = np.einsum("nij,nj->ni", rotation_matrices(quaternions), speeds[:, 3:])
        return poses[:, :3], quaternions, speeds[:, :3], spins

    def penetration(self) -> float:
        """How deep two hulls, or a hull and the ground, overlap now."""
        self._mujoco.mj_forward(self._model, self._data)
        return float(np.max(-self._data.contact.dist, initial=0.0))


def _surface(friction: float, restitution: float, roll_friction: float) -> dict[str, Any]:
    """A geom's properties: a contact is a damped spring, whose damping follows from the restitution."""
    decay = -np.log(np.clip(restitution, _SOFTEST, _HARDEST))
    damping = float(decay / np.hypot(np.pi, decay))
    return {
        "condim": 6,
        "friction": [friction, _SPIN_FRICTION, roll_friction],
        "solref": [1 / (_STIFFNESS * damping), damping],
    }


def _import_mujoco() -> Any:
    try:
        import mujoco
    except ModuleNotFoundError as error:
        raise PackageError.of(error.name, "synthesis") from error
    return mujoco
