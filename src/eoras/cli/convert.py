"""``eoras convert``: bring what others have made into this project's formats."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from eoras.errors import CheckpointError, ConfigError

__all__ = ["checkpoint", "masks"]


def checkpoint(
    source: Annotated[Path, Parameter(help="The published file, such as checkpoint-0050.pth.gz.")],
    out: Annotated[
        Path, Parameter(help="The model folder, or with --with-optimizer the run folder, to make; a new name.")
    ],
    /,
    *,
    config: Annotated[
        Literal["movi_b", "movi_d", "kitti"],
        Parameter(
            help="What the model was trained on; tilt, number of attention heads and intrinsics are not in the file."
        ),
    ],
    with_optimizer: Annotated[
        bool, Parameter(help="Make a run folder that 'eoras train --resume' goes on with.")
    ] = False,
) -> None:
    """Convert a published checkpoint to a model folder of model.safetensors and config.json."""
    from dataclasses import replace
    from functools import partial

    from eoras.config_files import load_config
    from eoras.files import write_folder_beside
    from eoras.model.eoras import EoRaS
    from eoras.training.checkpoint import Place, save_checkpoint
    from eoras.training.loop import build_optimizer
    from eoras.training.official import load_official_optimizer
    from eoras.training.run import Run
    from eoras.training.sessions import add_session

    if out.exists() and not with_optimizer:
        raise ConfigError(f"{out}: expected a new name, found something of that name; choose another or remove it")
    settings = load_config(config)
    published = _read(source)
    try:
        network = EoRaS.from_official(
            published["model"], settings.model.camera_position, settings.model.num_heads, settings.model.view
        )
        if not with_optimizer:
            with write_folder_beside(out, flush=True) as beside:
                network.save_pretrained(beside)
            return
        settings = replace(settings, model=network.config)
        optimizer = build_optimizer(network, settings.training)
        load_official_optimizer(optimizer, network, published["model"], published["optim"])
    except CheckpointError as error:
        raise CheckpointError(f"{source}: {error}") from None
    place = Place(step=int(published["iters"]), epoch=int(published["epoch"]))
    save = partial(save_checkpoint, out, network, optimizer, place, settings.training.keep)
    Run.create(out, settings, data=None, first_weights=str(source), save_first=save)
    add_session(out, step=place.step, device="cpu", data={})


def masks(
    source: Annotated[
        Path,
        Parameter(help="The folder, JSON file, or text of KITTI-MOTS or MOT to read; of MOVi one split, as DATA/test."),
    ],
    out: Annotated[Path, Parameter(help="The folder, or for coco_video the JSON file, to make.")],
    /,
    *,
    to: Annotated[str, Parameter(help="The format to write, such as coco_video; a wrong name lists them.")],
    source_format: Annotated[
        str | None,
        Parameter(
            name="--from",
            help="The format to read, such as kins; unless given it is found from the source.",
        ),
    ] = None,
) -> None:
    """Convert visible and amodal masks of videos from one format to another."""
    from eoras.data.formats import convert_masks

    for sentence, count in convert_masks(source, out, to, source_format).items():
        print(f"eoras: {out}: {sentence} ({count})", file=sys.stderr)


def _read(source: Path) -> Mapping[str, Any]:
    """The contents of a published file: an ordinary torch file, in spite of its name."""
    from eoras.model.weights import read_torch

    published = read_torch(source)
    wanted = {"model", "optim", "epoch", "iters"}
    if not isinstance(published, Mapping) or not wanted <= published.keys():
        found = ", ".join(map(str, published)) if isinstance(published, Mapping) else type(published).__name__
        raise CheckpointError(f"{source}: expected the entries {', '.join(sorted(wanted))}, found {found}")
    if not isinstance(published["model"], Mapping):
        raise CheckpointError(f"{source}: expected 'model' to map names to tensors, found {type(published['model'])}")
    return published
