"""Predictions in NumPy archives (formats 7.13)."""

import math
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eoras.data.arrays import read_header
from eoras.data.stacks import MaskStack
from eoras.errors import DataError
from eoras.evaluation.counts import Masks
from eoras.evaluation.entries import DAMAGED, SIZE, Entry, Problems, UnusableMaskError, collect, read_each
from eoras.evaluation.predictions import Predictions
from eoras.files import UNREADABLE_ARCHIVE
from eoras.geometry import Paste

__all__ = ["read_archives"]


class _Archives:
    """Arrays of archives; the one asked for last is kept, for a track's frames are asked for one after the other."""

    def __init__(self) -> None:
        self._key: tuple[Path, str] | None = None
        self._masks: Any = None

    def masks(self, path: Path, name: str, height: int, width: int) -> Any:
        """An array, ``(T, H, W)``; one of another size than wanted is not read, and false everywhere."""
        if self._key != (path, name):
            self._masks = None  # one at a time is in memory
            with suppress(*UNREADABLE_ARCHIVE, KeyError):
                self._masks = _read_array(path, name, (height, width))
            self._key = (path, name)
        if self._masks is None:
            raise UnusableMaskError(DAMAGED)
        return self._masks


@dataclass(frozen=True)
class _Array:
    """Masks in one array of an archive."""

    path: Path
    name: str
    archives: _Archives

    def read(self, frames: Sequence[int], height: int, width: int, paste: Paste, problems: Problems) -> MaskStack:  # noqa: ARG002
        return read_each(lambda frame: self._read(frame, height, width, problems), frames, height, width, problems)

    def _read(self, frame: int, height: int, width: int, problems: Problems) -> Masks | None:
        masks = self.archives.masks(self.path, self.name, height, width)
        if frame >= len(masks):
            return None
        mask = masks[frame]
        if mask.shape != (height, width):
            raise UnusableMaskError(SIZE)
        if mask.dtype.kind != "f":
            return mask != 0
        if np.isnan(mask).any():
            problems["frames with probabilities that are not numbers; those count as background"] += 1
        return mask > 0.5


def read_archives(path: Path, archives: Sequence[Path]) -> Predictions:
    """List the arrays; they are read when they are scored.

    Args:
        path: what the user named.
        archives: the files, one a video.

    Raises:
        DataError: one of them is no archive.
    """
    entries: dict[tuple[str, int], Entry] = {}
    problems, loaded = Problems(), _Archives()
    for archive in archives:
        try:
            with zipfile.ZipFile(archive) as arrays:
                names = [name.removesuffix(".npy") for name in arrays.namelist()]
        except UNREADABLE_ARCHIVE as error:
            raise DataError(
                f"{archive}: expected a NumPy archive, found something else ({error}); save it again"
            ) from error
        collect(entries, problems, archive.stem, ((name, _Array(archive, name, loaded)) for name in names), shift=0)
    return Predictions(path=path, entries=entries, problems=problems)


def _read_array(path: Path, name: str, size: tuple[int, int]) -> np.ndarray | None:
    """An array of an archive, without content if its frames are not of a size; None where it cannot be of masks."""
    with zipfile.ZipFile(path) as archive:
        with archive.open(f"{name}.npy") as file:
            shape, _, dtype = read_header(file)
        told = math.prod(shape) * dtype.itemsize
        if len(shape) != 3 or dtype.kind not in "buif" or told > archive.getinfo(f"{name}.npy").file_size:
            return None
        if shape[1:] != size:
            return np.broadcast_to(False, shape)
        with archive.open(f"{name}.npy") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
