"""One process of several that train and score the same small network: a script, and what it finds out."""

import hashlib
import os
import signal
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from conftest import SMALL
from torch import Tensor

import eoras.processes
from eoras.config import Config, TrainingConfig
from eoras.data.open import open_tracks
from eoras.errors import EorasError
from eoras.evaluation.evaluate import evaluate
from eoras.model.eoras import EoRaS
from eoras.processes import Processes, connect, expect_one_kind, expect_own_gpus
from eoras.training.loop import Trainer
from eoras.training.start import begin, resume
from eoras.training.together import expect_same

__all__ = ["STEPS", "find_out"]

CPU = torch.device("cpu")
STEPS = ((4, 1), (2, 2), (1, 2))  # clips of a pass, passes of a step; of the last, three processes cannot all have one


def find_out(data: Path, out: Path, processes: Processes) -> dict[str, Any]:
    """Everything that is compared between different numbers of processes."""
    return {
        "gradients": {steps: _gradients(data, out, processes, *steps) for steps in STEPS},
        "weights": _interrupted_and_not(data, out, processes),
        "scores": _scores(data, processes),
        "disagreement": _complaint(expect_same, "DATA: number of tracks", (7 + processes.share.rank,), processes),
        "one kind": _complaint(expect_one_kind, "cuda", processes),
        "two kinds": _complaint(expect_one_kind, _last_of(processes), processes),
        "own GPUs": _complaint(expect_own_gpus, f"GPU-{processes.share.rank}", processes),
        "one GPU": _complaint(expect_own_gpus, "GPU-0", processes),
    }


def _start(data: Path, folder: Path, processes: Processes, **training: Any) -> Trainer:
    values = {"epochs": 1, "clip_length": 2, "learning_rate": 1e-3, "workers": 0, "validation": "none", **training}
    return begin(folder, Config(model=SMALL, training=TrainingConfig(**values)), data, CPU, processes=processes)


def _gradients(data: Path, out: Path, processes: Processes, batch_size: int, accumulate: int) -> list[Tensor]:
    """What each step's optimiser sees, float ``(parameters,)``; the weights stay, and norms and dropout are frozen."""
    trainer = _start(
        data,
        out / f"{batch_size}-{accumulate}",
        processes,
        learning_rate=1e-30,
        weight_decay=0,
        batch_size=batch_size,
        accumulate=accumulate,
    )
    trainer.network.eval()
    trainer.network.train = lambda mode=True: trainer.network  # noqa: ARG005 (the signature is torch's)
    seen: list[Tensor] = []

    def look(*_: object) -> None:
        gradients = [parameter.grad for parameter in trainer.network.parameters()]
        seen.append(torch.cat([gradient.flatten() for gradient in gradients if gradient is not None]))

    trainer.optimizer.register_step_pre_hook(look)
    assert trainer.train()
    return seen


def _interrupted_and_not(data: Path, out: Path, processes: Processes) -> str:
    """Train twice, with dropout and statistics: in one go, and stopped by a signal to the last process, then resumed.

    Returns:
        a hash of the final weights and statistics on this process.
    """
    options = {"epochs": 2, "batch_size": 2, "accumulate": 2, "save_steps": 1, "validation": "test"}
    assert _start(data, out / "unbroken", processes, **options).train()
    trainer = _start(data, out / "interrupted", processes, **options)
    if processes.share.rank == processes.share.size - 1:
        trainer.optimizer.register_step_post_hook(lambda *_: signal.raise_signal(signal.SIGTERM))
    assert not trainer.train()
    assert trainer.place.step == 1
    trainer = resume(out / "interrupted", CPU, processes=processes)
    assert trainer.train()
    state = [value.numpy().tobytes() for value in trainer.network.state_dict().values()]
    return hashlib.sha256(b"".join(state)).hexdigest()


def _scores(data: Path, processes: Processes) -> dict[str, Any]:
    torch.manual_seed(0)
    network = EoRaS(SMALL)
    for name, weight in network.heads["amodal"].named_parameters():
        if name == "deconv3.weight":
            torch.nn.init.normal_(weight)  # answers neither empty nor full
    tracks = open_tracks(data, "train", SMALL.view, truth=True)
    return evaluate(network, tracks, device=CPU, processes=processes).to_json()


def _last_of(processes: Processes) -> str:
    """All but the last process have a GPU, or so they say."""
    return "cpu" if processes.several and processes.share.rank == processes.share.size - 1 else "cuda"


def _complaint(check: Callable[..., None], *words: Any) -> str:
    try:
        check(*words)
    except EorasError as error:
        return str(error)
    return ""


def _main(data: Path, out: Path) -> None:
    torch.set_num_threads(1)
    eoras.processes._BUCKET = 1000  # numbers of 550,000, so that a gradient travels in many parts
    with connect(CPU) as processes:
        group = weakref.ref(dist.group.WORLD)
        found = find_out(data, out, processes)
        torch.save(found, out / f"{processes.share.rank}.pt")
        if processes.share.rank == processes.share.size - 1:
            os._exit(0)  # dies; the others find out
        try:
            processes.any(False)
        except EorasError as error:
            (out / f"{processes.share.rank}.txt").write_text(str(error))
    (out / f"{processes.share.rank}.group").write_text("gone" if group() is None else "alive")


if __name__ == "__main__":
    _main(*map(Path, sys.argv[1:]))
