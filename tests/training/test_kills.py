"""Killed at any moment and gone on with, a run ends like one that nothing broke, bit for bit."""

import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from same_run import assert_same_run
from train_command import TrainCommand

from eoras.config_files import describe
from eoras.errors import CheckpointError
from eoras.model.eoras import EoRaS
from eoras.model.weights import checkpoints
from eoras.training.loop import Trainer
from eoras.training.start import resume

Start = Callable[..., Trainer]

CPU = torch.device("cpu")


# At random moments, from outside


@pytest.mark.parametrize(
    ("kills", "workers"),
    [(3, 0), pytest.param(35, 0, marks=pytest.mark.slow), pytest.param(25, 1, marks=pytest.mark.slow)],
)
def test_a_command_killed_at_random_moments_equals_an_unbroken_run(
    start: Start, tmp_path: Path, kills: int, workers: int
) -> None:
    unbroken = start(tmp_path / "unbroken", epochs=6, save_steps=1, keep=2, validation="test")
    assert unbroken.train()
    settings = tmp_path / "settings.yaml"
    settings.write_text(yaml.safe_dump(describe(unbroken.run.config)))
    words = ("--data", unbroken.run.data, "--set", f"training.workers={workers}")
    moments = random.Random(kills)
    while kills > 0:
        run = tmp_path / f"killed-{kills}"
        begin = ("--config", settings, *words, "--out", run)
        kills -= kill_until_it_is_done(run, begin, moments, kills)
        assert resume(run, CPU).train()
        assert_same_run(run, tmp_path / "unbroken")


def kill_until_it_is_done(run: Path, begin: tuple[object, ...], moments: random.Random, kills: int) -> int:
    """Begin a run and go on with it as a user does, killing it each time; gives how often, ``kills`` at most."""
    for killed in range(kills):
        begun = (run / "config.yaml").exists()
        command = TrainCommand(*(("--resume", run) if begun else begin))
        if moments.random() < 0.9:  # else while it gets ready
            command.wait_until(changed(run / "log.jsonl"))
        command.wait_for(moments.uniform(0, 0.7))
        code, _, err = command.end(signal.SIGKILL, whole_group=True)
        if code == 0:
            return killed
        assert code == -signal.SIGKILL, err
    return kills


def changed(path: Path) -> Callable[[], bool]:
    """Asks whether a file is another one than now."""
    before = path.stat().st_ino if path.exists() else None
    return lambda: path.exists() and path.stat().st_ino != before


# At every operation on a file, from inside


class Killed(BaseException):
    """Ends a run as SIGKILL does: from then on nothing is written, not even by what cleans up."""


class Killer:
    """Kills at the ``moment``-th change of a file or folder, halfway through where it is the writing of contents."""

    def __init__(self) -> None:
        self.moment: float = 0.0
        self.changes = 0

    def arm(self, moment: float) -> None:
        self.moment, self.changes = moment, 0

    def change(self, halfway: Callable[[], object] = lambda: None) -> None:
        self.changes += 1
        if self.changes == self.moment:
            halfway()
        if self.changes >= self.moment:
            raise Killed

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Audit events come before what they tell of, and what they raise prevents it."""
        if not self.moment:
            return
        if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir") or (
            event == "open" and isinstance(arguments[1], str) and arguments[1][0] in "aw"
        ):
            self.change()


KILLER = Killer()


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Killer]:
    if not KILLER.changes:
        sys.addaudithook(KILLER.hear)  # for ever, but deaf between tests
    write = Path.write_bytes

    def write_or_die(path: Path, contents: bytes) -> int:
        KILLER.change(lambda: write(path, contents[: len(contents) // 2]))
        return write(path, contents)

    monkeypatch.setattr(Path, "write_bytes", write_or_die)
    monkeypatch.setattr(os, "fsync", lambda _: KILLER.change())
    monkeypatch.setattr("eoras.training.log.find_spec", lambda _: None)  # TensorBoard writes in a thread of its own
    KILLER.arm(float("inf"))
    yield KILLER
    KILLER.moment = 0.0


@pytest.mark.parametrize("every", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_killed_at_any_change_of_its_files_equals_an_unbroken_run(
    start: Start, tmp_path: Path, killer: Killer, every: int
) -> None:
    options = {"epochs": 2, "batch_size": 8, "validation": "test", "keep": 1}
    assert start(tmp_path / "model", epochs=1, batch_size=8).train()
    killer.arm(float("inf"))

    def begin(run: Path) -> Trainer:
        return start(run, init=str(tmp_path / "model"), **options)

    assert begin(tmp_path / "unbroken").train()
    changes = killer.changes
    assert changes > 100
    for moment in range(1, changes + 1, every):
        run = tmp_path / f"killed-{moment}"
        killer.arm(moment)
        with pytest.raises(Killed):
            begin(run).train()
        killer.arm(float("inf"))
        assert_readers_see_whole_models(run)
        trainer = resume(run, CPU) if (run / "config.yaml").exists() else begin(run)
        assert trainer.train()
        assert_same_run(run, tmp_path / "unbroken")


def assert_readers_see_whole_models(run: Path) -> None:
    for folder in (run / "best", *checkpoints(run).values()):
        try:
            EoRaS.from_pretrained(folder)
        except CheckpointError:
            assert folder.name == "best"
            assert not (folder / "model.safetensors").exists()
