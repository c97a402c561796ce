"""Masks in every form they may come in: each gives the same tracks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from toy_videos import HEIGHT, WIDTH, moving

from eoras.data.masks import encode
from eoras.errors import DataError
from eoras.movi_files import label_image
from eoras.prediction.masks import Masks, live_masks, read_tracks
from eoras.prediction.tracks import VideoTracks

LENGTH = 5
ONE = moving(LENGTH, hidden=range(2, 3))
TWO = np.roll(moving(LENGTH, begin=1), 20, axis=1)
LABELS = ONE.astype(np.uint8) + 3 * TWO.astype(np.uint8)


def content(tracks: VideoTracks) -> dict[int, list[Any]]:
    size = tracks.size or (HEIGHT, WIDTH)
    return {
        key: [(t, None if (rle := track.mask(t, *size)) is None else rle.counts) for t in track.frames.tolist()]
        for key, track in tracks.tracks.items()
    }


EXPECTED = {
    key: [(t, encode(mask).counts) for t, mask in enumerate(stack) if mask.any()]
    for key, stack in {1: ONE, 3: TWO}.items()
}


def palette(folder: Path, name: str = "{:05d}.png") -> Path:
    folder.mkdir(parents=True)
    for t, labels in enumerate(LABELS):
        label_image(labels).save(folder / name.format(t))
    return folder


def davis(folder: Path) -> Path:
    palette(folder / "Annotations" / "480p" / "clip")
    return folder


def video_of_that_name(folder: Path) -> Path:
    palette(folder / "clip")
    palette(folder / "another")
    return folder


def with_names(folder: Path) -> Path:
    return palette(folder, "mask_of_frame{:d}.png")


def from_one(folder: Path) -> Path:
    folder.mkdir()
    for t, labels in enumerate(LABELS):
        label_image(labels).save(folder / f"{t + 1:06d}.png")
    return folder


def sixteen_bits(folder: Path) -> Path:
    folder.mkdir()
    for t, labels in enumerate(LABELS):
        Image.fromarray(labels.astype(np.uint16)).save(folder / f"{t:05d}.png")
    return folder


def folder_an_object(folder: Path) -> Path:
    for key, stack in {1: ONE, 3: TWO}.items():
        (folder / str(key)).mkdir(parents=True)
        for t, mask in enumerate(stack):
            if mask.any():
                Image.fromarray(mask * np.uint8(255)).save(folder / str(key) / f"{t:05d}.png")
    return folder


def archive_of_ids(folder: Path) -> Path:
    np.savez_compressed(folder.with_suffix(".npz"), masks=LABELS)
    return folder.with_suffix(".npz")


def archive_of_objects(folder: Path) -> Path:
    np.savez(folder.with_suffix(".npz"), **{"1": ONE, "3": TWO.astype(np.int64)})
    return folder.with_suffix(".npz")


def array(folder: Path) -> Path:
    np.save(folder.with_suffix(".npy"), LABELS.astype(np.int32))
    return folder.with_suffix(".npy")


def coco_video(folder: Path, file_names: list[str] | None = None) -> Path:
    path = folder.with_suffix(".json")
    tracks = [
        {
            "id": key,
            "video_id": 1,
            "category_id": 1,
            "track_id": key - 1,
            "segmentations": [encode(mask).record if mask.any() else None for mask in stack],
        }
        for key, stack in {1: ONE, 3: TWO}.items()
    ]
    video = {"id": 1, "name": "whatever", "width": WIDTH, "height": HEIGHT, "length": LENGTH, "file_names": file_names}
    record = {"videos": [video], "categories": [{"id": 1, "name": "thing"}], "annotations": tracks}
    path.write_text(json.dumps(record))
    return path


def kitti_mots(folder: Path) -> Path:
    lines = [
        f"{t} {key - 1} 1 {HEIGHT} {WIDTH} {encode(mask).counts}"
        for key, stack in {1: ONE, 3: TWO}.items()
        for t, mask in enumerate(stack)
        if mask.any()
    ]
    path = folder.with_suffix(".txt")
    path.write_text("\n".join([*lines, f"0 10000 10 {HEIGHT} {WIDTH} {encode(ONE[0]).counts}", ""]))
    return path


def in_memory(_: Path) -> Masks:
    return LABELS


def by_id(_: Path) -> Masks:
    return {1: ONE, 3: TWO.astype(np.uint8) * 7}


def one_by_one(_: Path) -> Masks:
    return iter(LABELS)


def one_by_one_by_id(_: Path) -> Masks:
    return ({1: one, 3: encode(two)} for one, two in zip(ONE, TWO, strict=True))


FORMS = [
    palette,
    davis,
    video_of_that_name,
    with_names,
    from_one,
    sixteen_bits,
    folder_an_object,
    archive_of_ids,
    archive_of_objects,
    array,
    coco_video,
    kitti_mots,
    in_memory,
    by_id,
    one_by_one,
    one_by_one_by_id,
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_each_form_gives_the_same_tracks_under_the_numbers_of_label_images(
    form: Callable[[Path], Masks], tmp_path: Path
) -> None:
    tracks = read_tracks(form(tmp_path / "masks"), video="clip", length=LENGTH)
    assert content(tracks) == EXPECTED
    assert tracks.size == (HEIGHT, WIDTH)
    assert tracks.length == LENGTH
    boxes = {key: track.boxes[0].tolist() for key, track in tracks.tracks.items()}
    assert boxes == {1: [8, 3, 18, 15], 3: [28, 4, 39, 16]}


def test_bool_alone_is_one_object() -> None:
    assert content(read_tracks(ONE)) == {1: EXPECTED[1]}


def test_binary_images_are_one_object_and_void_beside_others_is_nobody(tmp_path: Path) -> None:
    for name, labels in {"binary": ONE * np.uint8(255), "void": np.where(TWO, 255, ONE).astype(np.uint8)}.items():
        (tmp_path / name).mkdir()
        for t, image in enumerate(labels):
            Image.fromarray(image).save(tmp_path / name / f"{t:05d}.png")
        assert content(read_tracks(tmp_path / name)) == {1: EXPECTED[1]}


def test_masks_belong_to_the_frames_of_their_names(tmp_path: Path) -> None:
    palette(tmp_path / "masks", "take2_{:d}.png")
    names = [f"take2_{t}" for t in (9, 4, 3, 2, 1, 0)]
    tracks = read_tracks(tmp_path / "masks", names=names)
    assert [t for t, _ in content(tracks)[1]] == [1, 2, 4, 5]


def test_numbers_that_may_count_from_one_are_told(tmp_path: Path) -> None:
    notes: list[str] = []
    folder = from_one(tmp_path / "masks")
    assert content(read_tracks(folder, length=LENGTH, tell=notes.append)) == EXPECTED
    assert not notes
    (folder / f"{LENGTH:06d}.png").unlink()
    shifted = {key: [(t + 1, rle) for t, rle in masks if t + 1 < LENGTH] for key, masks in EXPECTED.items()}
    assert content(read_tracks(folder, length=LENGTH, tell=notes.append)) == shifted
    assert len(notes) == 1
    assert "000001.png belongs to frame 1, and the first frame, 0, has no mask; if they count from 1" in notes[0]


def test_masks_of_json_belong_to_the_frames_whose_images_they_name(tmp_path: Path) -> None:
    notes: list[str] = []
    path = coco_video(tmp_path / "masks", [f"clip/{t:03d}.jpg" for t in range(LENGTH)])
    later = ["intro", *(f"{t:03d}" for t in range(LENGTH))]
    expected = {key: [(t + 1, rle) for t, rle in masks] for key, masks in EXPECTED.items()}
    assert content(read_tracks(path, names=later, length=LENGTH + 1, tell=notes.append)) == expected
    backward = read_tracks(path, names=later[:0:-1], length=LENGTH, tell=notes.append)
    assert content(backward) == {
        key: [(LENGTH - 1 - t, rle) for t, rle in reversed(masks)] for key, masks in EXPECTED.items()
    }
    assert not notes
    others = [f"frame{t}" for t in range(LENGTH)]
    assert content(read_tracks(path, names=others, length=LENGTH, tell=notes.append)) == EXPECTED
    assert len(notes) == 1
    assert "given to its frames in order, the first to 'frame0'" in notes[0]
    read_tracks(coco_video(tmp_path / "masks"), names=others, length=LENGTH, tell=notes.append)
    assert len(notes) == 1  # nothing is named


def test_two_images_of_masks_of_one_frame_are_refused_where_names_tell_it_too(tmp_path: Path) -> None:
    palette(tmp_path / "masks", "a{:d}.png")
    Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / "masks" / "a0.tif")
    with pytest.raises(DataError, match=r"a0\.tif: expected one image of masks a frame, found a0\.png, too"):
        read_tracks(tmp_path / "masks", names=[f"a{t}" for t in range(LENGTH)])


def test_folders_an_object_count_alike_though_not_each_object_is_seen_in_the_last_frame(tmp_path: Path) -> None:
    for key, numbers in {1: range(1, 11), 2: range(3, 8)}.items():
        (tmp_path / str(key)).mkdir()
        for number in numbers:
            Image.new("L", (WIDTH, HEIGHT), 255).save(tmp_path / str(key) / f"{number:05d}.png")
    tracks = read_tracks(tmp_path, length=10).tracks
    assert {key: track.frames.tolist() for key, track in tracks.items()} == {
        1: list(range(10)),
        2: list(range(2, 7)),
    }


def test_a_folder_with_other_files_in_it_is_read_all_the_same(tmp_path: Path) -> None:
    folder = palette(tmp_path / "masks")
    (folder / "notes.txt").write_text("by hand")
    (folder / "Thumbs.db").write_bytes(b"\0")
    Image.new("L", (3, 3)).save(folder / "legend.png")
    (folder / "backup").mkdir()
    assert content(read_tracks(folder)) == EXPECTED


def test_boxes_of_mot_count_frames_and_pixels_from_one(tmp_path: Path) -> None:
    path = tmp_path / "boxes.txt"
    path.write_text("1,4,11,6,20,10,1,-1,-1,-1\n3,4,12.4,6,20,10,0.9,-1,-1,-1\n2,5,1,1,1,1,0,-1,-1,-1\n")
    tracks = read_tracks(path)
    assert {
        key: (track.frames.tolist(), track.boxes.tolist(), track.counts) for key, track in tracks.tracks.items()
    } == {5: ([0, 2], [[5, 10, 15, 30], [5, 11, 15, 31]], None)}
    assert not tracks.has_masks


def test_masks_of_a_long_video_stay_small() -> None:
    mask = np.zeros((720, 1280), dtype=bool)
    mask[100:300, 200:500] = True
    tracks = read_tracks({1: np.broadcast_to(mask, (200, 720, 1280))})
    size = tracks.tracks[1].counts
    assert size is not None
    assert sum(map(len, size)) < 200 * 1000


@pytest.mark.parametrize("form", [palette, folder_an_object, archive_of_ids, archive_of_objects, in_memory, by_id])
def test_masks_without_a_pixel_are_told(
    form: Callable[[Path], Masks], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ONE", "TWO", "LABELS"):
        monkeypatch.setitem(globals(), name, np.zeros_like(globals()[name]))
    if form is folder_an_object:
        (tmp_path / "masks" / "1").mkdir(parents=True)
        Image.new("L", (WIDTH, HEIGHT)).save(tmp_path / "masks" / "1" / "00000.png")
        masks: Masks = tmp_path / "masks"
    else:
        masks = form(tmp_path / "masks")
    with pytest.raises(DataError, match="expected the mask of at least one object in one frame, found none"):
        read_tracks(masks)


BAD: dict[str, tuple[Any, str]] = {
    "floats": (np.zeros((2, 4, 4)), r"expected bool or whole numbers \(T, H, W\), found float64 \(2, 4, 4\)"),
    "flat": (np.zeros((4, 4), bool), r"found bool \(4, 4\)"),
    "lengths": (
        {1: np.ones((2, 4, 4), bool), 2: np.ones((3, 4, 4), bool)},
        r"as many frames of each object, found \[2, 3\]",
    ),
    "id": ({"car": np.ones((2, 4, 4), bool)}, "whole numbers from 1 as ids of objects, found 'car'"),
    "zero": ({0: np.ones((2, 4, 4), bool)}, "masks: expected objects numbered from 1, found 0; number objects from 1"),
    "negative": (np.full((2, 4, 4), -1), "masks: frame 0: expected objects numbered from 1, found -1"),
    "negative_live": (iter(np.full((2, 4, 4), -1)), "masks of frame 0: expected objects numbered from 1, found -1"),
    "sizes": (
        [np.ones((4, 4), bool), np.ones((4, 5), bool)],
        "frame 1: expected 4 rows and 4 columns, as those before",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_arrays_that_are_no_masks_are_refused(name: str) -> None:
    masks, message = BAD[name]
    with pytest.raises(DataError, match=message):
        read_tracks(masks)


HEADERS = {
    "wide": (1, 1, 10**6),
    "many_pixels": (1, 20_000, 20_000),
    "no_pixels": (10**15, 0, 0),
    "many_frames": (10**15, 4, 4),
}


def write_bad(folder: Path, kind: str) -> Path:
    if kind == "nothing":
        return folder / "gone"
    if kind == "archive":
        (folder / "masks.npz").write_bytes(b"PK nothing of the sort")
        return folder / "masks.npz"
    if kind == "names":
        np.savez(folder / "masks.npz", car=ONE, bus=ONE)
        return folder / "masks.npz"
    if kind == "zero":
        np.savez(folder / "masks.npz", **{"0": ONE, "1": TWO.astype(np.int64)})
        return folder / "masks.npz"
    if kind == "folder_zero":
        (folder_an_object(folder / "masks") / "1").rename(folder / "masks" / "0")
        return folder / "masks"
    if kind == "negative":
        np.save(folder / "masks.npy", np.where(TWO, -1, ONE).astype(np.int8))
        return folder / "masks.npy"
    if kind == "negative_image":
        Image.fromarray(np.where(TWO[3], -1, 0).astype(np.int32)).save(palette(folder / "masks") / "00005.tif")
        return folder / "masks"
    if kind == "cut":
        array(folder / "masks")
        data = (folder / "masks.npy").read_bytes()
        (folder / "masks.npy").write_bytes(data[:-100])
        return folder / "masks.npy"
    if kind in ("flipped", "encrypted"):
        data = bytearray(archive_of_ids(folder / "masks").read_bytes())
        if kind == "flipped":
            middle = len(data) // 2
            data[middle : middle + 30] = b"\xff" * 30
        else:
            data[data.index(b"PK\1\2") + 8] |= 1
        (folder / "masks.npz").write_bytes(data)
        return folder / "masks.npz"
    if kind == "pickled":
        np.save(folder / "masks.npy", np.array([{}], dtype=object), allow_pickle=True)
        return folder / "masks.npy"
    if kind in HEADERS:
        with (folder / "masks.npy").open("wb") as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": HEADERS[kind]}
            np.lib.format.write_array_header_1_0(file, header)
        return folder / "masks.npy"
    if kind == "sam2":
        np.save(folder / "masks.npy", ONE[:, None])
        return folder / "masks.npy"
    if kind == "floats":
        np.savez(folder / "masks.npz", masks=ONE.astype(float))
        return folder / "masks.npz"
    if kind == "xml":
        (folder / "cvat.xml").write_text("<annotations/>")
        return folder / "cvat.xml"
    if kind in ("images", "results"):
        annotation = {"id": 1, "category_id": 1, "segmentation": [[0, 0, 9, 0, 9, 9]], "bbox": [0, 0, 9, 9]}
        images = [{"id": 1, "file_name": "0.png", "height": HEIGHT, "width": WIDTH}]
        coco = {"images": images, "annotations": [{**annotation, "image_id": 1}], "categories": []}
        results = [{"video_id": 1, "category_id": 1, "score": 0.9, "segmentations": [encode(ONE[0]).record]}]
        (folder / "masks.json").write_text(json.dumps(coco if kind == "images" else results))
        return folder / "masks.json"
    if kind == "colours":
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "0.png")
        return folder
    if kind == "size":
        palette(folder / "masks")
        Image.new("L", (8, 8)).save(folder / "masks" / "00003.png")
        return folder / "masks"
    if kind == "twice":
        palette(folder / "masks")
        Image.new("L", (WIDTH, HEIGHT)).save(folder / "masks" / "3.png")
        return folder / "masks"
    if kind == "date":
        Image.new("L", (WIDTH, HEIGHT)).save(palette(folder / "masks") / "20240131.png")
        return folder / "masks"
    if kind == "videos":
        palette(folder / "masks" / "Annotations" / "a")
        palette(folder / "masks" / "Annotations" / "b")
        return folder / "masks"
    (folder / "masks.txt").write_text("some words")
    return folder / "masks.txt"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("nothing", "expected masks, found no such file or folder"),
        ("archive", "expected arrays of NumPy, found what cannot be read"),
        ("names", "arrays named by the number of their object, found car, bus"),
        ("zero", r"masks\.npz: expected objects numbered from 1, found 0; number objects from 1: 0 is the background"),
        ("folder_zero", r"masks.0: expected objects numbered from 1, found 0"),
        ("negative", r"masks\.npy: frame 1: expected objects numbered from 1, found -1"),
        ("negative_image", r"00005\.tif: expected objects numbered from 1, found -1"),
        ("cut", "it is cut short"),
        ("flipped", r"masks\.npz: expected arrays of NumPy, found what cannot be read"),
        ("encrypted", r"masks\.npz: expected arrays of NumPy, found what cannot be read .*password required"),
        ("pickled", r"masks\.npy: expected bool or whole numbers \(T, H, W\), found object \(1,\)"),
        ("sam2", r"masks\.npy: .* found bool \(5, 1, 40, 56\); save masks\[:, 0\] > 0$"),
        ("floats", r"masks\.npz: .* found float64 \(5, 40, 56\); save masks > 0 of each object$"),
        ("wide", r"masks\.npy: expected at most .* frames of 1 to 32768 pixels a side .*, found the shape \(1, 1, "),
        ("many_pixels", r"masks\.npy: .* and 90,000,000 in all, found the shape \(1, 20000, 20000\); save masks"),
        ("no_pixels", r"masks\.npy: .*, found the shape \(1000000000000000, 0, 0\)"),
        ("many_frames", r"masks\.npy: .*, found the shape \(1000000000000000, 4, 4\)"),
        ("xml", r"cvat\.xml: expected masks as a folder of images or a file \.npz, .*, found a file \.xml; convert"),
        ("images", "found single images without tracks; write each object as a track of a video"),
        ("results", "found a list, as of results; make it the annotations of the data set's JSON, beside its videos"),
        ("colours", r"0\.png: .* found mode RGB; write the object's number as grey value; colours are not read"),
        ("size", r"00003\.png: expected 40 rows and 56 columns"),
        ("twice", "expected one image of masks a frame"),
        ("date", r"20240131\.png: expected the number of a frame in its name, found 20240131"),
        ("videos", "of one named 'clip', found a, b"),
        ("words", "expected masks in one of the formats"),
    ],
)
def test_files_that_cannot_be_read_are_named_with_the_reason(kind: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_tracks(write_bad(tmp_path, kind), video="clip")


def as_images(folder: Path, labels: np.ndarray) -> Masks:
    folder.mkdir()
    for t, image in enumerate(labels):
        Image.fromarray(image).save(folder / f"{t:05d}.png")
    return folder


def as_npy(folder: Path, labels: np.ndarray) -> Masks:
    np.save(folder.with_suffix(".npy"), labels)
    return folder.with_suffix(".npy")


def as_npz(folder: Path, labels: np.ndarray) -> Masks:
    np.savez(folder.with_suffix(".npz"), labels)
    return folder.with_suffix(".npz")


@pytest.mark.parametrize("given", [as_images, as_npy, as_npz, lambda _, labels: labels, lambda _, labels: iter(labels)])
def test_255_is_nobody_unless_it_is_alone_whatever_holds_the_labels(
    given: Callable[[Path, np.ndarray], Masks], tmp_path: Path
) -> None:
    void = np.zeros((LENGTH, HEIGHT, WIDTH), bool)
    void[:, -3:] = True  # in the first frame beside no object that is seen later
    labels = np.where(void & (LABELS == 0), np.uint8(255), LABELS)
    labels[0][labels[0] != 255] = 0
    seen = {key: [(t, rle) for t, rle in masks if t] for key, masks in EXPECTED.items()}
    assert content(read_tracks(given(tmp_path / "void", labels))) == seen
    alone = content(read_tracks(given(tmp_path / "alone", ONE * np.uint8(255))))
    assert alone == {1: EXPECTED[1]}


def test_255_in_larger_numbers_is_an_object() -> None:
    assert set(content(read_tracks(LABELS.astype(np.int32) * 85))) == {85, 255}


def test_255_of_a_stream_is_an_object_until_another_number_is_seen() -> None:
    image = np.zeros((4, HEIGHT, WIDTH), np.uint8)
    image[:, 0], image[2, 1] = 255, 7
    assert [set(found) for found in live_masks(iter(image))] == [{1}, {1}, {7}, set()]
