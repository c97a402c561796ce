"""The private temporary folder in which everything lies that the page is given or makes."""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

__all__ = ["Store"]

UPLOAD = "upload"
"""Name of each file that is uploaded, whatever its owner calls it; it lies alone in a folder."""


class Store:
    """Folders with names that nobody can guess, below one that nobody else can read; each is removed at its time.

    Args:
        max_age: seconds from when a folder is finished to when it is removed.
    """

    def __init__(self, max_age: float) -> None:
        self.max_age = max_age
        self.folder = Path(tempfile.mkdtemp(prefix="eoras-")).resolve()  # mode 0700
        self._finished: dict[Path, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def new(self) -> Iterator[Path]:
        """Make a folder to fill inside the block; its age counts from the end. If the block fails, it is removed."""
        folder = self.folder / token_hex(16)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        with self._lock:
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
            shutil.rmtree(folder, ignore_errors=True)
        for path in self.folder.iterdir():
            with suppress(FileNotFoundError):
                if path.is_file() and time.time() - path.stat().st_mtime >= self.max_age:
                    path.unlink()

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
