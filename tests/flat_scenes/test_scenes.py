import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from eoras.synthesis.video import AnnotatedVideo
from flat_scenes.cards import SHAPES
from flat_scenes.scenes import flat_video, write_flat_dataset

SEED = 3


@pytest.fixture(scope="module", params=[(0, (128, 128)), (1, (128, 128)), (2, (96, 144)), (3, (90, 70))], ids=str)
def video(request: pytest.FixtureRequest) -> AnnotatedVideo:
    index, size = request.param
    return flat_video(SEED, index, size=size, frames=6)


def fingerprint(folder: Path) -> dict[str, str]:
    """Hash of each file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def positions(video: AnnotatedVideo) -> np.ndarray:
    """Centres of the cards, ``(N, T, 3)``."""
    return np.stack([instance["positions"] for instance in video.instances])


def inside_image(masks: np.ndarray) -> np.ndarray:
    """Whether each mask ``(N, T, H, W)`` is not cut off by the border of the image."""
    cut_off = masks.copy()
    cut_off[..., 1:-1, 1:-1] = False
    return np.logical_and(masks.any(axis=(2, 3)), ~np.any(cut_off, axis=(2, 3)))


def test_what_is_seen_is_a_part_of_the_whole(video: AnnotatedVideo) -> None:
    labels = np.arange(1, len(video.amodal) + 1)[:, None, None, None]
    seen = video.visible == labels
    assert seen.any(axis=(1, 2, 3)).all()
    assert (seen <= video.amodal).all()


def test_every_pixel_of_a_card_shows_some_card(video: AnnotatedVideo) -> None:
    assert ((video.visible > 0) == video.amodal.any(axis=0)).all()


def test_a_pixel_shows_the_nearest_card_that_covers_it(video: AnnotatedVideo) -> None:
    away = positions(video)[..., 1][..., None, None]
    nearest = np.where(video.amodal, away, np.inf).argmin(axis=0) + 1
    assert (video.visible == np.where(video.amodal.any(axis=0), nearest, 0)).all()


def test_depth_is_the_length_of_the_ray(video: AnnotatedVideo) -> None:
    camera = video.camera
    rows, columns = np.mgrid[: camera.height, : camera.width] + 0.5
    pixels = np.stack([columns / camera.width, rows / camera.height, np.ones_like(rows)], axis=-1)
    rays = pixels @ np.linalg.inv(camera.intrinsics).T
    rays /= -rays[..., 2:]  # one unit of world along the camera's axis
    lengths = np.linalg.norm(rays, axis=-1)
    away = positions(video)[..., 1] - camera.positions[:, 1]
    checked = 0
    for k, t in np.ndindex(away.shape):
        seen = video.visible[t] == k + 1
        np.testing.assert_allclose(video.depth[t][seen], away[k, t] * lengths[seen], rtol=1e-6)
        checked += int(seen.sum())
    assert checked > 1000
    assert (video.depth[video.visible == 0] > away.max()).all()


def test_the_camera_projects_the_centre_of_a_card_to_the_middle_of_its_mask(video: AnnotatedVideo) -> None:
    whole = np.argwhere(inside_image(video.amodal))
    assert len(whole) > 3
    for k, t in whole:
        u, v = video.camera.project(positions(video)[k])[t]
        np.testing.assert_array_equal(video.instances[k]["image_positions"][t], (u, v))
        rows, columns = np.nonzero(video.amodal[k, t])
        centre = rows.mean() + 0.5, columns.mean() + 0.5  # of a regular shape: its corners' centre
        assert np.hypot(centre[0] - v * video.camera.height, centre[1] - u * video.camera.width) < 0.5


def test_the_projected_3d_box_encloses_the_amodal_mask_closely(video: AnnotatedVideo) -> None:
    size = np.array([video.camera.width, video.camera.height])
    for k, t in np.argwhere(inside_image(video.amodal)):
        corners = video.camera.project(video.boxes_3d[k])[t] * size
        points = np.argwhere(video.amodal[k, t])[:, ::-1] + 0.5
        origin, right, up = corners[0], corners[4] - corners[0], corners[1] - corners[0]
        along = np.stack([(points - origin) @ side / np.linalg.norm(side) for side in (right, up)], axis=-1)
        lengths = np.array([np.linalg.norm(right), np.linalg.norm(up)])
        assert (along > -0.2).all()
        assert (along < lengths + 0.2).all()
        if video.instances[k]["shape"] not in ("star", "triangle"):  # whose tips fall between the pixels' centres
            assert (np.ptp(along, axis=0) > lengths - 2.5).all()


def test_3d_boxes_are_flat_and_their_corners_in_the_order_of_kubric(video: AnnotatedVideo) -> None:
    boxes = video.boxes_3d.reshape(*video.boxes_3d.shape[:2], 2, 2, 2, 3)
    np.testing.assert_allclose(boxes[:, :, :, 0], boxes[:, :, :, 1])
    np.testing.assert_allclose(
        boxes[..., 1], np.broadcast_to(positions(video)[..., 1, None, None, None], boxes.shape[:-1])
    )
    right = boxes[:, :, 1, 0, 0] - boxes[:, :, 0, 0, 0]
    up = boxes[:, :, 0, 0, 1] - boxes[:, :, 0, 0, 0]
    np.testing.assert_allclose((right * up).sum(axis=-1), 0, atol=1e-12)
    assert (right[..., 0] * up[..., 2] - right[..., 2] * up[..., 0] > 0).all(), (
        "seen from the camera, up is left of right"
    )


def test_the_camera_above_sees_every_card_where_it_is(video: AnnotatedVideo) -> None:
    size = np.array([video.bev_camera.width, video.bev_camera.height])
    assert video.bev_amodal.any(axis=(2, 3)).all()
    for k, t in np.ndindex(video.bev_amodal.shape[:2]):
        column, row = video.bev_camera.project(positions(video)[k])[t] * size - 0.5
        rows, columns = np.nonzero(video.bev_amodal[k, t])
        assert rows.min() - 1 <= row <= rows.max() + 1
        assert abs((columns.min() + columns.max()) / 2 - column) < 2.5


def test_cards_of_all_shapes_are_hidden_much_little_and_not_at_all() -> None:
    rates, shapes, hidden_frames, left_view = [], set(), 0, 0
    for index in range(20):
        video = flat_video(SEED, index)
        area = video.amodal.sum(axis=(2, 3))
        seen = np.stack([(video.visible == k + 1).sum(axis=(1, 2)) for k in range(len(area))])
        rates += [1 - (s[a > 0] / a[a > 0]).mean() for s, a in zip(seen, area, strict=True)]
        shapes |= {instance["shape"] for instance in video.instances}
        hidden_frames += int(((seen == 0) & (area > 0)).sum())
        left_view += int((area == 0).any(axis=1).sum())
    assert 0.25 < np.mean(rates) < 0.4
    assert min(rates) == 0
    assert max(rates) > 0.8
    assert np.std(rates) > 0.2
    assert shapes == set(SHAPES)
    assert hidden_frames > 5
    assert left_view > 0


def test_a_video_follows_from_its_seed_split_and_index_alone() -> None:
    first = flat_video(SEED, 4, frames=2)
    flat_video(SEED, 5, frames=2)
    again = flat_video(SEED, 4, frames=2)
    assert (first.frames == again.frames).all()
    assert (first.amodal == again.amodal).all()
    others = (
        flat_video(SEED, 5, frames=2),
        flat_video(SEED + 1, 4, frames=2),
        flat_video(SEED, 4, split="test", frames=2),
    )
    assert all((first.frames != other.frames).any() for other in others)


def test_a_single_frame_is_a_video() -> None:
    assert flat_video(SEED, size=(32, 48), frames=1).frames.shape == (1, 32, 48, 3)


def write(out: Path, *, train: int = 2, seed: int = SEED) -> None:
    write_flat_dataset(out, train_videos=train, test_videos=1, seed=seed, size=(32, 48), frames=2)


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a")
    write(tmp_path / "b")
    assert fingerprint(tmp_path / "a") == fingerprint(tmp_path / "b")


def test_a_set_lists_its_tracks(tmp_path: Path) -> None:
    write(tmp_path, train=2)
    for split, videos in (("train", ["0", "1"]), ("test", ["0"])):
        tracks = np.load(tmp_path / split / "instance_list.npy")
        expected = []
        for name in videos:
            record = json.loads((tmp_path / split / name / "metadata.json").read_text())
            expected += [f"{name}-{k}" for k in range(record["metadata"]["num_instances"])]
        assert tracks.tolist() == expected
