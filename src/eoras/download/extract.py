"""Unpacking archives of strangers: nothing is written outside the folder, nothing but folders and plain files."""

import re
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from tqdm import tqdm

from eoras.errors import DataError, RunError
from eoras.files import UNREADABLE_ARCHIVE, write_folder_beside

__all__ = ["extract"]

_RATIO = 100  # of what comes out to the archive; bombs reach a thousand
_ALWAYS = 64 << 20  # bytes that may come out of any archive
_HEADER = 512  # bytes that a file counts beside its own, so that empty ones are not free
_SPARE = 256 << 20  # bytes of the disk that are left free
_BLOCK = 1 << 20  # bytes read at a time
_LONGEST = 1 << 20  # bytes of all headers of a file, which are read at once; names and maps of holes take thousands
_DAMAGED = (tarfile.TarError, *UNREADABLE_ARCHIVE)


@dataclass(frozen=True, kw_only=True)
class _Member:
    """A file or a folder in an archive; what is neither has no content."""

    name: str
    size: int
    is_folder: bool
    content: IO[bytes] | None
    header: int = _HEADER


def extract(archive: Path, folder: Path, *, progress: bool = False) -> None:
    """Unpack an archive into a new folder, which appears when all is there.

    Python's own filter is not used: it lets links through, and is missing from some versions.

    Args:
        archive: a tar, compressed or not, or a zip file.
        folder: the folder to make.
        progress: show a bar on standard error, where that is a terminal.

    Raises:
        DataError: the archive is damaged, or holds something else than folders and plain files, or names outside the
            folder, or far more than its size suggests.
        RunError: the disk is full, or ``folder`` cannot be written or exists.
    """
    size = archive.stat().st_size
    room = shutil.disk_usage(folder.parent).free - _SPARE
    left = most = _RATIO * size + _ALWAYS
    with (
        write_folder_beside(folder) as beside,
        archive.open("rb") as file,
        tqdm(total=size, unit="B", unit_scale=True, desc=archive.name, disable=None if progress else True) as bar,
    ):
        for member in _members(archive, file):
            left -= member.header + (0 if member.is_folder else member.size)
            if left < 0:
                raise _refuse(archive, f"at most {most:,} bytes, as its size suggests, found more: a bomb")
            if most - left > room:
                raise RunError(f"{folder}: {archive.name} does not fit on the disk, {room:,} bytes are free; make room")
            _write(archive, member, beside / _inside(archive, member.name))
            bar.update(file.tell() - bar.n)


def _write(archive: Path, member: _Member, path: Path) -> None:
    if member.is_folder:
        path.mkdir(parents=True, exist_ok=True)
        return
    if member.content is None:
        raise _refuse(archive, f"folders and plain files, found a link or a device, {member.name!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with path.open("wb") as file:
        for block in _blocks(archive, member.content):
            file.write(block)
            written += len(block)
    if written != member.size:
        raise _damage(archive, f"{member.name!r} has {written} bytes of {member.size}")


def _inside(archive: Path, name: str) -> PurePosixPath:
    """The path of a member, relative to the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or re.search(r"[\\\0]|^[A-Za-z]:", name):
        raise _refuse(archive, f"names inside the folder, found {name!r}")
    return path


def _members(archive: Path, file: IO[bytes]) -> Iterator[_Member]:
    with _reading(archive):
        is_zip = zipfile.is_zipfile(file)
        file.seek(0)
    yield from _members_of_zip(archive, file) if is_zip else _members_of_tar(archive, file)


def _members_of_tar(archive: Path, file: IO[bytes]) -> Iterator[_Member]:
    with _reading(archive):
        tar = _Tar.open(fileobj=file)
    with tar:
        while True:
            with _reading(archive):
                item = tar.next()
                if item is None:
                    _read_to_the_end(tar)
                    return
                tar.members = []  # type: ignore[attr-defined]  # or it would keep millions of them
                if item.size < 0:
                    raise ValueError(f"{item.name!r} has {item.size} bytes")
                content = tar.extractfile(item) if item.isreg() else None
            header = max(tar.header, _HEADER)
            yield _Member(name=item.name, size=item.size, is_folder=item.isdir(), content=content, header=header)


class _Tar(tarfile.TarFile):
    """Python's own reads headers into memory however long they are; ``header`` has the bytes of those read last."""

    header = 0

    def __init__(self, name: Any, mode: Any, fileobj: IO[bytes], **options: Any) -> None:
        self._reader: Any = _Reader(fileobj)
        super().__init__(name, mode, self._reader, **options)

    def next(self) -> tarfile.TarInfo | None:
        start = self._reader.left = _LONGEST
        try:
            return super().next()
        finally:
            self.header, self._reader.left = start - self._reader.left, None


class _Reader:
    """A file that has no more than ``left`` bytes read of it, or any number where that is None."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.left: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int) -> bytes:
        if self.left is not None:
            if not 0 <= size <= self.left:
                raise ValueError(f"a header of more than {_LONGEST:,} bytes")
            self.left -= size
        return self._file.read(size)


def _read_to_the_end(tar: tarfile.TarFile) -> None:
    """Read past the last member: there gzip keeps its checksum."""
    assert tar.fileobj is not None
    while tar.fileobj.read(_BLOCK):
        pass


def _members_of_zip(archive: Path, file: IO[bytes]) -> Iterator[_Member]:
    with _reading(archive):
        package = zipfile.ZipFile(file)
    with package:
        for item in package.infolist():
            kind = stat.S_IFMT(item.external_attr >> 16)
            plain = not item.is_dir() and kind in (0, stat.S_IFREG)
            with _reading(archive):
                content = package.open(item) if plain else None
            yield _Member(name=item.filename, size=item.file_size, is_folder=item.is_dir(), content=content)


def _blocks(archive: Path, content: IO[bytes]) -> Iterator[bytes]:
    with content:
        while True:
            with _reading(archive):
                block = content.read(_BLOCK)
            if not block:
                return
            yield block


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """Turn whatever the readers raise into an error for the user."""
    try:
        yield
    except _DAMAGED as error:
        raise _damage(archive, error) from error


def _refuse(archive: Path, sentence: str) -> DataError:
    return DataError(f"{archive}: expected {sentence}; nothing was unpacked, do not trust this file")


def _damage(archive: Path, reason: object) -> DataError:
    line = str(reason).partition(":\n")[0] or type(reason).__name__
    return DataError(f"{archive}: expected a whole archive, found a damaged one ({line}); delete it and fetch it again")
