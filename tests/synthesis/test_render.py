import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_scenes import EYE, ball, placed, scene_of, sliding_camera, three_objects

from eoras.synthesis.annotate import annotate
from eoras.synthesis.looks.environment import random_environment
from eoras.synthesis.render import render
from eoras.synthesis.scene import Material, Mesh


@pytest.fixture(scope="module")
def scene():
    return three_objects()


@pytest.fixture(scope="module")
def truth(scene):
    return annotate(scene)


@pytest.fixture(scope="module")
def video(scene):
    return render(scene)


def test_the_seen_part_lies_within_the_whole(truth):
    for k, mask in enumerate(truth.amodal):
        assert mask[truth.visible == k + 1].all()
    assert (truth.amodal[1] & (truth.visible != 2)).any(), "the scene is to have something hidden"


def test_seen_parts_together_are_the_projection_of_all(truth):
    np.testing.assert_array_equal(truth.visible > 0, truth.amodal.any(axis=0))


def test_the_amodal_mask_is_that_of_the_object_alone(scene, truth):
    for k, item in enumerate(scene.objects):
        alone = annotate(replace(scene, objects=(item,)))
        np.testing.assert_array_equal(alone.visible > 0, truth.amodal[k])
        np.testing.assert_array_equal(alone.amodal[0], truth.amodal[k])
        np.testing.assert_array_equal(alone.bev_amodal[0], truth.bev_amodal[k])


def test_depth_is_the_distance_to_a_ball_and_to_the_ground():
    scene = scene_of(placed(ball(), (0.0, 0.0, 0.6)))
    truth = annotate(scene, bev=False)
    camera, t = scene.camera, 1
    u, v = (np.arange(64) + 0.5) / 64, (np.arange(48) + 0.5) / 48
    fx, fy = np.abs(camera.intrinsics[[0, 1], [0, 1]])
    rays = np.stack(np.broadcast_arrays((u - 0.5) / fx, ((0.5 - v) / fy)[:, None], -1.0), axis=-1)
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True) @ camera.world_from_camera[t, :3, :3].T
    ground = (truth.visible[t] == 0) & (rays[..., 2] < -0.1)
    np.testing.assert_allclose(truth.depth[t][ground], (-EYE[2] / rays[..., 2])[ground], rtol=1e-4)
    to_middle = np.array([0.0, 0.0, 0.6]) - EYE
    along = rays @ to_middle
    inside = 0.36 - (to_middle @ to_middle - along**2)
    seen = (truth.visible[t] > 0) & (inside > 0.05)
    assert seen.sum() > 10
    # the ball is of flat faces, whose middles lie this much within
    np.testing.assert_allclose(truth.depth[t][seen], (along - np.sqrt(np.maximum(inside, 0)))[seen], atol=5e-3)


def test_depth_agrees_with_where_a_face_is():
    scene = three_objects()
    truth = annotate(scene, bev=False)
    t, k = 1, 0
    rows, columns = np.nonzero(truth.visible[t] == k + 1)
    camera = scene.camera
    fx, fy = np.abs(camera.intrinsics[[0, 1], [0, 1]])
    rays = np.stack([((columns + 0.5) / 64 - 0.5) / fx, (0.5 - (rows + 0.5) / 48) / fy, -np.ones(len(rows))], axis=1)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    points = rays * truth.depth[t, rows, columns][:, None] @ camera.world_from_camera[t, :3, :3].T + camera.positions[t]
    turn = np.array([[np.cos(0.4), -np.sin(0.4), 0], [np.sin(0.4), np.cos(0.4), 0], [0, 0, 1]])
    local = np.abs((points - scene.objects[k].positions[t]) @ turn) / [0.6, 0.5, 0.7]
    np.testing.assert_allclose(local.max(axis=1), 1, atol=2e-4)


def test_labels_of_colours_and_of_truth_alone_are_the_same(truth, video):
    order = np.argsort(-np.bincount(truth.visible.ravel(), minlength=4)[1:], kind="stable")
    for place, k in enumerate(order):
        np.testing.assert_array_equal(video.amodal[place], truth.amodal[k])
        np.testing.assert_array_equal(video.bev_amodal[place], truth.bev_amodal[k])
        np.testing.assert_array_equal(video.visible == place + 1, truth.visible == k + 1)
    np.testing.assert_array_equal(video.depth, truth.depth)


def test_boxes_in_space_enclose_the_masks(video):
    for masks, boxes in zip(video.amodal, video.boxes_3d, strict=True):
        corners = video.camera.project(boxes) * [video.camera.width, video.camera.height]
        for mask, points in zip(masks, corners, strict=True):
            rows, columns = np.nonzero(mask)
            assert (columns + 0.5 >= points[:, 0].min()).all()
            assert (columns + 0.5 <= points[:, 0].max()).all()
            assert (rows + 0.5 >= points[:, 1].min()).all()
            assert (rows + 0.5 <= points[:, 1].max()).all()


def test_the_camera_above_sees_the_objects_where_they_are(scene, truth):
    for item, masks in zip(scene.objects, truth.bev_amodal, strict=True):
        middle = scene.bev_camera.project(item.positions[:, None])[:, 0] * 40
        for mask, (column, row) in zip(masks, middle, strict=True):
            rows, columns = np.nonzero(mask)
            assert abs(columns.mean() + 0.5 - column) < 1
            assert abs(rows.mean() + 0.5 - row) < 1


def test_the_same_scene_gives_the_same_bytes(scene, video):
    again = render(scene)
    for name in ("frames", "bev_frames", "visible", "amodal", "depth", "boxes_3d"):
        np.testing.assert_array_equal(getattr(again, name), getattr(video, name))


def test_frames_are_neither_black_nor_blank(video):
    for frames in (video.frames, video.bev_frames):
        assert (frames.mean(axis=(1, 2, 3)) > 20).all()
        assert (frames.std(axis=(1, 2, 3)) > 3).all()
    assert np.isfinite(video.depth).all()
    assert all((video.frames[video.visible == k + 1].max(axis=-1) > 8).mean() > 0.95 for k in range(len(video.amodal)))


def test_an_object_throws_a_shadow_on_a_white_ground():
    near, far = (scene_of(placed(ball(), (x, 0.0, 0.6))) for x in (0.0, 90.0))
    lost = render(far).bev_frames[0].astype(int) - render(near).bev_frames[0]
    ground = ~annotate(near).bev_amodal[0, 0]
    assert lost[ground].max() > 40
    rows, columns = np.nonzero((lost.max(axis=-1) > 25) & ground)
    assert columns.mean() < 20, "the sun stands to the right"
    assert rows.mean() < 20, "and below in the image"


def test_what_stands_behind_the_camera_is_not_seen():
    scene = scene_of(placed(ball(), (0.0, 0.0, 0.6)), placed(ball(), (0.0, -12.0, 2.0)))
    assert not annotate(scene).amodal[1].any()
    assert len(render(scene).amodal) == 1


def test_a_camera_within_an_object_sees_nothing_else():
    truth = annotate(scene_of(placed(ball(5.0), tuple(EYE))))
    assert truth.amodal.all()


@pytest.mark.parametrize("seed", range(3))
def test_any_surroundings_can_be_rendered(seed):
    environment = random_environment(np.random.default_rng(seed), "test")
    scene = scene_of(placed(ball(), (0.0, 0.0, 0.6)), environment=environment)
    video = render(replace(scene, camera=sliding_camera(24, 32)))
    assert 20 < video.frames.mean() < 240
    assert video.metadata["background"] == environment.name


def test_a_picture_stands_upright_on_its_object():
    """Row 0 of a texture lies at v = 1."""
    upright = np.array([[-1, 0, 0], [1, 0, 0], [1, 0, 2], [-1, 0, 2]], np.float32)
    mesh = Mesh(
        vertices=upright,
        faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        normals=np.tile(np.array([0, -1, 0], np.float32), (4, 1)),
        uv=np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32),
    )
    texture = np.zeros((32, 32, 3), np.uint8)
    texture[:16] = [230, 20, 20]  # above
    texture[16:, :16] = [20, 230, 20]  # below, on the left
    texture[16:, 16:] = [20, 20, 230]
    grey = np.full((2, 3), 0.5, np.float32)
    material = Material(name="picture", pattern="image", colours=grey, texture=texture)
    video = render(scene_of(replace(placed(mesh, (0.0, 0.0, 0.0)), material=material)))
    rows, columns = np.nonzero(video.amodal[0, 1])
    upper, left = rows < rows.mean() - 3, columns < columns.mean() - 3
    lower, right = rows > rows.mean() + 3, columns > columns.mean() + 3
    for where, channel in ((upper, 0), (lower & left, 1), (lower & right, 2)):
        assert (video.frames[1][rows[where], columns[where]].argmax(axis=-1) == channel).all()


def test_rendering_starts_light_and_needs_no_torch():
    loaded = "import sys, eoras.synthesis.render; print(*{'torch', 'numba', 'embreex', 'OpenEXR'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout == "\n"


@pytest.mark.parametrize("package", ["numba", "embreex"])
def test_a_missing_package_names_the_cure(package):
    program = (
        f"import sys; sys.modules[{package!r}] = None; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from toy_scenes import three_objects\n"
        "from eoras.synthesis.render import render\n"
        "try: render(three_objects())\n"
        "except ModuleNotFoundError as error: print(error)\n"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed == f"{package} is not installed; run: pip install 'eoras[synthesis]'\n"
