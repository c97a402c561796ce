"""Timing on machines that others use too: the best of several runs, beside a yardstick taken in the same minute."""

import resource
import sys
import time
from collections.abc import Callable

import torch

__all__ = ["against", "best", "matrix_product", "peak_memory_mb"]

_SIDE = 4096
_OFFICIAL_GFLOP = 837.584  # of the official forward pass of a 12-frame clip; the unit of all matrix ratios


def best(work: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of several runs, after one to warm up."""
    work()
    return min(_time(work) for _ in range(repeats))


def against(work: Callable[[], object], yardstick: Callable[[], object], repeats: int) -> tuple[float, float]:
    """The best seconds of both, run in turn so that a busy minute hits them alike."""
    work()
    yardstick()
    pairs = [(_time(work), min(_time(yardstick) for _ in range(3))) for _ in range(repeats)]
    return min(first for first, _ in pairs), min(second for _, second in pairs)


def matrix_product(dtype: torch.dtype) -> tuple[Callable[[], object], Callable[[float, float], float]]:
    """The yardstick, a product of two 4096x4096 matrices, and what turns (seconds, its seconds) into a matrix ratio."""
    matrix = torch.randn(_SIDE, _SIDE).to(dtype)

    def ratio(seconds: float, of_product: float) -> float:
        return seconds * (2 * _SIDE**3 / 1e9 / of_product) / _OFFICIAL_GFLOP

    return lambda: matrix @ matrix, ratio


def peak_memory_mb() -> float:
    """The most memory this process has held, in MB of 10^6 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def _time(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
