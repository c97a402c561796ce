"""Training on KITTI: two passes an epoch, windows without annotation, and which split is looked at when."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from same_run import assert_same_run, checkpoints, log_of
from written_kitti import write_kitti_split

from eoras.config_files import load_config
from eoras.data import Draw, KittiTracks, Track
from eoras.errors import DataError
from eoras.training.loop import Trainer
from eoras.training.start import resume

Start = Callable[..., Trainer]

CPU = torch.device("cpu")
VIDEOS = {
    "train": "2011_09_26_drive_0001_sync_02",
    "val": "2011_09_28_drive_0002_sync_02",
    "test": "2011_10_03_drive_0047",
}


@pytest.fixture(scope="module")
def kitti(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video a split: three tracks to train on, two to validate on, one to test on."""
    root = tmp_path_factory.mktemp("KINS_Video_Car")
    for count, (split, video) in zip((3, 2, 1), VIDEOS.items(), strict=True):
        write_kitti_split(root, split, video=video, track_ids=range(count), frames=range(6), annotated=(3, 4))
    return root


@pytest.fixture
def begin_kitti(start: Start, kitti: Path) -> Start:
    def begin(folder: Path, **training: object) -> Trainer:
        return start(folder, **{"data": kitti, "epochs": 1, "clip_length": 3, **training})

    return begin


def draws_of(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> list[Draw]:
    """What the trainer reads to train on."""
    draws: list[Draw] = []
    read = KittiTracks.__getitem__

    def read_and_record(tracks: KittiTracks, key: int | Draw) -> object:
        if isinstance(key, Draw):
            draws.append(key)
        return read(tracks, key)

    monkeypatch.setattr(KittiTracks, "__getitem__", read_and_record)
    assert trainer.train()
    return draws


# Passes


def test_kitti_as_published_makes_two_passes_an_epoch() -> None:
    config = load_config("kitti").training
    assert (config.epochs, config.passes_per_epoch, config.learning_rate, config.decay) == (51, 2, 1e-4, 0.95)
    assert load_config("movi_b").training.passes_per_epoch == 1


def test_the_second_pass_has_the_order_of_the_first_and_windows_of_its_own(
    begin_kitti: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = begin_kitti(tmp_path, epochs=2, passes_per_epoch=2, batch_size=3, accumulate=1, decay=0.5)
    draws = draws_of(trainer, monkeypatch)
    passes = [draws[start : start + 3] for start in range(0, 12, 3)]
    tracks = [[draw.track for draw in one] for one in passes]
    assert tracks[0] == tracks[1] != tracks[2] == tracks[3]
    assert len({draw.position for draw in draws}) == 12
    assert [line["learning_rate"] for line in log_of(tmp_path)] == [1e-3, 1e-3, 5e-4, 5e-4]
    assert checkpoints(tmp_path)[-1] == "0002-00000000"


def test_a_run_interrupted_in_its_second_pass_goes_on_as_if_it_had_not_been(begin_kitti: Start, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    options = {"passes_per_epoch": 2, "batch_size": 1, "accumulate": 1, "save_steps": 1, "keep": 99}
    assert begin_kitti(whole, **options).train()
    shutil.copytree(whole, broken)
    assert "0000-00000004" in checkpoints(broken)
    for name in checkpoints(broken):
        if name > "0000-00000004":
            shutil.rmtree(broken / "checkpoints" / name)
    assert resume(broken, CPU).train()
    assert_same_run(broken, whole)


# Windows without annotation


def test_windows_without_annotation_make_steps_and_no_amodal_loss(start: Start, tmp_path: Path) -> None:
    for name, annotated in (("none", ()), ("all", range(6))):
        data = write_kitti_split(tmp_path / name, "train", track_ids=range(3), frames=range(6), annotated=annotated)
        options = {"epochs": 1, "clip_length": 3, "batch_size": 1, "accumulate": 1}
        assert start(tmp_path / f"run_{name}", data=data, **options).train()
    none, every = log_of(tmp_path / "run_none"), log_of(tmp_path / "run_all")
    assert len(none) == len(every) == 3
    assert [line["amodal"] for line in none] == [0.0] * 3
    assert all(line["loss"] == line["visible"] > 0 for line in none)
    assert all(line["amodal"] > 0 for line in every)


# Splits


def test_validation_looks_at_kittis_own_split_and_trains_on_all_of_train(begin_kitti: Start, tmp_path: Path) -> None:
    trainer = begin_kitti(tmp_path, validation="held_out")
    assert trainer.validation is not None
    assert trainer.training.tracks == [Track(VIDEOS["train"], number) for number in range(3)]
    assert trainer.validation.tracks == [Track(VIDEOS["val"], number) for number in range(2)]
    assert trainer.train()
    assert log_of(tmp_path)[-1]["split"] == "val"
    assert (tmp_path / "best").is_dir()


def test_validation_test_looks_at_the_test_split_and_the_log_says_so(begin_kitti: Start, tmp_path: Path) -> None:
    trainer = begin_kitti(tmp_path, validation="test")
    assert trainer.validation is not None
    assert trainer.validation.tracks == [Track(VIDEOS["test"], 0)]
    assert trainer.train()
    assert log_of(tmp_path)[-1]["split"] == "test"


@pytest.mark.parametrize("validation", ["held_out", "none"])
def test_training_never_opens_the_test_split(validation: str, kitti: Path, start: Start, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(kitti, data)
    for path in (*data.glob("car_data/test_*"), data / "Kitti" / "calib" / "3.txt"):
        path.unlink()
    shutil.rmtree(data / "Kitti" / "raw_video" / "2011_10_03")
    assert start(tmp_path / "run", data=data, epochs=1, validation=validation).train()
    with pytest.raises(DataError, match=r"car_data/test_data\.pkl: expected a pickle, found no such file"):
        start(tmp_path / "other", data=data, validation="test")
    assert not (tmp_path / "other").exists()
