"""A little data, a run trained on it, and the command in this process or in one of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from flat_scenes.scenes import write_flat_dataset

from eoras.cli import main

SETTINGS = """\
model: {backbone_width: 16, backbone_depths: [1, 1, 1, 1], pyramid_channels: 16, bev_channels: [16], width: 16,
  feedforward: 16, num_slots: 2, num_layers: 1, num_heads: 2, view: {enlarge: 1}}
training: {epochs: 4, clip_length: 2, batch_size: 1, accumulate: 1, learning_rate: 5.0e-3, workers: 0}
"""  # windows that are filled by their object, so that masks are not empty after a few steps


@dataclass(frozen=True)
class Told:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Nothing that waits for threads where cores are few."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``data``, of two training videos and a test video, and ``settings.yaml``."""
    folder = tmp_path_factory.mktemp("place")
    write_flat_dataset(folder / "data", train_videos=2, test_videos=1, seed=0, size=(48, 64), frames=3)
    (folder / "settings.yaml").write_text(SETTINGS)
    return folder


@pytest.fixture(scope="session")
def start() -> Callable[..., Told]:
    """Starts a program with arguments and waits for its end."""

    def start_program(*command: object, cwd: Path | None = None) -> Told:
        words = [str(word) for word in command]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        result = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
        return Told(result.returncode, result.stdout, result.stderr)

    return start_program


@pytest.fixture(scope="session")
def eoras() -> Path:
    """The installed command."""
    return Path(sys.executable).with_name("eoras")


@pytest.fixture(scope="session")
def trained(place: Path, eoras: Path, start: Callable[..., Told]) -> Told:
    """What the training of ``run``, beside ``data``, said."""
    words = ("--config", "settings.yaml", "--data", "data", "--out", "run", "--set", "training.keep=1")
    return start(eoras, "train", *words, cwd=place)


@pytest.fixture
def run(trained: Told, place: Path, tmp_path: Path) -> Path:
    """A copy of the run folder, to change."""
    assert trained.code == 0
    shutil.copytree(place / "run", tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[..., Told]:
    """``eoras`` with some words, in this process."""

    def tell_eoras(*words: object) -> Told:
        capsys.readouterr()
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return Told(code, out, err)

    return tell_eoras


@pytest.fixture
def train(tell: Callable[..., Told], place: Path) -> Callable[..., Told]:
    """Begins a run in a folder, each further word a value of the training; one epoch unless one says otherwise."""

    def begin(out: Path, *values: str, data: Path = place / "data", words: tuple[object, ...] = ()) -> Told:
        overrides = [word for value in ("epochs=1", *values) for word in ("--set", f"training.{value}")]
        return tell("train", "--config", place / "settings.yaml", "--data", data, "--out", out, *overrides, *words)

    return begin
