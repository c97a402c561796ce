"""Each damage of a folder of COCO-video JSON gives exactly its problem, and an undamaged folder none."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eoras.data.check import check, find_data, sample
from eoras.data.formats import convert_masks
from eoras.data.masks import encode

HEIGHT, WIDTH = 48, 64  # of the videos of ``write_video``
Damage = Callable[[Path], object]


@pytest.fixture
def root(write_video: Callable[..., Path], tmp_path: Path) -> Path:
    """Two objects, of which object 0 is hidden in frame 3, in a video a split."""
    root = tmp_path / "data"
    for split in ("train", "test"):
        write_video(root / split / "5", hidden=[3])
        np.save(root / split / "instance_list.npy", np.array(["5-0", "5-1"]))
        assert convert_masks(root / split, root / f"{split}.json", "coco_video") == {}
        (root / split / "instance_list.npy").unlink()
    return root


def change(changed: Callable[[Any], object]) -> Damage:
    def damage(root: Path) -> None:
        record = json.loads((root / "train.json").read_text())
        changed(record)
        (root / "train.json").write_text(json.dumps(record))

    return damage


def video(**values: Any) -> Damage:
    return change(lambda record: record["videos"][0].update(values))


def mask(key: str, t: int, value: Any) -> Damage:
    """Put another mask of object 0 in its place."""
    return change(lambda record: record["annotations"][0][key].__setitem__(t, value))


def rectangle(top: int, left: int, bottom: int, right: int) -> dict[str, Any]:
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[top:bottom, left:right] = True
    return encode(pixels).record


def image(t: int) -> Callable[[Path], Path]:
    return lambda root: root / "train" / "5" / f"rgba_full_{t:05d}.png"


def grey(root: Path) -> None:
    with Image.open(image(2)(root)) as frame:
        pale = frame.convert("L")
    pale.save(image(2)(root))


def all_masks(track: int, key: str, value: Any) -> Damage:
    return change(lambda record: record["annotations"][track].update({key: [value] * 6}))


def no_amodal_masks(record: Any) -> None:
    for annotation in record["annotations"]:
        annotation["amodal_segmentations"] = [None] * 6


DAMAGES: dict[str, tuple[Any, ...]] = {  # damage; kind, file, message, whether it breaks
    "no test split": (
        lambda root: (root / "test.json").unlink(),
        *("missing split", "test.json", "there is no such file", False),
    ),
    "half a file": (
        lambda root: (root / "train.json").write_bytes((root / "train.json").read_bytes()[:300]),
        *("masks file", "train.json", "expected JSON, found something else", True),
    ),
    "another file": (
        lambda root: (root / "train.json").write_text("{}"),
        *("masks file", "train.json", "videos: Field required", True),
    ),
    "an unknown video": (
        change(lambda record: record["annotations"][0].update(video_id=9)),
        *("masks file", "train.json", "annotations.0.video_id: expected the id of an entry", True),
    ),
    "a frame too few": (
        change(lambda record: record["annotations"][0]["segmentations"].pop()),
        *("masks file", "train.json", "annotations.0.segmentations: expected 6 entries", True),
    ),
    "runs that do not fit": (
        mask("amodal_segmentations", 2, {"size": [HEIGHT, WIDTH], "counts": [7]}),
        *(
            "masks file",
            "train.json",
            "annotations.0.amodal_segmentations.2.counts: expected the lengths of runs",
            True,
        ),
    ),
    "a mask of another size": (
        mask("segmentations", 2, {"size": [9, 9], "counts": [81]}),
        *("masks file", "train.json", "annotations.0.segmentations.2.size: expected [48, 64]", True),
    ),
    "an image out of the folder": (
        change(lambda record: record["videos"][0]["file_names"].__setitem__(2, "../../hall.png")),
        *("masks file", "train.json", "expected the name of an image inside", True),
    ),
    "no image": (
        lambda root: image(2)(root).unlink(),
        *("missing image", "rgba_full_00002.png", "found no such file", True),
    ),
    "half an image": (
        lambda root: image(2)(root).write_bytes(image(2)(root).read_bytes()[:5000]),
        *("damaged image", "rgba_full_00002.png", "found one that is cut off", True),
    ),
    "a grey image": (grey, "damaged image", "rgba_full_00002.png", "expected colours", True),
    "an image of another size": (
        lambda root: Image.new("RGB", (WIDTH, HEIGHT + 1)).save(image(2)(root)),
        *("damaged image", "rgba_full_00002.png", "expected 48 rows and 64 columns", True),
    ),
    "a frame without image": (
        change(lambda record: record["videos"][0]["file_names"].__setitem__(2, None)),
        *("missing image", "train.json", "video 5: expected file_names of 6 images, found 5", False),
    ),
    "empty amodal mask": (
        mask("amodal_segmentations", 2, rectangle(0, 0, 0, 0)),
        *("empty amodal mask", "train.json", "video 5, track 0, frame 2: expected the whole object", True),
    ),
    "amodal mask of elsewhere": (
        mask("amodal_segmentations", 2, rectangle(40, 0, 48, 9)),
        *("visible outside amodal", "train.json", "track 0, frame 2: expected all visible pixels", True),
    ),
    "a sliver outside": (
        mask("amodal_segmentations", 2, rectangle(17, 8, 28, 18)),
        *("visible outside amodal", "train.json", "found 10 of 120 outside", False),
    ),
    "a track that is never seen": (
        all_masks(1, "segmentations", rectangle(0, 0, 0, 0)),
        *("unseen track", "train.json", "video 5, track 1: expected to see it", False),
    ),
    "a track without annotation": (
        all_masks(1, "amodal_segmentations", None),
        *("track without annotation", "train.json", "track 1: expected a frame with an amodal mask", False),
    ),
    "a split without annotation": (
        change(no_amodal_masks),
        *("track without annotation", "train.json", "found none in any of 2 tracks", True),
    ),
    "a split without tracks": (
        change(lambda record: record.update(annotations=[])),
        *("masks file", "train.json", "expected at least one object that is seen in a frame with an image", True),
    ),
    "intrinsics to the unit square": (
        video(pixel_intrinsics=[[1.1, 0, 0.5], [0, 1.5, 0.5], [0, 0, 1]]),
        *("intrinsics", "train.json", "video 5: pixel_intrinsics: expected a matrix to pixels", True),
    ),
    "Kubric's intrinsics": (
        video(pixel_intrinsics=[[1.1, 0, -0.5], [0, -1.5, -0.5], [0, 0, -1]]),
        *("intrinsics", "train.json", "found the diagonal 1.1, -1.5, -1", True),
    ),
    "a principal point outside": (
        video(pixel_intrinsics=[[70, 0, 32], [0, 70, 49], [0, 0, 1]]),
        *("intrinsics", "train.json", "found column 32, row 49", True),
    ),
    "long pixels": (
        video(pixel_intrinsics=[[70, 0, 32], [0, 80, 24], [0, 0, 1]]),
        *("intrinsics", "train.json", "pixels are not square", False),
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damage_of_coco_video_gives_its_problem_and_no_other(name: str, root: Path) -> None:
    damage, kind, file, what, breaks = DAMAGES[name]
    damage(root)
    report = check(root)
    assert len(report.problems) == 1, report.problems
    (problem,) = report.problems
    assert (problem.kind, problem.path.name, problem.breaks) == (kind, file, breaks)
    assert what in problem.what
    assert problem.cure
    assert report.breaks == breaks


def test_undamaged_coco_video_has_no_problems_and_is_counted(root: Path) -> None:
    report = check(root)
    assert (report.layout, report.problems, report.notes) == ("COCO-video", (), ())
    assert report.scope.startswith("every mask")
    for contents in report.contents.values():
        assert (contents.videos, contents.tracks, contents.frames) == (1, 2, 6)
        assert (contents.track_frames, contents.annotated_frames, contents.hidden_frames) == (11, 11, 1)
        assert contents.sizes == {(HEIGHT, WIDTH): 1}
        assert contents.occlusion == {0: 11, 9: 1}


def test_a_file_that_names_no_image_is_of_no_use(root: Path) -> None:
    change(lambda record: record["videos"][0].pop("file_names"))(root)
    report = check(root)
    assert report.breaks
    assert {problem.kind for problem in report.problems if problem.breaks} == {"masks file"}


def test_a_guessed_camera_is_noted(root: Path) -> None:
    change(lambda record: record["videos"][0].pop("pixel_intrinsics"))(root)
    report = check(root)
    assert report.problems == ()
    (note,) = report.notes
    assert note.startswith("train: 1 of 1 videos tell no pixel_intrinsics; Kubric's camera")


def test_a_list_of_movi_goes_before_the_json_beside_it(root: Path) -> None:
    assert check(root).layout == "COCO-video"
    assert find_data(root.parent) == root
    for split in ("train", "test"):
        np.save(root / split / "instance_list.npy", np.array(["5-0", "5-1"]))
    assert check(root).layout == "MOVi"


def test_images_are_not_decoded_and_each_is_opened_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    original = Image.open
    monkeypatch.setattr(Image, "open", lambda path, **more: (opened.append(path), original(path, **more))[1])
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    check(root)
    assert len(opened) == len(set(opened)) == 2 * 6


def test_samples_show_the_frames_that_have_both_masks(root: Path) -> None:
    mask("amodal_segmentations", 2, None)(root)
    moving, standing = sample(root, 5)
    assert [track.title for track in (moving, standing)] == [
        f"train, video 5, track {k}, annotated frames" for k in (0, 1)
    ]
    assert moving.frames.shape == (5, HEIGHT, WIDTH, 3)
    assert moving.frame_indices == [0, 1, 3, 4, 5]
    assert moving.amodal.sum(axis=(1, 2)).tolist() == [120] * 5
    assert moving.visible.any(axis=(1, 2)).tolist() == [True, True, False, True, True], "hidden in frame 3"
    image(0)(root).unlink()
    assert list(sample(root, 5)) == []
    shutil.rmtree(root / "train")
    (root / "train.json").unlink()
    assert [track.title[:4] for track in sample(root, 1)] == ["test"]


def test_255_one_pixel_objects_in_json_are_sound(tmp_path: Path) -> None:
    dots = [encode(np.arange(256).reshape(16, 16) == label).record for label in range(1, 256)]
    names = {"file_names": ["0.png"], "pixel_intrinsics": [[17.5, 0, 8], [0, 17.5, 8], [0, 0, 1]]}
    record = {
        "format_version": 1,
        "videos": [{"id": 1, "name": "dots", "width": 16, "height": 16, "length": 1, **names}],
        "categories": [{"id": 1, "name": "dot"}],
        "annotations": [
            {"video_id": 1, "category_id": 1, "track_id": k, "segmentations": [dot], "amodal_segmentations": [dot]}
            for k, dot in enumerate(dots)
        ],
    }
    Image.new("RGB", (16, 16)).save(tmp_path / "0.png")
    for split in ("train", "test"):
        (tmp_path / f"{split}.json").write_text(json.dumps(record))
    report = check(tmp_path)
    assert report.problems == ()
    assert report.contents["train"].annotated_frames == 255
