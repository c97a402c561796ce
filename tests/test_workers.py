"""Worker processes end when the process that they work for has died."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = """
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor

from eoras.workers import end_with_parent


def work(_):
    os.write(1, f"{os.getpid()}\\n".encode())  # at once, for there are two of them
    time.sleep(600)


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with ProcessPoolExecutor(2, mp_context=context, initializer=end_with_parent) as pool:
        list(pool.map(work, range(2)))
"""


def is_alive(pid: int) -> bool:
    """Whether there is such a process that has not ended; one that nobody has asked after has."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_nobody_works_on_for_a_process_that_was_killed(tmp_path: Path, method: str) -> None:
    script = tmp_path / "command.py"
    script.write_text(COMMAND)
    words = [sys.executable, script, method]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            workers = [int(process.stdout.readline()) for _ in range(2)]
            assert all(map(is_alive, workers))
        finally:
            process.kill()
    end = time.monotonic() + 60
    while any(map(is_alive, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(is_alive, workers))
