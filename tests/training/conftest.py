"""A network and data so small that a step takes milliseconds."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from flat_scenes.scenes import write_flat_dataset

from eoras.config import Config, ModelConfig, TrainingConfig
from eoras.training.loop import Trainer
from eoras.training.start import begin

pytest.register_assert_rewrite("same_run")

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


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """The same numbers on every machine, and no threads that wait for each other where cores are few."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dozens of checkpoints are written here, and no test cuts the power."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture(scope="session")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven tracks of three training videos, and two of a test video."""
    folder = tmp_path_factory.mktemp("flat")
    write_flat_dataset(folder, train_videos=3, test_videos=1, seed=0, size=(48, 64), frames=4)
    np.save(folder / "train" / "instance_list.npy", np.array(["0-0", "0-1", "0-2", "1-0", "1-1", "2-0", "2-1"]))
    np.save(folder / "test" / "instance_list.npy", np.array(["0-0", "0-1"]))
    return folder


@pytest.fixture(scope="session")
def small() -> ModelConfig:
    return SMALL


@pytest.fixture(scope="session")
def start(flat: Path) -> Callable[..., Trainer]:
    """Begins a run of two epochs, each a step of two batches of two clips and one of the three clips that are left."""

    def begin_run(
        folder: Path, *, data: Path = flat, model: ModelConfig = SMALL, init: str | None = None, **training: Any
    ) -> Trainer:
        values = {"epochs": 2, "clip_length": 2, "batch_size": 2, "accumulate": 2, "learning_rate": 1e-3}
        values |= {"workers": 0, "save_steps": 2, "validation": "none", **training}
        config = Config(model=model, training=TrainingConfig(**values))
        return begin(folder, config, data, torch.device("cpu"), init=init)

    return begin_run
