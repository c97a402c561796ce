"""Checkpoints: a model folder and the rest of a training's state, written beside and renamed."""

import io
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from eoras.errors import CheckpointError
from eoras.files import write_beside, write_folder_beside
from eoras.model.eoras import EoRaS
from eoras.model.weights import fill, read_folder

__all__ = ["Place", "load_checkpoint", "newest_checkpoint", "random_state", "save_checkpoint"]

_STATE = "training.pt"
_NAME = re.compile(r"\d{4,}-\d{8,}")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a training stands.

    Attributes:
        step: optimiser steps made.
        epoch: the running epoch, from 0.
        clips: clips of that epoch already used.
        best: best validation score so far, 0..1; None before the first.
        processes: how many have come this far together.
    """

    step: int = 0
    epoch: int = 0
    clips: int = 0
    best: float | None = None
    processes: int = 1


def save_checkpoint(
    run: Path,
    network: EoRaS,
    optimizer: Optimizer,
    place: Place,
    keep: int,
    random: Sequence[dict[str, Any]] | None = None,
) -> Path:
    """Write ``checkpoints/EPOCH-CLIPS`` into the run folder, then remove all but the newest ``keep``.

    Args:
        run: the run folder.
        network: its weights.
        optimizer: of the network's parameters.
        place: where the training stands.
        keep: checkpoints that stay.
        random: ``random_state`` of each process; None: of this one alone.

    Raises:
        RunError: it cannot be written; the earlier checkpoints stay.
    """
    folder = run / "checkpoints" / f"{place.epoch:04d}-{place.clips:08d}"
    if not folder.exists():
        with write_folder_beside(folder) as beside:
            network.save_pretrained(beside)
            state = io.BytesIO()  # torch.save into a file would hide the reason when the disk is full
            of_processes = [random_state()] if random is None else list(random)
            torch.save({"place": asdict(place), "optimizer": optimizer.state_dict(), "random": of_processes}, state)
            with write_beside(beside / _STATE) as path:
                path.write_bytes(state.getbuffer())
    for old in (*_checkpoints(run)[:-keep], *folder.parent.glob(".*.part")):  # parts are what a killed process left
        shutil.rmtree(old)
    return folder


def newest_checkpoint(run: Path) -> Path | None:
    """The checkpoint of the most steps, or None."""
    return next(reversed(_checkpoints(run)), None)


def load_checkpoint(folder: Path, network: EoRaS, optimizer: Optimizer, rank: int = 0) -> Place:
    """Fill network and optimiser, and set the random state of process ``rank``, unless it had none.

    Raises:
        CheckpointError: a file is missing or damaged, or does not fit the network.
    """
    config, entries = read_folder(folder)
    if config != network.config:
        raise CheckpointError(f"{folder}: its config.json differs from the run's config.yaml; restore either")
    fill(network, entries, folder)
    try:
        state = torch.load(folder / _STATE, map_location="cpu", weights_only=True)
        optimizer.load_state_dict(state["optimizer"])
        for own in state["random"][rank : rank + 1]:
            _set_random_state(own)
        return Place(**state["place"])
    except Exception as error:  # torch.load raises what it meets: RuntimeError, EOFError, UnpicklingError, ...
        raise CheckpointError(
            f"{folder / _STATE}: a missing or damaged training state ({error}); remove {folder} to go on from the "
            "checkpoint before"
        ) from None


def _checkpoints(run: Path) -> list[Path]:
    return sorted(path for path in (run / "checkpoints").glob("*") if _NAME.fullmatch(path.name))


def random_state() -> dict[str, Any]:
    """From which this process draws, on the CPU and on each GPU."""
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []}


def _set_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
