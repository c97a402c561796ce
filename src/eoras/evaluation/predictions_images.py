"""Predictions in a folder of images an object (formats D.2, 7.13)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from eoras.data.images import read_labels, read_size
from eoras.data.stacks import MaskStack
from eoras.errors import DataError
from eoras.evaluation.counts import Masks
from eoras.evaluation.entries import DAMAGED, SIZE, Entry, Problems, UnusableMaskError, collect, read_each
from eoras.evaluation.predictions import Predictions
from eoras.geometry import Paste

__all__ = ["read_folder"]


@dataclass(frozen=True)
class _Images:
    """Masks in image files, by frame."""

    files: Mapping[int, Path]

    def read(self, frames: Sequence[int], height: int, width: int, paste: Paste, problems: Problems) -> MaskStack:  # noqa: ARG002
        return read_each(lambda frame: self._read(frame, height, width), frames, height, width, problems)

    def _read(self, frame: int, height: int, width: int) -> Masks | None:
        if frame not in self.files:
            return None
        try:
            if read_size(self.files[frame]) != (height, width):
                raise UnusableMaskError(SIZE)
            return read_labels(self.files[frame], height, width).numpy() > 0
        except DataError:
            raise UnusableMaskError(DAMAGED) from None


def read_folder(path: Path, folder: Path) -> Predictions:
    """Find the images; they are read when they are scored.

    Args:
        path: what the user named.
        folder: it, or a folder in it, that holds the videos.
    """
    entries: dict[tuple[str, int], Entry] = {}
    problems = Problems()
    for video in sorted(below for below in folder.glob("[!.]*") if below.is_dir()):
        objects = sorted(below for below in video.glob("[!.]*") if below.is_dir())
        found = ((below.name, _Images(_numbered(below, problems))) for below in objects)
        collect(entries, problems, video.name, found, shift=1)
    return Predictions(path=path, entries=entries, problems=problems)


def _numbered(folder: Path, problems: Problems) -> dict[int, Path]:
    files: dict[int, Path] = {}
    for path in sorted(folder.glob("[!.]*.png")):
        if not re.fullmatch(r"\d{1,6}", path.stem, re.ASCII):
            problems["images whose name is no number; left out"] += 1
        elif int(path.stem) in files:
            problems["images of a frame that has one already; the first is scored"] += 1
        else:
            files[int(path.stem)] = path
    return files
