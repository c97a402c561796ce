"""Small files of each format, as their publishers write them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_videos import HEIGHT, WIDTH, images, rectangle

from eoras.data.annotations import MaskVideo
from eoras.data.formats import convert_masks, read_masks
from eoras.data.masks import Rle, decode, encode
from eoras.errors import DataError
from eoras.geometry import Box

SQUARE = [1, 1, 4, 1, 4, 4, 1, 4]  # rows and columns 1, 2, 3
PAST = [[6, 2, 12, 2, 12, 5, 6, 5]]  # past the right border
SIZE = {"height": HEIGHT, "width": WIDTH}


def runs(mask: np.ndarray) -> dict[str, Any]:
    return encode(mask).record


def plain_runs(mask: np.ndarray) -> dict[str, Any]:
    pixels = np.concatenate([[False], mask.T.ravel(), [not mask.T.ravel()[-1]]])
    counts = np.diff(np.flatnonzero(pixels[1:] != pixels[:-1]), prepend=0).tolist()
    return {"size": [HEIGHT, WIDTH], "counts": counts}


def read(tmp_path: Path, record: Any) -> list[MaskVideo]:
    (tmp_path / "source.json").write_text(json.dumps(record))
    return list(read_masks(tmp_path / "source.json"))


def pixels(rle: Rle | None) -> np.ndarray:
    assert rle is not None
    return decode(rle)


def test_youtube_vis(tmp_path: Path) -> None:
    mask = rectangle(0, 0, 3, 2)
    record = {
        "info": {"year": 2019},
        "videos": [
            {"id": 5, **SIZE, "length": 3, "file_names": [f"0043f083b5/{t:05d}.jpg" for t in (0, 5, 10)]},
            {"id": 6, **SIZE, "length": 1, "file_names": ["00f88c4f0a/00000.jpg"]},
        ],
        "categories": [{"id": 26, "name": "parrot", "supercategory": "object"}],
        "annotations": [
            {
                "id": number,
                "video_id": 5,
                "category_id": 26,
                "iscrowd": 0,
                "segmentations": [plain_runs(mask), None, plain_runs(mask)],
                "areas": [6, None, 6],
                "bboxes": [[0.0, 0.0, 2.0, 3.0], None, [0.0, 0.0, 2.0, 3.0]],
            }
            for number in (11, 12)
        ],
    }
    (tmp_path / "JPEGImages" / "0043f083b5").mkdir(parents=True)
    (tmp_path / "JPEGImages" / "0043f083b5" / "00005.jpg").touch()
    video, other = read(tmp_path, record)
    assert (video.name, other.name, other.tracks) == ("0043f083b5", "00f88c4f0a", ())
    assert [track.track_id for track in video.tracks] == [0, 1]
    assert video.tracks[0].category == "parrot"
    np.testing.assert_array_equal(pixels(video.tracks[0].visible[2]), mask)
    assert not pixels(video.tracks[0].visible[1]).any(), "null is: not seen"
    assert video.tracks[0].amodal == (None, None, None)
    assert video.images[1] == tmp_path / "JPEGImages" / "0043f083b5" / "00005.jpg"


@pytest.mark.parametrize("year", [2019, 2020])
def test_kins(year: int, tmp_path: Path) -> None:
    seen = rectangle(2, 6, 5, 8)
    old = {"segmentation": PAST, "bbox": [6, 2, 6, 3], "inmodal_seg": runs(seen), "inmodal_bbox": [6, 2, 2, 3]}
    new = {"a_segm": PAST, "a_bbox": [6, 2, 6, 3], "i_segm": runs(seen), "i_bbox": [6, 2, 2, 3], "ico_id": 1}
    record = {
        "images": [
            {"id": 0, "file_name": "000000.png", **SIZE},
            {"id": 7, "file_name": "sub/000007.png", **SIZE},
        ],
        "categories": [{"id": 4, "name": "car"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 4, "area": 9, **(old if year == 2019 else new)}],
    }
    empty, video = read(tmp_path, record)
    assert (empty.name, empty.tracks) == ("000000", ())
    assert (video.name, video.length, video.images) == ("sub_000007", 1, (tmp_path / "sub" / "000007.png",))
    (track,) = video.tracks
    assert (track.track_id, track.category, track.amodal_boxes) == (0, "car", (Box(2, 6, 5, 12),))
    np.testing.assert_array_equal(pixels(track.visible[0]), seen)
    np.testing.assert_array_equal(pixels(track.amodal[0]), rectangle(2, 6, 5, 9))


def test_cocoa_with_regions_of_two_people(tmp_path: Path) -> None:
    seen = rectangle(1, 1, 4, 2)
    regions = [
        {"name": "chair", "isStuff": 0, "order": 1, "occlude_rate": 0, "segmentation": SQUARE, "area": 9},
        {"name": "wall", "isStuff": 1, "order": 2, "segmentation": SQUARE, "visible_mask": runs(seen)},
    ]
    name = "COCO_train2014_000000000009"
    record = {
        "images": [{"id": 9, "file_name": f"{name}.jpg", **SIZE}],
        "annotations": [
            {"id": 1, "image_id": 9, "author": "a", "size": 2, "depth_constraint": "1-2", "regions": regions},
            {"id": 2, "image_id": 9, "author": "b", "size": 1, "depth_constraint": "", "regions": regions[:1]},
        ],
    }
    first, second = read(tmp_path, record)
    assert (first.name, second.name) == (name, f"{name}_2")
    assert [track.category for track in first.tracks] == ["chair", "wall"]
    assert [track.track_id for track in first.tracks] == [0, 1]
    np.testing.assert_array_equal(pixels(first.tracks[0].visible[0]), rectangle(1, 1, 4, 4))
    np.testing.assert_array_equal(pixels(first.tracks[1].visible[0]), seen)
    np.testing.assert_array_equal(pixels(first.tracks[1].amodal[0]), rectangle(1, 1, 4, 4))


def test_cocoa_laid_flat(tmp_path: Path) -> None:
    one = {"id": 1, "image_id": 9, "category_id": 1, "segmentation": [SQUARE], "bbox": [1, 1, 3, 3]}
    record = {
        "images": [{"id": 9, "file_name": "9.jpg", **SIZE}],
        "categories": [{"id": 1, "name": "thing"}],
        "annotations": [one, {**one, "id": 2, "visible_mask": runs(rectangle(1, 1, 4, 2))}],
    }
    (video,) = read(tmp_path, record)
    assert [(track.track_id, track.category) for track in video.tracks] == [(0, "thing"), (1, "thing")]
    assert [pixels(track.visible[0]).sum() for track in video.tracks] == [9, 3]
    assert video.tracks[0].amodal_boxes == (Box(1, 1, 4, 4),)


def test_what_is_not_invisible_is_seen(tmp_path: Path) -> None:
    hidden = runs(rectangle(0, 2, 7, 9))
    one = {"category_id": 1, "image_id": 9, "segmentation": [SQUARE], "invisible_mask": hidden, "occlude_rate": 0.67}
    cocoa = {
        "images": [{"id": 9, "file_name": "9.jpg", **SIZE}],
        "categories": [{"id": 1, "name": "thing"}],
        "annotations": [one],
    }
    sail = {
        **cocoa,
        "videos": [{"id": 1}],
        "images": [{**cocoa["images"][0], "video_id": 1}],
        "annotations": [{**one, "track_id": 0}],
    }
    for record in (cocoa, sail):
        (video,) = read(tmp_path, record)
        np.testing.assert_array_equal(pixels(video.tracks[0].visible[0]), rectangle(1, 1, 4, 2))


@pytest.mark.parametrize("key", ["frame_index", "frame_id"])
def test_sail_vos(key: str, tmp_path: Path) -> None:
    whole, seen = rectangle(1, 1, 4, 4), rectangle(1, 1, 4, 2)
    base = {"category_id": 3, "segmentation": runs(whole), "bbox": [-1, 1, 5, 3]}
    record = {
        "videos": [{"id": 1, "name": "ah_1_ext", **SIZE}, {"id": 2, "name": "nobody", **SIZE}],
        "images": [
            {"id": 10 + t, "video_id": 1, "file_name": f"ah_1_ext/{t:06d}.bmp", key: t, **SIZE} for t in (0, 1, 3)
        ],
        "categories": [{"id": 3, "name": "person"}],
        "annotations": [
            {"id": 1, "image_id": 10, "track_id": 4, **base, "visible_mask": runs(seen), "occlude_rate": 0.6},
            {"id": 2, "image_id": 13, "instance_id": 4, **base, "occlude_rate": 0},
        ],
    }
    (video,) = read(tmp_path, record)
    assert (video.name, video.length, video.images[2]) == ("ah_1_ext", 4, None)
    (track,) = video.tracks
    assert (track.track_id, track.category, track.amodal_boxes[0]) == (4, "person", Box(1, -1, 4, 4))
    np.testing.assert_array_equal(pixels(track.visible[0]), seen)
    assert not pixels(track.amodal[1]).any(), "a listed image without an entry: not there"
    assert track.amodal[2] is None, "an image that is not listed: not annotated"
    np.testing.assert_array_equal(pixels(track.visible[3]), whole)


def test_clips_of_sail_vos_by_diffusion_vas(tmp_path: Path) -> None:
    whole, seen = rectangle(1, 1, 4, 4), rectangle(1, 1, 4, 2)
    clip = {
        "obj_id": 12,
        "category_id": 5,
        "image_ids": [100, 101],
        "image_file_names": ["a/000100.bmp", "a/000101.bmp"],
        "segmentation": [runs(whole), runs(whole)],
        "visible_mask": [runs(seen), None],
        "bbox": [[1, 1, 3, 3], [1, 1, 3, 3]],
    }
    first, second = read(tmp_path, [clip, {**clip, "obj_id": 13}])
    assert (first.name, second.name, first.length) == ("100_12", "100_13", 2)
    assert first.tracks[0].track_id == 12
    np.testing.assert_array_equal(pixels(first.tracks[0].amodal[1]), whole)
    assert first.tracks[0].visible[1] is None


@pytest.mark.parametrize("size", ["480p", ""])
def test_davis_with_void_and_frames_in_steps(size: str, tmp_path: Path) -> None:
    labels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    labels[:3, :3], labels[3:, 3:], labels[0, 7:] = 1, 2, (254, 255)
    masks, frames = tmp_path / "Annotations" / size / "bear", tmp_path / "JPEGImages" / size / "bear"
    masks.mkdir(parents=True)
    images(frames, 1)
    (frames / "0.png").rename(frames / "00010.png")
    for t in (0, 5):
        image = Image.fromarray(labels)
        image.putpalette(np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8).tobytes())
        image.save(masks / f"{t:05d}.png")
    (video,) = read_masks(tmp_path)
    assert (video.name, video.length) == ("bear", 11)
    assert [track.track_id for track in video.tracks] == [0, 1]
    np.testing.assert_array_equal(pixels(video.tracks[1].visible[5]), labels == 2)
    assert [t for t, rle in enumerate(video.tracks[0].visible) if rle] == [0, 5]
    assert video.images[10] == frames / "00010.png"


def test_binary_images_of_davis_2016_are_one_object(tmp_path: Path) -> None:
    masks, seen = tmp_path / "Annotations" / "480p" / "bear", rectangle(1, 1, 4, 2)
    masks.mkdir(parents=True)
    for t, mask in enumerate((seen, rectangle(0, 0, 0, 0))):
        Image.fromarray(mask * np.uint8(255)).save(masks / f"{t:05d}.png")
    (track,) = next(read_masks(tmp_path)).tracks
    assert track.track_id == 0
    np.testing.assert_array_equal(pixels(track.visible[0]), seen)
    assert not pixels(track.visible[1]).any()


def test_visible_masks_in_a_folder_an_object(tmp_path: Path) -> None:
    seen, other, whole = rectangle(1, 1, 4, 2), rectangle(2, 1, 4, 4), rectangle(1, 1, 4, 4)
    for name, mask in (
        ("Annotations/bear/1", seen),
        ("Annotations/bear/12", other),
        ("AmodalAnnotations/bear/1", whole),
    ):
        (tmp_path / name).mkdir(parents=True)
        Image.fromarray(mask * np.uint8(255)).save(tmp_path / name / "00001.png")
    first, second = next(read_masks(tmp_path)).tracks
    assert (first.track_id, second.track_id) == (0, 11)
    np.testing.assert_array_equal(pixels(first.visible[1]), seen)
    np.testing.assert_array_equal(pixels(first.amodal[1]), whole)
    np.testing.assert_array_equal(pixels(second.visible[1]), other)
    assert (first.visible[0], second.amodal[1]) == (None, None)


def test_void_alone_in_a_video_with_amodal_masks_is_an_error(tmp_path: Path) -> None:
    void, whole = rectangle(1, 1, 4, 2), rectangle(1, 1, 4, 4)
    for name, mask in (("Annotations/bear", void), ("AmodalAnnotations/bear/1", whole)):
        (tmp_path / name).mkdir(parents=True)
        Image.fromarray(mask * np.uint8(255)).save(tmp_path / name / "00000.png")
    with pytest.raises(DataError, match=r"Annotations/bear: expected the numbers .* found 0 and 255 alone"):
        list(read_masks(tmp_path))


def test_images_that_a_file_names_and_do_not_exist_are_counted(tmp_path: Path) -> None:
    (tmp_path / "JPEGImages").mkdir()
    images(tmp_path / "JPEGImages", 1)  # 0.png
    names = ["0.png", "1.png", f"{'a' * 300}.png"]
    record = {
        "images": [{"id": t, "file_name": name, **SIZE} for t, name in enumerate(names)],
        "categories": [{"id": 4, "name": "car"}],
        "annotations": [{"image_id": 0, "category_id": 4, "a_segm": PAST, "i_segm": PAST}],
    }
    (tmp_path / "kins.json").write_text(json.dumps(record))
    told = convert_masks(tmp_path / "kins.json", tmp_path / "train.json", "coco_video")
    assert told == {f"images that kins.json names do not exist; put them, or links to them, into {tmp_path}": 2}
    first, *_ = read_masks(tmp_path / "train.json")
    assert first.images == (tmp_path / "JPEGImages" / "0.png",)


def test_images_of_kins_become_videos_of_the_layout_of_movi(tmp_path: Path) -> None:
    images(tmp_path, 1)
    record = {
        "images": [{"id": 0, "file_name": "0.png", **SIZE}],
        "categories": [{"id": 4, "name": "car"}],
        "annotations": [{"image_id": 0, "category_id": 4, "segmentation": PAST, "inmodal_seg": PAST}],
    }
    (tmp_path / "kins.json").write_text(json.dumps(record))
    assert len(convert_masks(tmp_path / "kins.json", tmp_path / "data" / "train", "movi")) == 1
    assert np.load(tmp_path / "data" / "train" / "instance_list.npy").tolist() == ["0-0"]
    assert next(read_masks(tmp_path / "data" / "train")).tracks[0].category == "car"
