"""What happens in a run: JSON lines always, TensorBoard where it is installed."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from eoras.files import write_beside, writing

__all__ = ["Log"]


class Log:
    """Appends to ``log.jsonl`` in the run folder, one object a line, each with its ``step``.

    Args:
        folder: the run folder.
        step: the step a run goes on from; lines of later steps, left by what was interrupted, are dropped.
        epoch: the epoch it goes on from; lines of that step but a later epoch are dropped, such as its validation.
    """

    def __init__(self, folder: Path, step: int, epoch: int) -> None:
        self._path = folder / "log.jsonl"
        if self._path.exists():
            kept = [line for line in self._path.read_text(encoding="utf-8").splitlines() if _is_upto(line, step, epoch)]
            with write_beside(self._path) as path:
                path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        self._board: Any = None
        if find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            with writing(folder / "tensorboard"):
                self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, step: int, **values: Any) -> None:
        """Add a line; numbers also go to TensorBoard under their names.

        Raises:
            RunError: the disk is full, or the folder cannot be written.
        """
        with writing(self._path):
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": step, **values}) + "\n")
            if self._board is not None:
                for name, value in values.items():
                    if isinstance(value, int | float):
                        self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Finish what is still being written.

        Raises:
            RunError: as ``write``.
        """
        if self._board is not None:
            with writing(self._path):
                self._board.close()


def _is_upto(line: str, step: int, epoch: int) -> bool:
    """Whether a line is whole and of this step and epoch or earlier ones."""
    try:
        values = json.loads(line)
        return (values["step"], values["epoch"]) <= (step, epoch)
    except (ValueError, LookupError, TypeError):
        return False
