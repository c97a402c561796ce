"""The private temporary folder in which everything lies that the page is given or makes."""

import math
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from eoras.errors import RunError

__all__ = ["Store"]

UPLOAD = "upload"
"""Name of each file that is uploaded, whatever its owner calls it; it lies alone in a folder."""


class Store:
    """Folders with names that nobody can guess, below one that nobody else can read; each is removed at its time.

    Args:
        max_age: seconds from when a folder is finished to when it is removed.
        most: bytes of all folders together.
    """

    def __init__(self, max_age: float, most: float = math.inf) -> None:
        self.max_age = max_age
        self._most = most
        self._sizes: dict[Path, int] = {}
        self.folder = Path(tempfile.mkdtemp(prefix="eoras-")).resolve()  # mode 0700
        self._finished: dict[Path, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def new(self, size: int = 0) -> Iterator[Path]:
        """Make a folder to fill inside the block; its age counts from the end. If the block fails, it is removed.

        Args:
            size: bytes to keep free for it until it is filled.

        Raises:
            RunError: there is no room for them.
        """
        folder = self.folder / token_hex(16)
        with self._lock:
            if sum(self._sizes.values()) + size > self._most:
                raise RunError("the page has no room for more; wait until older files are removed")
            self._sizes[folder] = size
        try:
            folder.mkdir(mode=0o700)
            yield folder
            size = sum(path.stat().st_size for path in folder.rglob("*"))
        except BaseException:
            self._remove(folder)
            raise
        with self._lock:
            self._sizes[folder] = size
            self._finished[folder] = time.monotonic()

    def is_upload(self, path: str) -> bool:
        """Whether it is, letter by letter, the name that an upload was given here, and the file is still there."""
        with self._lock:
            return any(path == str(folder / UPLOAD) for folder in self._finished) and Path(path).is_file()

    def sweep(self) -> None:
        """Remove what is too old, also the empty files that Gradio makes beside the folders for each event."""
        with self._lock:
            old = [folder for folder, since in self._finished.items() if time.monotonic() - since >= self.max_age]
            for folder in old:
                del self._finished[folder]
        for folder in old:
            self._remove(folder)
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):
                if path.is_file() and time.time() - path.stat().st_mtime >= self.max_age:
                    path.unlink()

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remove(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        with self._lock:
            del self._sizes[folder]
