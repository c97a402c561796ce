"""Several processes train and score as one does."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed as dist
from one_of_several import STEPS, find_out
from same_run import assert_same, assert_same_run, log_of
from torch import Tensor

from eoras.config import ModelConfig, TrainingConfig
from eoras.errors import ConfigError, RunError
from eoras.model.eoras import EoRaS
from eoras.processes import Processes, connect
from eoras.training.start import resume
from eoras.training.step import take_step
from eoras.training.together import no_clips

CPU = torch.device("cpu")
SIZES = (2, 3)
PATIENCE = 300  # seconds, of which few are needed; else those that wait for each other would do so for good


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def run_several(size: int, *words: object) -> None:
    """Start one script as a launcher would, in as many processes, and wait for all."""
    script, paths = Path(__file__).with_name("one_of_several.py"), [str(Path(__file__).parents[1])]
    paths += [path for path in [os.environ.get("PYTHONPATH")] if path]
    common = {"OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    common |= {"WORLD_SIZE": str(size), "PYTHONPATH": os.pathsep.join(paths)}
    processes = [
        subprocess.Popen(
            [sys.executable, script, *map(str, words)],
            env={**os.environ, **common, "RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    try:
        for process in processes:
            _, complaint = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, complaint
    finally:
        for process in processes:
            process.kill()


@pytest.fixture(scope="module")
def folders(flat: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """What groups of two and three processes leave behind."""
    made = {}
    for size in SIZES:
        made[size] = tmp_path_factory.mktemp(f"group{size}")
        run_several(size, flat, made[size])
    return made


@pytest.fixture(scope="module")
def found(flat: Path, folders: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[Any]]:
    """What each process of each group finds out, by the size of the group."""
    alone = find_out(flat, tmp_path_factory.mktemp("alone"), Processes())
    groups = {
        size: [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(size)]
        for size, folder in folders.items()
    }
    return {1: [alone], **groups}


@pytest.mark.parametrize("steps", STEPS, ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_the_gradient_is_that_of_one_process(found: dict[int, list[Any]], size: int, steps: Sequence[int]) -> None:
    expected = found[1][0]["gradients"][steps]
    assert len(expected) == -(-7 // (steps[0] * steps[1]))
    assert all((gradient.abs() > 1e-3).sum() > 100 for gradient in expected)
    for process in found[size]:
        for gradient, of_one in zip(process["gradients"][steps], expected, strict=True):
            torch.testing.assert_close(gradient, of_one, rtol=0, atol=1e-6)
        assert_same(process["gradients"], found[size][0]["gradients"])


@pytest.mark.parametrize("size", SIZES)
def test_all_processes_end_with_the_same_weights_and_statistics(found: dict[int, list[Any]], size: int) -> None:
    assert len({process["weights"] for process in found[size]}) == 1
    assert found[size][0]["weights"] != found[1][0]["weights"]  # each drops out in its own way


@pytest.mark.parametrize("size", SIZES)
def test_a_signal_to_one_stops_all_and_the_resumed_run_equals_an_unbroken_one(
    folders: dict[int, Path], size: int
) -> None:
    assert_same_run(folders[size] / "interrupted", folders[size] / "unbroken")
    assert [line["step"] for line in log_of(folders[size] / "unbroken") if "loss" in line] == [1, 2, 3, 4]


@pytest.mark.parametrize("size", SIZES)
def test_scores_are_the_same_to_the_last_digit(found: dict[int, list[Any]], size: int) -> None:
    expected = found[1][0]["scores"]
    assert expected["evaluated"] == {"videos": 3, "tracks": 7, "union": False}
    assert 0 < expected["strict"]["miou_full"] < 1
    for process in found[size]:
        assert process["scores"] == expected


@pytest.mark.parametrize("size", SIZES)
def test_processes_that_have_read_different_data_all_say_so(found: dict[int, list[Any]], size: int) -> None:
    assert found[1][0]["disagreement"] == ""
    for process in found[size]:
        assert process["disagreement"].startswith("DATA: number of tracks: expected the same on every machine")
        assert "found (7,) for process 0 and (8,) for process 1" in process["disagreement"]


@pytest.mark.parametrize("size", SIZES)
def test_processes_that_share_a_gpu_all_say_so(found: dict[int, list[Any]], size: int) -> None:
    assert found[1][0]["one GPU"] == ""
    for process in found[size]:
        assert process["own GPUs"] == ""
        assert process["one GPU"].startswith(f"expected a GPU for each process, found {size} processes on 1; start as")


@pytest.mark.parametrize("size", SIZES)
def test_processes_on_different_kinds_of_device_all_say_so(found: dict[int, list[Any]], size: int) -> None:
    assert found[1][0]["two kinds"] == ""
    for process in found[size]:
        assert process["one kind"] == ""
        assert process["two kinds"].startswith(
            f"--device: expected the same for all processes, found cuda for process 0 and cpu for process {size - 1}; "
        )


@pytest.mark.parametrize("size", SIZES)
def test_where_one_process_dies_the_others_end_too(folders: dict[int, Path], size: int) -> None:
    for rank in range(size - 1):
        message = (folders[size] / f"{rank}.txt").read_text()
        assert message.startswith(f"process {rank}: another process has ended or cannot be reached")


@pytest.mark.parametrize("size", SIZES)
def test_torchs_group_and_its_threads_are_gone_before_python_ends(folders: dict[int, Path], size: int) -> None:
    assert [(folders[size] / f"{rank}.group").read_text() for rank in range(size - 1)] == ["gone"] * (size - 1)


def test_one_process_goes_on_where_two_have_stopped(folders: dict[int, Path]) -> None:
    trainer = resume(folders[2] / "unbroken", CPU, overrides=["training.epochs=3"])
    assert trainer.place.processes == 2
    assert trainer.train()
    assert trainer.place.processes == 1
    assert log_of(folders[2] / "unbroken")[-2]["step"] == 6


# The finer decoder and visible_skip are tried on a GPU alone: on a CPU torch gives F.pixel_unshuffle of no images the
# shape of its input.
BEYOND = {"bev": False, "temporal": "clip", "confidence": True, "visible_input": True}


@pytest.mark.parametrize("options", [{}, BEYOND], ids=["published", "beyond"])
@pytest.mark.parametrize("frames_apart", [False, True])
def test_a_process_without_clips_has_a_gradient_of_zero(
    small: ModelConfig, frames_apart: bool, options: dict[str, Any]
) -> None:
    network = EoRaS(replace(small, **options)).eval()
    network.frames_apart = network.training = frames_apart  # norms do not train, for no CPU has SyncBatchNorm
    passes: list[int] = []
    network.backbone.register_forward_hook(lambda *_: passes.append(1))
    if network.bev is not None:
        network.bev.skip_unseen = False  # as on a GPU, where every process makes each pass
    optimizer = torch.optim.SGD(network.parameters(), 1.0)
    before = [parameter.detach().clone() for parameter in network.parameters()]
    seen: list[float] = []
    optimizer.register_step_pre_hook(
        lambda *_: seen.extend(float(p.grad.abs().max()) for p in network.parameters() if p.grad is not None)
    )
    losses = take_step(
        network, optimizer, [no_clips(CPU, 2)], TrainingConfig(), "the loss", clips=4, processes=Processes()
    )
    assert losses["loss"] == 0
    assert len(passes) == (2 if frames_apart else 1), "as many as with clips, for statistics are those of all"
    assert len(seen) == len(before)
    assert set(seen) == {0.0}
    assert all(torch.equal(now, then) for now, then in zip(network.parameters(), before, strict=True))


def test_processes_need_to_know_where_the_first_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "1")
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    monkeypatch.setenv("MASTER_PORT", "29500")
    with pytest.raises(ConfigError, match="MASTER_ADDR: expected where process 0 of 2 listens"), connect(CPU):
        pass


@pytest.fixture
def parted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two processes on two GPUs, of which there are none: how the first of them sees it, and whether it has parted."""
    seen: list[str] = []
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "here", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("eoras.processes.rendezvous", lambda *_: iter([(None, 0, 2)]))
    monkeypatch.setattr("eoras.processes.PrefixStore", lambda *_: None)
    monkeypatch.setattr(dist, "init_process_group", lambda backend, **_: seen.append(backend))
    monkeypatch.setattr(dist, "destroy_process_group", lambda: seen.append("parted"))
    others = {"a": "b"}  # of what a process has for itself
    monkeypatch.setattr(
        dist, "all_gather_object", lambda values, own: values.__setitem__(slice(None), [own, others.get(own, own)])
    )
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda _: SimpleNamespace(uuid="a"))
    return seen


def test_processes_on_different_kinds_of_device_are_refused_before_they_wait_for_each_other(
    parted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dist, "all_gather_object", lambda kinds, own: kinds.__setitem__(slice(None), ["cuda", own]))
    with pytest.raises(ConfigError, match="found cuda for process 0 and cpu for process 1"), connect(CPU):
        pass
    assert parted == ["gloo", "parted"]


def test_the_first_process_alone_says_where_it_waits(parted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with connect(CPU, said.append):
        assert parted == ["gloo"]
    monkeypatch.setenv("RANK", "1")
    with connect(CPU, said.append):
        pass
    monkeypatch.delenv("RANK")
    with connect(CPU, said.append):
        pass
    assert said == ["process 0 of 2 waits for the others at here:1"]


def test_a_process_that_fails_on_a_gpu_does_not_wait_for_the_others(parted: list[str]) -> None:
    with pytest.raises(ConfigError, match="run: expected a new"), connect(torch.device("cuda", 0)):
        raise ConfigError("run: expected a new")
    assert parted == ["cpu:gloo,cuda:nccl"]
    with pytest.raises(KeyboardInterrupt), connect(CPU):
        raise KeyboardInterrupt
    assert parted[1:] == ["gloo", "parted"], "over gloo nobody waits"
    with connect(torch.device("cuda", 0)) as processes:
        assert processes.share.size == 2
    assert parted[3:] == ["cpu:gloo,cuda:nccl", "parted"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            dist.DistBackendError("NCCL error in: a.cpp:1\nLast error:\nDuplicate GPU detected\n"),
            "process 0: could not exchange tensors with the others: NCCL error in: a.cpp:1; Last error:; "
            "Duplicate GPU detected",
        ),
        (
            RuntimeError("Connection closed\nby peer"),
            "process 0: another process has ended or cannot be reached, so this one ends too; the cause is in the "
            "other's message (Connection closed; by peer)",
        ),
    ],
)
def test_why_processes_do_not_hear_each_other_is_told_whole(
    parted: list[str], monkeypatch: pytest.MonkeyPatch, error: RuntimeError, message: str
) -> None:
    def fail(_: Tensor) -> None:
        raise error

    monkeypatch.setattr(dist, "all_reduce", fail)
    with pytest.raises(RunError) as caught, connect(CPU) as processes:
        processes.any(False)
    assert str(caught.value) == message
    assert caught.value.__cause__ is error
    assert parted == ["gloo", "parted"]


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_fault_of_this_process_is_not_laid_to_the_others(
    parted: list[str], monkeypatch: pytest.MonkeyPatch, error: RuntimeError
) -> None:
    def fail(_: Tensor) -> None:
        raise error

    monkeypatch.setattr(dist, "all_reduce", fail)
    with pytest.raises(type(error)) as caught, connect(CPU) as processes:
        processes.any(False)
    assert caught.value is error
    assert parted == ["gloo", "parted"]
