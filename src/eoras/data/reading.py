"""Clips read ahead by other processes: one by one in order for scoring, in batches for training."""

import signal
import threading
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import active_children
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, Dataset

from eoras.clip import Batch, Clip, collate
from eoras.data.windows import Draw, OwnBatches
from eoras.errors import EorasError, WorkerError
from eoras.signals import ending_signals

__all__ = ["Tracks", "read_batches", "read_in_order"]

_DYING = 10  # seconds in which a process whose connection has broken has ended, on a busy machine, too


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
        WorkerError: a reading process died.
    """
    yield from _read(tracks, batch_size=None, num_workers=num_workers)


def read_batches(
    tracks: Dataset[Clip], batches: OwnBatches, num_workers: int = 0, *, pin_memory: bool = False
) -> Iterator[Batch]:
    """Give batches of clips.

    Args:
        tracks: the clips.
        batches: which ones, and which frames of each.
        num_workers: processes that read ahead; 0 reads here.
        pin_memory: put batches into page-locked memory, for a GPU.

    Raises:
        EorasError: the very error, and message, that reading a clip raised.
        WorkerError: a reading process died.
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
    others, on_child = set(active_children()), signal.getsignal(signal.SIGCHLD)
    with warnings.catch_warnings():  # that there are more processes than cores: whoever asks for them knows that
        warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)
        loader = DataLoader(_Readings(tracks), generator=torch.Generator(), worker_init_fn=_outlive_signals, **options)
        readings = iter(loader)
    workers = set(active_children()) - others
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, on_child or signal.SIG_DFL)  # torch's raises anywhere, in the midst of a step too
    try:
        while True:
            reading = _next(readings, workers)
            if reading is None:
                return
            if isinstance(reading, EorasError):
                raise reading
            yield reading
    finally:  # even while the traceback of an error still holds them: on its way out a process waits for its readers
        del readings
        reading = None
        for worker in workers.intersection(active_children()):
            worker.kill()


def _next(readings: Iterator[Any], workers: Collection[BaseProcess]) -> Any:
    """The next reading; None after the last.

    Raises:
        WorkerError: a reading process died.
    """
    try:
        with _watching(workers):
            reading = next(readings, None)
    except Exception as error:
        if workers and isinstance(error, OSError | EOFError):  # a dying process breaks its connections first
            ending = wait([worker.sentinel for worker in workers], timeout=_DYING)
            for worker in workers:
                if worker.sentinel in ending:
                    worker.join()  # it has no exit code before it has ended altogether
        if not _dead(workers):
            raise
        reading = None
    if dead := _dead(workers):
        raise WorkerError(
            f"a process that reads data has died ({', '.join(dead)}); most often memory or shared memory (/dev/shm) "
            "was short: try fewer workers"
        )
    return reading


@contextmanager
def _watching(workers: Collection[BaseProcess]) -> Iterator[None]:
    """Raise inside as soon as a process dies: what it had half sent would be awaited for ever."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_child(*_: object) -> None:
        if _dead(workers):
            raise ChildProcessError

    before = signal.signal(signal.SIGCHLD, on_child)
    try:
        on_child()
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)


def _dead(workers: Collection[BaseProcess]) -> list[str]:
    return [f"pid {worker.pid}, exit code {worker.exitcode}" for worker in workers if worker.exitcode]


def _outlive_signals(_: int) -> None:
    """A terminal, or a scheduler, signals the whole group; only the main process decides what to do about it."""
    for number in (signal.SIGINT, *ending_signals()):
        signal.signal(number, signal.SIG_IGN)


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
