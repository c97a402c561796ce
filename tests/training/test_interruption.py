"""Interrupted and gone on with, a run ends with the same weights, optimiser and log as one that nothing broke."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from same_run import assert_same_run, checkpoints, log_of
from train_command import TrainCommand

from eoras.cli import main
from eoras.config_files import describe
from eoras.errors import WorkerError
from eoras.evaluation import evaluate
from eoras.files import only_one
from eoras.processes import Processes
from eoras.shares import Share
from eoras.training.log import MACHINE, Log
from eoras.training.loop import Trainer
from eoras.training.plan import plan
from eoras.training.start import resume

Start = Callable[..., Trainer]

OPTIONS = {"epochs": 3, "validation": "test", "save_steps": 1, "keep": 1}
CPU = torch.device("cpu")
TIMES = ("seconds", "waiting_seconds")
STOPS = [signal.SIGINT, signal.SIGTERM]
forking = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # Python 3.12 and newer


class Killed(BaseException):
    """Ends a run as SIGKILL does: nothing more is written."""


def after_each_step(monkeypatch: pytest.MonkeyPatch, act: Callable[[int], None]) -> None:
    """Do something right after each step's line of the log, before anything is saved."""
    write = Log.write

    def write_and_act(log: Log, step: int, **values: object) -> None:
        write(log, step, **values)
        if "loss" in values:
            act(step)

    monkeypatch.setattr(Log, "write", write_and_act)


def steps_of(run: Path) -> list[int]:
    return [line["step"] for line in log_of(run) if "loss" in line]


@pytest.fixture(scope="module")
def unbroken(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three epochs of two steps; the last batch of an epoch is a single clip, and there is dropout."""
    folder = tmp_path_factory.mktemp("unbroken")
    assert start(folder, **OPTIONS).train()
    assert steps_of(folder) == [1, 2, 3, 4, 5, 6]
    return folder


# In this process, at every step


@forking
@pytest.mark.parametrize(("stop", "workers"), [(signal.SIGINT, 0), (signal.SIGTERM, 2)])
def test_a_run_stopped_at_every_step_equals_an_unbroken_one(
    start: Start, tmp_path: Path, unbroken: Path, monkeypatch: pytest.MonkeyPatch, stop: signal.Signals, workers: int
) -> None:
    places = [0]

    def stop_after_the_first(step: int) -> None:
        if step == places[-1] + 1:
            signal.raise_signal(stop)

    after_each_step(monkeypatch, stop_after_the_first)
    trainer = start(tmp_path, **OPTIONS, workers=workers)
    while not trainer.train():
        places.append(trainer.place.step)
        trainer = resume(tmp_path, CPU)
    assert places == [0, 1, 2, 3, 4, 5, 6]  # steps 2, 4 and 6 end an epoch, which is then not yet validated
    assert_same_run(tmp_path, unbroken)


def test_a_closed_terminal_stops_a_run_which_saves_though_its_shell_sends_the_same_signal(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close_the_terminal(_: int) -> None:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)

    after_each_step(monkeypatch, close_the_terminal)
    trainer = start(tmp_path, **OPTIONS)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        assert not trainer.train()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
    assert steps_of(tmp_path) == [1]
    assert len(checkpoints(tmp_path)) == 1


def test_a_run_goes_on_where_an_epoch_now_has_fewer_clips_than_it_has_used(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_in_the_second_pass(step: int) -> None:
        if step == 3:
            signal.raise_signal(signal.SIGTERM)

    after_each_step(monkeypatch, stop_in_the_second_pass)
    trainer = start(tmp_path, **OPTIONS, passes_per_epoch=2)
    assert not trainer.train()
    shorter = resume(tmp_path, CPU, overrides=["training.passes_per_epoch=1", "training.epochs=2"])
    assert shorter.place.clips > shorter.clips_per_epoch
    assert plan(resume(tmp_path, CPU, overrides=["training.passes_per_epoch=1"], dry=True))["steps"].startswith(
        "2 to go"
    )
    assert shorter.train()
    assert steps_of(tmp_path) == [1, 2, 3, 4, 5], "the first epoch had all of its clips"


def test_a_plan_counts_the_validation_of_one_share(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(100))
    monkeypatch.setattr("eoras.training.plan.time", SimpleNamespace(perf_counter=lambda: 1000 * next(seconds)))
    start(tmp_path, **OPTIONS)
    for size, time in {1: "1:40:00", 2: "0:50:00"}.items():  # of two tracks, three times
        trainer = resume(tmp_path, CPU, dry=True)
        trainer.processes = Processes(Share(0, size))
        monkeypatch.setattr(Trainer, "rehearse", lambda *_: [{"loss": 0.0, MACHINE: dict.fromkeys(TIMES, 0.0)}])
        assert plan(trainer)["time in all"] == f"about {time}, of which {time} validation"


def test_another_number_of_processes_alone_is_no_reason_to_save_again(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint that it begins from would go first, and a full disk would leave none."""
    trainer = start(tmp_path, **OPTIONS)
    before_it_ran = replace(trainer, place=replace(trainer.place, processes=2))
    monkeypatch.setattr("eoras.training.loop.Pace.watch", lambda *_: signal.raise_signal(signal.SIGTERM) or iter(()))
    monkeypatch.setattr("eoras.training.loop.save_checkpoint", lambda *_, **__: pytest.fail("saved"))
    assert not before_it_ran.train()


def test_a_run_killed_at_every_step_equals_an_unbroken_one(
    start: Start, tmp_path: Path, unbroken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills, places = [0], []

    def kill_once(step: int) -> None:
        if step > kills[-1]:
            kills.append(step)
            raise Killed

    after_each_step(monkeypatch, kill_once)
    trainer = start(tmp_path, **OPTIONS)
    while kills[-1] < 6:
        with pytest.raises(Killed):
            trainer.train()
        trainer = resume(tmp_path, CPU)
        places.append(trainer.place.step)
    assert trainer.train()
    assert places == [0, 1, 2, 3, 4, 5]  # it was killed before it could save the step
    assert_same_run(tmp_path, unbroken)


@forking
def test_signals_to_the_reading_processes_change_nothing(
    start: Start, tmp_path: Path, unbroken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal and a scheduler signal the whole process group."""
    signalled, others = set(), {child.pid for child in multiprocessing.active_children()}  # of tests before

    def signal_readers(_: int) -> None:
        for reader in multiprocessing.active_children():
            if reader.pid in others:
                continue
            for stop in STOPS:
                os.kill(reader.pid or 0, stop)
            signalled.add(reader.pid)

    after_each_step(monkeypatch, signal_readers)
    assert start(tmp_path, **OPTIONS, workers=2).train()
    assert len(signalled) == 6  # two in each epoch
    assert_same_run(tmp_path, unbroken)


def test_a_second_signal_has_its_usual_effect_and_no_handler_stays_behind(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [signal.getsignal(stop) for stop in STOPS]

    def stop_twice(_: int) -> None:
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)

    after_each_step(monkeypatch, stop_twice)
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path).train()
    assert steps_of(tmp_path) == [1]
    assert not (tmp_path / "checkpoints").exists()
    assert [signal.getsignal(stop) for stop in STOPS] == before


def test_a_run_trains_in_a_thread_too_where_signals_cannot_be_caught(start: Start, tmp_path: Path) -> None:
    done = []
    thread = threading.Thread(target=lambda: done.append(start(tmp_path, epochs=1).train()))
    thread.start()
    thread.join()
    assert done == [True]


# While it validates, or gets ready


@pytest.mark.parametrize("kill_afterwards", [False, True])
def test_a_run_stopped_while_it_validates_stops_before_the_next_track_and_equals_an_unbroken_one(
    start: Start, tmp_path: Path, unbroken: Path, monkeypatch: pytest.MonkeyPatch, kill_afterwards: bool
) -> None:
    answered = []

    def answer_and_stop(*words: Any, answer: Callable[..., evaluate.Answered] = evaluate.answer) -> evaluate.Answered:
        answered.append(None)
        if len(answered) == 1:
            signal.raise_signal(signal.SIGTERM)
        return answer(*words)

    monkeypatch.setattr(evaluate, "answer", answer_and_stop)
    assert not start(tmp_path, **OPTIONS).train()
    assert len(answered) == 1
    assert checkpoints(tmp_path) == ["0000-00000007"]
    assert not (tmp_path / "best").exists()
    if kill_afterwards:  # when the validation has its line and its best, but no checkpoint
        with monkeypatch.context() as patch:
            patch.setattr("eoras.training.loop.save_checkpoint", raise_killed)
            trainer = resume(tmp_path, CPU)
            with pytest.raises(Killed):
                trainer.train()
        assert len(log_of(tmp_path)) == 3
        assert checkpoints(tmp_path) == ["0000-00000007"]
    assert resume(tmp_path, CPU).train()
    assert_same_run(tmp_path, unbroken)


def raise_killed(*_: object, **__: object) -> None:
    raise Killed


def test_a_run_killed_while_it_validates_has_every_step_before_and_goes_on_with_the_validation(
    start: Start, tmp_path: Path, unbroken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("eoras.training.loop.evaluate", raise_killed)
        with pytest.raises(Killed):
            start(tmp_path, **{**OPTIONS, "save_steps": 1000}).train()
    assert checkpoints(tmp_path) == ["0000-00000007"]
    trainer = resume(tmp_path, CPU, overrides=["training.save_steps=1"])
    assert trainer.place.step == 2
    assert trainer.train()
    assert_same_run(tmp_path, unbroken)


def test_a_run_stopped_while_it_reads_its_first_clips_makes_no_step(
    start: Start, tmp_path: Path, unbroken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = start(tmp_path, **OPTIONS)
    with monkeypatch.context() as patch:
        patch.setattr(type(trainer.training), "__getitem__", stopping_first(type(trainer.training).__getitem__))
        assert not trainer.train()
    assert not (tmp_path / "checkpoints").exists()
    assert log_of_or_none(tmp_path) == []
    assert resume(tmp_path, CPU).train()
    assert_same_run(tmp_path, unbroken)


def stopping_first(act: Callable[..., Any]) -> Callable[..., Any]:
    def stop_and_act(*words: Any, **named: Any) -> Any:
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:  # only once, or it would end the tests
            signal.raise_signal(signal.SIGTERM)
        return act(*words, **named)

    return stop_and_act


def log_of_or_none(run: Path) -> list[dict[str, Any]]:
    return log_of(run) if (run / "log.jsonl").exists() else []


def test_a_command_stopped_while_it_opens_its_data_leaves_nothing(
    start: Start, flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from eoras.training import start as setting_up

    trainer = start(tmp_path / "run")
    monkeypatch.setattr(setting_up, "open_tracks", stopping_first(setting_up.open_tracks))
    before = times_of(tmp_path)
    new = ("--config", str(trainer.run.folder / "config.yaml"), "--data", str(flat), "--out", str(tmp_path / "new"))
    for words in (new, ("--resume", str(tmp_path / "run"))):
        assert main(["train", *words]) == 130
        assert capsys.readouterr().err == "eoras: interrupted\n"
    assert times_of(tmp_path) == before
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def times_of(folder: Path) -> dict[Path, int | None]:
    """When each file was changed; folders are touched by the file that holds them."""
    return {path: path.stat().st_mtime_ns if path.is_file() else None for path in folder.rglob("*")}


# When another training writes to the same run


def test_a_second_training_into_the_same_run_is_refused(
    start: Start, flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = start(tmp_path / "run").run.folder
    new = ("--config", str(run / "config.yaml"), "--data", str(flat), "--out", str(tmp_path / "new"))
    for folder, words in ((tmp_path / "new", new), (run, ("--resume", str(run)))):
        with only_one(folder):
            before = set(tmp_path.rglob("*"))
            assert main(["train", *words]) == 2
            assert set(tmp_path.rglob("*")) == before
        assert capsys.readouterr().err.startswith(f"eoras: {folder}: expected a folder for one run alone")


# When a reading process dies


@forking
def test_a_reading_process_that_dies_is_named_and_every_step_before_is_saved(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = {"epochs": 1, "passes_per_epoch": 4, "batch_size": 1, "accumulate": 1, "save_steps": 100, "keep": 1}
    assert start(tmp_path / "unbroken", **long).train()
    others = multiprocessing.active_children()  # which another test has left behind
    killed: list[int] = []

    def kill_a_reader(step: int) -> None:
        if step == 2 and not killed:
            readers = [reader for reader in multiprocessing.active_children() if reader not in others]
            killed.extend(reader.pid or 0 for reader in readers[:1])
            os.kill(killed[0], signal.SIGKILL)

    after_each_step(monkeypatch, kill_a_reader)
    run = tmp_path / "run"
    with pytest.raises(WorkerError, match="a process that reads data has died") as caught:
        start(run, **long, workers=2).train()
    assert str(killed[0]) in str(caught.value)
    assert str(caught.value).endswith(f". Every step so far is saved; go on with: eoras train --resume {run}")
    assert caught.value.exit_code == 1
    trainer = resume(run, CPU)
    assert trainer.place.step == steps_of(run)[-1] >= 2
    assert trainer.train()
    assert_same_run(run, tmp_path / "unbroken")


# The command, from outside


def interrupt_twice(start: Start, folder: Path, stop: signal.Signals, workers: int, *, whole_group: bool) -> None:
    """Interrupt a run by a signal, go on, kill it, go on to the end; compare it with an unbroken one."""
    unbroken = start(folder / "unbroken", epochs=6, keep=1, workers=workers)
    settings = folder / "settings.yaml"
    settings.write_text(yaml.safe_dump(describe(unbroken.run.config)))
    assert unbroken.train()
    run = folder / "interrupted"

    command = TrainCommand("--config", settings, "--data", unbroken.run.data, "--out", run)
    command.wait_for_step(run, 1)
    code, out, err = command.end(stop, whole_group=whole_group)
    assert (code, out) == (130, "")
    assert err.splitlines()[-1] == f"eoras: interrupted and saved; go on with: eoras train --resume {run}"
    assert "Traceback" not in err
    (saved,) = checkpoints(run)
    stopped_at = steps_of(run)[-1]
    assert 1 <= stopped_at < 12

    command = TrainCommand("--resume", run)
    command.wait_for_step(run, stopped_at + 1)
    assert command.end(signal.SIGKILL, whole_group=True)[0] == -signal.SIGKILL
    assert saved <= checkpoints(run)[-1]
    assert stopped_at < steps_of(run)[-1] < 12

    assert resume(run, CPU).train()
    assert_same_run(run, folder / "unbroken")


@forking
def test_the_command_interrupted_and_then_killed_equals_an_unbroken_run(start: Start, tmp_path: Path) -> None:
    interrupt_twice(start, tmp_path, signal.SIGTERM, 2, whole_group=True)


@pytest.mark.slow
@forking
@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.parametrize(("workers", "whole_group"), [(0, False), (2, False), (2, True)])
def test_the_command_interrupted_in_any_way_equals_an_unbroken_run(
    start: Start, tmp_path: Path, stop: signal.Signals, workers: int, whole_group: bool
) -> None:
    interrupt_twice(start, tmp_path, stop, workers, whole_group=whole_group)
