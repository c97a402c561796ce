"""``eoras train``: begin a training, or go on with one; in one process, or in as many as torchrun or SLURM starts."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from eoras.cli.options import Cache, Device, Overrides, choose_device, say
from eoras.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from eoras.config import Config
    from eoras.processes import Processes
    from eoras.training.loop import Trainer

__all__ = ["train"]


def train(
    *,
    config: Annotated[str | None, Parameter(help="A shipped configuration's name, or a YAML file.")] = None,
    data: Annotated[
        Path | None, Parameter(help="The data folder: MOVi, with train/ and test/, or KINS_Video_Car.")
    ] = None,
    out: Annotated[Path | None, Parameter(help="The run folder to make.")] = None,
    resume: Annotated[Path | None, Parameter(help="A run folder to go on with, instead of --config and --out.")] = None,
    init: Annotated[str | None, Parameter(help="A model to start from: model folder, run folder or hub name.")] = None,
    backbone_weights: Annotated[
        str | None, Parameter(help="ImageNet weights of ResNet-50: a .pth file, or imagenet to fetch the published.")
    ] = None,
    overrides: Overrides = (),
    cache: Cache = None,
    device: Device = "auto",
    dtype: Annotated[
        Literal["float32", "bfloat16"] | None, Parameter(help="Short for --set training.dtype=...", show_default=False)
    ] = None,
) -> int:
    """Train a network; checkpoints, log and configuration go to the run folder.

    Ctrl-C, or SIGTERM, finishes the running step and saves; --resume goes on from there. Under torchrun or SLURM all
    processes train together: a step takes the same clips, however many they are.
    """
    if (config is None) == (resume is None):
        raise ConfigError("expected either --config NAME --data DIR --out RUN, or --resume RUN")
    if dtype is not None:
        overrides = (*overrides, f"training.dtype={dtype}")
    if resume is not None:
        if out or init or backbone_weights or any(not text.startswith("training.") for text in overrides):
            raise ConfigError(
                "with --resume RUN only --data, --cache, --device, --dtype and --set training.KEY=VALUE make sense"
            )
        return _resume(resume, data, cache, choose_device(device), overrides)
    if data is None or out is None:
        raise ConfigError("--config needs --data DIR, the data folder, and --out RUN, the run folder to make")
    from eoras.config import load_config
    from eoras.processes import connect
    from eoras.training.start import begin

    settings, where = load_config(str(config), overrides), choose_device(device)
    with connect(where) as processes:
        if processes.gather(_is_restart(out, settings))[0]:
            return _go_on(out, data, cache, where, (), processes)
        trainer = begin(
            out,
            settings,
            data,
            where,
            init=init,
            backbone_weights=backbone_weights,
            cache=cache,
            processes=processes,
        )
        if processes.first and init is None and backbone_weights is None:
            say("the backbone starts from random weights; published models start from --backbone-weights imagenet")
        if processes.first and settings.training.validation == "test":
            say("the best checkpoint is chosen on the test split, as the official code does; its score is optimistic")
        return _train(trainer)


def _is_restart(out: Path, settings: "Config") -> bool:
    """Whether torchrun starts the same training again, after one of its processes has died."""
    from eoras.training.run import Run

    restarts = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
    return restarts > 0 and (out / "config.yaml").is_file() and Run.open(out).config == settings


def _resume(
    folder: Path, data: Path | None, cache: Path | None, device: "torch.device", overrides: tuple[str, ...]
) -> int:
    from eoras.processes import connect

    with connect(device) as processes:
        return _go_on(folder, data, cache, device, overrides, processes)


def _go_on(
    folder: Path,
    data: Path | None,
    cache: Path | None,
    device: "torch.device",
    overrides: tuple[str, ...],
    processes: "Processes",
) -> int:
    from eoras.training.start import resume

    trainer = resume(folder, device, data, overrides, cache=cache, processes=processes)
    before, now = trainer.place.processes, processes.share.size
    if processes.first and before != now:
        say(f"{before} processes have come this far, {now} go on: the same clips in each step, other dropout")
    return _train(trainer)


def _train(trainer: "Trainer") -> int:
    """Train; say where the results are. 130 after an interruption, as a shell expects."""
    folder, training, size = trainer.run.folder, trainer.run.config.training, trainer.processes.share.size
    if trainer.processes.first and training.batch_size * training.accumulate < size:
        say(
            f"a step has {training.batch_size * training.accumulate} clips, fewer than the {size} processes: some have "
            "nothing to do; start fewer, or raise training.batch_size"
        )
    done = trainer.train()
    if not trainer.processes.first:
        return 0 if done else 130
    if done:
        say(f"done: {folder} holds the run; score it with: eoras evaluate {folder} --data DIR")
        return 0
    say(f"interrupted and saved; go on with: eoras train --resume {folder}")
    return 130
