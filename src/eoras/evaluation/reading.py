"""Clips one by one, in order, read ahead by other processes."""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch.utils.data import DataLoader, Dataset

from eoras.clip import Clip
from eoras.errors import EorasError

__all__ = ["Tracks", "read_in_order"]


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
    # Without a generator of its own, the loader draws from the global one.
    loader = DataLoader(_Readings(tracks), batch_size=None, num_workers=num_workers, generator=torch.Generator())
    for reading in loader:
        if isinstance(reading, EorasError):
            raise reading
        yield reading


class _Readings(Dataset[Clip | EorasError]):
    """Clips, or why they cannot be read: raised in a worker, an error would come out wrapped in its traceback."""

    def __init__(self, tracks: Tracks) -> None:
        self.tracks = tracks

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, index: int) -> Clip | EorasError:
        try:
            return self.tracks[index]
        except EorasError as error:
            return error
