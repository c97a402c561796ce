"""Each damage of a KINS_Video_Car folder gives exactly its problem, and an undamaged folder none."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from written_kitti import HEIGHT, WIDTH, edit_pickle, encode, write_kitti_split

from eoras.config_files import load_config
from eoras.data import check_kitti
from eoras.data.check import check, sample

VIDEOS = {split: f"2011_09_{day}_drive_0001_sync_02" for split, day in (("train", 26), ("val", 28), ("test", 29))}
VISIBLE, AMODAL = Path("car_data", "train_data.pkl"), Path("car_data", "train_data_full_mask.pkl")
FRAMES = Path("Kitti", "raw_video", "2011_09_26", VIDEOS["train"])
CAMERA = Path("Kitti", "calib", "26.txt")
Damage = Callable[[Path], object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three splits of a video each, with a track of the frames 1 to 12, of which 4, 8 and 12 are annotated."""
    root = tmp_path_factory.mktemp("kitti") / "KINS_Video_Car"
    for split, video in VIDEOS.items():
        write_kitti_split(root, split, video=video)
    for day in (3, 30):
        shutil.copy(root / CAMERA, root / "Kitti" / "calib" / f"{day}.txt")
    return root


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    shutil.copytree(whole, tmp_path / "KINS_Video_Car")
    return tmp_path / "KINS_Video_Car"


def rectangle(top: int, left: int, bottom: int, right: int) -> dict[str, Any]:
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[top:bottom, left:right] = True
    return encode(pixels)


def record(path: Path, t: int, **values: Any) -> Damage:
    return lambda root: edit_pickle(root / path, lambda tracks: tracks[7][t].update(values))


def remove(path: Path) -> Damage:
    return lambda root: (root / path).unlink()


def frame(t: int, change: Callable[[Image.Image], Image.Image]) -> Damage:
    def damage(root: Path) -> None:
        path = root / FRAMES / f"{t:010d}.png"
        with Image.open(path) as image:
            changed = change(image)
        changed.save(path)

    return damage


def cut(path: Path, size: int) -> Damage:
    return lambda root: (root / path).write_bytes((root / path).read_bytes()[:size])


def camera(row: str) -> Damage:
    return lambda root: (root / CAMERA).write_text(f"P0:\nP1:\nP2: {row}\n")


def rename_video(root: Path) -> None:
    for path in (root / VISIBLE, root / AMODAL):
        (tracks,) = pickle.loads(path.read_bytes()).values()
        path.write_bytes(pickle.dumps({"hall": tracks}))


def shift_numbers(root: Path) -> None:
    for path in sorted((root / FRAMES).iterdir(), reverse=True):
        path.rename(path.with_name(f"{int(path.stem) + 7:010d}.png"))


def no_annotation(root: Path) -> None:
    nothing = rectangle(0, 0, 0, 0)
    edit_pickle(root / AMODAL, lambda tracks: [one.update(FM=nothing) for one in tracks[7].values()])


def second_track(root: Path) -> None:
    """A track of the same frames, without an annotation."""
    for path, key in ((VISIBLE, "VM"), (AMODAL, "FM")):

        def copy(tracks: Any, key: str = key) -> None:
            nothing = {"FM": rectangle(0, 0, 0, 0)} if key == "FM" else {}
            tracks[9] = {t: {**one, **nothing} for t, one in tracks[7].items()}

        edit_pickle(root / path, copy)


def short_track(root: Path) -> None:
    for path in (VISIBLE, AMODAL):
        edit_pickle(root / path, lambda tracks: [tracks[7].pop(t) for t in range(8, 13)])


DAMAGES: dict[str, tuple[Any, ...]] = {  # damage; kind, file, message or cure, whether it breaks
    "no visible masks": (remove(VISIBLE), "missing file", VISIBLE.name, "KINS_Video_Car.zip", True),
    "no amodal masks": (remove(AMODAL), "missing file", AMODAL.name, "EoRaSMissing.zip", True),
    "no val": (
        lambda root: [path.unlink() for path in root.glob("car_data/val_*")],
        *("missing split", "val_data.pkl", "training.validation", False),
    ),
    "half of val": (remove(Path("car_data", "val_data.pkl")), "missing file", "val_data.pkl", "KINS_Video_Car", True),
    "half a pickle": (cut(VISIBLE, 200), "annotations", VISIBLE.name, "found a truncated or damaged one", True),
    "a pickle that would run code": (
        lambda root: (root / AMODAL).write_bytes(b"cos\nsystem\n(S'true'\ntR."),
        *("annotations", AMODAL.name, "a pickle that would call os.system; nothing of it was run", True),
    ),
    "a record without a key": (
        lambda root: edit_pickle(root / VISIBLE, lambda tracks: tracks[7][4].pop("VM")),
        *("annotations", VISIBLE.name, "7 4 VM: Field required", True),
    ),
    "a gap in a track": (
        lambda root: edit_pickle(root / VISIBLE, lambda tracks: tracks[7].pop(5)),
        *("annotations", VISIBLE.name, "track 7: expected frames without a gap", True),
    ),
    "a frame without amodal record": (
        lambda root: edit_pickle(root / AMODAL, lambda tracks: tracks[7].pop(5)),
        *("annotations", AMODAL.name, "found none for [5]", True),
    ),
    "masks of two sizes": (
        record(AMODAL, 4, FM=encode(np.zeros((9, 9)))),
        *("annotations", VISIBLE.name, "found (40, 96) (visible) and (9, 9) (amodal)", True),
    ),
    "a box that leaves the image": (
        record(VISIBLE, 4, VM_bbox=(12, 23, 18, 400)),
        *("annotations", VISIBLE.name, "expected VM_bbox to be first row, last row", True),
    ),
    "a video that is no drive": (rename_video, "annotations", "car_data", "found 'hall'", True),
    "too few runs": (
        record(VISIBLE, 3, VM={"size": [HEIGHT, WIDTH], "counts": encode(np.ones((9, 9)))["counts"]}),
        *("damaged mask", VISIBLE.name, "track 7, frame 3: VM.counts: expected the lengths of runs of 40 x 96", True),
    ),
    "too many runs": (
        record(AMODAL, 3, FM={"size": [HEIGHT, WIDTH], "counts": encode(np.ones((99, 99)))["counts"]}),
        *("damaged mask", AMODAL.name, "track 7, frame 3: FM.counts: expected the lengths of runs of 40 x 96", True),
    ),
    "a box a little off": (
        record(VISIBLE, 3, VM_bbox=(12, 26, 16, 31)),
        *("box", VISIBLE.name, "expected the bounds of the visible pixels, (12, 16, 24, 32)", False),
    ),
    "a box elsewhere": (record(VISIBLE, 3, VM_bbox=(0, 3, 0, 3)), "box", VISIBLE.name, "frame 3: expected", True),
    "a box as columns first": (record(VISIBLE, 3, VM_bbox=(16, 31, 12, 23)), "box", VISIBLE.name, "first row", True),
    "a box of nothing": (
        record(VISIBLE, 3, VM=rectangle(0, 0, 0, 0)),
        *("box", VISIBLE.name, "found a box without visible pixels", False),
    ),
    "an amodal mask of another object": (
        record(AMODAL, 4, FM=rectangle(0, 60, 9, 90)),
        *("visible outside amodal", AMODAL.name, "frame 4: expected all visible pixels", True),
    ),
    "a track without annotation": (
        second_track,
        *("track without annotation", AMODAL.name, "track 9: expected a frame with an amodal mask", False),
    ),
    "a split without annotation": (
        no_annotation,
        *("track without annotation", AMODAL.name, "found none in any of 1 tracks", True),
    ),
    "a short track": (short_track, "short track", VISIBLE.name, "expected at least 8 frames, found 7", False),
    "no last frame": (remove(FRAMES / "0000000012.png"), "missing image", FRAMES.name, "found 12", True),
    "no frame in the middle": (
        remove(FRAMES / "0000000006.png"),
        *("missing image", FRAMES.name, "found none between 5 and 7", True),
    ),
    "no folder of frames": (
        lambda root: shutil.rmtree(root / FRAMES),
        *("missing image", FRAMES.name, "found no folder that can be read", True),
    ),
    "a frame twice": (
        lambda root: shutil.copy(root / FRAMES / "0000000003.png", root / FRAMES / "3.png"),
        *("frame numbers", FRAMES.name, "found 1 twice, 3 the first", True),
    ),
    "numbers from 7 on": (shift_numbers, "frame numbers", FRAMES.name, "found 7 the first", False),
    "a frame of another size": (
        frame(3, lambda image: image.resize((WIDTH, HEIGHT + 1))),
        *("damaged image", "0000000003.png", "expected 40 rows and 96 columns", True),
    ),
    "a grey frame": (
        frame(3, lambda image: image.convert("L")),
        *("damaged image", "0000000003.png", "expected colours", True),
    ),
    "half a frame": (
        cut(FRAMES / "0000000003.png", 5000),
        *("damaged image", "0000000003.png", "found one that is cut off", True),
    ),
    "a frame that is no image": (
        lambda root: (root / FRAMES / "0000000003.png").write_text("404"),
        *("damaged image", "0000000003.png", "cannot be read", True),
    ),
    "no camera": (remove(CAMERA), "missing file", CAMERA.name, "EoRaSMissing.zip", True),
    "no camera of another day": (
        remove(Path("Kitti", "calib", "30.txt")),
        *("missing file", "30.txt", "the official code opens it", False),
    ),
    "a camera file of something else": (
        lambda root: (root / CAMERA).write_text("fx 72"),
        *("intrinsics", CAMERA.name, "expected a calibration of KITTI's object data", True),
    ),
    "a camera to the unit square": (
        camera("0.75 0 0.5 0 0 1.75 0.5 0 0 0 1 0"),
        *("intrinsics", CAMERA.name, "found one to the unit square", True),
    ),
    "a camera of larger images": (
        camera("721 0 609 0 0 721 172 0 0 0 1 0"),
        *("intrinsics", CAMERA.name, "expected a principal point inside 40 rows and 96 columns", True),
    ),
    "a camera that looks back": (
        camera("-72 0 48 0 0 70 20 0 0 0 1 0"),
        *("intrinsics", CAMERA.name, "found the diagonal -72, 70, 1", True),
    ),
    "long pixels": (
        camera("72 0 48 0 0 90 20 0 0 0 1 0"),
        *("intrinsics", CAMERA.name, "pixels are not square", False),
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_of_kitti_gives_its_problem_and_no_other(name: str, root: Path) -> None:
    damage, kind, file, what, breaks = DAMAGES[name]
    damage(root)
    report = check(root)
    assert len(report.problems) == 1, report.problems
    (problem,) = report.problems
    assert (problem.kind, problem.path.name, problem.breaks) == (kind, file, breaks)
    assert what in f"{problem.what}; {problem.cure}"
    assert not problem.what.startswith(str(root))
    assert problem.cure
    assert report.breaks == breaks


def test_undamaged_kitti_has_no_problems_and_is_counted(root: Path) -> None:
    report = check(root)
    assert report.problems == ()
    assert report.layout == "KITTI (KINS_Video_Car)"
    assert report.scope.startswith("every mask and box")
    assert list(report.contents) == ["train", "val", "test"]
    for contents in report.contents.values():
        assert (contents.videos, contents.tracks, contents.frames) == (1, 1, 13)
        assert (contents.track_frames, contents.annotated_frames, contents.hidden_frames) == (12, 3, 0)
        assert contents.sizes == {(HEIGHT, WIDTH): 1}
        assert contents.occlusion == {3: 3}, "8 of 24 columns are hidden"


def test_what_the_three_conventions_make_of_a_camera_is_noted(root: Path) -> None:
    (note,) = check(root).notes
    assert "focal lengths in 26.txt 72, 70" in note
    assert "'pixel', as published for KITTI" in note
    assert "'unit' and 'kubric' divide them by the image's sides: 0.75, 1.75" in note
    assert check(root).describe()["notes"] == [note]


def test_a_tracker_border_outside_the_amodal_mask_is_no_problem(root: Path) -> None:
    record(AMODAL, 4, FM=rectangle(12, 19, 24, 42))(root)
    assert check(root).problems == ()


def test_a_damaged_track_leaves_the_others_to_be_checked(root: Path) -> None:
    second_track(root)
    edit_pickle(root / VISIBLE, lambda tracks: tracks[9][4].pop("VM"))
    record(VISIBLE, 3, VM_bbox=(0, 3, 0, 3))(root)
    report = check(root)
    assert [problem.kind for problem in report.problems] == ["annotations", "box"]
    assert report.contents["train"].tracks == 1


def test_missing_frames_are_named_even_if_there_are_none_at_all(root: Path) -> None:
    shutil.rmtree(root / "Kitti" / "raw_video")
    kinds = [problem.kind for problem in check(root).problems]
    assert kinds == [*["missing image"] * 3, "missing file"]


def test_the_shortest_track_that_is_not_padded_is_that_of_the_configuration() -> None:
    assert load_config("kitti").model.view.pad_to == check_kitti._PADDED


def test_frames_are_not_decoded_and_each_is_opened_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second_track(root)
    opened: list[Path] = []
    original = Image.open
    monkeypatch.setattr(Image, "open", lambda path, **more: (opened.append(path), original(path, **more))[1])
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    check(root)
    assert len(opened) == len(set(opened)) == 3 * 12


def test_samples_show_the_annotated_frames_of_sound_tracks(root: Path) -> None:
    second_track(root)
    (track,) = sample(root, 5)
    assert track.title == f"train, video {VIDEOS['train']}, track 7, annotated frames"
    assert track.frames.shape == (3, HEIGHT, WIDTH, 3)
    assert track.frame_indices == [4, 8, 12]
    for t, frame_pixels, visible, amodal in zip((4, 8, 12), track.frames, track.visible, track.amodal, strict=True):
        with Image.open(root / FRAMES / f"{t:010d}.png") as image:
            np.testing.assert_array_equal(frame_pixels, np.asarray(image))
        assert np.flatnonzero(visible.any(0)).tolist() == list(range(10 + 2 * t, 26 + 2 * t))
        assert np.flatnonzero(amodal.any(0)).tolist() == list(range(10 + 2 * t, 34 + 2 * t))
    cut(FRAMES / "0000000004.png", 5000)(root)
    assert list(sample(root, 5)) == []


def test_a_hundred_one_pixel_objects_of_a_frame_are_sound(tmp_path: Path) -> None:
    root = tmp_path / "KINS_Video_Car"
    for split, video in VIDEOS.items():
        write_kitti_split(root, split, video=video, track_ids=range(100), frames=range(8))
        for name in ("data", "data_full_mask"):
            edit_pickle(root / "car_data" / f"{split}_{name}.pkl", to_dots)
    for day in (3, 30):
        shutil.copy(root / CAMERA, root / "Kitti" / "calib" / f"{day}.txt")
    report = check(root)
    assert report.problems == ()
    assert report.contents["test"].track_frames == report.contents["test"].annotated_frames == 800


def to_dots(tracks: dict[int, Any]) -> None:
    """Make each mask of a track the one pixel at its place."""
    for track_id, frames in tracks.items():
        row, column = divmod(track_id, 10)
        dot = rectangle(row, column, row + 1, column + 1)
        for one in frames.values():
            one.update({"FM": dot} if "FM" in one else {"VM": dot, "VM_bbox": (row, row, column, column)})
