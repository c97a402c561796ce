"""Building blocks of shapes: closed surfaces through rings of points."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eoras.synthesis.scene import Mesh
from eoras.synthesis.things.normals import shaded

__all__ = ["Form", "circle", "extruded", "joined", "lathed", "loft", "ring_of", "tube", "unit_mesh"]

_SEGMENTS = 40  # of a circle


@dataclass(frozen=True)
class Form:
    """A closed surface, or several that overlap.

    Attributes:
        points: float64 ``(V, 3)``, each once.
        faces: int ``(F, 3)``, counter-clockwise seen from outside.
    """

    points: np.ndarray
    faces: np.ndarray

    def stretched(self, *factors: float) -> "Form":
        """Scaled along x, y and z."""
        return Form(self.points * factors, self.faces)

    def moved(self, *offset: float) -> "Form":
        """Shifted along x, y and z."""
        return Form(self.points + offset, self.faces)


def unit_mesh(form: Form) -> Mesh:
    """The mesh of a form, its box centred on the origin, the box's longest side 1."""
    low, high = form.points.min(axis=0), form.points.max(axis=0)
    return shaded((form.points - (low + high) / 2) / (high - low).max(), form.faces)


def joined(*forms: Form) -> Form:
    """Several forms as one."""
    starts = np.cumsum([0, *(len(form.points) for form in forms)])
    faces = [form.faces + start for form, start in zip(forms, starts[:-1], strict=True)]
    return Form(np.concatenate([form.points for form in forms]), np.concatenate(faces))


def loft(rings: np.ndarray, ends: Sequence[Sequence[float]] | np.ndarray | None) -> Form:
    """The surface through rings.

    Args:
        rings: float ``(R, P, 3)``; each runs counter-clockwise, seen from where the next ones lie.
        ends: two points that close the surface before the first ring and after the last one. None: the last ring is
            followed by the first.
    """
    count, size = rings.shape[:2]
    numbers = np.arange(count * size).reshape(count, size)
    low = numbers if ends is None else numbers[:-1]
    high = np.roll(numbers, -1, axis=0)[: len(low)]
    low_next, high_next = np.roll(low, -1, axis=1), np.roll(high, -1, axis=1)
    corners = [(low, low_next, high_next), (low, high_next, high)]
    points = rings.reshape(-1, 3)
    if ends is not None:
        points = np.concatenate([points, ends])
        first, last = numbers[0], numbers[-1]
        bottom, top = np.full((2, size), [[count * size], [count * size + 1]])
        corners += [(bottom, np.roll(first, -1), first), (top, last, np.roll(last, -1))]
    faces = np.concatenate([np.stack([part.ravel() for part in parts], axis=1) for parts in corners])
    return Form(points.astype(np.float64), faces)


def circle(segments: int = _SEGMENTS) -> np.ndarray:
    """float64 ``(segments, 2)``: an outline of radius 1."""
    return ring_of(np.ones(segments))


def ring_of(radii: np.ndarray) -> np.ndarray:
    """float64 ``(P, 2)``: the outline with these radii ``(P,)``, at even angles."""
    angles = 2 * np.pi * np.arange(len(radii)) / len(radii)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None]


def lathed(profile: Sequence[Sequence[float]] | np.ndarray, segments: int = _SEGMENTS) -> Form:
    """A solid of revolution about z.

    Args:
        profile: float ``(P, 2)`` of radius and z, from below the solid round its outside to its top; the first and the
            last point lie on the axis.
        segments: corners of each ring.
    """
    profile = np.asarray(profile, np.float64)
    ends = [(0.0, 0.0, z) for z in profile[[0, -1], 1]]
    return extruded(circle(segments), profile[1:-1], ends)


def extruded(
    outline: np.ndarray,
    profile: Sequence[Sequence[float]] | np.ndarray,
    ends: Sequence[Sequence[float]] | None = None,
) -> Form:
    """An outline that moves up and shrinks or grows meanwhile.

    Args:
        outline: float ``(P, 2)``, counter-clockwise about the origin, from where all of it is seen.
        profile: float ``(R, 2)`` of scale and z.
        ends: see ``loft``; the middles of the first and the last ring, if not given.
    """
    profile = np.asarray(profile, np.float64)
    rings = np.empty((len(profile), len(outline), 3))
    rings[..., :2] = outline * profile[:, :1, None]
    rings[..., 2] = profile[:, 1:]
    return loft(rings, ends if ends is not None else [(0.0, 0.0, z) for z in profile[[0, -1], 1]])


def tube(path: np.ndarray, radius: float | np.ndarray, *, closed: bool = False, segments: int = 16) -> Form:
    """A round tube along a path.

    Args:
        path: float ``(N, 3)``, its middle line.
        radius: of the tube, one or ``(N,)``.
        closed: whether the last point is followed by the first.
        segments: corners of each ring.
    """
    tangents = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0) if closed else np.gradient(path, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    side = _carried_along(tangents, closed)
    up = np.cross(tangents, side)
    ring = circle(segments)
    spokes = ring[:, 0, None] * side[:, None] + ring[:, 1, None] * up[:, None]
    rings = path[:, None] + np.broadcast_to(radius, len(path))[:, None, None] * spokes
    return loft(rings, None if closed else path[[0, -1]])


def _carried_along(tangents: np.ndarray, closed: bool) -> np.ndarray:
    """float64 ``(N, 3)``: a direction across each tangent that turns about it as little as can be."""
    side = np.empty_like(tangents)
    carried = np.cross(tangents[0], np.eye(3)[np.abs(tangents[0]).argmin()])
    for n, tangent in enumerate((*tangents, tangents[0])):
        carried = carried - tangent * (carried @ tangent)
        carried = carried / np.linalg.norm(carried)
        if n < len(side):
            side[n] = carried
    if closed:  # carried once round, it has turned by an angle, which all of the way shares
        turned = np.arctan2(np.cross(side[0], carried) @ tangents[0], side[0] @ carried)
        angles = -turned * np.arange(len(side)) / len(side)
        side = side * np.cos(angles)[:, None] + np.cross(tangents, side) * np.sin(angles)[:, None]
    return side
