import numpy as np
import pytest

from eoras.synthesis.cameras import camera_above, look_at, main_camera
from eoras.synthesis.settings import load_scene_config
from eoras.synthesis.video import Camera, rotation_matrices


@pytest.mark.parametrize(
    ("position", "quaternion"),
    [
        ((8.48113, -7.50764, 2.5), (0.710847, 0.571060, 0.257149, 0.320095)),
        ((8.48113, -7.50764, 1.5), (0.685771, 0.600942, 0.270605, 0.308804)),
        ((0, -10, 0), (0.707107, 0.707107, 0, 0)),
    ],
)
def test_looking_at_the_origin_gives_the_test_vectors_of_the_format(
    position: tuple[float, ...], quaternion: tuple[float, ...]
) -> None:
    np.testing.assert_allclose(look_at(np.array([position]), np.zeros(3))[0], quaternion, atol=1e-6)


def test_straight_down_the_world_has_x_to_the_left_and_y_downward() -> None:
    down = look_at(np.array([[0.0, 0.0, 10.0]]), np.zeros(3))
    camera = Camera(height=64, width=64, positions=np.array([[0.0, 0.0, 10.0]]), quaternions=down)
    x, y = camera.project(np.eye(3)[None, :2])[0]
    assert x == pytest.approx((0.5 - 0.109375, 0.5))
    assert y == pytest.approx((0.5, 0.5 + 0.109375))


def test_each_camera_looks_at_its_own_target() -> None:
    rng = np.random.default_rng(0)
    positions, targets = rng.normal(size=(20, 3)), rng.normal(size=(20, 3))
    camera = Camera(height=64, width=96, positions=positions, quaternions=look_at(positions, targets))
    np.testing.assert_allclose(camera.project(targets[:, None])[:, 0], 0.5, atol=1e-9)
    right = rotation_matrices(camera.quaternions)[:, :, 0]
    np.testing.assert_allclose(right[:, 2], 0, atol=1e-9)


@pytest.mark.parametrize(("preset", "height"), [("movi_b", 2.5), ("movi_d", 1.5)])
def test_the_published_orbit_begins_where_it_should_and_stays_on_its_circle(preset: str, height: float) -> None:
    ways = [main_camera(load_scene_config(preset), np.random.default_rng(k)).positions for k in range(8)]
    for way in ways:
        np.testing.assert_allclose(way[0], (8.48113, -7.50764, height), atol=1e-4)
        np.testing.assert_allclose(np.hypot(way[:, 0], way[:, 1]), 11.3267, atol=1e-4)
        assert (way[:, 2] == height).all()
    turns = [np.arctan2(way[-1, 1], way[-1, 0]) - np.arctan2(way[0, 1], way[0, 0]) for way in ways]
    assert min(turns) < 0 < max(turns)


def test_a_fixed_camera_stays_and_a_linear_one_goes_straight_on() -> None:
    fixed = load_scene_config("movi_b", ["camera.path=fixed"])
    assert np.ptp(main_camera(fixed, np.random.default_rng(0)).positions, axis=0).max() == 0
    linear = load_scene_config("movi_b", ["camera.path=linear", "camera.travel=[2, 2]"])
    way = main_camera(linear, np.random.default_rng(0)).positions
    np.testing.assert_allclose(np.diff(way, n=2, axis=0), 0, atol=1e-12)
    assert np.linalg.norm(way[-1] - way[0]) == pytest.approx(2)


@pytest.mark.parametrize("sway", [0, 1])
def test_the_main_camera_may_look_straight_down(sway: int) -> None:
    below = ["camera.path=fixed", "camera.radius=[2, 2]", "camera.azimuth=[0, 0]", "camera.aim=[2, 0, 0]"]
    config = load_scene_config("movi_b", [*below, f"camera.sway=[{sway}, {sway}]"])
    camera = main_camera(config, np.random.default_rng(0))
    aims = np.array([2.0, 0.0, 0.0]) + np.sin(2 * np.pi * np.linspace(0, 1, 24))[:, None] * [sway, 0.0, 0.0]
    seen = [np.abs(camera.project(points[:, None])[:, 0] - 0.5).max() for points in (aims, [4.0, 0.0, 0.0] - aims)]
    assert min(seen) < 1e-9


def test_the_direction_of_an_orbit_can_be_chosen() -> None:
    for direction, sign in (("left", -1), ("right", 1)):
        config = load_scene_config("movi_b", [f"camera.direction={direction}"])
        way = main_camera(config, np.random.default_rng(1)).positions
        assert sign * np.cross(way[0], way[-1])[2] > 0


def test_the_camera_above_sees_x_to_the_right_and_y_upward() -> None:
    camera = camera_above(load_scene_config("movi_b", ["above.field_of_view=90", "above.height=10", "frames=1"]))
    x, y = camera.project(np.array([[[5.0, 0.0, 0.0], [0.0, 5.0, 0.0]]]))[0]
    assert x == pytest.approx((0.75, 0.5))
    assert y == pytest.approx((0.5, 0.25))
    assert camera.field_of_view == pytest.approx(np.pi / 2)
