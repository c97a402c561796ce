"""Worker processes that nobody has to clean up after."""

import multiprocessing
import os
import threading
from multiprocessing.process import BaseProcess

__all__ = ["end_with_parent"]


def end_with_parent() -> None:
    """In a worker process: end when the process that started it has died; the work it waits for would never come."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
