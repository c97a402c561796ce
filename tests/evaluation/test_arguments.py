"""What evaluating and scoring refuse before they begin."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from flat_scenes.scenes import write_flat_dataset
from golden_kitti import clips
from test_evaluate import Echo
from written_kitti import write_kitti_split

from eoras.clip import Clip
from eoras.config import ModelConfig, ViewConfig
from eoras.data import open_tracks
from eoras.data.formats import convert_masks
from eoras.data.movi_list import Track
from eoras.data.open import VideoTracks
from eoras.data.pictures import TrackTruth
from eoras.errors import ConfigError
from eoras.evaluation.evaluate import evaluate
from eoras.evaluation.score import score_predictions

MOVI = Path(__file__).parents[1] / "golden" / "movi"
VIEW = ViewConfig()


def movi(_: Path, view: ViewConfig) -> VideoTracks:
    return open_tracks(MOVI, "test", view, truth=True)


def kitti(folder: Path, view: ViewConfig) -> VideoTracks:
    return open_tracks(write_kitti_split(folder, "test"), "test", view, truth=True)


def coco_video(folder: Path, view: ViewConfig) -> VideoTracks:
    write_flat_dataset(folder, train_videos=1, test_videos=1, seed=0, size=(48, 64), frames=2)
    convert_masks(folder / "test", folder / "test.json", "coco_video")
    (folder / "test" / "instance_list.npy").unlink()
    (folder / "train" / "instance_list.npy").unlink()
    return open_tracks(folder, "test", view, truth=True)


@pytest.mark.parametrize("opened", [movi, kitti, coco_video])
def test_tracks_tell_their_view_and_only_those_of_the_networks_own_are_scored(
    tmp_path: Path, opened: Callable[[Path, ViewConfig], VideoTracks]
) -> None:
    network = Echo()
    network.config = ModelConfig(view=ViewConfig(boxes="round", windows="track", enlarge=1.5))
    tracks = opened(tmp_path, VIEW)
    assert tracks.view == VIEW
    with pytest.raises(ConfigError, match=r"trained with, boxes=round, windows=track, enlarge=1\.5, found boxes=paper"):
        evaluate(network, tracks, device="cpu")
    assert not network.calls


@pytest.mark.parametrize("change", [{"intrinsics": "unit"}, {"pad_to": 30}])
def test_a_network_with_any_other_view_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    network = Echo()
    network.config = ModelConfig(view=replace(VIEW, **change))
    with pytest.raises(ConfigError, match=next(iter(change))):
        evaluate(network, movi(tmp_path, VIEW), device="cpu")


def test_other_frames_of_the_same_view_may_be_scored(tmp_path: Path) -> None:
    network = Echo()
    network.config = ModelConfig(view=replace(VIEW, frames="all"))
    assert evaluate(network, movi(tmp_path, VIEW), device="cpu", baselines=()).tracks > 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, "float16"])
def test_a_precision_that_is_not_known_is_refused(dtype: Any) -> None:
    with pytest.raises(ConfigError, match=rf"dtype: expected 'float32' or 'bfloat16', found '?{dtype}"):
        evaluate(Echo(), clips(), device="cpu", dtype=dtype)


class Unread:
    """Tracks that nobody must read."""

    view = VIEW
    tracks = (Track("a", 0),)

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Clip:
        raise AssertionError(index)

    def truth_of(self, index: int) -> TrackTruth:
        raise AssertionError(index)


def test_names_that_are_none_are_refused_before_anything_is_scored() -> None:
    with pytest.raises(ConfigError, match="protocol stric: unknown; known are paper, strict"):
        evaluate(Echo(), Unread(), device="cpu", protocols=("paper", "stric"))
    with pytest.raises(
        ConfigError, match="baseline hull: unknown; known are visible_mask, convex_hull, crop_and_paste"
    ):
        evaluate(Echo(), Unread(), device="cpu", baselines=("visible_mask", "hull"))
    with pytest.raises(ConfigError, match="baseline hull: unknown"):
        score_predictions(Unread(), [], baselines=("hull",))
