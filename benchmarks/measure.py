"""Timing on machines that others use too: the best of several runs, beside a yardstick taken in the same minute."""

import statistics
import time
from collections.abc import Callable

import torch

__all__ = ["against", "best", "matrix_product"]

_SIDE = 4096
_OFFICIAL_GFLOP = 837.584  # of the official forward pass of a 12-frame clip; matrix ratio 1 is a product of as many


def best(work: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of several runs, after one to warm up."""
    work()
    return min(_time(work) for _ in range(repeats))


def against(work: Callable[[], object], yardstick: Callable[[], object], repeats: int) -> float:
    """How many times as long as the yardstick the work takes: the median over several turns.

    Each turn takes the best of six yardsticks around its work, so that a busy neighbour slows both alike.
    """
    work()
    yardstick()
    ratios = []
    for _ in range(repeats):
        before = [_time(yardstick) for _ in range(3)]
        seconds = _time(work)
        after = [_time(yardstick) for _ in range(3)]
        ratios.append(seconds / min(before + after))
    return statistics.median(ratios)


def matrix_product(dtype: torch.dtype) -> tuple[Callable[[], object], float]:
    """The yardstick, a product of two 4096x4096 matrices, and the factor from its number to the matrix ratio."""
    matrix = torch.randn(_SIDE, _SIDE).to(dtype)
    return lambda: matrix @ matrix, 2 * _SIDE**3 / 1e9 / _OFFICIAL_GFLOP


def _time(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
