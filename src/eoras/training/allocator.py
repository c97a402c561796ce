"""Memory that a training step frees stays with the process; taking it from the system anew costs time."""

import ctypes
import sys

__all__ = ["keep_freed_memory"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # as malloc.h of glibc numbers them


def keep_freed_memory() -> None:
    """Let the C library of this process keep what it frees; nothing where that is not glibc.

    For processes that allocate the same again and again. Results do not change.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:  # what an older release does not take it leaves as it was
        mallopt(_MMAP_THRESHOLD, 2**30)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
