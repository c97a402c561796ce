import numpy as np
import pytest
from toy_scenes import FRAMES, ball, box, placed

from eoras.synthesis.trace import Tracer


@pytest.fixture(scope="module")
def tracer():
    return Tracer((placed(ball(0.5), (1.0, 2.0, 3.0)), placed(box(), (0.0, 0.0, 0.0), turn=np.pi / 2)), FRAMES)


def test_a_ray_through_the_middle_of_a_ball_ends_a_radius_before_it(tracer):
    origin, directions = np.array([1.0, 2.0, 8.0]), np.array([[0, 0, -1], [0, 0, -2], [0, 0, 1]], np.float32)
    hits = tracer.first(0, 0, origin, directions, np.arange(3))
    assert hits.index.tolist() == [0, 1]
    np.testing.assert_allclose(hits.distance, [4.5, 2.25], rtol=1e-3)


def test_objects_turn_with_their_pose(tracer):
    origin, directions = np.array([5.0, 0.0, 0.0]), np.array([[-1, 0, 0]], np.float32)
    hits = tracer.first(1, 0, origin, directions, np.arange(1))
    np.testing.assert_allclose(hits.distance, 5 - 0.5, atol=1e-5)


def test_barycentric_weights_give_the_point_that_was_hit(tracer):
    rng = np.random.default_rng(0)
    directions = (np.array([1.0, 2.0, 3.0]) + rng.uniform(-0.3, 0.3, (50, 3)) - [0, 0, 9]).astype(np.float32)
    hits = tracer.first(0, 0, np.array([0.0, 0.0, 9.0]), directions, np.arange(50))
    assert len(hits.index) > 20
    corners = ball(0.5).vertices[ball(0.5).faces[hits.triangle]]
    second, third = hits.weights.T[..., None]
    points = (1 - second - third) * corners[:, 0] + second * corners[:, 1] + third * corners[:, 2] + [1, 2, 3]
    along = np.array([0, 0, 9]) + directions[hits.index] * hits.distance[:, None]
    np.testing.assert_allclose(points, along, atol=1e-4)


def test_only_what_lies_on_the_ray_blocks_it(tracer):
    origins = np.array([[1, 2, 0], [1, 2, 0], [3, 2, 3]], np.float32)
    directions = np.array([[0, 0, 1], [0, 0, -1], [0, 1, 0]], np.float32)
    assert tracer.blocked(0, 0, origins, directions).tolist() == [True, False, False]


def test_no_rays_no_hits(tracer):
    nothing = np.zeros((0, 3), np.float32)
    assert len(tracer.first(0, 0, np.zeros(3), nothing, np.arange(0)).index) == 0
    assert len(tracer.blocked(0, 0, nothing, nothing)) == 0
    assert tracer.in_world(0, np.zeros((1, 3))).shape == (FRAMES, 1, 3)
