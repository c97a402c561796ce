"""Memory of this process and its children; without torch, which alone takes 200 MB."""

import multiprocessing
import os
import resource
import sys
import threading
from pathlib import Path
from types import TracebackType

__all__ = ["PeakOfAll", "peak_memory_mb"]


def peak_memory_mb() -> float:
    """The most memory this process has held, in MB of 10^6 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


class PeakOfAll:
    """The most memory that this process and its children hold at one time; what they share counts once. Linux.

    Attributes:
        mb: in MB of 10^6 bytes, when the block has ended.
    """

    _EVERY = 0.5  # seconds

    def __enter__(self) -> "PeakOfAll":
        self.mb = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            pids = [os.getpid(), *(child.pid for child in multiprocessing.active_children())]
            self.mb = max(self.mb, sum(_share_of_memory(pid) for pid in pids if pid) / 1e6)
            if self._end.wait(self._EVERY):
                return


def _share_of_memory(pid: int) -> int:
    """Bytes of a process; of what n processes share, an n-th."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:  # it has ended
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
