"""A network and data so small that a step takes milliseconds."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from eoras.config import Config, ModelConfig, TrainingConfig
from eoras.synthesis.flat import write_flat_dataset
from eoras.training.loop import Trainer
from eoras.training.start import begin

SMALL = ModelConfig(
    backbone_width=16,
    backbone_depths=(1, 1, 1, 1),
    pyramid_channels=16,
    bev_channels=(16,),
    width=16,
    feedforward=16,
    num_slots=2,
    num_layers=1,
    num_heads=2,
    dropout=0.1,
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """The same numbers on every machine, and no threads that wait for each other where cores are few."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three training videos and a test video, each of four or five cards."""
    folder = tmp_path_factory.mktemp("flat")
    write_flat_dataset(folder, train_videos=3, test_videos=1, seed=0, size=(48, 64), frames=4)
    return folder


@pytest.fixture
def small() -> ModelConfig:
    return SMALL


@pytest.fixture
def start(flat: Path) -> Callable[..., Trainer]:
    """Begins a run: two epochs of steps of two batches of two clips; any value of the training can be given."""

    def begin_run(folder: Path, *, data: Path = flat, model: ModelConfig = SMALL, **training: Any) -> Trainer:
        values = {"epochs": 2, "clip_length": 2, "batch_size": 2, "accumulate": 2, "learning_rate": 1e-3}
        values |= {"workers": 0, "save_steps": 2, "validation": "none", **training}
        return begin(folder, Config(model=model, training=TrainingConfig(**values)), data, torch.device("cpu"))

    return begin_run
