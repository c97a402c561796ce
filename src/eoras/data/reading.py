"""Clips read ahead by other processes: one by one in order for scoring, in batches for training."""

import signal
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, Dataset

from eoras.clip import Batch, Clip, collate
from eoras.data.windows import Draw, OwnBatches
from eoras.errors import EorasError

__all__ = ["Tracks", "read_batches", "read_in_order"]


class Tracks(Protocol):
    """A data set of clips with a length; a list of clips is one too."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Clip: ...


def read_in_order(tracks: Tracks, num_workers: int = 0) -> Iterator[Clip]:
    """Give every clip once, in the order of the data set; the global random state is left alone.

    Args:
        tracks: the clips.
        num_workers: processes that read ahead; 0 reads here.

    Raises:
        EorasError: the very error, and message, that reading a clip raised.
    """
    yield from _read(tracks, batch_size=None, num_workers=num_workers)


def read_batches(
    tracks: Dataset[Clip], batches: OwnBatches, num_workers: int = 0, *, pin_memory: bool = False
) -> Iterator[Batch]:
    """Give batches of clips.

    Args:
        tracks: the clips.
        batches: which ones, and which window of each.
        num_workers: processes that read ahead; 0 reads here.
        pin_memory: put batches into page-locked memory, for a GPU.

    Raises:
        EorasError: the very error, and message, that reading a clip raised.
    """
    yield from _read(
        tracks,
        batch_sampler=batches,
        num_workers=num_workers,
        collate_fn=_collate,
        pin_memory=pin_memory,
    )


def _read(tracks: Tracks | Dataset[Clip], **options: Any) -> Iterator[Any]:
    # Without a generator of its own, the loader draws from the global one, which would change a run's dropout.
    loader = DataLoader(_Readings(tracks), generator=torch.Generator(), worker_init_fn=_outlive_signals, **options)
    for reading in loader:
        if isinstance(reading, EorasError):
            raise reading
        yield reading


def _outlive_signals(_: int) -> None:
    """A terminal, or a scheduler, signals the whole group; only the main process decides what to do about it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _collate(readings: Sequence[Clip | EorasError]) -> Batch | EorasError:
    error = next((reading for reading in readings if isinstance(reading, EorasError)), None)
    return error or collate([reading for reading in readings if isinstance(reading, Clip)])


class _Readings(Dataset[Clip | EorasError]):
    """Clips, or why they cannot be read: raised in a worker, an error would come out wrapped in its traceback."""

    def __init__(self, tracks: Any) -> None:
        self.tracks = tracks

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, key: int | Draw) -> Clip | EorasError:
        try:
            return self.tracks[key]
        except EorasError as error:
            return error
