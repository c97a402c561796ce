"""The command ``eoras train``, to be ended from outside."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["TrainCommand"]


class TrainCommand:
    """``eoras train`` in a process group of its own."""

    def __init__(self, *words: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "eoras", "train", *map(str, words)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for_step(self, run: Path, step: int) -> None:
        """Come back soon after a step, while the process runs."""
        log = run / "log.jsonl"
        self.wait_until(lambda: log.exists() and f'"step": {step},' in log.read_text())
        assert self._process.poll() is None, self._process.communicate()

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Come back when something is so, or the process has ended."""
        while self._process.poll() is None and not is_so():
            time.sleep(0.002)

    def wait_for(self, seconds: float) -> None:
        """Come back after a while, or when the process has ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def end(self, number: signal.Signals, *, whole_group: bool) -> tuple[int, str, str]:
        """Signal it unless it has ended, and give exit code, standard output and standard error."""
        if self._process.poll() is None:
            (os.killpg if whole_group else os.kill)(self._process.pid, number)
        out, err = self._process.communicate(timeout=300)
        return self._process.returncode, out, err
