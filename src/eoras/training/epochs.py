"""The clips of an epoch, in their order, side by side in batches."""

from collections.abc import Iterator
from dataclasses import asdict

from eoras.clip import Batch
from eoras.config import TrainingConfig
from eoras.data.augment import Augmented
from eoras.data.open import VideoTracks
from eoras.data.reading import read_batches
from eoras.data.windows import OwnBatches, TrainingOrder
from eoras.shares import Share

__all__ = ["augmented", "own_batches", "read_epoch"]


def read_epoch(tracks: VideoTracks, config: TrainingConfig, epoch: int) -> Iterator[Batch]:
    """The batches of an epoch: each track once a pass, in a random order, with the clip's frames drawn anew.

    They are those of a run of one process, which makes a step of ``config.accumulate`` of them.

    Args:
        tracks: opened with ``clip_length=config.clip_length``.
        config: its ``batch_size``, ``passes_per_epoch``, ``shuffle_videos``, ``augment``, ``seed`` and ``workers``.
        epoch: from 0; order and frames follow from it and the seed.

    Raises:
        DataError: a clip cannot be read.
        WorkerError: a reading process died.
    """
    return read_batches(augmented(tracks, config), own_batches(tracks, config, epoch), config.workers)


def own_batches(
    tracks: VideoTracks, config: TrainingConfig, epoch: int, skip: int = 0, share: Share | None = None
) -> OwnBatches:
    """Which clips a process reads of an epoch, but for its first ``skip``."""
    videos = [track.video for track in tracks.tracks]
    order = TrainingOrder(videos, config.seed, config.shuffle_videos, config.passes_per_epoch)
    order.set_epoch(epoch, skip=skip)
    return OwnBatches(order, config.batch_size, config.accumulate, share)


def augmented(tracks: VideoTracks, config: TrainingConfig) -> VideoTracks | Augmented:
    """The clips as training has them."""
    return Augmented(tracks, config.augment, tracks.view) if any(asdict(config.augment).values()) else tracks
