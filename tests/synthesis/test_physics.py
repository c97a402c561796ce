import numpy as np
import pytest

from eoras.synthesis.physics import Body, Rest, hull_points, settle, simulate
from eoras.synthesis.things.shapes import REGULAR_SHAPES, regular_shape
from eoras.synthesis.video import rotation_matrices

DEEPEST = 0.1  # world units, of bodies that collide; objects are about 1 long
DEEPEST_AT_REST = 0.01


def body(shape: str, position: tuple[float, float, float], **changes: object) -> Body:
    values = {
        "points": hull_points(regular_shape(shape).vertices),
        "mass": 1.0,
        "friction": 0.5,
        "restitution": 0.0,
        "position": np.array(position),
        "quaternion": np.array([1.0, 0.0, 0.0, 0.0]),
        "velocity": np.zeros(3),
        "angular_velocity": np.zeros(3),
    }
    return Body(**(values | changes))  # pyright: ignore[reportArgumentType]  # the values fit their names


def heap(seed: int, count: int = 12) -> list[Body]:
    """Shapes in mid-air, one above another, turned at random."""
    rng = np.random.default_rng(seed)
    turns = rng.normal(size=(count, 4))
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    places = [(*rng.uniform(-2, 2, 2), 1.2 * k + 1) for k in range(count)]
    shapes = rng.choice(REGULAR_SHAPES, count)
    return [body(s, p, quaternion=q, friction=1.0) for s, p, q in zip(shapes, places, turns, strict=True)]


def lowest(item: Body) -> float:
    return float((item.points @ rotation_matrices(item.quaternion).T + item.position)[:, 2].min())


@pytest.fixture(scope="module", params=[0, 1, 2])
def rest(request: pytest.FixtureRequest) -> Rest:
    return settle(heap(request.param), 15.0)


def test_after_settling_nothing_moves_or_has_sunk_in(rest: Rest) -> None:
    assert rest.speed < 0.1
    assert rest.penetration < DEEPEST_AT_REST
    assert min(lowest(item) for item in rest.bodies) > -DEEPEST_AT_REST
    assert all((item.velocity == 0).all() for item in rest.bodies)


def test_nothing_floats_after_settling(rest: Rest) -> None:
    before = np.array([item.position for item in rest.bodies])
    after = simulate(rest.bodies, 4, 24).positions[:, -1]
    assert np.abs(after - before).max() < 0.02


def test_the_same_bodies_come_to_rest_at_the_same_places() -> None:
    first, again = settle(heap(3), 3.0), settle(heap(3), 3.0)
    for a, b in zip(first.bodies, again.bodies, strict=True):
        assert (a.position == b.position).all()
        assert (a.quaternion == b.quaternion).all()


def test_a_body_in_the_air_falls_as_it_should() -> None:
    item = body("cube", (0, 0, 8), velocity=np.array([1.0, -2.0, 3.0]), angular_velocity=np.array([0.0, 0.0, 2.0]))
    motion = simulate([item], 13, 12)
    time = np.arange(13) / 12
    np.testing.assert_allclose(motion.positions[0, :, 0], time, atol=1e-3)
    np.testing.assert_allclose(motion.positions[0, :, 1], -2 * time, atol=1e-3)
    np.testing.assert_allclose(motion.positions[0, :, 2], 8 + 3 * time - 5 * time**2, atol=0.03)
    np.testing.assert_allclose(motion.velocities[0, :, 2], 3 - 10 * time, atol=0.03)
    np.testing.assert_allclose(motion.quaternions[0, :, 0], np.cos(time), atol=1e-3)
    np.testing.assert_allclose(motion.angular_velocities[0], np.tile([0, 0, 2], (13, 1)), atol=1e-2)


def test_spin_is_told_along_the_axes_of_the_world() -> None:
    half = np.sqrt(0.5)
    item = body("cube", (0, 0, 8), quaternion=np.array([half, half, 0, 0]), angular_velocity=np.array([0, 0, 2.0]))
    motion = simulate([item], 4, 12)
    np.testing.assert_allclose(motion.angular_velocities[0], np.tile([0, 0, 2], (4, 1)), atol=1e-2)


def test_a_ball_bounces_the_higher_the_larger_its_restitution() -> None:
    heights = []
    for restitution in (0.0, 0.5, 0.9):
        motion = simulate([body("sphere", (0, 0, 3), restitution=restitution)], 36, 24)
        landed = int(motion.velocities[0, :, 2].argmin()) + 1
        heights.append(motion.positions[0, landed:, 2].max())
    assert heights[0] < heights[1] < heights[2] < 3


@pytest.mark.parametrize("seed", range(4))
def test_bodies_thrown_together_do_not_pass_through_one_another(seed: int) -> None:
    thrown = []
    for item in heap(seed, 10):
        x, y = -3 * item.position[:2]
        thrown.append(body("cube", (*item.position[:2], item.position[2]), velocity=np.array([x, y, 0])))
    motion = simulate(thrown, 24, 12)
    assert motion.penetration < DEEPEST
    assert motion.positions[..., 2].min() > 0.3
    np.testing.assert_allclose(np.linalg.norm(motion.quaternions, axis=-1), 1)


def test_without_bodies_there_is_no_motion() -> None:
    assert simulate([], 3, 12).positions.shape == (0, 3, 3)
    assert settle([], 1.0).bodies == ()


def test_flat_things_have_no_hull() -> None:
    with pytest.raises(ValueError, match="no convex hull"):
        hull_points(np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]]))
