"""``eoras train``: begin a training, or go on with one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from eoras.cli.options import Cache, Device, Overrides, choose_device, say
from eoras.errors import ConfigError

if TYPE_CHECKING:
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
    dry_run: Annotated[
        bool, Parameter(help="Check data, memory and a few steps, print the plan, and stop; write nothing.")
    ] = False,
) -> int:
    """Train a network; checkpoints, log and configuration go to the run folder.

    Ctrl-C, or SIGTERM, finishes the running step and saves; --resume goes on from there.
    """
    if (config is None) == (resume is None):
        raise ConfigError("expected either --config NAME --data DIR --out RUN, or --resume RUN")
    if dtype is not None:
        overrides = (*overrides, f"training.dtype={dtype}")
    if resume is not None:
        if out or init or backbone_weights or any(not text.startswith("training.") for text in overrides):
            raise ConfigError(
                "with --resume RUN only --data, --cache, --device, --dtype, --set training.KEY=VALUE and --dry-run "
                "make sense"
            )
        return _resume(resume, data, cache, device, overrides, dry_run)
    if data is None or out is None:
        raise ConfigError("--config needs --data DIR, the data folder, and --out RUN, the run folder to make")
    from eoras.config import load_config
    from eoras.training.start import begin

    settings = load_config(str(config), overrides)
    trainer = begin(
        out,
        settings,
        data,
        choose_device(device),
        init=init,
        backbone_weights=backbone_weights,
        cache=cache,
        dry=dry_run,
    )
    if init is None and backbone_weights is None:
        say("the backbone starts from random weights; published models start from --backbone-weights imagenet")
    return _train(trainer, dry_run)


def _resume(
    folder: Path, data: Path | None, cache: Path | None, device: str, overrides: tuple[str, ...], dry_run: bool
) -> int:
    from eoras.training.start import resume

    return _train(resume(folder, choose_device(device), data, overrides, cache=cache, dry=dry_run, tell=say), dry_run)


def _train(trainer: "Trainer", dry_run: bool) -> int:
    """Train, and say where the results are; 130 after an interruption, as a shell expects. Or print the plan."""
    from eoras.training.loop import CHOSEN_ON_TEST
    from eoras.training.plan import plan

    folder = trainer.run.folder
    if trainer.run.config.training.validation == "test":
        say(CHOSEN_ON_TEST)
    if dry_run:
        rows = plan(trainer)
        width = max(map(len, rows))
        print("\n".join(f"{name:<{width}}  {text}" for name, text in rows.items()))
        say("this was a dry run; nothing was written")
        return 0
    if trainer.train():
        say(f"done: {folder} holds the run; score it with: eoras evaluate {folder} --data DIR")
        return 0
    say(f"interrupted and saved; go on with: eoras train --resume {folder}")
    return 130
