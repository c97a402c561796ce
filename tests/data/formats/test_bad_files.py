"""Each damaged file is one clear error that names the file and the key."""

import copy
import json
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_videos import HEIGHT, WIDTH, images, rectangle

from eoras.cli import main
from eoras.data.annotations import MaskVideo
from eoras.data.formats import FORMATS, convert_masks, davis, movi, read_masks
from eoras.data.masks import encode
from eoras.errors import ConfigError, DataError

MASK = encode(rectangle(1, 1, 4, 4)).record
SIZE = {"height": HEIGHT, "width": WIDTH}
OWN: dict[str, Any] = {
    "format_version": 1,
    "videos": [{"id": 1, "name": "v", **SIZE, "length": 2, "file_names": ["0.png", None]}],
    "categories": [{"id": 1, "name": "car"}],
    "annotations": [
        {
            "id": 1,
            "video_id": 1,
            "track_id": 0,
            "category_id": 1,
            "segmentations": [MASK, None],
            "amodal_segmentations": [MASK, None],
            "amodal_bboxes": [[1, 1, 3, 3], None],
        },
        {"id": 2, "video_id": 1, "track_id": 1, "category_id": 1, "amodal_segmentations": [None, MASK]},
    ],
}
KINS: dict[str, Any] = {
    "images": [{"id": 1, "file_name": "0.png", **SIZE}],
    "categories": [{"id": 1, "name": "car"}],
    "annotations": [{"image_id": 1, "category_id": 1, "a_segm": MASK, "i_segm": MASK, "a_bbox": [1, 1, 3, 3]}],
}
COCOA: dict[str, Any] = {
    "images": [{"id": 1, "file_name": "0.png", **SIZE}],
    "annotations": [{"image_id": 1, "regions": [{"name": "car", "segmentation": [1, 1, 4, 1, 4, 4]}]}],
}
SAIL: dict[str, Any] = {
    "videos": [{"id": 1, "name": "v"}],
    "images": [{"id": t, "video_id": 1, "file_name": f"{t}.png", "frame_index": t, **SIZE} for t in (0, 1)],
    "categories": [{"id": 1, "name": "car"}],
    "annotations": [
        {"image_id": t, "track_id": 0, "category_id": 1, "segmentation": MASK, "occlude_rate": 0} for t in (0, 1)
    ],
}
CLIPS: list[Any] = [
    {
        "obj_id": 1,
        "category_id": 1,
        "image_ids": [1, 2],
        "image_file_names": ["1.png", "2.png"],
        "segmentation": [MASK, MASK],
        "visible_mask": [MASK, MASK],
    }
]
FILES = {"coco_video": OWN, "kins": KINS, "cocoa": COCOA, "sail_vos": SAIL, "clips": CLIPS}


def read(tmp_path: Path, record: Any) -> list[MaskVideo]:
    (tmp_path / "masks.json").write_text(json.dumps(record))
    return list(read_masks(tmp_path / "masks.json"))


def changed(record: Any, place: str, value: Any) -> Any:
    """The record with another value at a place such as ``videos.0.name``; the value ``del`` takes it out."""
    record = copy.deepcopy(record)
    *above, last = [int(key) if key.isdigit() else key for key in place.split(".")]
    inner = record
    for key in above:
        inner = inner[key]
    if value == "del":
        del inner[last]
    else:
        inner[last] = value
    return record


@pytest.mark.parametrize("name", FILES)
def test_the_files_that_the_tests_damage_are_whole(name: str, tmp_path: Path) -> None:
    assert all(video.tracks for video in read(tmp_path, FILES[name]))


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("coco_video", "format_version", 2, "format_version: Input should be 1, found 2"),
        ("coco_video", "categories", "del", "categories: Field required"),
        ("coco_video", "videos.0.id", "1x", "videos.0.id: Input should be a valid integer"),
        ("coco_video", "videos.0.height", 0, "videos.0.height: Input should be greater"),
        ("coco_video", "videos.0.length", 10**12, "videos.0.length: Input should be less"),
        ("coco_video", "videos.0.length", 3, "videos.0: 2 file_names for a length of 3"),
        ("coco_video", "videos.0.name", "a/b", "video 1: name: expected a video's name without"),
        ("coco_video", "videos.0.name", "..", "video 1: name: expected a video's name without"),
        ("coco_video", "videos.0.name", "", "video 1: name: expected a video's name without"),
        ("coco_video", "videos.0.name", "a\nb", "video 1: name: expected a video's name without"),
        ("coco_video", "videos.0.file_names.0", "../0.png", "json: expected the name of an image inside"),
        ("coco_video", "videos.0.file_names.0", "/etc/passwd", "json: expected the name of an image inside"),
        ("coco_video", "videos.0.file_names.0", "a\0b", "json: expected the name of an image inside"),
        (
            "coco_video",
            "annotations.0.amodal_bboxes.0",
            [1e308, 1, 1e308, 1],
            "amodal_bboxes.0.0: Input should be less",
        ),
        ("coco_video", "annotations.1.track_id", 0, "track_id in video 1: expected each number once, found 0 twice"),
        ("coco_video", "annotations.1.track_id", -1, "annotations.1.track_id: Input should be greater"),
        ("coco_video", "annotations.0.video_id", 9, "annotations.0.video_id: expected the id of an entry of the file"),
        ("coco_video", "annotations.0.category_id", 9, "annotations.0.category_id: expected the id of an entry"),
        ("coco_video", "annotations.0.segmentations", [None], "annotations.0.segmentations: expected 2 entries"),
        ("coco_video", "annotations.0.amodal_bboxes", [None], "annotations.0.amodal_bboxes: expected 2 entries"),
        (
            "coco_video",
            "annotations.0.amodal_segmentations.0",
            {**MASK, "size": [9, 7]},
            "annotations.0.amodal_segmentations.0.size: expected [7, 9]",
        ),
        ("kins", "annotations.0.image_id", 9, "annotations.0.image_id: expected the id of an entry"),
        ("kins", "annotations.0.category_id", 9, "annotations.0.category_id: expected the id of an entry"),
        ("kins", "annotations.0.i_segm", "del", "annotations.0.i_segm: expected a mask, found none"),
        ("kins", "annotations.0.a_segm", [[1]], "annotations.0.a_segm.0: expected a polygon"),
        ("kins", "images.0.file_name", "../0.png", "image 1: file_name: expected a video's name"),
        ("kins", "images.0.file_name", "", "image 1: file_name: expected a video's name"),
        ("kins", "images.0.file_name", "/", "image 1: file_name: expected a video's name"),
        ("cocoa", "images.0.file_name", ".", "image 1: file_name: expected a video's name"),
        ("cocoa", "annotations.0.image_id", 9, "annotations.0.image_id: expected the id of an entry"),
        ("cocoa", "annotations.0.regions.0.segmentation", "x", "annotations.0.regions.0.segmentation: expected a mask"),
        ("cocoa", "annotations.0.regions.0.category_id", 3, "annotations.0.regions.0.category_id: expected the id"),
        (
            "cocoa",
            "annotations.0.regions.0.occlude_rate",
            0.5,
            "regions.0: expected visible_mask or invisible_mask, for",
        ),
        ("cocoa", "annotations.0.regions.0.invisible_mask", 7, "regions.0.invisible_mask: expected a mask"),
        ("sail_vos", "annotations.1.occlude_rate", 0.5, "annotations.1: expected visible_mask or invisible_mask, for"),
        ("sail_vos", "images.1.frame_index", 0, "video 1: frame_index: expected each number once, found 0 twice"),
        ("sail_vos", "images.1.frame_index", 10**9, "images.1.frame_index: Input should be less"),
        ("sail_vos", "images.1.height", 8, "video 1: expected images of one size"),
        ("sail_vos", "images.1.video_id", 8, "images.1.video_id: expected the id"),
        ("sail_vos", "annotations.1.image_id", 0, "annotations.1.track_id: expected an object once an image"),
        ("sail_vos", "annotations.1.track_id", "del", "annotations.1.track_id: expected the number of an object"),
        ("sail_vos", "annotations.1.segmentation", "del", "annotations.1.segmentation: expected a mask"),
        ("clips", "0.visible_mask", [MASK], "0.visible_mask: expected 2 entries"),
        ("clips", "0.bbox", [[1, 1, 3, 3]], "0.bbox: expected 2 entries, as image_ids has, found 1"),
        ("clips", "0.segmentation", [None, None], "0.segmentation: expected masks as runs with a size"),
        ("clips", "0.image_ids", [], "0.image_ids: "),
    ],
)
def test_a_wrong_key_is_named(name: str, place: str, value: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape(message)) as error:
        read(tmp_path, changed(FILES[name], place, value))
    assert str(tmp_path) in str(error.value)


def many_videos(record: Any) -> None:
    record["videos"] = [{"id": number, "name": str(number), **SIZE, "length": 10**6} for number in range(21)]
    record["annotations"] = []


def many_tracks(record: Any) -> None:
    record["videos"] = [{"id": 1, "name": "v", **SIZE, "length": 10**6}]
    record["annotations"] = [{"video_id": 1, "category_id": 1, "track_id": number} for number in range(20)]


def many_tracks_in_a_late_frame(record: Any) -> None:
    record["images"][1]["frame_index"] = 999_999
    record["annotations"] = [{**record["annotations"][1], "track_id": number} for number in range(20)]


@pytest.mark.parametrize(
    ("name", "spoil"),
    [("coco_video", many_videos), ("coco_video", many_tracks), ("sail_vos", many_tracks_in_a_late_frame)],
)
def test_a_small_file_that_would_fill_the_memory_is_an_error(
    name: str, spoil: Callable[[Any], None], tmp_path: Path
) -> None:
    record = copy.deepcopy(FILES[name])
    spoil(record)
    with pytest.raises(DataError, match=r"masks\.json.*: expected at most 20,000,000 places .*, found 21,000,000;"):
        read(tmp_path, record)


def test_what_no_track_of_a_file_lists_takes_memory_once(tmp_path: Path) -> None:
    record = copy.deepcopy(OWN)
    del record["videos"][0]["file_names"], record["annotations"][0]["amodal_segmentations"]
    (video,) = read(tmp_path, record)
    one, other = video.tracks
    assert one.amodal is other.visible is video.tracks[0].amodal


def places(record: Any, above: str = "") -> list[str]:
    items = record.items() if isinstance(record, dict) else enumerate(record) if isinstance(record, list) else ()
    return [place for key, value in items for place in (f"{above}{key}", *places(value, f"{above}{key}."))]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("value", ["del", None, -1, "text", [], {}, [[]], 1e300], ids=str)
def test_whatever_stands_anywhere_the_file_is_read_or_refused_in_words(name: str, value: Any, tmp_path: Path) -> None:
    for place in places(FILES[name]):
        with suppress(DataError):
            read(tmp_path, changed(FILES[name], place, value))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected JSON, found something else"),
        (b"{", "expected JSON, found something else"),
        (b"\xff\xfe\x00", "expected JSON, found something else"),
        (b"[" * 100_000, "expected JSON, found something else"),
        (b'{"videos": [], "annotations": NaN}', "NaN is not a number of JSON"),
        (b'{"videos": [], "annotations": -Infinity}', "-Infinity is not a number of JSON"),
        (b"7", "expected masks in one of the formats movi, coco_video"),
        (b"{}", "expected masks in one of the formats movi, coco_video"),
        (b"[1]", "expected masks in one of the formats movi, coco_video"),
    ],
)
def test_a_file_that_is_no_masks_file_is_an_error(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "masks.json").write_bytes(content)
    with pytest.raises(DataError, match=rf"masks\.json: .*{message}"):
        list(read_masks(tmp_path / "masks.json"))


def test_a_format_that_is_not_there_or_is_another_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "masks.json").write_text(json.dumps(OWN))
    with pytest.raises(ConfigError, match="no format 'coco' here; choose from movi, coco_video, davis, kins"):
        list(read_masks(tmp_path / "masks.json", "coco"))
    with pytest.raises(ConfigError, match=r"no format 'kins' here; choose from movi, coco_video, davis$"):
        convert_masks(tmp_path / "masks.json", tmp_path / "out", "kins")
    with pytest.raises(DataError, match=r"masks\.json: expected a folder, as davis is, found a JSON file"):
        list(read_masks(tmp_path / "masks.json", "davis"))
    with pytest.raises(DataError, match=r"expected masks in one of the formats"):
        list(read_masks(tmp_path))
    with pytest.raises(DataError, match=r"gone: expected a JSON file or a folder, found nothing"):
        list(read_masks(tmp_path / "gone"))


def test_two_videos_of_one_name_are_an_error(tmp_path: Path) -> None:
    record = changed(OWN, "videos", [OWN["videos"][0], {**OWN["videos"][0], "id": 2}])
    with pytest.raises(DataError, match=r"masks\.json: expected videos of different names, found 'v' twice"):
        read(tmp_path, record)


@pytest.fixture
def movi_split(tmp_path: Path, video: MaskVideo) -> Path:
    (track,) = video.tracks
    track = replace(track, visible=(track.visible[0], track.visible[0]))
    movi.write(tmp_path / "train", [replace(video, images=images(tmp_path / "images", 2), tracks=(track,))])
    return tmp_path / "train"


@pytest.fixture
def davis_folder(tmp_path: Path, video: MaskVideo) -> Path:
    davis.write(tmp_path / "davis", [video])
    return tmp_path / "davis"


def test_a_file_of_a_seen_frame_must_be_there(movi_split: Path) -> None:
    (movi_split / "v" / "segmentation_0_00001.png").unlink()
    with pytest.raises(DataError, match=r"segmentation_0_00001\.png: expected an image, found no such file"):
        list(read_masks(movi_split))


def test_the_folder_above_the_splits_is_an_error_with_a_cure(movi_split: Path) -> None:
    with pytest.raises(DataError, match=r"expected folders VIDEO/ with metadata\.json, found none; name one split"):
        list(read_masks(movi_split.parent))


@pytest.mark.parametrize("name", ["segmentation_0_00000.png", "metadata.json", "."])
def test_links_out_of_a_split_are_followed(name: str, movi_split: Path, tmp_path: Path) -> None:
    (before,) = read_masks(movi_split)
    link_away(movi_split / "v" / name, tmp_path / "away")
    (after,) = read_masks(movi_split)
    assert after == before


@pytest.mark.parametrize("name", ["00000.png", "."])
def test_links_out_of_a_davis_folder_are_followed(name: str, davis_folder: Path, tmp_path: Path) -> None:
    (before,) = read_masks(davis_folder)
    link_away(davis_folder / "Annotations" / "v" / name, tmp_path / "away")
    (after,) = read_masks(davis_folder)
    assert after == before


def link_away(path: Path, target: Path) -> None:
    path.rename(target)
    path.symlink_to(target)


def test_images_of_a_linked_folder_are_named_from_the_link(movi_split: Path, tmp_path: Path) -> None:
    link_away(movi_split / "v", tmp_path / "disk")
    assert convert_masks(movi_split, tmp_path / "train.json", "coco_video") == {}
    (video,) = json.loads((tmp_path / "train.json").read_text())["videos"]
    assert video["file_names"] == ["train/v/rgba_full_00000.png", "train/v/rgba_full_00001.png"]
    assert next(read_masks(tmp_path / "train.json")).images[1] == tmp_path / video["file_names"][1]


def spoil_name(folder: Path) -> None:
    (folder / "Annotations" / "v" / "00000.png").rename(folder / "Annotations" / "v" / "first.png")


def spoil_size(folder: Path) -> None:
    Image.fromarray(np.zeros((3, 3), dtype=np.uint8)).save(folder / "AmodalAnnotations" / "v" / "1" / "00000.png")


def spoil_colours(folder: Path) -> None:
    Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "Annotations" / "v" / "00000.png")


def spoil_object(folder: Path) -> None:
    (folder / "AmodalAnnotations" / "v" / "1").rename(folder / "AmodalAnnotations" / "v" / "0")


def spoil_twice(folder: Path) -> None:
    objects = folder / "AmodalAnnotations" / "v"
    shutil.copytree(objects / "1", objects / "001")


def spoil_both(folder: Path) -> None:
    shutil.copytree(folder / "AmodalAnnotations" / "v" / "1", folder / "Annotations" / "v" / "1")


def spoil_number(folder: Path) -> None:
    labels = np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH) % 21
    Image.fromarray(labels).save(folder / "Annotations" / "v" / "999999.png")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_number, r"Annotations/v: expected at most 20,000,000 places .*, found 21,000,000; look"),
        (spoil_name, r"first\.png: expected the number of a frame"),
        (spoil_size, r"1/00000\.png: expected 7 rows and 9 columns"),
        (spoil_colours, r"v/00000\.png: expected one label number a pixel"),
        (spoil_object, r"v/0: expected the number of an object, 1 to 253"),
        (spoil_twice, r"v/1: expected one folder an object, found 001, too"),
        (spoil_both, r"Annotations/v: expected images of all objects, or a folder an object, found both"),
    ],
)
def test_a_spoilt_davis_folder_is_an_error(spoil: Callable[[Path], None], message: str, davis_folder: Path) -> None:
    spoil(davis_folder)
    with pytest.raises(DataError, match=message):
        list(read_masks(davis_folder))


def test_a_hyphen_in_a_name_has_no_place_in_the_layout_of_movi(tmp_path: Path, video: MaskVideo) -> None:
    with pytest.raises(DataError, match=r"a-b: a video's name must hold no '-'"):
        movi.write(tmp_path / "out", [replace(video, name="a-b")])


def test_every_reader_and_writer_has_a_row() -> None:
    files = {path.stem for path in (Path(movi.__file__).parent).glob("*.py")}
    assert files - FORMATS.keys() == {"__init__", "format", "labels", "coco"}


def test_the_command_converts_says_what_is_lost_and_makes_nothing_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "masks.json").write_text(json.dumps(OWN))
    command = ["convert", "masks", str(tmp_path / "masks.json"), str(tmp_path / "out"), "--to", "davis"]
    images(tmp_path, 1)
    assert main(command) == 0
    output = capsys.readouterr()
    assert output.out == ""
    assert re.search(r"^eoras: .*out: categories of objects are left out \(2\)$", output.err, re.MULTILINE)
    assert main(command) == 2
    assert "out: expected a new name, found something there" in capsys.readouterr().err
    assert main([*command[:-2], "--to", "kitti"]) == 2
    assert main([*command[:3], str(tmp_path / "new"), "--to", "davis", "--from", "kins"]) == 2
    assert not (tmp_path / "new").exists()
