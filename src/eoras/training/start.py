"""Setting up a training: from a configuration, or from a run that was interrupted."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from eoras.config import Config, ModelConfig
from eoras.data.fingerprint import fingerprint
from eoras.data.open import VideoTracks, open_tracks, validation_split
from eoras.data.splits import split_videos
from eoras.errors import CheckpointError, ConfigError, DataError
from eoras.model.eoras import EoRaS
from eoras.model.memory import enough_to_hold, move
from eoras.model.weights import find_model, load_backbone, read_folder, start_from
from eoras.processes import Processes
from eoras.training.averages import Averages
from eoras.training.checkpoint import Place, load_checkpoint, newest_checkpoint, random_state, save_checkpoint
from eoras.training.loop import Trainer, build_optimizer
from eoras.training.prepare import prepare
from eoras.training.run import Run
from eoras.training.sessions import add_session, data_changes
from eoras.training.together import draw_apart, expect_same, synchronise

__all__ = ["begin", "resume"]


def begin(
    folder: str | Path,
    config: Config,
    data: str | Path,
    device: torch.device | str,
    *,
    init: str | None = None,
    backbone_weights: str | None = None,
    cache: str | Path | None = None,
    dry: bool = False,
    tell: Callable[[str], object] = warnings.warn,
    processes: Processes | None = None,
) -> Trainer:
    """Set up a new run.

    Args:
        folder: the run folder, new or empty.
        config: what to train, and how.
        data: the data folder, in a layout that ``open_tracks`` knows.
        device: where to train.
        init: a model to start from (see ``find_model``); the configuration's network must be of its shape, but for
            heads, which begin anew where the model has none.
        backbone_weights: ImageNet weights to start from (see ``load_backbone``).
        cache: where decoded images lie (see ``MoviTracks``).
        dry: write nothing; the trainer can only be rehearsed.
        tell: is called with a sentence for each setting by which the weights of ``init`` meant something else.
        processes: all that train together; None: this one alone. They must all see the run folder.

    Raises:
        EorasError: the data, the folder or the weights cannot be used; nothing has been written then.
    """
    processes, device = processes or Processes(), torch.device(device)
    folder, data, cache = Path(folder), Path(data), None if cache is None else Path(cache)
    if config.training.backbone_rate == 0 and init is None and backbone_weights is None:
        raise ConfigError(
            "training.backbone_rate: 0 leaves the backbone as it begins, with random weights; name --backbone-weights "
            "or --init, or set a rate above 0"
        )
    run = Run.plan(folder, config, data, cache)  # at once and by all: none of them then waits for one that is refused
    torch.manual_seed(config.training.seed)
    network = EoRaS(config.model)
    if backbone_weights is not None:
        load_backbone(network, backbone_weights)
    if init is not None:
        start = find_model(init)
        theirs, entries = read_folder(start)
        start_from(network, entries, start)
        _expect_same_meaning(theirs, config.model, start, tell if processes.first else lambda _: None)
    training, validation = _tracks(data, config, cache, processes)
    synchronise(network, device, processes)
    draw_apart(config.training.seed, processes)
    optimizer, averages = build_optimizer(network, config.training), _averages(network, config)
    prepare(network, config.training)
    place, random = Place(processes=processes.share.size), processes.gather(random_state(device))
    first_weights = " and ".join(filter(None, (init, backbone_weights))) or None

    def save_first() -> None:
        if first_weights is not None:  # the seed alone does not give these weights again
            keep = config.training.keep
            save_checkpoint(folder, network, optimizer, place, keep, averages=averages, random=random)

    if processes.first and not dry:
        run = Run.create(folder, config, data, cache, first_weights=first_weights, save_first=save_first)
        found = fingerprint(data, *filter(None, (training, validation)))
        add_session(folder, step=place.step, device=str(device), data=found)
    return Trainer(
        run=run,
        network=network,
        optimizer=optimizer,
        training=training,
        validation=validation,
        place=place,
        averages=averages,
        processes=processes,
    )


def resume(
    folder: str | Path,
    device: torch.device | str,
    data: str | Path | None = None,
    overrides: Sequence[str] = (),
    *,
    cache: str | Path | None = None,
    dry: bool = False,
    tell: Callable[[str], object] = warnings.warn,
    processes: Processes | None = None,
) -> Trainer:
    """Go on with a run from its newest whole checkpoint, or from its beginning if there is none yet.

    With another number of processes than before, the order of the clips stays; what dropout draws is then different.

    Args:
        folder: the run folder.
        device: where to train.
        data: the data folder, if it has moved or the run never knew it; kept from now on.
        overrides: ``training.a=value`` each, kept from now on.
        cache: where decoded images lie (see ``MoviTracks``), if that has changed; kept from now on.
        dry: write nothing; the trainer can only be rehearsed.
        tell: is called with a sentence for each damaged checkpoint that is passed over, and for each split whose data
            are not those of the session before.
        processes: all that train together; None: this one alone. They must all see the run folder.

    Raises:
        EorasError: the run, its checkpoint or the data cannot be used; nothing has been written then.
    """
    processes, device, folder = processes or Processes(), torch.device(device), Path(folder)
    run = Run.open(folder, overrides)
    run = replace(run, data=Path(data) if data else run.data, cache=Path(cache) if cache else run.cache)
    if run.data is None:
        raise ConfigError(f"{folder}: the run does not know its data folder; add --data DIR")
    torch.manual_seed(run.config.training.seed)
    network = move(EoRaS(run.config.model), device)
    optimizer, averages = build_optimizer(network, run.config.training), _averages(network, run.config)
    training, validation = _tracks(run.data, run.config, run.cache, processes)
    newest = newest_checkpoint(folder, tell if processes.first else lambda _: None)
    if newest is None and run.first_weights is not None:
        raise CheckpointError(
            f"{folder}: expected a checkpoint, found none, and the run did not begin with random weights but with "
            f"{run.first_weights}; begin anew with the first command and another --out"
        )
    draw_apart(run.config.training.seed, processes)
    place = Place(processes=processes.share.size)
    if newest is not None:
        place = load_checkpoint(newest, network, optimizer, averages=averages, rank=processes.share.rank)
    expect_same(f"{folder}: the newest checkpoint", (place,), processes)
    synchronise(network, device, processes)
    prepare(network, run.config.training)
    if processes.first:
        found = fingerprint(run.data, *filter(None, (training, validation)))
        for change in data_changes(folder, found):
            tell(change)
        if not dry:
            if overrides:
                run.write_config()
            if data or cache:
                run.write_places()
            add_session(folder, step=place.step, device=str(device), data=found)
    return Trainer(
        run=run,
        network=network,
        optimizer=optimizer,
        training=training,
        validation=validation,
        place=place,
        averages=averages,
        processes=processes,
    )


def _expect_same_meaning(theirs: ModelConfig, ours: ModelConfig, where: Path, tell: Callable[[str], object]) -> None:
    """Compare settings that change what weights mean, but not their shapes.

    Raises:
        ConfigError: another number of heads, with which the weights mean nothing.
    """
    if theirs.num_heads != ours.num_heads:
        raise ConfigError(
            f"{where}: its weights are those of {theirs.num_heads} attention heads, found "
            f"model.num_heads={ours.num_heads}; --set model.num_heads={theirs.num_heads}"
        )
    for name in ("normalise", "camera_position", "view"):
        before, now = getattr(theirs, name), getattr(ours, name)
        if before != now:
            tell(f"{where}: its weights were trained with model.{name}={before}, and go on with {now}")


def _averages(network: EoRaS, config: Config) -> Averages | None:
    if config.training.average is None:
        return None
    with enough_to_hold("the averages of the weights", next(network.parameters()).device):
        return Averages(network, config.training.average)


def _tracks(
    data: Path, config: Config, cache: Path | None, processes: Processes
) -> tuple[VideoTracks, VideoTracks | None]:
    """The clips to train on, and the tracks to validate on; as many on every machine."""
    training, validation = _open_tracks(data, config, cache)
    expect_same(f"{data}: number of tracks", (len(training), len(validation or ())), processes)
    return training, validation


def _open_tracks(data: Path, config: Config, cache: Path | None) -> tuple[VideoTracks, VideoTracks | None]:
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
