import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eoras.config import ViewConfig
from eoras.data.movi import MoviTracks
from eoras.errors import DataError, RunError
from eoras.movi_files import write_instance_list
from eoras.synthesis.video import AnnotatedVideo, Camera, rotation_matrices
from eoras.synthesis.write import write_video

LENGTH, HEIGHT, WIDTH = 3, 12, 16
BEV_HEIGHT, BEV_WIDTH = 10, 14


def camera(height: int, width: int) -> Camera:
    quaternion = np.array([0.71084701, 0.57106012, 0.25714902, 0.32009502])
    return Camera(
        height=height,
        width=width,
        positions=np.arange(LENGTH)[:, None] * [0.5, 0.0, 0.0] + [8.48113, -7.50764, 2.5],
        quaternions=np.tile(quaternion / np.linalg.norm(quaternion), (LENGTH, 1)),
    )


@pytest.fixture
def video() -> AnnotatedVideo:
    """Instance 0 is never seen, 1 is small and hidden in frame 1, 2 is large."""
    rng = np.random.default_rng(0)
    amodal = np.zeros((3, LENGTH, HEIGHT, WIDTH), bool)
    amodal[0, :, 5:7, 5:7] = True
    amodal[1, :, 1:4, 2:7] = True
    amodal[2, :, 4:11, 3:15] = True
    amodal[2, 1, 0:5, 0:9] = True
    visible = np.zeros((LENGTH, HEIGHT, WIDTH), np.uint8)
    for k in (0, 1, 2):
        visible[amodal[k]] = k + 1
    bev_amodal = np.zeros((3, LENGTH, BEV_HEIGHT, BEV_WIDTH), bool)
    bev_amodal[1, :, 2, 3:6] = True
    bev_amodal[2, 0:2, 7:9, 1:12] = True  # out of the view from above in frame 2
    return AnnotatedVideo(
        frames=rng.integers(0, 256, (LENGTH, HEIGHT, WIDTH, 3), dtype=np.uint8),
        visible=visible,
        amodal=amodal,
        depth=rng.uniform(5, 9, (LENGTH, HEIGHT, WIDTH)).astype(np.float32),
        camera=camera(HEIGHT, WIDTH),
        bev_frames=rng.integers(0, 256, (LENGTH, BEV_HEIGHT, BEV_WIDTH, 3), dtype=np.uint8),
        bev_amodal=bev_amodal,
        bev_camera=camera(BEV_HEIGHT, BEV_WIDTH),
        boxes_3d=rng.normal(size=(3, LENGTH, 8, 3)),
        instances=tuple({"asset_id": name, "positions": np.full((LENGTH, 3), k)} for k, name in enumerate("abc")),
        metadata={"seed": np.int64(7), "background": "noise"},
    )


def load(path: Path) -> Any:
    return json.loads(path.read_text())


def test_every_file_of_the_layout_is_written_and_no_other(tmp_path: Path, video: AnnotatedVideo) -> None:
    write_video(tmp_path / "0", video)
    names = {"metadata.json", "metadata_bev.json", "data_ranges.json"}
    for t in range(LENGTH):
        names |= {f"rgba_full_{t:05d}.png", f"rgba_bev_full_{t:05d}.png", f"depth_full_{t:05d}.tiff"}
        names |= {f"segmentation_full_{t:05d}.png"}
        names |= {f"segmentation_{view}{k}_{t:05d}.png" for view in ("", "bev_") for k in range(2)}
    assert {path.name for path in (tmp_path / "0").iterdir()} == names
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


@pytest.mark.parametrize(
    ("name", "mode", "size"),
    [
        ("rgba_full_00002.png", "RGBA", (WIDTH, HEIGHT)),
        ("rgba_bev_full_00002.png", "RGBA", (BEV_WIDTH, BEV_HEIGHT)),
        ("segmentation_full_00002.png", "P", (WIDTH, HEIGHT)),
        ("segmentation_1_00002.png", "P", (WIDTH, HEIGHT)),
        ("segmentation_bev_1_00002.png", "P", (BEV_WIDTH, BEV_HEIGHT)),
        ("depth_full_00002.tiff", "F", (WIDTH, HEIGHT)),
    ],
)
def test_images_have_the_pixel_format_of_movi(
    tmp_path: Path, video: AnnotatedVideo, name: str, mode: str, size: tuple[int, int]
) -> None:
    write_video(tmp_path / "0", video)
    with Image.open(tmp_path / "0" / name) as image:
        assert (image.mode, image.size) == (mode, size)
    if mode == "P":
        assert (tmp_path / "0" / name).read_bytes()[24] == 8, "bits of a palette index"


def test_images_hold_the_pixels_of_the_record(tmp_path: Path, video: AnnotatedVideo) -> None:
    write_video(tmp_path / "0", video)

    def read(name: str) -> np.ndarray:
        return np.asarray(Image.open(tmp_path / "0" / name))

    assert (read("rgba_full_00001.png") == np.dstack([video.frames[1], np.full((HEIGHT, WIDTH), 255)])).all()
    assert (read("rgba_bev_full_00001.png")[..., :3] == video.bev_frames[1]).all()
    assert (read("depth_full_00001.tiff") == video.depth[1]).all()
    assert (read("segmentation_full_00001.png") == np.array([0, 0, 2, 1])[video.visible[1]]).all()
    assert (read("segmentation_1_00001.png") == 2 * video.amodal[1, 1]).all()
    assert (read("segmentation_bev_0_00001.png") == video.bev_amodal[2, 1]).all()


def test_the_most_visible_instance_comes_first_and_the_never_visible_one_is_left_out(video: AnnotatedVideo) -> None:
    ordered = video.ordered()
    assert [instance["asset_id"] for instance in ordered.instances] == ["c", "b"]
    assert (ordered.amodal == video.amodal[[2, 1]]).all()
    assert (ordered.bev_amodal == video.bev_amodal[[2, 1]]).all()
    assert (ordered.boxes_3d == video.boxes_3d[[2, 1]]).all()
    assert ((ordered.visible == 1) == (video.visible == 3)).all()
    assert ((ordered.visible == 2) == (video.visible == 2)).all()


def test_ordering_twice_changes_nothing(video: AnnotatedVideo) -> None:
    once = video.ordered()
    twice = once.ordered()
    assert (twice.visible == once.visible).all()
    assert twice.instances == once.instances


def test_boxes_are_half_open_and_only_of_frames_in_which_the_instance_is_seen(
    tmp_path: Path, video: AnnotatedVideo
) -> None:
    write_video(tmp_path / "0", video)
    large, small = load(tmp_path / "0" / "metadata.json")["instances"]
    assert large["bbox_frames"] == [0, 1, 2]
    assert large["bboxes"][0] == [4 / HEIGHT, 3 / WIDTH, 11 / HEIGHT, 15 / WIDTH]
    assert small["bbox_frames"] == [0, 2]
    assert small["bboxes"] == [[1 / HEIGHT, 2 / WIDTH, 4 / HEIGHT, 7 / WIDTH]] * 2
    assert small["visibility"] == [15, 0, 15]


def test_the_view_from_above_has_a_box_for_every_frame(tmp_path: Path, video: AnnotatedVideo) -> None:
    write_video(tmp_path / "0", video)
    record = load(tmp_path / "0" / "metadata_bev.json")
    large, small = record["instances"]
    shown = [7 / BEV_HEIGHT, 1 / BEV_WIDTH, 9 / BEV_HEIGHT, 12 / BEV_WIDTH]
    assert large["bboxes"] == [shown, shown, [0, 0, 0, 0]]
    assert small["bboxes"] == [[2 / BEV_HEIGHT, 3 / BEV_WIDTH, 3 / BEV_HEIGHT, 6 / BEV_WIDTH]] * 3
    assert large["bbox_frames"] == small["bbox_frames"] == [0, 1, 2]
    assert record["metadata"]["height"] == BEV_HEIGHT


def test_metadata_hold_what_the_official_loader_asks_for_and_what_the_record_adds(
    tmp_path: Path, video: AnnotatedVideo
) -> None:
    write_video(tmp_path / "0", video)
    record = load(tmp_path / "0" / "metadata.json")
    assert record["metadata"] == {
        "num_frames": LENGTH,
        "height": HEIGHT,
        "width": WIDTH,
        "resolution": [WIDTH, HEIGHT],
        "num_instances": 2,
        "seed": 7,
        "background": "noise",
    }
    seen = record["camera"]
    assert seen["K"] == [[1.09375, 0, -0.5], [0, -1.09375 * WIDTH / HEIGHT, -0.5], [0, 0, -1]]
    assert seen["positions"] == video.camera.positions.tolist()
    assert seen["quaternions"] == video.camera.quaternions.tolist()
    assert seen["R"] == video.camera.world_from_camera[-1].tolist()
    assert (seen["focal_length"], seen["sensor_width"]) == (35.0, 32.0)
    assert seen["field_of_view"] == pytest.approx(np.radians(49.134), abs=1e-5)
    first = record["instances"][0]
    assert first["asset_id"] == "c"
    assert first["positions"] == [[2] * 3] * LENGTH
    assert first["bboxes_3d"] == video.boxes_3d[2].tolist()
    assert set(load(tmp_path / "0" / "data_ranges.json")) == {"forward_flow", "backward_flow"}


def test_our_own_reader_gives_back_what_was_written(tmp_path: Path, video: AnnotatedVideo) -> None:
    write_video(tmp_path / "test" / "0", video)
    write_instance_list(tmp_path / "test")
    tracks = MoviTracks(tmp_path, "test", ViewConfig(boxes="round"), truth=True)
    clip = tracks[1]
    assert clip.truth is not None
    assert clip.frame_indices.tolist() == [0, 2]
    assert (clip.truth.amodal.numpy() == video.amodal[1, [0, 2]]).all()
    assert (clip.truth.visible.numpy() == (video.visible[[0, 2]] == 2)).all()
    np.testing.assert_allclose(clip.intrinsics[0], video.camera.intrinsics, rtol=1e-6)


class Interruption(BaseException):
    pass


@pytest.mark.parametrize(
    ("failure", "raised"),
    [(Interruption(), Interruption), (OSError(errno.ENOSPC, "No space left on device"), RunError)],
)
def test_an_interrupted_write_leaves_nothing(
    tmp_path: Path,
    video: AnnotatedVideo,
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException,
    raised: type[BaseException],
) -> None:
    def fail(*_: object) -> None:
        assert any(tmp_path.glob(".0.*/rgba_full_00000.png")), "some files are there already"
        raise failure

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(raised) as caught:
        write_video(tmp_path / "0", video)
    assert list(tmp_path.iterdir()) == []
    if raised is RunError:
        assert (
            str(caught.value)
            == f"{tmp_path / '0'}: could not be written: the disk, or your share of it, is full; free some space"
        )


def test_a_video_that_exists_is_not_overwritten(tmp_path: Path, video: AnnotatedVideo) -> None:
    write_video(tmp_path / "0", video)
    with pytest.raises(RunError, match="0: could not be written"):
        write_video(tmp_path / "0", replace(video, metadata={"seed": 8}))
    assert load(tmp_path / "0" / "metadata.json")["metadata"]["seed"] == 7
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


def test_a_hyphen_in_the_name_is_refused(tmp_path: Path, video: AnnotatedVideo) -> None:
    with pytest.raises(DataError, match="a-b: a video's name must hold no '-'"):
        write_video(tmp_path / "a-b", video)


def test_the_instance_list_names_each_instance_that_is_seen_in_the_order_of_the_videos(
    tmp_path: Path, video: AnnotatedVideo
) -> None:
    for name in ("10", "2"):
        write_video(tmp_path / name, video)
    write_video(tmp_path / ".3.77.part", video)
    record = load(tmp_path / "10" / "metadata.json")
    record["instances"][0].update(bboxes=[], bbox_frames=[])
    (tmp_path / "10" / "metadata.json").write_text(json.dumps(record))
    write_instance_list(tmp_path)
    entries = np.load(tmp_path / "instance_list.npy", allow_pickle=False)
    assert entries.dtype.kind == "U"
    assert entries.tolist() == ["2-0", "2-1", "10-1"]


def test_damaged_metadata_stop_the_instance_list_with_their_name(tmp_path: Path, video: AnnotatedVideo) -> None:
    write_video(tmp_path / "0", video)
    text = (tmp_path / "0" / "metadata.json").read_text()
    (tmp_path / "0" / "metadata.json").write_text(text[: len(text) // 2])
    with pytest.raises(DataError, match=r"0/metadata\.json: expected the metadata of a MOVi video"):
        write_instance_list(tmp_path)
    assert not (tmp_path / "instance_list.npy").exists()


@pytest.mark.parametrize(
    ("position", "quaternion", "projections"),
    [
        (
            (8.48113, -7.50764, 2.5),
            (0.710847, 0.571060, 0.257149, 0.320095),
            ((0.566706, 0.516241), (0.566873, 0.487241), (0.5, 0.406179)),
        ),
        (
            (8.48113, -7.50764, 1.5),
            (0.685771, 0.600942, 0.270605, 0.308804),
            ((0.567860, 0.510064), (0.567781, 0.492123), (0.5, 0.403997)),
        ),
        ((0, -10, 0), (0.707107, 0.707107, 0, 0), ((0.609375, 0.5), (0.5, 0.5), (0.5, 0.390625))),
    ],
)
def test_the_camera_projects_the_test_vectors_of_the_format(
    position: tuple[float, ...], quaternion: tuple[float, ...], projections: tuple[tuple[float, float], ...]
) -> None:
    seen = Camera(height=64, width=64, positions=np.array([position]), quaternions=np.array([quaternion]))
    np.testing.assert_allclose(seen.project(np.eye(3)[None])[0], projections, atol=2e-6)


def test_poses_are_rotations_about_the_position(video: AnnotatedVideo) -> None:
    poses = video.camera.world_from_camera
    rotation = poses[:, :3, :3]
    np.testing.assert_allclose(rotation @ rotation.swapaxes(1, 2), np.tile(np.eye(3), (LENGTH, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotation), 1)
    np.testing.assert_array_equal(poses[:, :3, 3], video.camera.positions)
    np.testing.assert_array_equal(poses[:, 3], np.tile([0, 0, 0, 1], (LENGTH, 1)))


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    turn = rotation_matrices(np.array([np.sqrt(0.5), 0, 0, np.sqrt(0.5)]))
    np.testing.assert_allclose(turn @ [1, 0, 0], [0, 1, 0], atol=1e-12)
