"""KITTI as a user types it: training by its configuration, stopping, going on, and scoring."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from written_kitti import write_kitti_split

from eoras.config_files import load_config

Tell = Callable[..., Any]

SMALL = (
    "backbone_width=16",
    "backbone_depths=[1, 1, 1, 1]",
    "pyramid_channels=16",
    "bev_channels=[16]",
    "width=16",
    "feedforward=16",
    "num_slots=2",
    "num_layers=1",
    "num_heads=2",
)
WORDS = [*(f"model.{text}" for text in SMALL), "training.workers=0", "training.clip_length=4", "training.epochs=1"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video a split, of two cars each; that of ``test`` is shorter than what the configuration pads to."""
    root = tmp_path_factory.mktemp("KINS_Video_Car")
    for split, day, length in (("train", "26", 10), ("val", "28", 10), ("test", "29", 5)):
        video = f"2011_09_{day}_drive_0001_sync_02"
        write_kitti_split(root, split, video=video, track_ids=(3, 8), frames=range(length), annotated=(2, 4, 9))
    return root


@pytest.fixture
def train(tell: Tell, data: Path) -> Tell:
    def begin(out: Path, *values: str) -> Any:
        words = [word for value in (*WORDS, *values) for word in ("--set", value)]
        return tell("train", "--config", "kitti", "--data", data, "--out", out, *words)

    return begin


def test_kitti_is_trained_resumed_and_scored_under_both_protocols(
    tmp_path: Path, data: Path, train: Tell, tell: Tell
) -> None:
    run = tmp_path / "run"
    assert train(run).code == 0
    config = load_config(str(run / "config.yaml"))
    assert (config.training.passes_per_epoch, config.model.view.pad_to) == (2, 8)
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 1]  # two tracks, twice, are one batch; then the validation
    assert lines[-1]["split"] == "val"
    assert tell("train", "--resume", run, "--set", "training.epochs=2").code == 0
    assert (run / "checkpoints" / "0002-00000000").is_dir()
    told = tell("evaluate", run, "--data", data, "--workers", 0, "--json")
    assert (told.code, told.err) == (0, "")
    scores = json.loads(told.out)
    assert (scores["evaluated"]["videos"], scores["evaluated"]["tracks"]) == (1, 2)
    assert (scores["paper"]["frames"], scores["strict"]["frames"]) == (2 * (2 + 3), 2 * 2)  # three copies of frame 4
    for protocol, frames in (("paper", 10), ("strict", 4)):
        told = tell("evaluate", run, "--data", data, "--workers", 0, "--json", "--protocol", protocol)
        assert json.loads(told.out)[protocol]["frames"] == frames
    told = tell("evaluate", run, "--data", data, "--workers", 0, "--json", "--split", "val")
    assert json.loads(told.out)["strict"]["frames"] == 6


def test_corrected_options_have_no_copies_to_score(tmp_path: Path, data: Path, train: Tell, tell: Tell) -> None:
    view = "{intrinsics: unit, boxes: round, pad_to: null}"
    assert train(tmp_path / "run", f"model.view={view}", "training.validation=none").code == 0
    scores = json.loads(tell("evaluate", tmp_path / "run", "--data", data, "--workers", 0, "--json").out)
    assert scores["paper"]["frames"] == scores["strict"]["frames"] == 4


def test_choosing_on_the_test_split_is_said_aloud_and_logged(tmp_path: Path, train: Tell) -> None:
    told = train(tmp_path / "run", "training.validation=test")
    assert told.code == 0
    assert "eoras: the best checkpoint is chosen on the test split, as the official code does" in told.err
    assert json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[-1])["split"] == "test"


def test_an_annotation_file_that_would_run_code_is_refused_in_one_line(tmp_path: Path, data: Path, train: Tell) -> None:
    path = data / "car_data" / "train_data.pkl"
    before = path.read_bytes()
    path.write_bytes(f"cposix\nsystem\n(S'touch {tmp_path / 'touched'}'\ntR.".encode())
    try:
        told = train(tmp_path / "run")
    finally:
        path.write_bytes(before)
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert f"eoras: {path}: " in told.err
    assert "posix.system; nothing of it was run" in told.err
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "touched").exists()
