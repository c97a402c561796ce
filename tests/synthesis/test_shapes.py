import numpy as np
import pytest
import trimesh

from eoras.synthesis.scene import Mesh
from eoras.synthesis.things.normals import shaded
from eoras.synthesis.things.shapes import REGULAR_SHAPES, regular_shape
from eoras.synthesis.things.varied import FAMILIES, varied_object

MESHES = [pytest.param(regular_shape(name), id=name) for name in REGULAR_SHAPES] + [
    pytest.param(varied_object(family, seed), id=f"{family}_{seed}") for family in FAMILIES for seed in range(4)
]


def pieces(mesh: Mesh) -> list[trimesh.Trimesh]:
    """The closed surfaces of a mesh, its sharp edges sewn together."""
    points, number = np.unique(mesh.vertices.round(5), axis=0, return_inverse=True)
    return list(trimesh.Trimesh(points, number[mesh.faces], process=False).split(only_watertight=False))


def face_normals(mesh: Mesh) -> np.ndarray:
    a, b, c = np.moveaxis(mesh.vertices[mesh.faces].astype(np.float64), 1, 0)
    areas = np.cross(b - a, c - a)
    return areas / np.linalg.norm(areas, axis=1, keepdims=True)


def test_there_are_eleven_regular_shapes() -> None:
    assert len(REGULAR_SHAPES) == 11
    assert {"cube", "cylinder", "sphere", "cone", "torus", "gear", "torus_knot", "sponge"} < set(REGULAR_SHAPES)


@pytest.mark.parametrize("mesh", MESHES)
def test_every_surface_is_closed_and_looks_outward(mesh: Mesh) -> None:
    for piece in pieces(mesh):
        assert piece.is_watertight
        assert piece.is_winding_consistent
        assert piece.volume > 0


@pytest.mark.parametrize("mesh", MESHES)
def test_normals_have_length_1_and_agree_with_their_faces(mesh: Mesh) -> None:
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)
    cosines = np.einsum("fc,fkc->fk", face_normals(mesh), mesh.normals[mesh.faces])
    assert cosines.min() > 0.6


@pytest.mark.parametrize("mesh", MESHES)
def test_the_longest_side_is_1_and_the_box_lies_about_the_origin(mesh: Mesh) -> None:
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    assert (high - low).max() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(low, -high, atol=1e-6)
    assert (mesh.vertices.dtype, mesh.faces.dtype, mesh.normals.dtype) == (np.float32, np.int32, np.float32)


def test_a_ball_is_smooth_and_a_sponge_is_sharp() -> None:
    ball = regular_shape("sphere")
    np.testing.assert_allclose(ball.normals, ball.vertices / 0.5, atol=0.03)
    sponge = regular_shape("sponge")
    cosines = np.einsum("fc,fkc->fk", face_normals(sponge), sponge.normals[sponge.faces])
    np.testing.assert_allclose(cosines, 1, atol=1e-5)


def test_the_sponge_has_the_volume_of_mengers_after_two_steps() -> None:
    assert sum(piece.volume for piece in pieces(regular_shape("sponge"))) == pytest.approx((20 / 27) ** 2, rel=1e-4)


def test_a_corner_amid_very_many_faces_keeps_their_normal() -> None:
    count = 200
    angles = 2 * np.pi * np.arange(count) / count
    points = np.concatenate([[[0, 0, 0]], np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)])
    rim = np.arange(1, count + 1)
    fan = shaded(points, np.stack([0 * rim, rim, np.roll(rim, -1)], axis=1))
    np.testing.assert_allclose(fan.normals, np.tile([0, 0, 1], (len(fan.normals), 1)), atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_varied_object_follows_from_its_seed_and_differs_from_the_next(family: str) -> None:
    first, again, other = (varied_object(family, seed) for seed in (5, 5, 6))
    assert (first.vertices == again.vertices).all()
    assert first.vertices.shape != other.vertices.shape or not np.allclose(first.vertices, other.vertices, atol=1e-3)
