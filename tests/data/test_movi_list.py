from pathlib import Path

import numpy as np
import pytest

from eoras.data import Track, read_tracks
from eoras.errors import DataError


def save(root: Path, entries: object) -> Path:
    (root / "train").mkdir()
    np.save(root / "train" / "instance_list.npy", np.asarray(entries))
    return root


def test_the_list_is_read_in_its_own_order(tmp_path: Path) -> None:
    tracks = read_tracks(save(tmp_path, ["12-3", "hall_2-0", "12-0"]), "train")
    assert tracks == [Track("12", 3), Track("hall_2", 0), Track("12", 0)]


def test_the_lists_of_c2f_seg_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "test_instance.txt").write_text("7_0_1\n7_12_13\nhall_2_1_2\n\n")
    assert read_tracks(tmp_path, "test") == [Track("7", 0), Track("7", 12), Track("hall_2", 1)]


def test_the_array_goes_before_the_text(tmp_path: Path) -> None:
    (save(tmp_path, ["1-0"]) / "train_instance.txt").write_text("2_0_1\n")
    assert read_tracks(tmp_path, "train") == [Track("1", 0)]


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_a_folder_without_a_list_is_an_error_that_says_what_was_expected(folder: str, tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    expected = r"expected train/instance_list\.npy or train_instance\.txt, found neither; name the folder that holds"
    with pytest.raises(DataError, match=expected):
        read_tracks(tmp_path / folder, "train")


@pytest.mark.parametrize("entry", ["12", "12-", "-0", "a-b-0", "12-x", "12--1", "../12-0", "12-0 "])
def test_an_entry_without_exactly_one_dash_and_a_number_is_an_error(entry: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"instance_list\.npy: expected entries VIDEO-TRACK .*found {entry!r}"):
        read_tracks(save(tmp_path, ["1-0", entry]), "train")


@pytest.mark.parametrize("line", ["7_0_0", "7_0", "7-0", "7_0_2"])
def test_a_line_of_another_form_is_an_error(line: str, tmp_path: Path) -> None:
    (tmp_path / "test_instance.txt").write_text(f"7_0_1\n{line}\n")
    with pytest.raises(DataError, match=rf"test_instance\.txt: expected lines VIDEO_TRACK_LABEL.*found '{line}'"):
        read_tracks(tmp_path, "test")


@pytest.mark.parametrize("entries", [[[1, 2]], [1, 2], [["1-0"]], [b"1-0"], "1-0", np.array(["1-0"], dtype=object)])
def test_an_array_of_anything_but_text_is_an_error_with_a_cure(entries: object, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"instance_list\.npy: expected a one-dim.*unicode.*found.*; save it again"):
        read_tracks(save(tmp_path, entries), "train")


@pytest.mark.parametrize("size", [0, 5, 60, 130])
def test_a_list_cut_short_is_an_error(size: int, tmp_path: Path) -> None:
    path = save(tmp_path, ["1-0", "2-0"]) / "train" / "instance_list.npy"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataError, match=r"instance_list\.npy: expected.*found something else"):
        read_tracks(tmp_path, "train")


def test_an_archive_under_the_name_of_the_list_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    with (tmp_path / "train" / "instance_list.npy").open("wb") as file:
        np.savez(file, names=np.array(["1-0"]))
    with pytest.raises(DataError, match=r"instance_list\.npy: expected.*found something else"):
        read_tracks(tmp_path, "train")


def test_an_empty_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"instance_list\.npy: expected at least one track"):
        read_tracks(save(tmp_path, np.array([], dtype=str)), "train")


def test_text_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "train_instance.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"train_instance\.txt: expected text"):
        read_tracks(tmp_path, "train")
