"""Checkpoints: a model folder and the rest of a training's state, written beside and renamed."""

import io
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from eoras.errors import CheckpointError
from eoras.files import write_beside, write_folder_beside
from eoras.model.eoras import EoRaS
from eoras.model.weights import fill, read_folder
from eoras.training.averages import Averages

__all__ = ["Place", "load_checkpoint", "newest_checkpoint", "save_checkpoint"]

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
    """

    step: int = 0
    epoch: int = 0
    clips: int = 0
    best: float | None = None


def save_checkpoint(
    run: Path, network: EoRaS, optimizer: Optimizer, place: Place, keep: int, averages: Averages | None = None
) -> Path:
    """Write ``checkpoints/EPOCH-CLIPS`` into the run folder, then remove all but the newest ``keep``.

    Where weights are averaged, the averages are the model of the folder, and the weights lie with the rest.

    Raises:
        RunError: it cannot be written; the earlier checkpoints stay.
    """
    folder = run / "checkpoints" / f"{place.epoch:04d}-{place.clips:08d}"
    if not folder.exists():
        with write_folder_beside(folder) as beside:
            (network if averages is None else averages.network).save_pretrained(beside)
            state = {
                "place": asdict(place),
                "optimizer": optimizer.state_dict(),
                "random": _random_state(),
                "averages": None if averages is None else averages.state_dict(network),
            }
            contents = io.BytesIO()  # torch.save into a file would hide the reason when the disk is full
            torch.save(state, contents)
            with write_beside(beside / _STATE) as path:
                path.write_bytes(contents.getbuffer())
    for old in (*_checkpoints(run)[:-keep], *folder.parent.glob(".*.part")):  # parts are what a killed process left
        shutil.rmtree(old)
    return folder


def newest_checkpoint(run: Path) -> Path | None:
    """The checkpoint of the most steps, or None."""
    return next(reversed(_checkpoints(run)), None)


def load_checkpoint(folder: Path, network: EoRaS, optimizer: Optimizer, averages: Averages | None = None) -> Place:
    """Fill network, optimiser and averages, and set the random state.

    Averages that the checkpoint does not hold begin with its weights.

    Raises:
        CheckpointError: a file is missing or damaged, or does not fit the network.
    """
    config, entries = read_folder(folder)
    if config != network.config:
        raise CheckpointError(f"{folder}: its config.json differs from the run's config.yaml; restore either")
    fill(network, entries, folder)
    try:
        state = torch.load(folder / _STATE, map_location="cpu", weights_only=True)
        averaged = state["averages"]
        if averages is not None:
            averages.load_state_dict(network, averaged)
        if averaged is not None:
            network.load_state_dict(averaged["trained"])
        optimizer.load_state_dict(state["optimizer"])
        _set_random_state(state["random"])
        return Place(**state["place"])
    except Exception as error:  # torch.load raises what it meets: RuntimeError, EOFError, UnpicklingError, ...
        raise CheckpointError(
            f"{folder / _STATE}: a missing or damaged training state ({error}); remove {folder} to go on from the "
            "checkpoint before"
        ) from None


def _checkpoints(run: Path) -> list[Path]:
    return sorted(path for path in (run / "checkpoints").glob("*") if _NAME.fullmatch(path.name))


def _random_state() -> dict[str, Any]:
    return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []}


def _set_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
