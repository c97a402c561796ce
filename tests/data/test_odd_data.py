"""Data at the edges of what is allowed: 255 objects, odd names, links, numbers past all use."""

import json
import pickle
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_data import Layout, MadeVideo, write_data
from PIL import Image
from written_kitti import edit_pickle, write_kitti_split

from eoras.config import ViewConfig
from eoras.data import KittiTracks, MoviTracks, Track, open_tracks
from eoras.data.cache import cache_path
from eoras.data.images import read_frame
from eoras.data.masks import empty
from eoras.data.pickles import read_pickle
from eoras.errors import DataError

VIEW = ViewConfig(boxes="round", enlarge=1)
ALL_FRAMES = ViewConfig(frames="all")
Write = Callable[..., Path]


def made(name: str, masks: np.ndarray) -> MadeVideo:
    """A video of objects that nothing hides, of bool ``(K, T, H, W)``."""
    images = np.zeros((*masks.shape[1:], 3), np.uint8)
    shown = np.ones(masks.shape[1], bool)
    annotated = np.ones(masks.shape[:2], bool)
    return MadeVideo(name=name, images=images, visible=masks, amodal=masks, has_image=shown, annotated=annotated)


def test_255_objects_of_one_pixel_each_are_told_apart(tmp_path: Path) -> None:
    write_data(tmp_path, "movi", [made("crowd", np.eye(256, dtype=bool)[:255].reshape(255, 1, 16, 16))])
    tracks = open_tracks(tmp_path, "train", VIEW, truth=True)
    assert len(tracks) == 255
    for k in range(255):
        truth = tracks[k].truth
        assert truth is not None
        for masks in (truth.amodal, truth.visible):
            assert masks.flatten().nonzero().tolist() == [[k]]


# Names


@pytest.mark.parametrize("layout", ["movi", "movid_a", "coco_video"])
@pytest.mark.parametrize("name", [" two  words", "Vogel_ß日本", "#1", "50%", "a.b", "$(touch x)", "*?[a]"], ids=ascii)
def test_a_video_may_have_an_odd_name(layout: Layout, name: str, tmp_path: Path) -> None:
    write_data(tmp_path, layout, [made(name, np.ones((1, 2, 8, 8), bool))])
    tracks = open_tracks(tmp_path, "train", VIEW)
    assert tracks.tracks == [Track(name, 0)]
    assert len(tracks[0]) == 2


def test_a_name_may_begin_with_a_hyphen_where_no_list_parts_it_there(tmp_path: Path) -> None:
    write_data(tmp_path, "coco_video", [made("-a-b", np.ones((1, 1, 8, 8), bool))])
    assert open_tracks(tmp_path, "train", VIEW).tracks == [Track("-a-b", 0)]


@pytest.mark.parametrize("name", ["..", ".", ".hidden", "a\nb", "a\0b", "a\x1b[31m", "\ud800"], ids=ascii)
def test_a_listed_name_that_leads_elsewhere_or_cannot_be_printed_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    np.save(tmp_path / "train" / "instance_list.npy", np.array([f"{name}-0"]))
    with pytest.raises(DataError, match=r"instance_list\.npy: expected a video's name without") as error:
        open_tracks(tmp_path, "train", VIEW)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("name", ["..", ".hidden"])
def test_a_name_in_a_list_of_movid_a_is_refused_too(name: str, tmp_path: Path) -> None:
    (tmp_path / "train_instance.txt").write_text(f"{name}_0_1\n")
    with pytest.raises(DataError, match=r"train_instance\.txt: expected a video's name without"):
        open_tracks(tmp_path, "train", VIEW)


@pytest.mark.parametrize("name", ["2011_09_26_a/b", "2011_09_26_a\0b"], ids=ascii)
def test_a_name_in_a_pickle_is_refused_too(name: str, tmp_path: Path) -> None:
    write_kitti_split(tmp_path, "train")
    for path in (tmp_path / "car_data").iterdir():
        path.write_bytes(pickle.dumps({name: next(iter(pickle.loads(path.read_bytes()).values()))}))
    with pytest.raises(DataError, match=r"train_data\.pkl: expected a video's name without"):
        open_tracks(tmp_path, "train", VIEW)


def test_a_name_that_leaves_no_room_for_that_of_its_cache_is_read(tmp_path: Path) -> None:
    name = "x" * 252
    write_data(tmp_path, "movi", [made(name, np.ones((1, 1, 8, 8), bool))])
    cache_path(tmp_path, "train", name).parent.mkdir(parents=True)
    with pytest.warns(UserWarning, match=r"\.cache: expected a cache of .*File name too long"):
        assert len(open_tracks(tmp_path, "train", VIEW)[0]) == 1


# Links


@pytest.mark.parametrize(
    ("layout", "name", "linked"),
    [
        ("movi", "v", "."),
        ("movi", "v", "train"),
        ("movi", "v", "train/v"),
        ("movi", "v", "train/v/rgba_full_00000.png"),
        ("kitti", "2011_09_26_v", "Kitti"),
        ("kitti", "2011_09_26_v", "Kitti/raw_video/2011_09_26/2011_09_26_v"),
        ("kitti", "2011_09_26_v", "car_data/train_data.pkl"),
        ("coco_video", "v", "images"),
        ("coco_video", "v", "train.json"),
    ],
)
def test_links_to_another_disk_are_followed(layout: Layout, name: str, linked: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    write_data(root, layout, [made(name, np.ones((1, 1, 8, 8), bool))])
    (root / linked).rename(tmp_path / "disk")
    (root / linked).symlink_to(tmp_path / "disk")
    assert len(open_tracks(root, "train", VIEW, truth=True)[0]) == 1


@pytest.mark.parametrize("target", ["nothing", "rgba_full_00000.png"])
def test_a_link_to_nothing_or_to_itself_is_named(target: str, tmp_path: Path) -> None:
    write_data(tmp_path, "movi", [made("v", np.ones((1, 1, 8, 8), bool))])
    path = tmp_path / "train" / "v" / "rgba_full_00000.png"
    path.unlink()
    path.symlink_to(target)
    with pytest.raises(DataError, match=r"rgba_full_00000\.png: expected "):
        open_tracks(tmp_path, "train", VIEW)[0]


# Numbers past all use, and the memory they would take


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data["metadata"].update(num_frames=10**9), r"num_frames: Input should be less than or equal to"),
        (lambda data: data["metadata"].update(height=10**9), r"height: Input should be less than or equal to 32768"),
        (lambda data: data["metadata"].update(width=10**400), r"width: Input should be less than or equal to 32768"),
        (lambda data: data["camera"]["K"][0].__setitem__(0, 1e300), r"camera\.K\.0\.0: Input should be less than"),
    ],
)
def test_numbers_that_no_video_has_are_refused(
    change: Callable[[Any], None], message: str, tmp_path: Path, write_split: Write
) -> None:
    path = write_split(tmp_path) / "train" / "5" / "metadata.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match=rf"metadata\.json: .*{message}"):
        MoviTracks(tmp_path, "train", ALL_FRAMES)[0]


def test_kittis_masks_have_a_size_that_images_can_have(tmp_path: Path) -> None:
    write_kitti_split(tmp_path, "train")
    path = tmp_path / "car_data" / "train_data.pkl"
    edit_pickle(path, lambda tracks: tracks[7][4]["VM"].update(size=[10**400, 96]))
    with pytest.raises(DataError, match=r"4 VM size 0: Input should be less than or equal to 32768"):
        KittiTracks(tmp_path, "train", VIEW)


def test_a_frame_before_the_first_is_refused_and_not_counted_from_the_end(tmp_path: Path) -> None:
    write_kitti_split(tmp_path, "train")
    for path in (tmp_path / "car_data").iterdir():
        edit_pickle(path, lambda tracks: tracks.update({7: {t - 2: record for t, record in tracks[7].items()}}))
    with pytest.raises(DataError, match=r"-1 \[key\]: Input should be greater than or equal to 0, found -1"):
        KittiTracks(tmp_path, "train", VIEW)


def test_a_high_place_in_a_pickle_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x03}r" + (2**31 - 1).to_bytes(4, "little") + b".")
    tracemalloc.start()
    try:
        assert read_pickle(path) == {}
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_an_image_of_another_size_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 3000)).save(tmp_path / "frame.png")
    half = (tmp_path / "frame.png").read_bytes()[:200]
    (tmp_path / "frame.png").write_bytes(half)
    with pytest.raises(DataError, match=r"frame\.png: expected 8 rows and 9 columns.*found 3000 and 3000"):
        read_frame(tmp_path / "frame.png", 8, 9)


def test_no_other_program_is_started_for_a_file_that_only_claims_to_be_an_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import EpsImagePlugin

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: pytest.fail("Ghostscript was started"))
    (tmp_path / "frame.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 8\n%%EndComments\n")
    with pytest.raises(DataError, match=r"frame\.png: expected a whole image, found one that cannot be read"):
        read_frame(tmp_path / "frame.png", 8, 9)


def test_an_empty_mask_takes_no_memory() -> None:
    mask = empty(32768, 32768)
    assert (mask.area, mask.box, len(mask.counts) < 10) == (0, None, True)


# The list


@pytest.mark.parametrize(
    "header", ["{'descr': '<U3', 'fortran_order': False, 'shape': (1,", "((", "\x80", "{'descr': 3}"]
)
def test_a_list_with_a_damaged_header_is_named(header: str, tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    text = header.encode("latin-1").ljust(117) + b"\n"
    (tmp_path / "train" / "instance_list.npy").write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + text + b"a\0\0\0")
    with pytest.raises(DataError, match=r"instance_list\.npy: expected .*found something else") as error:
        open_tracks(tmp_path, "train", VIEW)
    assert str(error.value).isprintable()


def test_a_list_that_python_2_wrote_is_read_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    path = tmp_path / "train" / "instance_list.npy"
    np.save(path, np.array(["a-0"]))
    path.write_bytes(path.read_bytes().replace(b"(1,), } ", b"(1L,), }"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_tracks(tmp_path, "train", VIEW).tracks == [Track("a", 0)]
