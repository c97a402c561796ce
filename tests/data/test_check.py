"""Each damage gives exactly its problem, and undamaged data none."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flat_scenes.scenes import write_flat_dataset
from PIL import Image

from eoras.data.check import check, find_data, sample
from eoras.data.check_report import BINS, Contents
from eoras.errors import DataError

GOLDEN = Path(__file__).parents[1] / "golden" / "movi"
VIDEO = Path("train", "0")
Damage = Callable[[Path], None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whole") / "data"
    write_flat_dataset(root, train_videos=1, test_videos=1, seed=3, size=(48, 64), frames=3)
    return root


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    shutil.copytree(whole, tmp_path / "data")
    return tmp_path / "data"


def edit(path: Path, change: Callable[[Any], object]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def metadata(change: Callable[[Any], object]) -> Damage:
    return lambda root: edit(root / VIDEO / "metadata.json", change)


def pixels(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Damage:
    def damage(root: Path) -> None:
        path = root / VIDEO / name
        with Image.open(path) as image:
            labels = np.array(image)
        Image.fromarray(change(labels)).save(path)

    return damage


def camera(matrix: list[list[float]]) -> Damage:
    return metadata(lambda data: data["camera"].update(K=matrix))


def instance(k: int, **values: Any) -> Damage:
    return metadata(lambda data: data["instances"][k].update(values))


def tracks(change: Callable[[list[str]], list[str]]) -> Damage:
    def damage(root: Path) -> None:
        path = root / "train" / "instance_list.npy"
        np.save(path, np.array(change(np.load(path).tolist()), dtype=np.str_))

    return damage


def cut_in_half(name: str) -> Damage:
    def damage(root: Path) -> None:
        path = root / VIDEO / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return damage


def one_box(box: list[float]) -> Damage:
    return metadata(lambda data: data["instances"][0]["bboxes"].__setitem__(0, box))


def shift_box(pixels_down: float) -> Damage:
    def change(data: Any) -> None:
        top, left, bottom, right = data["instances"][0]["bboxes"][0]
        down = pixels_down / 48
        data["instances"][0]["bboxes"][0] = [top + down, left, bottom + down, right]

    return metadata(change)


def drop_box(data: Any) -> None:
    for key in ("bboxes", "bbox_frames"):
        data["instances"][0][key].pop(0)


def copy_frame_past_the_last(root: Path) -> None:
    shutil.copy(root / VIDEO / "rgba_full_00000.png", root / VIDEO / "rgba_full_00003.png")


DAMAGES: dict[str, tuple[Any, ...]] = {  # damage; kind, file, message, whether it breaks
    "no frame": (
        lambda root: (root / VIDEO / "rgba_full_00001.png").unlink(),
        *("missing image", "rgba_full_00001.png", "found no such file", True),
    ),
    "no amodal mask": (
        lambda root: (root / VIDEO / "segmentation_1_00002.png").unlink(),
        *("missing image", "segmentation_1_00002.png", "found no such file", True),
    ),
    "no visible masks": (
        lambda root: (root / VIDEO / "segmentation_full_00000.png").unlink(),
        *("missing image", "segmentation_full_00000.png", "found no such file", True),
    ),
    "half a frame": (
        cut_in_half("rgba_full_00002.png"),
        *("damaged image", "rgba_full_00002.png", "expected a whole image", True),
    ),
    "another size": (
        pixels("segmentation_full_00001.png", lambda labels: labels[:-1]),
        *("damaged image", "segmentation_full_00001.png", "expected 48 rows and 64 columns", True),
    ),
    "a colour image of labels": (
        pixels("segmentation_0_00001.png", lambda labels: np.stack([labels] * 3, axis=-1)),
        *("damaged image", "segmentation_0_00001.png", "expected one label number a pixel", True),
    ),
    "a label too many": (
        pixels("segmentation_full_00001.png", lambda labels: np.where(labels == 0, 200, labels).astype(np.uint8)),
        *("label without an object", "segmentation_full_00001.png", "found 200", False),
    ),
    "amodal mask of 255": (
        pixels("segmentation_0_00001.png", lambda labels: (255 * (labels > 0)).astype(np.uint8)),
        *("label without an object", "segmentation_0_00001.png", "expected 0 and 1 alone, found 255", True),
    ),
    "a stray label": (
        pixels("segmentation_0_00001.png", lambda labels: np.where(labels == 0, 7, labels).astype(np.uint8)),
        *("label without an object", "segmentation_0_00001.png", "found 7", False),
    ),
    "empty amodal mask": (
        pixels("segmentation_0_00001.png", np.zeros_like),
        *("empty amodal mask", "segmentation_0_00001.png", "the object is seen in this frame", True),
    ),
    "amodal mask of elsewhere": (
        pixels("segmentation_0_00001.png", lambda labels: (labels == 0).astype(np.uint8)),
        *("visible outside amodal", "segmentation_0_00001.png", "outside", True),
    ),
    "a sliver outside": (
        pixels("segmentation_0_00001.png", lambda labels: labels * (np.cumsum(labels).reshape(labels.shape) > 5)),
        *("visible outside amodal", "segmentation_0_00001.png", "outside", False),
    ),
    "pixels as intrinsics": (
        camera([[70, 0, 32], [0, 70, 24], [0, 0, 1]]),
        *("intrinsics", "metadata.json", "expected a matrix to the unit square, found pixels", True),
    ),
    "a camera along +z": (
        camera([[1.09375, 0, 0.5], [0, 1.4583, 0.5], [0, 0, 1]]),
        *("intrinsics", "metadata.json", "found one along +z", True),
    ),
    "a mirrored camera": (
        camera([[-1.09375, 0, -0.5], [0, -1.4583, -0.5], [0, 0, -1]]),
        *("intrinsics", "metadata.json", "a mirrored image", True),
    ),
    "a principal point outside": (
        camera([[1.09375, 0, 0.5], [0, -1.4583, -0.5], [0, 0, -1]]),
        *("intrinsics", "metadata.json", "expected a principal point inside the image", True),
    ),
    "no camera": (
        camera([[0, 0, 0]] * 3),
        *("intrinsics", "metadata.json", "zeros on the diagonal", True),
    ),
    "long pixels": (
        camera([[1.09375, 0, -0.5], [0, -1.09375, -0.5], [0, 0, -1]]),
        *("intrinsics", "metadata.json", "pixels are not square", False),
    ),
    "intrinsics that are no numbers": (
        camera([[float("nan"), 0, -0.5], [0, -1.4583, -0.5], [0, 0, -1]]),
        *("metadata", "metadata.json", "camera.K.0.0: Input should be a finite number", True),
    ),
    "no JSON": (
        lambda root: (root / VIDEO / "metadata.json").write_text('{"metadata": {'),
        *("metadata", "metadata.json", "Invalid JSON", True),
    ),
    "no metadata": (
        lambda root: (root / VIDEO / "metadata.json").unlink(),
        *("metadata", "metadata.json", "expected the video's metadata", True),
    ),
    "odd JSON for the official code": (
        lambda root: (root / VIDEO / "data_ranges.json").write_text("{'forward_flow': {}}"),
        *("metadata", "data_ranges.json", "expected JSON", False),
    ),
    "a box that leaves the image": (
        one_box([0.1, 0.1, 0.5, 1.2]),
        *("metadata", "metadata.json", "instances.0.bboxes.0.3: Input should be less than or equal to 1", True),
    ),
    "a box a little off": (shift_box(2), "box", "metadata.json", "instances.0, frame 0: expected the bounds", False),
    "a box elsewhere": (
        one_box([0, 0, 1 / 48, 1 / 64]),
        *("box", "metadata.json", "found (0, 0, 1, 1) (top, left, bottom, right)", True),
    ),
    "a frame without its box": (
        metadata(drop_box),
        *("box", "metadata.json", "instances.0, frame 0: expected a box just where the object is seen", False),
    ),
    "an object that is never seen": (
        instance(1, bboxes=[], bbox_frames=[]),
        *("list of tracks", "metadata.json", "never seen", True),
    ),
    "a track of no object": (
        tracks(lambda names: [*names, "0-77"]),
        *("list of tracks", "metadata.json", "expected an object with index 77", True),
    ),
    "a track listed twice": (
        tracks(lambda names: [*names, names[0]]),
        *("list of tracks", "instance_list.npy", "track 0 of video 0 is listed 2 times", False),
    ),
    "an odd entry": (
        tracks(lambda names: [*names, "hall"]),
        *("list of tracks", "instance_list.npy", "found 'hall'", True),
    ),
    "an empty list": (
        tracks(lambda _: []),
        *("list of tracks", "instance_list.npy", "expected at least one track", True),
    ),
    "no list": (
        lambda root: (root / "train" / "instance_list.npy").unlink(),
        *("list of tracks", "data", "expected train/instance_list.npy or train_instance.txt, found neither", True),
    ),
    "a video that nobody lists": (
        lambda root: shutil.copytree(root / VIDEO, root / "train" / "hall") and None,
        *("unlisted video", "hall", "no track of this video is listed", False),
    ),
    "a frame past the last": (
        copy_frame_past_the_last,
        *("frame past the last", "rgba_full_00003.png", "num_frames = 3", False),
    ),
    "no test split": (
        lambda root: shutil.rmtree(root / "test"),
        *("missing split", "test", "there is no such folder", False),
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_gives_its_problem_and_no_other(name: str, root: Path) -> None:
    damage, kind, file, what, breaks = DAMAGES[name]
    damage(root)
    report = check(root)
    found = {(problem.kind, problem.path.name, problem.breaks) for problem in report.problems}
    assert found == {(kind, file, breaks)}, report.problems
    assert what in report.problems[0].what
    assert all(problem.what and problem.cure for problem in report.problems)
    assert report.breaks == breaks


def test_undamaged_data_have_no_problems_and_are_counted(root: Path) -> None:
    report = check(root)
    assert report.problems == ()
    assert not report.breaks
    for split, contents in report.contents.items():
        listed = np.load(root / split / "instance_list.npy").tolist()
        instances = json.loads((root / split / "0" / "metadata.json").read_text())["instances"]
        assert (contents.videos, contents.tracks, contents.frames) == (1, len(listed), 3)
        assert contents.sizes == {(48, 64): 1}
        assert contents.track_frames == contents.annotated_frames == sum(len(one["bboxes"]) for one in instances)


def test_golden_videos_have_no_problem_but_that_there_is_no_training_split() -> None:
    report = check(GOLDEN)
    assert [problem.kind for problem in report.problems] == ["missing split"]
    assert report.contents["test"].sizes == {(128, 128): 1, (96, 144): 1}


def test_occlusion_rates_are_those_of_the_masks() -> None:
    rates = []
    hidden = 0
    for entry in np.load(GOLDEN / "test" / "instance_list.npy").tolist():
        video, k = entry.split("-")
        for path in sorted((GOLDEN / "test" / video).glob(f"segmentation_{k}_*.png")):
            label, full = int(k) + 1, path.with_name(f"segmentation_full_{path.stem[-5:]}.png")
            amodal, visible = (np.asarray(Image.open(image)) == label for image in (path, full))
            if amodal.any():
                rates.append(1 - (amodal & visible).sum() / amodal.sum())
                hidden += not visible.any()
    contents = check(GOLDEN).contents["test"]
    assert contents.describe()["occlusion"] == np.histogram(rates, BINS, (0, 1))[0].tolist()
    assert contents.hidden_frames == hidden > 0


def test_each_image_is_decoded_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    original = Image.open
    monkeypatch.setattr(Image, "open", lambda path, **more: (opened.append(path), original(path, **more))[1])
    check(root)
    assert len(opened) == len(set(opened))
    count = sum(contents.tracks + 2 for contents in check(root).contents.values())
    assert len(opened) == 2 * 3 * count  # frames; the check ran twice


def test_movid_a_lists_are_understood(root: Path) -> None:
    for split in ("train", "test"):
        path = root / split / "instance_list.npy"
        lines = [f"{entry.replace('-', '_')}_{int(entry[2:]) + 1}" for entry in np.load(path).tolist()]
        (root / f"{split}_instance.txt").write_text("\n".join(lines))
        path.unlink()
    report = check(root)
    assert report.layout == "MOViD-A"
    assert report.problems == ()


def test_data_a_folder_further_in_are_found(root: Path) -> None:
    assert find_data(root) == root
    deep = root.parent / "out" / "archive" / "data"
    shutil.copytree(root, deep)
    assert find_data(root.parent / "out" / "archive") == deep
    assert check(root.parent / "out").root == deep


def test_two_data_folders_are_not_chosen_between(root: Path) -> None:
    shutil.copytree(root, root.parent / "more")
    with pytest.raises(DataError, match=r"expected one data folder, found 2, .*data, .*more; name one of them"):
        check(root.parent)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"expected car_data/ and Kitti/ \(KITTI\), or .*, or train/ and test/ \(MOVi\)"
    ):
        check(tmp_path)
    (tmp_path / "train.txt").touch()
    with pytest.raises(DataError, match=r"train\.txt: expected a data folder, found a file"):
        check(tmp_path / "train.txt")
    with pytest.raises(DataError, match=r"nowhere: expected a data folder, found none"):
        check(tmp_path / "nowhere")


def test_255_one_pixel_objects_of_a_frame_are_sound(tmp_path: Path) -> None:
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for split in ("train", "test"):
        write_dots(tmp_path / split / "0", labels)
        np.save(tmp_path / split / "instance_list.npy", np.array([f"0-{k}" for k in range(255)]))
    report = check(tmp_path)
    assert report.problems == ()
    for contents in report.contents.values():
        assert (contents.tracks, contents.track_frames, contents.annotated_frames) == (255, 255, 255)
    assert len(list(sample(tmp_path, 3))) == 3


def write_dots(folder: Path, labels: np.ndarray) -> None:
    """A video of one frame whose objects, one a value, are not occluded."""
    folder.mkdir(parents=True)
    height, width = labels.shape
    Image.fromarray(np.stack([labels] * 3, axis=-1)).save(folder / "rgba_full_00000.png")
    Image.fromarray(labels).save(folder / "segmentation_full_00000.png")
    instances = []
    for label in range(1, int(labels.max()) + 1):
        Image.fromarray(np.where(labels == label, labels, 0)).save(folder / f"segmentation_{label - 1}_00000.png")
        (row,), (column,) = np.nonzero(labels == label)
        box = [row / height, column / width, (row + 1) / height, (column + 1) / width]
        instances.append({"bboxes": [box], "bbox_frames": [0]})
    header = {"num_frames": 1, "height": height, "width": width}
    camera = {"K": [[1.09375, 0, -0.5], [0, -1.09375, -0.5], [0, 0, -1]]}
    (folder / "metadata.json").write_text(json.dumps({"metadata": header, "camera": camera, "instances": instances}))


def test_samples_are_whole_tracks_from_all_over_and_damaged_ones_are_left_out(root: Path) -> None:
    count = len(np.load(root / "train" / "instance_list.npy"))
    assert count > 2
    samples = list(sample(root, 2))
    assert [track.title for track in samples] == [f"train, video 0, track {k}" for k in (0, count - 1)]
    for track in samples:
        assert track.frames.shape == (*track.amodal.shape, 3)
        assert not (track.visible & ~track.amodal).any()
    (root / VIDEO / "segmentation_0_00000.png").unlink()
    assert [track.title for track in sample(root, 99)] == [f"train, video 0, track {k}" for k in range(1, count)]


def test_contents_add_up() -> None:
    one = Contents(videos=1, frames=2, sizes=Counter({(4, 6): 1}), occlusion=Counter({0: 3, 9: 1}))
    both = (one + one + Contents()).describe()
    assert (both["videos"], both["frames"], both["tracks"]) == (2, 4, 0)
    assert both["sizes"] == {"4x6": 2}
    assert both["occlusion"] == [6, *[0] * 8, 2]
