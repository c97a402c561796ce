"""What counts as a change of the data, and what does not."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from flat_scenes.scenes import write_flat_dataset

from eoras.config import ViewConfig
from eoras.data.fingerprint import fingerprint
from eoras.data.open import open_tracks


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_flat_dataset(tmp_path / "data", train_videos=2, test_videos=1, seed=0, size=(16, 24), frames=2)
    return tmp_path / "data"


def of(root: Path) -> dict[str, dict[str, int | str]]:
    return fingerprint(root, *(open_tracks(root, split, ViewConfig()) for split in ("train", "test")))


def test_it_counts_the_videos_and_tracks_of_each_split(root: Path) -> None:
    found = of(root)
    assert {split: found[split]["videos"] for split in found} == {"train": 2, "test": 1}
    assert found["train"]["tracks"] == len(np.load(root / "train" / "instance_list.npy"))


def test_parts_of_a_split_count_together(root: Path) -> None:
    parts = [open_tracks(root, "train", ViewConfig(), videos={video}) for video in ("0", "1")]
    assert fingerprint(root, *parts) == {"train": of(root)["train"]}


def test_a_copy_and_other_times_and_images_are_no_change(root: Path, tmp_path: Path) -> None:
    before = of(root)
    shutil.copytree(root, tmp_path / "copy")
    for path in (tmp_path / "copy").rglob("*"):
        os.utime(path, (0, 0))
    next((tmp_path / "copy" / "train" / "0").glob("*.png")).write_bytes(b"")
    assert of(tmp_path / "copy") == before


def other_metadata(folder: Path) -> None:
    path = folder / "1" / "metadata.json"
    path.write_text(path.read_text() + "\n")


def other_list(folder: Path) -> None:
    path = folder / "instance_list.npy"
    np.save(path, np.load(path)[::-1])


@pytest.mark.parametrize("change", [other_metadata, other_list])
def test_another_list_or_description_of_a_video_is_a_change_of_its_split_alone(
    root: Path, change: Callable[[Path], None]
) -> None:
    before = of(root)
    change(root / "train")
    assert of(root)["train"]["sha256"] != before["train"]["sha256"]
    assert of(root)["test"] == before["test"]
