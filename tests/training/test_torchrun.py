"""The commands under torchrun, as a user types them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from same_run import assert_same_run, log_of

from eoras.config import Config, ModelConfig, TrainingConfig
from eoras.config_files import describe

pytestmark = pytest.mark.slow


PATIENCE = 300  # seconds, of which few are needed; else processes that wait for each other would do so for good

Torchrun = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def torchrun() -> Iterator[Torchrun]:
    """A starter of ``eoras`` in two processes; those that hang are killed at the end."""
    launchers: list[subprocess.Popen[str]] = []

    def start(*words: object, restarts: int = 0) -> subprocess.Popen[str]:
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        process = subprocess.Popen(
            [*launcher, "--max-restarts", str(restarts), "-m", "eoras", *map(str, words)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        launchers.append(process)
        return process

    try:
        yield start
    finally:
        for process in launchers:
            if process.poll() is None:
                for number in (*own_processes(process), process.pid):
                    os.kill(number, signal.SIGKILL)
                process.communicate()


def wait_for_step(process: subprocess.Popen[str], run: Path, step: int) -> None:
    """Come back soon after a step, while the processes run."""
    log, began = run / "log.jsonl", time.monotonic()
    while not log.exists() or f'"step": {step},' not in log.read_text():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < began + PATIENCE
        time.sleep(0.002)


def own_processes(launcher: subprocess.Popen[str]) -> list[int]:
    """Numbers of the two processes that a launcher has started, in no order."""
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children")
    return [int(number) for number in children.read_text().split()]


@pytest.fixture(scope="module")
def settings(small: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six epochs of two steps, the second of three clips."""
    training = TrainingConfig(
        epochs=6, clip_length=2, batch_size=2, accumulate=2, workers=0, save_steps=1, keep=1, validation="test"
    )
    path = tmp_path_factory.mktemp("settings") / "small.yaml"
    path.write_text(yaml.safe_dump(describe(Config(model=small, training=training))))
    return path


@pytest.fixture(scope="module")
def unbroken(torchrun: Torchrun, flat: Path, settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("torchrun") / "unbroken"
    process = torchrun("train", "--config", settings, "--data", flat, "--out", run)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, ""), err
    assert err.count("eoras: done:") == 1  # only the first process speaks
    return run


def test_a_process_killed_under_torchrun_ends_the_run_and_resume_ends_as_an_unbroken_one(
    torchrun: Torchrun, flat: Path, settings: Path, unbroken: Path, tmp_path: Path
) -> None:
    run = tmp_path / "killed"
    process = torchrun("train", "--config", settings, "--data", flat, "--out", run)
    wait_for_step(process, run, 3)
    os.kill(max(own_processes(process)), signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert log_of(run)[-1]["step"] < 12
    process = torchrun("train", "--resume", run)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert_same_run(run, unbroken)


def test_an_elastic_restart_goes_on_by_itself(
    torchrun: Torchrun, flat: Path, settings: Path, unbroken: Path, tmp_path: Path
) -> None:
    run = tmp_path / "restarted"
    process = torchrun("train", "--config", settings, "--data", flat, "--out", run, restarts=1)
    wait_for_step(process, run, 3)
    os.kill(max(own_processes(process)), signal.SIGKILL)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert_same_run(run, unbroken)


def test_a_signal_to_torchrun_saves_and_stops(
    torchrun: Torchrun, flat: Path, settings: Path, unbroken: Path, tmp_path: Path
) -> None:
    run = tmp_path / "stopped"
    process = torchrun("train", "--config", settings, "--data", flat, "--out", run)
    wait_for_step(process, run, 3)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert f"eoras: interrupted and saved; go on with: eoras train --resume {run}" in err
    process = torchrun("train", "--resume", run)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert_same_run(run, unbroken)


def test_evaluate_prints_once_and_the_same_as_one_process(torchrun: Torchrun, flat: Path, unbroken: Path) -> None:
    words = ("evaluate", unbroken, "--data", flat, "--split", "train", "--workers", "0", "--json")
    process = torchrun(*words)
    several, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    alone = subprocess.run([sys.executable, "-m", "eoras", *map(str, words)], capture_output=True, text=True)
    assert several == alone.stdout
    assert '"tracks": 7' in several


def test_score_prints_once_and_the_same_as_one_process(
    torchrun: Torchrun, flat: Path, unbroken: Path, tmp_path: Path
) -> None:
    masks = tmp_path / "masks.json"
    save = ("evaluate", unbroken, "--data", flat, "--split", "train", "--workers", "0", "--save", masks)
    subprocess.run([sys.executable, "-m", "eoras", *map(str, save)], check=True, capture_output=True)
    words = ("score", masks, "--data", flat, "--split", "train", "--workers", "1", "--json")
    process = torchrun(*words)
    several, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    alone = subprocess.run([sys.executable, "-m", "eoras", *map(str, words)], capture_output=True, text=True)
    assert several == alone.stdout
    assert '"tracks": 7' in several
