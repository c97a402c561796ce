"""Checkpoints: a model folder and the rest of a training's state, written beside and renamed."""

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from eoras.errors import CheckpointError, MemoryShortError
from eoras.files import remove_folder, write_beside, write_folder_beside
from eoras.model.eoras import EoRaS
from eoras.model.memory import enough_to_hold
from eoras.model.weights import checkpoints, fill, read_folder
from eoras.training.averages import Averages
from eoras.training.manifest import find_damage, write_manifest

__all__ = ["Place", "load_checkpoint", "newest_checkpoint", "random_state", "remove_old", "save_checkpoint"]

_STATE = "training.pt"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a training stands.

    Attributes:
        step: optimiser steps made.
        epoch: the running epoch, from 0; it ends with its validation.
        clips: clips of that epoch already used; all of them while it is not yet validated.
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
    *,
    averages: Averages | None = None,
    random: Sequence[Mapping[str, Any]] | None = None,
) -> Path:
    """Write ``checkpoints/EPOCH-CLIPS`` into the run folder, then remove all but the newest ``keep``.

    Checkpoints of this place or a later one go first: they were found damaged, or nothing goes on from them. Where
    weights are averaged, the averages are the model of the folder, and the weights lie with the rest.

    Args:
        run: the run folder.
        network: its weights.
        optimizer: of the network's parameters.
        place: where the training stands.
        keep: checkpoints that stay.
        averages: of the weights, if there are any.
        random: ``random_state`` of each process; None: of this one alone.

    Raises:
        RunError: it cannot be written; the earlier checkpoints stay.
    """
    folder = run / "checkpoints" / f"{place.epoch:04d}-{place.clips:08d}"
    for key, rejected in checkpoints(run).items():
        if key >= (place.epoch, place.clips):
            remove_folder(rejected)
    with write_folder_beside(folder, flush=True) as beside:
        (network if averages is None else averages.network).save_pretrained(beside)
        state = {
            "place": asdict(place),
            "optimizer": optimizer.state_dict(),
            "random": [random_state(next(network.parameters()).device)] if random is None else list(random),
            "averages": None if averages is None else averages.state_dict(network),
        }
        contents = io.BytesIO()  # torch.save into a file would hide the reason when the disk is full
        torch.save(state, contents)
        with write_beside(beside / _STATE) as path:
            path.write_bytes(contents.getbuffer())
        write_manifest(beside)
    remove_old(run, place, keep)
    return folder


def remove_old(run: Path, place: Place, keep: int) -> None:
    """Remove all checkpoints but those of this place and after it, and the ``keep`` newest up to it."""
    earlier = [folder for key, folder in checkpoints(run).items() if key <= (place.epoch, place.clips)]
    for folder in earlier[:-keep]:
        remove_folder(folder)


def newest_checkpoint(run: Path, tell: Callable[[str], object] = warnings.warn) -> Path | None:
    """The checkpoint of the most steps whose files are all as they were written; None if there is no checkpoint.

    Args:
        run: the run folder.
        tell: is called with a sentence for each newer one that is damaged.

    Raises:
        CheckpointError: all are damaged.
    """
    damaged: list[str] = []
    for folder in reversed(checkpoints(run).values()):
        damage = find_damage(folder)
        if damage is None:
            for each in damaged:
                tell(f"{each}: a damaged checkpoint; the run goes on from the one before, {folder.name}")
            return folder
        damaged.append(f"{folder}/{damage}")
    if damaged:
        raise CheckpointError(
            f"{'; '.join(damaged)}; no checkpoint is whole: restore one, or begin anew with the "
            "first command and another --out"
        )
    return None


def load_checkpoint(
    folder: Path, network: EoRaS, optimizer: Optimizer, *, averages: Averages | None = None, rank: int = 0
) -> Place:
    """Fill network, optimiser and averages, and set the random state of process ``rank``, unless it had none.

    Averages that the checkpoint does not hold begin with its weights.

    Raises:
        CheckpointError: a file is missing or damaged, or does not fit the network.
        MemoryShortError: the device does not hold what is filled.
    """
    config, entries = read_folder(folder)
    device = next(network.parameters()).device
    if config != network.config:
        raise CheckpointError(f"{folder}: its config.json differs from the run's config.yaml; restore either")
    fill(network, entries, folder)
    try:
        state = torch.load(folder / _STATE, map_location="cpu", weights_only=True)
        averaged = state["averages"]
        with enough_to_hold("the state of the training", device):
            if averages is not None:
                averages.load_state_dict(network, averaged)
            if averaged is not None:
                network.load_state_dict(averaged["trained"])
            _fill_optimizer(optimizer, state["optimizer"])
        for own in state["random"][rank : rank + 1]:
            _set_random_state(own, device)
        return Place(**state["place"])
    except MemoryShortError:
        raise
    except Exception as error:  # torch.load raises what it meets: RuntimeError, EOFError, UnpicklingError, ...
        raise CheckpointError(
            f"{folder / _STATE}: a missing or damaged training state ({error}); remove {folder} to go on from the "
            "checkpoint before"
        ) from None


def _fill_optimizer(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Give it what is known of each parameter. The settings of its groups are the configuration's, and may be new."""
    groups = optimizer.state_dict()["param_groups"]
    expected, found = (
        [number for group in each for number in group["params"]] for each in (groups, state["param_groups"])
    )
    if expected != found:
        raise ValueError(f"expected an optimiser of {len(expected)} parameters, found {len(found)}")
    optimizer.load_state_dict({**state, "param_groups": groups})


def random_state(device: torch.device) -> dict[str, Tensor | None]:
    """From which a process that trains on a device draws, there and on the CPU."""
    return {
        "cpu": torch.get_rng_state(),
        "gpu": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def _set_random_state(state: Mapping[str, Tensor | None], device: torch.device) -> None:
    """Draw on as the state says; on a GPU, after a training on a CPU, as the seed does."""
    assert state["cpu"] is not None
    torch.set_rng_state(state["cpu"])
    on_gpu = state.get("gpu")
    if on_gpu is not None and device.type == "cuda":
        torch.cuda.set_rng_state(on_gpu, device)
