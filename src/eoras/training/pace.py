"""How fast a training goes, how long it waits for data, and the memory it takes."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

import torch

__all__ = ["Pace", "peak_memory"]

T = TypeVar("T")


class Pace:
    """Measures a training from step to step; the first step begins when this is made.

    Args:
        device: what the network trains on.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._began = time.perf_counter()
        self._waited = 0.0

    def watch(self, steps: Iterable[T]) -> Iterator[T]:
        """The same items; what it takes to get them counts as waiting for data."""
        rest = iter(steps)
        while True:
            began = time.perf_counter()
            try:
                step = next(rest)
            except StopIteration:
                return
            self._waited += time.perf_counter() - began
            yield step

    def lap(self, clips: int, clip_length: int) -> dict[str, float]:
        """What the log says of the step that ends now; the next one begins.

        Args:
            clips: clips the step has seen.
            clip_length: frames of each.
        """
        seconds, waited = time.perf_counter() - self._began, self._waited
        self._began, self._waited = self._began + seconds, 0.0
        return {
            "seconds": seconds,
            "waiting_seconds": waited,
            "clips_per_second": clips / seconds,
            "frames_per_second": clips * clip_length / seconds,
            "peak_memory_gb": peak_memory(self._device) / 1e9,
        }


def peak_memory(device: torch.device) -> int:
    """The most memory in use so far, in bytes: on a GPU that of all tensors, else that of this process.

    0 where the system does not tell, as on Windows.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ModuleNotFoundError:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
