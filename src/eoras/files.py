"""Writing files so that nobody ever sees half of one."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eoras.errors import RunError

__all__ = ["write_beside"]


@contextmanager
def write_beside(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on success flush it to disk and rename it to ``path``.

    The temporary file lies in the same folder, so the rename is atomic: a reader sees the old file or the new one.
    Whatever fails inside the block, the temporary file is removed and ``path`` is left as it was.

    Raises:
        RunError: the disk is full, or the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        with beside.open("rb+") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        reason = "the disk is full; free some space" if error.errno == errno.ENOSPC else str(error)
        raise RunError(f"{path}: could not be written: {reason}") from error
    finally:
        beside.unlink(missing_ok=True)
