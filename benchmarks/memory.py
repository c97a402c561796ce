"""Memory of this process; without torch, which alone takes 200 MB."""

import resource
import sys

__all__ = ["peak_memory_mb"]


def peak_memory_mb() -> float:
    """The most memory this process has held, in MB of 10^6 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
