"""What happens in a run: JSON lines always, TensorBoard where it is installed."""

import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from eoras.errors import CheckpointError
from eoras.files import write_beside, writing

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["MACHINE", "PICTURES", "Log", "Rehearsal", "Silence", "read_log"]

MACHINE = "machine"  # the key of all values that another machine, or another day, would change
PICTURES = "pictures"
_FILE = "log.jsonl"
_KEPT_PICTURES = 16


class Log:
    """Appends to ``log.jsonl`` in the run folder, one object a line, each with its ``step``.

    Args:
        folder: the run folder.
        step: the step a run goes on from; lines of later steps, left by what was interrupted, are dropped.
        epoch: the epoch it goes on from; lines of that step but a later epoch are dropped, such as its validation.
    """

    def __init__(self, folder: Path, step: int, epoch: int) -> None:
        self._folder = folder
        self._path = folder / _FILE
        if self._path.exists():
            with write_beside(self._path) as path, path.open("w", encoding="utf-8") as file:
                for line in _whole_lines(self._path):
                    if (line["step"], line.get("epoch", 0)) <= (step, epoch):
                        file.write(json.dumps(line) + "\n")
        self._board: Any = None
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            with writing(folder / "tensorboard"):
                self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, step: int, **values: Any) -> None:
        """Add a line; numbers also go to TensorBoard.

        There a name with a slash stays what it is, one inside a mapping is ``KEY/NAME``, all others are
        ``train/NAME``.

        Raises:
            RunError: the disk is full, or the folder cannot be written.
        """
        with writing(self._path):
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **values}) + "\n")
            if self._board is not None:
                for name, value in _scalars(values):
                    self._board.add_scalar(name, value, step)

    def draw(self, step: int, epoch: int, picture: "Image") -> None:
        """Keep what a validation looks like: ``pictures/EPOCH.png``, and TensorBoard.

        At most 16 files of earlier epochs stay, evenly spread over them.

        Args:
            step: where the training stands.
            epoch: finished epochs, from 1.
            picture: RGB.

        Raises:
            RunError: the disk is full, or the folder cannot be written.
        """
        path = self._folder / PICTURES / f"{epoch:04d}.png"
        with write_beside(path) as beside:
            picture.quantize(256).save(beside, format="PNG")  # a third of the bytes
        with writing(path):
            for old in path.parent.glob("*.png"):
                if old.stem.isdecimal() and old != path and not _is_kept(int(old.stem), epoch):
                    old.unlink()
            if self._board is not None:
                import numpy as np

                self._board.add_image("validation/predictions", np.asarray(picture), step, dataformats="HWC")

    def close(self) -> None:
        """Finish what is still being written.

        Raises:
            RunError: as ``write``.
        """
        if self._board is not None:
            with writing(self._path):
                self._board.close()


class Silence:
    """The log of a process that is not the first: it keeps nothing."""

    def write(self, step: int, **values: Any) -> None:
        """Do nothing."""

    def draw(self, step: int, epoch: int, picture: "Image") -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Rehearsal(Silence):
    """Keeps the lines of a few steps, and writes nothing.

    Args:
        count: how many lines.
        stop: is set with the last of them.
    """

    def __init__(self, count: int, stop: Event) -> None:
        self.lines: list[dict[str, Any]] = []
        self._count = count
        self._stop = stop

    def write(self, step: int, **values: Any) -> None:
        """Keep a line."""
        self.lines.append({"step": step, **values})
        if len(self.lines) == self._count:
            self._stop.set()


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The whole lines of a run's log; one that is still being written, or was cut short, is left out.

    Raises:
        CheckpointError: there is no such run, or its log holds no whole line.
    """
    path = folder / _FILE
    if not path.is_file():
        raise CheckpointError(
            f"{folder}: expected a run folder with {_FILE}, found none; name the folder that 'eoras train --out' made"
        )
    if not (lines := list(_whole_lines(path))):
        raise CheckpointError(f"{path}: expected a line for each step, found none; train for a step first")
    return lines


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and isinstance(line.get("step"), int):
                yield line


def _scalars(values: Mapping[str, Any], group: str = "train") -> Iterator[tuple[str, float]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _scalars(value, name)
        elif isinstance(value, int | float):
            yield name if "/" in name else f"{group}/{name}", value


def _is_kept(epoch: int, now: int) -> bool:
    """Whether an earlier epoch is a multiple of the smallest power of two of which few enough have passed."""
    spacing = 1
    while now // spacing > _KEPT_PICTURES:
        spacing *= 2
    return epoch < now and epoch % spacing == 0
