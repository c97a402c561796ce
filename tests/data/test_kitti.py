import pickle
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.transform import resize
from written_kitti import HEIGHT, WIDTH, edit_pickle, encode, write_kitti_split

from eoras.clip import Clip
from eoras.config import ViewConfig
from eoras.config_files import load_config
from eoras.data import Draw, KittiTracks, Track
from eoras.data.crops import crop_masks
from eoras.data.kitti_annotations import Rle
from eoras.errors import DataError
from eoras.geometry import Box

GOLDEN = Path(__file__).parents[1] / "golden"
PUBLISHED = ViewConfig(intrinsics="pixel", pad_to=4)  # of the golden file; the configuration kitti pads to 8
CORRECTED = ViewConfig(intrinsics="unit", boxes="round")
INSTANCES = [
    "2011_09_26_drive_0001_sync_02-4",
    "2011_09_26_drive_0001_sync_02-11",
    "2011_09_26_drive_0001_sync_02-9",
    "2011_09_28_drive_0016_sync_02-1",
    "2011_09_28_drive_0016_sync_02-2",
]


@pytest.fixture(scope="module")
def published_clips() -> dict[str, Clip]:
    tracks = KittiTracks(GOLDEN / "kitti", "test", PUBLISHED, truth=True)
    return {f"{clip.video}-{clip.track_id}": clip for clip in tracks}


@pytest.fixture(scope="module")
def expected() -> Iterator[Any]:
    with np.load(GOLDEN / "kitti_expected.npz") as file:
        yield file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder whose split ``train`` holds one track of the frames 1 to 12, of which 4, 8 and 12 are annotated."""
    return write_kitti_split(tmp_path / "KINS_Video_Car", "train")


def unpack(packed: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.unpackbits(packed, count=int(np.prod(shape))).reshape(shape).astype(bool)


# As the official code


def test_tracks_come_in_the_order_of_the_file(published_clips: dict[str, Clip]) -> None:
    assert list(published_clips) == INSTANCES


@pytest.mark.parametrize("instance", INSTANCES)
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
    np.testing.assert_array_equal(clip.available.numpy(), expected[f"{instance}/amodal_available"])


def test_the_frames_of_a_clip_are_scikit_images_crops(published_clips: dict[str, Clip]) -> None:
    for clip in published_clips.values():
        folder = GOLDEN / "kitti" / "Kitti" / "raw_video" / clip.video[:10] / clip.video
        files = sorted(folder.iterdir())
        for index, box, frame in zip(clip.frame_indices.tolist(), clip.boxes, clip.frames, strict=True):
            with Image.open(files[index]) as image:
                pixels = np.asarray(image)[box.top : box.bottom, box.left : box.right, :3].astype(np.float32) / 255
            crop = np.asarray(resize(pixels, (128, 128), order=1, mode="reflect", anti_aliasing=True))
            np.testing.assert_allclose(frame.permute(1, 2, 0).numpy(), crop, rtol=0, atol=2e-6)


@pytest.mark.parametrize("instance", INSTANCES)
def test_the_official_loss_mask_is_the_window_without_the_pixels_that_the_file_marks(
    instance: str, published_clips: dict[str, Clip], expected: Any
) -> None:
    clip = published_clips[instance]
    records = pickle.loads((GOLDEN / "kitti" / "car_data" / "test_data.pkl").read_bytes())[clip.video][clip.track_id]
    marked = [Rle(**records[index]["loss_mask"]).decode("loss_mask") for index in clip.frame_indices.tolist()]
    windows = crop_masks(marked, clip.boxes)
    known = unpack(expected[f"{instance}/loss_mask"], (len(clip), 121, 121))
    np.testing.assert_array_equal(~windows.numpy(), known)


@pytest.mark.parametrize("instance", INSTANCES)
def test_a_short_published_track_ends_in_copies_where_the_official_one_does(
    instance: str, published_clips: dict[str, Clip], expected: Any
) -> None:
    indices = published_clips[instance].frame_indices
    repeated = np.diff(indices.numpy(), prepend=-1) == 0
    np.testing.assert_array_equal(~repeated, expected[f"{instance}/counts"])
    np.testing.assert_array_equal(indices.numpy()[~repeated], expected[f"{instance}/frame"][~repeated])


def test_the_configuration_kitti_shows_what_was_published() -> None:
    assert load_config("kitti").model.view == ViewConfig(boxes="paper", intrinsics="pixel", pad_to=8)


def test_copies_of_an_annotated_last_frame_count_as_annotated(root: Path) -> None:
    padded = [KittiTracks(root, "train", ViewConfig(pad_to=length))[0] for length in (8, 20)]
    assert [len(clip) for clip in padded] == [12, 20]
    assert padded[0].frame_indices.tolist() == list(range(1, 13))
    assert padded[0].frame_indices[padded[0].available].tolist() == [4, 8, 12]
    assert padded[1].frame_indices[padded[1].available].tolist() == [4, 8, *[12] * 9]


# As it should be


def test_corrected_clips_are_whole_tracks_without_copies(published_clips: dict[str, Clip]) -> None:
    for clip in KittiTracks(GOLDEN / "kitti", "test", CORRECTED):
        published = published_clips[f"{clip.video}-{clip.track_id}"].frame_indices
        assert clip.frame_indices.tolist() == sorted(set(published.tolist()))


def test_round_boxes_take_in_the_last_row_and_column_of_the_visible_mask(root: Path) -> None:
    assert KittiTracks(root, "train", ViewConfig(boxes="round", enlarge=1))[0].boxes[0] == Box(12, 12, 24, 28)
    assert KittiTracks(root, "train", ViewConfig(boxes="paper", enlarge=1))[0].boxes[0] == Box(12, 12, 23, 27)


@pytest.mark.parametrize(
    ("intrinsics", "expected_matrix"),
    [
        ("pixel", [[72, 0, 48], [0, 70, 20], [0, 0, 1]]),
        ("unit", [[72 / WIDTH, 0, 0.5], [0, 70 / HEIGHT, 0.5], [0, 0, 1]]),
        ("kubric", [[72 / WIDTH, 0, -0.5], [0, -70 / HEIGHT, -0.5], [0, 0, -1]]),
    ],
)
def test_intrinsics_come_in_the_convention_of_the_view(
    intrinsics: Any, expected_matrix: list[list[float]], root: Path
) -> None:
    clip = KittiTracks(root, "train", ViewConfig(intrinsics=intrinsics))[0]
    torch.testing.assert_close(clip.intrinsics, torch.tensor(expected_matrix, dtype=torch.float32).expand(12, 3, 3))


def test_a_mask_outside_the_crop_is_an_annotation_to_round_boxes_only(root: Path) -> None:
    far = np.zeros((HEIGHT, WIDTH), bool)
    far[:4, 90:] = True
    edit_pickle(amodal_pickle(root), lambda tracks: tracks[7][1].update(FM=encode(far)))
    views = {ViewConfig(boxes="paper"): [4, 8, 12], ViewConfig(boxes="round"): [1, 4, 8, 12]}
    for view, annotated in views.items():
        clip = KittiTracks(root, "train", view)[0]
        assert clip.frame_indices[clip.available].tolist() == annotated


# Clips


def test_the_truth_is_the_masks_of_the_whole_images(root: Path) -> None:
    clip = KittiTracks(root, "train", PUBLISHED, truth=True)[0]
    assert clip.truth is not None
    assert (clip.height, clip.width) == (HEIGHT, WIDTH)
    for t, amodal, visible in zip(clip.frame_indices.tolist(), clip.truth.amodal, clip.truth.visible, strict=True):
        whole, seen = np.zeros((2, HEIGHT, WIDTH), bool)
        whole[12:24, 10 + 2 * t : 34 + 2 * t] = t in (4, 8, 12)
        seen[12:24, 10 + 2 * t : 26 + 2 * t] = True
        np.testing.assert_array_equal(amodal.numpy(), whole)
        np.testing.assert_array_equal(visible.numpy(), seen)


def test_a_training_clip_is_the_window_of_its_draw(root: Path) -> None:
    tracks = KittiTracks(root, "train", PUBLISHED, clip_length=4)
    whole = KittiTracks(root, "train", PUBLISHED)[0]
    for start in range(9):
        clip = tracks[Draw(0, (start + 0.5) / 9)]
        assert torch.equal(clip.frame_indices, whole.frame_indices[start : start + 4])
        assert torch.equal(clip.frames, whole.frames[start : start + 4])
        assert torch.equal(clip.available, whole.available[start : start + 4])
    assert len(KittiTracks(root, "train", PUBLISHED, clip_length=14)[Draw(0, 0.9)]) == 14


def test_an_annotation_is_of_the_frame_at_its_place_among_the_files(root: Path) -> None:
    first = KittiTracks(root, "train", PUBLISHED)[0]
    folder = next((root / "Kitti" / "raw_video").glob("*/*"))
    for path in sorted(folder.iterdir(), reverse=True):  # 7 to 19, and with fewer zeros in front
        path.rename(folder / f"{int(path.stem) + 7}.png")
    (folder / "._7.png").write_bytes(b"not a frame")
    assert torch.equal(KittiTracks(root, "train", PUBLISHED)[0].frames, first.frames)


def test_only_the_frames_that_are_shown_are_opened(root: Path) -> None:
    folder = next((root / "Kitti" / "raw_video").glob("*/*"))
    for t in (0, 1, 2, 3, 4, 9, 10, 11, 12):
        (folder / f"{t:010d}.png").write_bytes(b"not an image")
    assert KittiTracks(root, "train", PUBLISHED, clip_length=4)[Draw(0, 0.5)].frame_indices.tolist() == [5, 6, 7, 8]


def test_videos_can_be_chosen_by_name() -> None:
    tracks = KittiTracks(GOLDEN / "kitti", "test", PUBLISHED, videos={"2011_09_28_drive_0016_sync_02"})
    assert tracks.tracks == [Track("2011_09_28_drive_0016_sync_02", 1), Track("2011_09_28_drive_0016_sync_02", 2)]
    assert len(tracks[1]) == 4


def test_numbers_may_be_numpys_and_boxes_arrays(root: Path) -> None:
    before = KittiTracks(root, "train", PUBLISHED)[0]

    def change(tracks: Any) -> None:
        frames = tracks.pop(7)
        tracks[np.int64(7)] = {
            np.int32(t): {**record, "VM_bbox": np.array(record["VM_bbox"])} for t, record in frames.items()
        }

    edit_pickle(visible_pickle(root), change)
    after = KittiTracks(root, "train", PUBLISHED)[0]
    assert after.boxes == before.boxes
    assert torch.equal(after.frames, before.frames)


# What is wrong with the data, and what the message must name


def visible_pickle(root: Path) -> Path:
    return root / "car_data" / "train_data.pkl"


def amodal_pickle(root: Path) -> Path:
    return root / "car_data" / "train_data_full_mask.pkl"


@pytest.mark.parametrize("name", ["train_data.pkl", "train_data_full_mask.pkl"])
def test_a_missing_or_damaged_pickle_is_an_error_that_names_it(name: str, root: Path) -> None:
    path = root / "car_data" / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=rf"{re.escape(name)}: expected a whole pickle"):
        KittiTracks(root, "train", PUBLISHED)
    path.unlink()
    with pytest.raises(DataError, match=rf"{re.escape(name)}: expected a pickle, found no such file"):
        KittiTracks(root, "train", PUBLISHED)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"VM": None}, r"4 VM: Input should be a dictionary.*found None"),
        ({"VM": {"size": [HEIGHT, WIDTH]}}, r"4 VM counts: Field required"),
        ({"VM": {"size": [HEIGHT], "counts": b""}}, r"4 VM size 1: Field required"),
        ({"VM": {"size": [HEIGHT, WIDTH], "counts": b"\xff\x00"}}, r"4 VM: counts must be COCO's compressed form"),
        ({"VM": {"size": [HEIGHT, WIDTH], "counts": b"o"}}, r"4 VM: counts must be COCO's compressed form"),
        ({"VM_bbox": (1, 2, 3)}, r"4 VM_bbox 3: Field required"),
        ({"VM_bbox": (-1, 2, 3, 4)}, r"4 VM_bbox 0: Input should be greater than or equal to 0, found -1"),
        ({"VM_bbox": (9, 2, 3, 4)}, r"track 7, frame 4: expected VM_bbox to be first row, last row.*\(9, 2, 3, 4\)"),
        ({"VM_bbox": (1, 2, 3, 400)}, r"track 7, frame 4: expected VM_bbox to be.*inside 40 rows and 96 columns"),
        ({"VM": encode(np.zeros((9, 9)))}, r"frame 4: expected masks of 40 rows and 96 columns.*\(9, 9\) \(visible\)"),
    ],
)
def test_a_wrong_record_is_an_error_that_names_it(record: dict[str, Any], message: str, root: Path) -> None:
    edit_pickle(visible_pickle(root), lambda tracks: tracks[7][4].update(record))
    with pytest.raises(DataError, match=rf"train_data\.pkl: .*{message}"):
        KittiTracks(root, "train", PUBLISHED)


def test_a_gap_in_a_track_is_an_error(root: Path) -> None:
    edit_pickle(visible_pickle(root), lambda tracks: tracks[7].pop(5))
    with pytest.raises(DataError, match=r"train_data\.pkl: video 2011.*, track 7: expected frames without a gap"):
        KittiTracks(root, "train", PUBLISHED)


def test_a_frame_without_an_amodal_record_is_an_error(root: Path) -> None:
    edit_pickle(amodal_pickle(root), lambda tracks: tracks[7].pop(5))
    with pytest.raises(
        DataError, match=r"full_mask\.pkl: video 2011.*, track 7: expected a mask.*found none for \[5\]"
    ):
        KittiTracks(root, "train", PUBLISHED)


@pytest.mark.parametrize("content", [{}, [], {"2011_09_26_a": {}}, {"2011_09_26_a": {"x": {}}}])
def test_a_pickle_of_something_else_is_an_error(content: Any, root: Path) -> None:
    visible_pickle(root).write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match=r"train_data\.pkl: expected"):
        KittiTracks(root, "train", PUBLISHED)


def test_runs_that_do_not_fit_the_image_are_an_error(root: Path) -> None:
    long = {"size": [HEIGHT, WIDTH], "counts": encode(np.ones((HEIGHT, 2 * WIDTH)))["counts"]}
    edit_pickle(amodal_pickle(root), lambda tracks: tracks[7][3].update(FM=long))
    message = (
        r"car_data: split train: video .*, track 7, frame 3: RLE\.counts: expected .* runs of 40 x 96 pixels in all"
    )
    with pytest.raises(DataError, match=message):
        KittiTracks(root, "train", PUBLISHED)[0]


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH + 1), (1, WIDTH)], ids=["larger", "one that torch would repeat"])
def test_masks_of_two_sizes_in_a_video_are_an_error_that_names_both_objects(size: Any, root: Path) -> None:
    rle = encode(np.ones(size, bool))
    edit_pickle(
        visible_pickle(root),
        lambda tracks: tracks.update({8: {t: {"VM": rle, "VM_bbox": (0, 0, 0, 0)} for t in tracks[7]}}),
    )
    edit_pickle(amodal_pickle(root), lambda tracks: tracks.update({8: {t: {"FM": rle} for t in tracks[7]}}))
    message = r"frame \d+: expected masks of one size, found \(40, 96\) of track 7 and \(\d+, \d+\) of track 8"
    with pytest.raises(DataError, match=message):
        KittiTracks(root, "train", CORRECTED, truth=True)[0]
    with pytest.raises(DataError, match=message):
        KittiTracks(root, "train", CORRECTED).truth_of(0)


def test_an_image_of_another_size_is_an_error_that_names_it(root: Path) -> None:
    path = next((root / "Kitti").rglob("0000000003.png"))
    with Image.open(path) as image:
        image.resize((WIDTH, HEIGHT + 1)).save(path)
    with pytest.raises(DataError, match=r"0000000003\.png: expected 40 rows and 96 columns.*found 41 and 96"):
        KittiTracks(root, "train", PUBLISHED)[0]


def test_missing_frames_are_an_error_that_names_their_folder(root: Path) -> None:
    folder = next((root / "Kitti" / "raw_video").glob("*/*"))
    (folder / "0000000012.png").unlink()
    with pytest.raises(DataError, match=r"sync_02: expected more than 12 frames.*found 12"):
        KittiTracks(root, "train", PUBLISHED)[0]
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"sync_02: expected frames such as 0000000000\.png, found none"):
        KittiTracks(root, "train", PUBLISHED)[0]
    shutil.rmtree(folder)
    with pytest.raises(DataError, match=r"sync_02: expected the frames of the video"):
        KittiTracks(root, "train", PUBLISHED)[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"found no such file; restore it, named by the day of 2011_09_26_drive"),
        ("P0: 1\nP1: 1\n", r"found something else"),
        ("P0:\nP1:\nP2: 1 2 three\n", r"number 2: Input should be a valid number.*found 'three'"),
        ("P0:\nP1:\nP2: nan 0 0 0 0 1 0 0 0 0 1 0\n", r"number 0: Input should be.*found 'nan'"),
        ("P0:\nP1:\nP2: 1 0 0 0 0 1e999 0 0 0 0 1 0\n", r"number 5: Input should be.*found '1e999'"),
        ("P0:\nP1:\nP2: 1e300 0 0 0 0 1 0 0 0 0 1 0\n", r"number 0: Input should be less than or equal to 1000000000"),
        ("P0:\nP1:\nP2: 1 2 3\n", r"found 'P2:' and 3 numbers"),
        ("P1:\nP2:\nP3: 1 0 0 0 0 1 0 0 0 0 1 0\n", r"found 'P3:' and 12 numbers"),
    ],
)
def test_a_missing_or_wrong_calibration_is_an_error_that_names_it(text: str | None, message: str, root: Path) -> None:
    path = root / "Kitti" / "calib" / "26.txt"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(DataError, match=rf"26\.txt: expected a calibration.*{message}"):
        KittiTracks(root, "train", PUBLISHED)[0]


@pytest.mark.parametrize("name", ["drive", "2011_09_26_a-b", "2011_09_26_"])
def test_a_name_that_is_no_drives_is_refused_before_it_becomes_a_path(name: str, root: Path) -> None:
    for path in (visible_pickle(root), amodal_pickle(root)):
        (tracks,) = pickle.loads(path.read_bytes()).values()
        path.write_bytes(pickle.dumps({name: tracks}))
    with pytest.raises(DataError, match=r"car_data: expected videos named YYYY_MM_DD_NAME without '-'"):
        KittiTracks(root, "train", PUBLISHED)[0]
