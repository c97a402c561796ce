"""A split of MOVi, converted to COCO-video, gives the network the very same clips."""

import json
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

from eoras.config import ViewConfig
from eoras.data import CocoVideoTracks, Draw, MoviTracks, Track
from eoras.data.formats import convert_masks
from eoras.errors import DataError
from eoras.geometry import convert_intrinsics


@pytest.fixture
def root(write_split: Callable[..., Path], tmp_path: Path) -> Path:
    """``train/`` in the layout of MOVi, object 0 hidden in frames 1 and 3, and the same as ``train.json``."""
    write_split(tmp_path, hidden=(1, 3))
    assert convert_masks(tmp_path / "train", tmp_path / "train.json", "coco_video") == {}
    return tmp_path


def edit(root: Path, change: Callable[[Any], None]) -> None:
    record = json.loads((root / "train.json").read_text())
    change(record)
    (root / "train.json").write_text(json.dumps(record))


@pytest.mark.parametrize("frames", ["visible", "all"])
@pytest.mark.parametrize("clip_length", [None, 3, 9])
def test_clips_are_those_of_the_layout_of_movi(root: Path, frames: Any, clip_length: int | None) -> None:
    view = ViewConfig(boxes="round", frames=frames, intrinsics="unit")
    movi = MoviTracks(root, "train", view, clip_length=clip_length, truth=True)
    coco = CocoVideoTracks(root, "train", view, clip_length=clip_length, truth=True)
    assert coco.tracks == movi.tracks
    for index in range(len(movi)):
        one, other = movi[Draw(index, 0.5)], coco[Draw(index, 0.5)]
        torch.testing.assert_close(one.intrinsics, other.intrinsics)
        assert one.truth is not None
        assert other.truth is not None
        assert one.truth.amodal.equal(other.truth.amodal)
        assert one.truth.visible.equal(other.truth.visible)
        for field in fields(one):
            if field.name not in ("intrinsics", "truth"):
                value, same = getattr(one, field.name), getattr(other, field.name)
                assert value.equal(same) if isinstance(value, torch.Tensor) else value == same, field.name


def test_frames_without_annotation_are_not_available_and_those_without_image_are_passed_over(root: Path) -> None:
    def change(record: Any) -> None:
        record["annotations"][1]["amodal_segmentations"][4] = None
        record["videos"][0]["file_names"][2] = None

    edit(root, change)
    clip = CocoVideoTracks(root, "train", ViewConfig())[1]
    assert clip.frame_indices.tolist() == [0, 1, 3, 4, 5]
    assert clip.available.tolist() == [True, True, True, False, True]
    assert not clip.amodal[3].any()


@pytest.mark.parametrize(("frames", "kept"), [("visible", [0, 2, 4]), ("all", [0, 1, 2, 4])])
def test_a_frame_without_visible_annotation_is_passed_over_and_one_with_an_empty_mask_is_hidden(
    root: Path, frames: Any, kept: list[int]
) -> None:
    def change(record: Any) -> None:  # object 0 is hidden in frames 1 and 3
        for masks in ("segmentations", "amodal_segmentations"):
            record["annotations"][0][masks][3] = record["annotations"][0][masks][5] = None

    edit(root, change)
    tracks = CocoVideoTracks(root, "train", ViewConfig(frames=frames), truth=True)
    clip, truth = tracks[0], tracks.truth_of(0)
    assert clip.frame_indices.tolist() == truth.frame_indices.tolist() == kept
    assert clip.visible.flatten(1).any(1).tolist() == [t != 1 for t in kept]


def test_a_video_that_tells_no_camera_gets_that_of_kubric(root: Path) -> None:
    edit(root, lambda record: record["videos"][0].pop("pixel_intrinsics"))
    clip = CocoVideoTracks(root, "train", ViewConfig(intrinsics="kubric"))[0]
    expected = torch.tensor([[35 / 32, 0, -0.5], [0, -35 / 32 * 64 / 48, -0.5], [0, 0, -1]])
    torch.testing.assert_close(clip.intrinsics[0], expected)
    assert convert_intrinsics(expected, "kubric", "pixel", 48, 64)[0, 0] == 70


def test_only_the_named_videos_are_kept(root: Path) -> None:
    assert CocoVideoTracks(root, "train", ViewConfig(), videos=["other"]).tracks == []
    assert CocoVideoTracks(root, "train", ViewConfig(), videos=["5"]).tracks == [Track("5", 0), Track("5", 1)]


def test_a_file_with_nothing_to_see_is_an_error(root: Path) -> None:
    edit(root, lambda record: record["videos"][0].pop("file_names"))
    with pytest.raises(DataError, match=r"train\.json: expected at least one object that is seen in a frame with an"):
        CocoVideoTracks(root, "train", ViewConfig())
    with pytest.raises(DataError, match=r"test\.json: expected a JSON file or a folder, found nothing"):
        CocoVideoTracks(root, "test", ViewConfig())


def test_a_missing_image_is_named(root: Path) -> None:
    shutil.rmtree(root / "train")
    with pytest.raises(DataError, match=r"rgba_full_\d+\.png: expected an image, found no such file"):
        CocoVideoTracks(root, "train", ViewConfig())[0]
