"""Writing files and folders so that nobody ever sees half of one."""

import errno
import hashlib
import lzma
import os
import re
import secrets
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO

from eoras.errors import ConfigError, RunError

__all__ = [
    "LOCK",
    "UNREADABLE_ARCHIVE",
    "find_parts",
    "find_place",
    "only_one",
    "remove_folder",
    "remove_parts",
    "sha256_of",
    "write_beside",
    "write_folder_beside",
    "writing",
]

UNREADABLE_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # an unknown kind of compression
    RuntimeError,  # encrypted
    TokenError,  # NumPy reads the header of an array as Python
    ValueError,
    OSError,
)
"""What Python raises where a zip is damaged or of a kind it does not know; errors for users and of writing are among
them, so that nothing but reading may stand where they are caught."""

LOCK = ".lock"
"""The file that lies in a folder while a process holds it (``only_one``), or has been killed while it did."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PART = re.compile(r"(?<![^/'])\.([^/]+)\.\d+\.part(?![^/'])")  # as _beside names them, within a path or a message


def sha256_of(path: Path) -> str:
    """The hash of a file's content, in hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def write_beside(path: Path, *, flush: bool = True) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on success flush it to disk and rename it to ``path``.

    The temporary file lies in the same folder, so the rename is atomic: a reader sees the old file or the new one, also
    after a power cut. Whatever fails inside the block, the temporary file is removed and ``path`` is left as it was.

    Args:
        path: the file to write.
        flush: wait until it is on the disk; without, a power cut may leave an empty file. Slow where there are hundreds
            of files.

    Raises:
        RunError: the disk is full, or the folder cannot be written.
    """
    beside = _beside(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            if flush:
                _flush(beside)
            beside.replace(path)
            if flush:
                _flush(path.parent)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


@contextmanager
def write_folder_beside(path: Path, *, flush: bool = False) -> Iterator[Path]:
    """Give an empty temporary folder beside ``path``; on success rename it to ``path``, which must not yet exist.

    Its name begins with a dot, so that nobody takes it for a finished one. Whatever fails inside the block, it is
    removed.

    Args:
        path: the folder to make.
        flush: wait until all of it is on the disk, so that a power cut leaves nothing or the whole; slow where a folder
            holds hundreds of files.

    Raises:
        RunError: the disk is full, the parent cannot be written, or ``path`` exists.
    """
    beside = _beside(path)
    try:
        with writing(path):
            beside.mkdir(parents=True)
            yield beside
            if flush:
                for entry in (*beside.rglob("*"), beside):
                    _flush(entry)
            beside.rename(path)
            if flush:
                _flush(path.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def find_place(path: Path, option: str) -> Path:
    """The folder there is in which a file or folder would be made, to ask before long work whether it can.

    Args:
        path: the file or folder.
        option: that it was named by.

    Raises:
        ConfigError: nothing can be written there.
    """
    path = path.absolute()
    place = next(folder for folder in (path, *path.parents) if folder.exists())
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise ConfigError(f"{path}: expected a place to write to, found that {place} is none; choose another {option}")
    return place


def remove_folder(path: Path) -> None:
    """Remove a folder so that nobody ever sees half of it.

    Raises:
        RunError: it cannot be removed.
    """
    beside = _beside(path)
    with writing(path):
        path.rename(beside)
        shutil.rmtree(beside)


def find_parts(folder: Path) -> list[Path]:
    """The temporary files and folders that lie in a folder: those being written, or left by killed processes."""
    return sorted(folder.glob(".*.part"))


def remove_parts(folder: Path) -> None:
    """Remove what killed processes have left in a folder that nobody else writes into.

    Raises:
        RunError: something cannot be removed.
    """
    for path in find_parts(folder):
        with writing(path):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold a folder, so that no other process that asks for it writes into it; it is made if it is not there.

    It is let go however the block ends, also where the process is killed. A folder that was made here and is still
    empty is taken away again. Nobody is held back where the system or its disk knows no such locks, or where no file
    can be made: the first to write there will be told.

    Raises:
        ConfigError: another process holds it.
    """
    is_new = not folder.exists()
    lock = _lock(folder)
    try:
        yield
    finally:
        if lock is not None:
            (folder / LOCK).unlink(missing_ok=True)
        if is_new:
            with suppress(OSError):  # it is not empty
                folder.rmdir()
        if lock is not None:
            lock.close()


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
        raise RunError(_PART.sub(r"\1", f"{path}: could not be written: {reason}")) from error


def _lock(folder: Path) -> BinaryIO | None:
    """Open and lock the folder's file; None where that cannot be done."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    path = folder / LOCK
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Not through a link, and not emptied: what lies there may be a file of the user's.
            file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "r+b")
        except OSError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise ConfigError(
                f"{folder}: expected a folder for one run alone, found another eoras that writes here; wait for its "
                "end, or choose another folder"
            ) from None
        except OSError:
            file.close()
            return None
        if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
        file.close()  # it was of a process that ended just now, and took it away


def _beside(path: Path) -> Path:
    """A name that no other writing has, not even of a container or machine where the process has the same number."""
    return path.with_name(f".{path.name}.{os.getpid()}{secrets.randbelow(10**9):09d}.part")


def _flush(path: Path) -> None:
    """Wait until a file, or the list of a folder's files, is on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
