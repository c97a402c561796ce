"""Predictions in NumPy archives (formats 7.13)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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

    def masks(self, path: Path, name: str) -> Any:
        """An array, ``(T, H, W)``."""
        if self._key != (path, name):
            try:
                with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                    self._masks = archive[name]
            except UNREADABLE_ARCHIVE:
                self._masks = None
            self._key = (path, name)
        if self._masks is None or self._masks.ndim != 3 or self._masks.dtype.kind not in "buif":
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
        masks = self.archives.masks(self.path, self.name)
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
            with archive.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                names = list(arrays)
        except (*UNREADABLE_ARCHIVE, TypeError) as error:  # a plain array is no archive to open
            raise DataError(
                f"{archive}: expected a NumPy archive, found something else ({error}); save it again"
            ) from error
        collect(entries, problems, archive.stem, ((name, _Array(archive, name, loaded)) for name in names), shift=0)
    return Predictions(path=path, entries=entries, problems=problems)
