"""Writing files and folders so that nobody ever sees half of one."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eoras.errors import RunError

__all__ = ["write_beside", "write_folder_beside", "writing"]

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def write_beside(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on success flush it to disk and rename it to ``path``.

    The temporary file lies in the same folder, so the rename is atomic: a reader sees the old file or the new one.
    Whatever fails inside the block, the temporary file is removed and ``path`` is left as it was.

    Raises:
        RunError: the disk is full, or the folder cannot be written.
    """
    beside = _beside(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


@contextmanager
def write_folder_beside(path: Path) -> Iterator[Path]:
    """Give an empty temporary folder beside ``path``; on success rename it to ``path``, which must not yet exist.

    Its name begins with a dot, so that nobody takes it for a finished one. Whatever fails inside the block, it is
    removed. Unlike ``write_beside`` this does not wait for the disk: a folder may hold hundreds of files.

    Raises:
        RunError: the disk is full, the parent cannot be written, or ``path`` exists.
    """
    beside = _beside(path)
    shutil.rmtree(beside, ignore_errors=True)  # left by a killed process of the same number
    try:
        with writing(path):
            beside.mkdir(parents=True)
            yield beside
            beside.rename(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the operating system says about writing ``path`` into an error for the user.

    Raises:
        RunError: instead of any ``OSError``.
    """
    try:
        yield
    except OSError as error:
        reason = "the disk, or your share of it, is full; free some space" if error.errno in _NO_ROOM else str(error)
        raise RunError(f"{path}: could not be written: {reason}") from error


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.part")
