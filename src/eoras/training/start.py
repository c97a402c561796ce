"""Setting up a training: from a configuration, or from a run that was interrupted."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from eoras.config import Config
from eoras.data.fingerprint import fingerprint
from eoras.data.open import VideoTracks, open_tracks, validation_split
from eoras.data.splits import split_videos
from eoras.errors import ConfigError, DataError
from eoras.model.eoras import EoRaS
from eoras.model.weights import fill, find_model, load_backbone, read_folder
from eoras.training.checkpoint import Place, load_checkpoint, newest_checkpoint, save_checkpoint
from eoras.training.loop import Trainer, build_optimizer
from eoras.training.run import Run
from eoras.training.sessions import add_session, data_changes

__all__ = ["begin", "resume"]


def begin(
    folder: Path,
    config: Config,
    data: Path,
    device: torch.device,
    *,
    init: str | None = None,
    backbone_weights: str | None = None,
    cache: Path | None = None,
    dry: bool = False,
) -> Trainer:
    """Set up a new run.

    Args:
        folder: the run folder, new or empty.
        config: what to train, and how.
        data: the data folder, in a layout that ``open_tracks`` knows.
        device: where to train.
        init: a model to start from (see ``find_model``); the configuration's network must be of its shape.
        backbone_weights: ImageNet weights to start from (see ``load_backbone``).
        cache: where decoded images lie (see ``MoviTracks``).
        dry: write nothing; the trainer can only be rehearsed.

    Raises:
        EorasError: the data, the folder or the weights cannot be used; nothing has been written then.
    """
    torch.manual_seed(config.training.seed)
    network = EoRaS(config.model)
    if backbone_weights is not None:
        load_backbone(network, backbone_weights)
    if init is not None:
        start = find_model(init)
        fill(network, read_folder(start)[1], start)
    training, validation = _tracks(data, config, cache)
    found = fingerprint(data, *filter(None, (training, validation)))
    run = Run.plan(folder, config, data) if dry else Run.create(folder, config, data)
    network.to(device)
    optimizer, place = build_optimizer(network, config.training), Place()
    if not dry:
        if init is not None or backbone_weights is not None:  # to go on from: the seed does not give these weights
            save_checkpoint(folder, network, optimizer, place, config.training.keep)
        add_session(folder, step=place.step, device=str(device), data=found)
    return Trainer(run=run, network=network, optimizer=optimizer, training=training, validation=validation, place=place)


def resume(
    folder: Path,
    device: torch.device,
    data: Path | None = None,
    overrides: Sequence[str] = (),
    *,
    cache: Path | None = None,
    dry: bool = False,
    tell: Callable[[str], object] = warnings.warn,
) -> Trainer:
    """Go on with a run from its newest checkpoint, or from its beginning if there is none yet.

    Args:
        folder: the run folder.
        device: where to train.
        data: the data folder, if it has moved or the run never knew it.
        overrides: ``training.a=value`` each, kept from now on.
        cache: where decoded images lie (see ``MoviTracks``); not kept.
        dry: write nothing; the trainer can only be rehearsed.
        tell: is called with a sentence for each split whose data are not those of the session before.

    Raises:
        EorasError: the run, its checkpoint or the data cannot be used; nothing has been written then.
    """
    run = Run.open(folder, overrides)
    data = data or run.data
    if data is None:
        raise ConfigError(f"{folder}: the run does not know its data folder; add --data DIR")
    torch.manual_seed(run.config.training.seed)
    network = EoRaS(run.config.model).to(device)
    optimizer = build_optimizer(network, run.config.training)
    training, validation = _tracks(data, run.config, cache)
    newest = newest_checkpoint(folder)
    place = Place() if newest is None else load_checkpoint(newest, network, optimizer)
    found = fingerprint(data, *filter(None, (training, validation)))
    for change in data_changes(folder, found):
        tell(change)
    if not dry:
        if overrides:
            run.write_config()
        add_session(folder, step=place.step, device=str(device), data=found)
    return Trainer(run=run, network=network, optimizer=optimizer, training=training, validation=validation, place=place)


def _tracks(data: Path, config: Config, cache: Path | None) -> tuple[VideoTracks, VideoTracks | None]:
    """The clips to train on, and the tracks to validate on."""
    view, training = config.model.view, config.training
    clips = open_tracks(data, "train", view, clip_length=training.clip_length, cache=cache)
    if len(clips) == 0:
        raise DataError(f"{data / 'train'}: expected tracks to train on, found none in its list")
    if training.validation == "none":
        return clips, None
    split = "test" if training.validation == "test" else validation_split(data)
    if split is not None:
        return clips, open_tracks(data, split, view, truth=True, cache=cache)
    videos, held_out = split_videos({track.video for track in clips.tracks}, training.seed)
    clips = open_tracks(data, "train", view, clip_length=training.clip_length, videos=videos, cache=cache)
    return clips, open_tracks(data, "train", view, truth=True, videos=held_out, cache=cache) if held_out else None
