import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.transform import resize

from eoras.clip import Clip
from eoras.config import ViewConfig
from eoras.data import Draw, MoviTracks, Track
from eoras.errors import DataError
from eoras.geometry import Box

GOLDEN = Path(__file__).parents[1] / "golden"
PUBLISHED = ViewConfig(boxes="paper", frames="visible")
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def published_clips() -> dict[str, Clip]:
    tracks = MoviTracks(GOLDEN / "movi", "test", PUBLISHED, truth=True)
    return {f"{clip.video}-{clip.track_id}": clip for clip in tracks}


@pytest.fixture(scope="module")
def expected() -> Iterator[Any]:
    with np.load(GOLDEN / "movi_expected.npz") as file:
        yield file


def unpack(packed: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.unpackbits(packed, count=int(np.prod(shape))).reshape(shape).astype(bool)


def test_tracks_come_in_the_order_of_the_list(published_clips: dict[str, Clip]) -> None:
    assert list(published_clips) == np.load(GOLDEN / "movi" / "test" / "instance_list.npy").tolist()


@pytest.mark.parametrize("instance", ["0-0", "0-1", "0-2", "7-0", "7-1", "7-2", "7-3"])
def test_a_published_track_is_read_as_the_official_code_reads_it(
    instance: str, published_clips: dict[str, Clip], expected: Any
) -> None:
    clip = published_clips[instance]
    positions = [(box.top, box.bottom - 1, box.left, box.right - 1) for box in clip.boxes]
    np.testing.assert_array_equal(positions, expected[f"{instance}/box"])
    np.testing.assert_array_equal(clip.intrinsics.numpy(), expected[f"{instance}/intrinsics"])
    shape = (len(clip), 121, 121)
    np.testing.assert_array_equal(clip.amodal.numpy(), unpack(expected[f"{instance}/amodal"], shape))
    np.testing.assert_array_equal(clip.visible.numpy(), unpack(expected[f"{instance}/visible"], shape))
    np.testing.assert_allclose(clip.frames.numpy(), expected[f"{instance}/crop"], rtol=0, atol=3e-4)
    assert clip.available.all()


def test_the_frames_of_a_clip_are_scikit_images_crops(published_clips: dict[str, Clip]) -> None:
    for clip in published_clips.values():
        for index, box, frame in zip(clip.frame_indices.tolist(), clip.boxes, clip.frames, strict=True):
            with Image.open(GOLDEN / "movi" / "test" / clip.video / f"rgba_full_{index:05d}.png") as image:
                pixels = np.asarray(image)[box.top : box.bottom, box.left : box.right, :3].astype(np.float32) / 255
            crop = np.asarray(resize(pixels, (128, 128), order=1, mode="reflect", anti_aliasing=True))
            np.testing.assert_allclose(frame.permute(1, 2, 0).numpy(), crop, rtol=0, atol=2e-6)


def test_the_truth_is_the_masks_of_the_whole_images(published_clips: dict[str, Clip]) -> None:
    for clip in published_clips.values():
        assert clip.truth is not None
        for name, masks in ((str(clip.track_id), clip.truth.amodal), ("full", clip.truth.visible)):
            for index, mask in zip(clip.frame_indices.tolist(), masks, strict=True):
                file = GOLDEN / "movi" / "test" / clip.video / f"segmentation_{name}_{index:05d}.png"
                with Image.open(file) as image:
                    np.testing.assert_array_equal(mask.numpy(), np.asarray(image) == clip.track_id + 1)
        assert clip.truth.amodal.any()


def test_a_shorter_list_changes_nothing_about_where_other_objects_are_seen(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "movi", tmp_path, dirs_exist_ok=True)
    whole = {clip.track_id: clip for clip in MoviTracks(tmp_path, "test", PUBLISHED, truth=True) if clip.video == "7"}
    np.save(tmp_path / "test" / "instance_list.npy", np.array(["7-2"]))
    tracks = MoviTracks(tmp_path, "test", PUBLISHED, truth=True)
    for truth in (tracks[0].truth, tracks.truth_of(0).masks):
        expected = whole[2].truth
        assert truth is not None
        assert expected is not None
        assert truth.others is not None
        assert expected.others is not None
        assert truth.others.any()
        assert torch.equal(truth.others, expected.others)


def test_without_truth_a_clip_has_none(tmp_path: Path, write_split: Write) -> None:
    assert MoviTracks(write_split(tmp_path), "train", PUBLISHED)[0].truth is None


def test_published_clips_leave_out_frames_where_the_object_is_hidden(tmp_path: Path, write_split: Write) -> None:
    clip = MoviTracks(write_split(tmp_path, hidden=(1, 3, 4)), "train", PUBLISHED)[0]
    assert clip.frame_indices.tolist() == [0, 2, 5]
    assert clip.visible.flatten(1).any(1).all()


def test_all_frames_hold_the_hidden_ones_at_interpolated_boxes(tmp_path: Path, write_split: Write) -> None:
    root = write_split(tmp_path, num_frames=8, hidden=(0, 3, 4, 7))
    view = ViewConfig(frames="all", boxes="round", enlarge=1.0)
    clip = MoviTracks(root, "train", view)[0]
    assert clip.frame_indices.tolist() == list(range(8))
    lefts = [6, 6, 8, 10, 12, 14, 16, 16]  # the object moves 2 columns a frame; the box is held before 1 and after 6
    assert list(clip.boxes) == [Box(16, left, 28, left + 10) for left in lefts]
    assert clip.visible.flatten(1).any(1).tolist() == [False, True, True, False, False, True, True, False]
    assert clip.amodal.flatten(1).any(1).all()


def test_both_kinds_of_frames_agree_where_the_object_is_seen(tmp_path: Path, write_split: Write) -> None:
    root = write_split(tmp_path, hidden=(2,))
    visible = MoviTracks(root, "train", PUBLISHED)[0]
    everything = MoviTracks(root, "train", ViewConfig(frames="all"))[0]
    assert torch.equal(everything.frames[visible.frame_indices], visible.frames)
    assert torch.equal(everything.amodal[visible.frame_indices], visible.amodal)


def test_paper_boxes_lose_a_pixel_to_truncation_and_round_boxes_do_not(tmp_path: Path, write_split: Write) -> None:
    root = write_split(tmp_path)
    as_float32 = [float(np.float32(share)) for share in (16 / 48, 13 / 64, 28 / 48, 23 / 64)]
    assert int(48 * as_float32[2]) == 27
    edit(root, lambda data: data["instances"][0].update(bboxes=[as_float32] * 6))
    views = {boxes: ViewConfig(boxes=boxes, enlarge=1.0) for boxes in ("paper", "round")}
    assert MoviTracks(root, "train", views["round"])[0].boxes[0] == Box(16, 13, 28, 23)
    assert MoviTracks(root, "train", views["paper"])[0].boxes[0] == Box(16, 13, 27, 24)


@pytest.mark.parametrize(
    ("intrinsics", "expected"),
    [
        ("kubric", [[1.09375, 0, -0.5], [0, -1.4583, -0.5], [0, 0, -1]]),
        ("unit", [[1.09375, 0, 0.5], [0, 1.4583, 0.5], [0, 0, 1]]),
        ("pixel", [[70, 0, 32], [0, 69.9984, 24], [0, 0, 1]]),
    ],
)
def test_intrinsics_come_in_the_convention_of_the_view(
    intrinsics: Any, expected: list[list[float]], tmp_path: Path, write_split: Write
) -> None:
    clip = MoviTracks(write_split(tmp_path), "train", ViewConfig(intrinsics=intrinsics))[0]
    torch.testing.assert_close(clip.intrinsics, torch.tensor(expected).expand(6, 3, 3))


def test_a_training_clip_is_the_window_of_its_draw(tmp_path: Path, write_split: Write) -> None:
    tracks = MoviTracks(write_split(tmp_path, num_frames=8, hidden=(1,)), "train", PUBLISHED, clip_length=4)
    whole = MoviTracks(tmp_path, "train", PUBLISHED)[0]
    assert whole.frame_indices.tolist() == [0, 2, 3, 4, 5, 6, 7]
    for start, position in enumerate((0.0, 0.25, 0.5, 0.99)):
        clip = tracks[Draw(track=0, position=position)]
        assert torch.equal(clip.frame_indices, whole.frame_indices[start : start + 4])
        assert torch.equal(clip.frames, whole.frames[start : start + 4])
        assert clip.boxes == whole.boxes[start : start + 4]
    assert torch.equal(tracks[0].frames, whole.frames[:4])


def test_a_short_track_repeats_its_last_frame(tmp_path: Path, write_split: Write) -> None:
    clip = MoviTracks(write_split(tmp_path), "train", PUBLISHED, clip_length=9)[Draw(0, 0.7)]
    assert clip.frame_indices.tolist() == [0, 1, 2, 3, 4, 5, 5, 5, 5]
    for index in (6, 7, 8):
        assert torch.equal(clip.frames[index], clip.frames[5])
        assert torch.equal(clip.amodal[index], clip.amodal[5])
    assert clip.available.all()


def test_videos_can_be_chosen_by_name(tmp_path: Path, write_split: Write, write_video: Write) -> None:
    write_video(write_split(tmp_path) / "train" / "hall", num_frames=3)
    np.save(tmp_path / "train" / "instance_list.npy", np.array(["5-0", "hall-1", "5-1"]))
    assert len(MoviTracks(tmp_path, "train", PUBLISHED)) == 3
    chosen = MoviTracks(tmp_path, "train", PUBLISHED, videos={"hall"})
    assert chosen.tracks == [Track("hall", 1)]
    assert len(chosen[0]) == 3


def test_a_clip_of_twelve_frames_opens_36_images_and_the_metadata(tmp_path: Path, write_split: Write) -> None:
    tracks = MoviTracks(write_split(tmp_path, num_frames=20), "train", PUBLISHED, clip_length=12, truth=True)
    for extra in ("depth_full_00000.tiff", "rgba_bev_full_00000.png", "data_ranges.json", "metadata_bev.json"):
        (tmp_path / "train" / "5" / extra).write_text("not to be opened")
    with record_opens() as opened:
        tracks[Draw(0, 0.5)]
    names = [Path(path).name for path in opened if str(path).startswith(str(tmp_path))]
    kinds = ("rgba_full", "segmentation_full", "segmentation_0")
    assert sorted(names) == sorted(
        ["metadata.json"] + [f"{kind}_{index:05d}.png" for kind in kinds for index in range(4, 16)]
    )
    with record_opens() as opened:
        tracks[Draw(0, 0.0)]
    assert "metadata.json" not in [Path(path).name for path in opened]


def test_metadata_that_change_are_read_again(tmp_path: Path, write_split: Write) -> None:
    tracks = MoviTracks(write_split(tmp_path), "train", PUBLISHED)
    assert len(tracks[1]) == 6
    edit(tmp_path, lambda data: data["instances"][1].update(bboxes=[[0, 0, 1, 1]], bbox_frames=[2]))
    assert tracks[1].frame_indices.tolist() == [2]


# What is wrong with the data, and what the message must name.


def test_an_object_that_is_never_seen_is_an_error(tmp_path: Path, write_split: Write) -> None:
    tracks = MoviTracks(write_split(tmp_path, hidden=range(6)), "train", PUBLISHED)
    assert len(tracks[1]) == 6
    with pytest.raises(DataError, match=r"5/metadata\.json: .*instances\.0.*never seen; take the entry off the list"):
        tracks[0]


def test_an_object_that_the_video_lacks_is_an_error(tmp_path: Path, write_split: Write) -> None:
    np.save(write_split(tmp_path) / "train" / "instance_list.npy", np.array(["5-2"]))
    with pytest.raises(DataError, match=r"5/metadata\.json: expected an object with index 2.*found 2 instances"):
        MoviTracks(tmp_path, "train", PUBLISHED)[0]


def test_a_video_that_is_not_there_is_an_error(tmp_path: Path, write_split: Write) -> None:
    shutil.rmtree(write_split(tmp_path) / "train" / "5")
    with pytest.raises(DataError, match=r"5/metadata\.json: expected the video's metadata"):
        MoviTracks(tmp_path, "train", PUBLISHED)[0]


@pytest.mark.parametrize("name", ["rgba_full_00003", "segmentation_full_00003", "segmentation_0_00003"])
def test_an_image_cut_in_half_is_an_error_that_names_it(name: str, tmp_path: Path, write_split: Write) -> None:
    path = write_split(tmp_path) / "train" / "5" / f"{name}.png"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"{name}\.png: expected a whole image"):
        MoviTracks(tmp_path, "train", PUBLISHED)[0]


@pytest.mark.parametrize("name", ["rgba_full_00000", "segmentation_full_00005", "segmentation_0_00002"])
def test_an_image_of_another_size_is_an_error_that_names_it(name: str, tmp_path: Path, write_split: Write) -> None:
    path = write_split(tmp_path) / "train" / "5" / f"{name}.png"
    with Image.open(path) as image:
        image.resize((64, 47)).save(path)
    with pytest.raises(DataError, match=rf"{name}\.png: expected 48 rows and 64 columns.*found 47 and 64"):
        MoviTracks(tmp_path, "train", PUBLISHED)[0]


def test_a_missing_image_is_an_error_that_names_it(tmp_path: Path, write_split: Write) -> None:
    (write_split(tmp_path) / "train" / "5" / "segmentation_0_00004.png").unlink()
    with pytest.raises(DataError, match=r"segmentation_0_00004\.png: expected an image, found no such file"):
        MoviTracks(tmp_path, "train", PUBLISHED)[0]


def edit(root: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the metadata of the video ``5``."""
    path = root / "train" / "5" / "metadata.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


@contextmanager
def record_opens() -> Iterator[list[str]]:
    """The paths opened inside the block, by whatever means."""
    opened: list[str] = []
    recording = True

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if recording and event == "open":
            opened.append(str(arguments[0]))

    sys.addaudithook(hear)  # it stays for good, but hears nothing after the block
    try:
        yield opened
    finally:
        recording = False
