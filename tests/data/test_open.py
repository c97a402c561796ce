from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from flat_scenes.scenes import write_flat_dataset
from torch.testing import assert_close
from written_kitti import write_kitti_split

from eoras.config import ViewConfig
from eoras.data import CocoVideoTracks, KittiTracks, MoviTracks, open_tracks
from eoras.data.formats import convert_masks
from eoras.data.open import validation_split
from eoras.data.reading import read_in_order
from eoras.errors import DataError

VIEW = ViewConfig()


def test_a_folder_is_opened_in_the_layout_it_has(tmp_path: Path, write_split: Callable[..., Path]) -> None:
    movi = open_tracks(write_split(tmp_path / "movi"), "train", VIEW)
    assert isinstance(movi, MoviTracks)
    assert (len(movi), movi.split, validation_split(tmp_path / "movi")) == (2, "train", None)
    kitti = open_tracks(write_kitti_split(tmp_path / "kitti", "val"), "val", VIEW)
    assert isinstance(kitti, KittiTracks)
    assert (len(kitti), kitti.split, validation_split(tmp_path / "kitti")) == (1, "val", "val")


def test_what_is_asked_for_reaches_either_layout(tmp_path: Path, write_split: Callable[..., Path]) -> None:
    for root in (write_split(tmp_path / "movi"), write_kitti_split(tmp_path / "kitti", "train")):
        (video,) = {track.video for track in open_tracks(root, "train", VIEW).tracks}
        assert len(open_tracks(root, "train", VIEW, videos={"another"})) == 0
        clip = open_tracks(root, "train", VIEW, clip_length=3, truth=True, videos={video})[0]
        assert (len(clip), clip.truth is None) == (3, False)
        assert len(open_tracks(root, "train", ViewConfig(pad_to=15))[0]) == 15


def test_windows_of_one_size_bring_the_camera_that_looks_through_them(
    tmp_path: Path, write_split: Callable[..., Path]
) -> None:
    write_flat_dataset(tmp_path / "coco", train_videos=1, test_videos=0, seed=0, size=(48, 64), frames=3)
    convert_masks(tmp_path / "coco" / "train", tmp_path / "coco" / "train.json", "coco_video")
    (tmp_path / "coco" / "train" / "instance_list.npy").unlink()
    of_image = ViewConfig(windows="track", boxes="round", frames="all", intrinsics="unit")
    of_windows = replace(of_image, intrinsics="crop")
    for root in (write_split(tmp_path / "movi"), write_kitti_split(tmp_path / "kitti", "train"), tmp_path / "coco"):
        seen, looked = (open_tracks(root, "train", view)[0] for view in (of_image, of_windows))
        assert len({(box.height, box.width) for box in seen.boxes}) == 1
        assert looked.boxes == seen.boxes
        rays = torch.tensor([[0.3, -0.2, 1.0], [-0.1, 0.4, 1.0]]).T
        for box, whole, window in zip(seen.boxes, seen.intrinsics, looked.intrinsics, strict=True):
            across, down = (whole @ rays)[:2] * torch.tensor([[seen.width], [seen.height]])
            assert_close((window @ rays)[0], (across - box.left) / box.width)
            assert_close((window @ rays)[1], (down - box.top) / box.height)


def test_coco_video_beside_its_images_is_opened_as_the_movi_folder_it_came_from(tmp_path: Path) -> None:
    write_flat_dataset(tmp_path, train_videos=1, test_videos=0, seed=0, size=(48, 64), frames=3)
    convert_masks(tmp_path / "train", tmp_path / "train.json", "coco_video")
    view = ViewConfig(boxes="round", pad_to=5)
    movi = open_tracks(tmp_path, "train", view, truth=True)
    assert isinstance(movi, MoviTracks)
    (tmp_path / "train" / "instance_list.npy").unlink()
    coco = open_tracks(tmp_path, "train", view, truth=True)
    assert isinstance(coco, CocoVideoTracks)
    assert coco.tracks == movi.tracks
    for ours, theirs in zip(read_in_order(coco), read_in_order(movi), strict=True):
        assert len(ours) == 5
        assert (ours.boxes, ours.frame_indices.tolist()) == (theirs.boxes, theirs.frame_indices.tolist())
        for name in ("frames", "amodal", "visible", "available"):
            assert getattr(ours, name).equal(getattr(theirs, name)), name


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_folder_of_no_layout_is_an_error_that_names_all(split: str, tmp_path: Path) -> None:
    message = (
        rf"expected {split}/instance_list\.npy or {split}_instance\.txt \(MOVi\), car_data/{split}_data\.pkl "
        rf"\(KITTI\) or {split}\.json \(COCO-video\), found none"
    )
    with pytest.raises(DataError, match=message):
        open_tracks(tmp_path, split, VIEW)


def test_a_split_that_the_layout_lacks_is_an_error(tmp_path: Path, write_split: Callable[..., Path]) -> None:
    movi, kitti = write_split(tmp_path / "movi"), write_kitti_split(tmp_path / "kitti", "train")
    with pytest.raises(DataError, match="expected the split train or test, found val, which only KITTI data have"):
        open_tracks(movi, "val", VIEW)
    with pytest.raises(DataError, match=r"movi: expected test/instance_list\.npy"):
        open_tracks(movi, "test", VIEW)
    with pytest.raises(DataError, match=r"car_data/val_data\.pkl: expected a pickle, found no such file"):
        open_tracks(kitti, "val", VIEW)
