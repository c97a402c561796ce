"""What a training would do, take and need, found out by making its first steps; nothing is written."""

import math
import os
import shutil
import time
from dataclasses import replace
from datetime import timedelta
from statistics import median

import torch

from eoras.errors import ConfigError, MemoryShortError
from eoras.evaluation.evaluate import answer
from eoras.files import find_place
from eoras.model.asking import evaluating
from eoras.training.log import MACHINE
from eoras.training.loop import Trainer
from eoras.training.memory import clips_at_once, enough_for_validation
from eoras.training.pace import peak_memory

__all__ = ["plan"]

_STEPS = 3  # the first of them also starts processes and chooses algorithms


def plan(trainer: Trainer) -> dict[str, str]:
    """Check data, memory, disk and a few steps of a training that was set up as a dry run.

    Args:
        trainer: is of no use afterwards, for its weights have moved.

    Returns:
        What a user wants to know before it begins, a line for each name.

    Raises:
        ConfigError: nothing is left to train, the memory does not suffice, or the folder cannot take the run.
        DataError: a clip cannot be read.
        RunError: the loss or its gradient is not finite.
    """
    config, begun = trainer.run.config.training, trainer.place
    if begun.epoch >= config.epochs:
        raise ConfigError(
            f"{trainer.run.folder}: all of its {config.epochs} epochs are done; raise training.epochs to go on"
        )
    disk = _disk(trainer)
    if begun.clips >= trainer.clips_per_epoch:  # only its validation is left: steps are tried of the next one
        trainer.place = replace(begun, epoch=begun.epoch + 1, clips=0)
    device = next(trainer.network.parameters()).device
    try:
        lines = trainer.rehearse(_STEPS)
        with enough_for_validation():
            validation = _seconds_of_validation(trainer, device)
    except MemoryShortError as error:
        raise ConfigError(str(error)) from None
    per_step = config.batch_size * config.accumulate
    clips = trainer.clips_per_epoch
    steps = math.ceil(clips / per_step)
    left = math.ceil(max(clips - begun.clips, 0) / per_step) + steps * (config.epochs - begun.epoch - 1)
    seconds = median(line[MACHINE]["seconds"] for line in lines[1:] or lines)
    waiting = median(line[MACHINE]["waiting_seconds"] for line in lines[1:] or lines)
    scoring = validation * (config.epochs - begun.epoch)
    return {
        "run": f"{trainer.run.folder}, from step {begun.step}",
        "network": f"{sum(value.numel() for value in trainer.network.parameters()) / 1e6:.1f} million parameters",
        "training": f"{len(trainer.training)} tracks, {clips} clips of {config.clip_length} frames an epoch",
        "validation": _validation(trainer),
        "effective batch": f"{per_step} clips ({_passes(trainer)})",
        "steps": f"{left} to go, {steps} an epoch, {config.epochs} epochs",
        "time of a step": f"{seconds:.3g} s, of which {waiting:.2g} s waiting for data (of {len(lines)} steps tried)",
        "time in all": f"about {_duration(left * seconds + scoring)}, of which {_duration(scoring)} validation",
        "peak memory": f"{peak_memory(device) / 1e9:.2f} GB of {_memory(device) / 1e9:.1f} GB on {device}",
        "checkpoints": disk,
        "loss": f"{lines[0]['loss']:.4f} at the first step",
    }


def _passes(trainer: Trainer) -> str:
    processes = trainer.processes
    most, passes = clips_at_once(trainer.run.config.training, processes.share.size)
    each = f", at most, by each of {processes.share.size} processes" if processes.several else ""
    return f"{most} at a time, {passes} times{each}"


def _validation(trainer: Trainer) -> str:
    if trainer.validation is None:
        return "none"
    return f"{len(trainer.validation)} tracks of the split {trainer.validation.split}, after each epoch"


def _seconds_of_validation(trainer: Trainer, device: torch.device) -> float:
    """What one validation takes, as its first track does, with the largest share of a process; 0 without."""
    if trainer.validation is None:
        return 0.0
    began = time.perf_counter()
    with evaluating(trainer.network):
        answer(trainer.network, trainer.validation[0], device, trainer.run.config.training.dtype)
    return (time.perf_counter() - began) * math.ceil(len(trainer.validation) / trainer.processes.share.size)


def _disk(trainer: Trainer) -> str:
    """What the run's checkpoints take of the disk, and whether they can be written there."""
    place = find_place(trainer.run.folder, "--out")
    weights = 4 * sum(value.numel() for value in trainer.network.state_dict().values())
    moments = 2 * 4 * sum(value.numel() for value in trainer.network.parameters() if value.requires_grad)
    keep, whole = trainer.run.config.training.keep, weights * (1 if trainer.averages is None else 2) + moments
    need = (keep + 1) * whole + weights  # one more while it is written, and the best
    free = shutil.disk_usage(place).free
    if free < need:
        raise ConfigError(
            f"{place}: expected {need / 1e9:.1f} GB of free disk for {keep + 1} checkpoints and the best, found "
            f"{free / 1e9:.1f} GB; free some, lower training.keep, or choose another --out"
        )
    return f"{whole / 1e9:.2g} GB each, {need / 1e9:.2g} GB in all; {free / 1e9:.0f} GB of the disk are free"


def _memory(device: torch.device) -> int:
    """All memory there is, in bytes; 0 where the system does not tell."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
