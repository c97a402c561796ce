"""The memory of a training: how many clips pass at once, and what to do where that is too much."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from eoras.config import TrainingConfig
from eoras.errors import MemoryShortError
from eoras.model.memory import enough_memory

__all__ = ["clips_at_once", "enough_for_a_step", "enough_for_validation"]


def clips_at_once(config: TrainingConfig, processes: int) -> tuple[int, int]:
    """The clips that one process passes at once, and how often in a step; of the process with the most.

    Args:
        config: its ``batch_size`` and ``accumulate``.
        processes: how many share a step.
    """
    own = -(-config.batch_size * config.accumulate // processes)
    return min(config.batch_size, own), -(-own // config.batch_size)


def enough_for_a_step(config: TrainingConfig, device: torch.device, processes: int) -> AbstractContextManager[None]:
    """Inside, a step that needs more memory than there is is an error that says what needs less.

    Args:
        config: of the training.
        device: what computes.
        processes: how many share the step.

    Raises:
        MemoryShortError: there was too little.
    """
    most, _ = clips_at_once(config, processes)
    ways = []
    if most > 1:
        ways.append(f"set it to {most // 2} and raise training.accumulate")
    if config.dtype == "float32":
        ways.append("take --dtype bfloat16")
    if not (config.checkpoint_activations or config.compile):
        ways.append("--set training.checkpoint_activations=true")
    at_once = "1 clip" if most == 1 else f"{most} clips"
    lacking = (
        f"training.batch_size={config.batch_size}: a step, of {at_once} at a time, needs more memory than {device} has"
    )
    return enough_memory(lacking, ", or ".join(ways or ["lower training.clip_length"]))


@contextmanager
def enough_for_validation() -> Iterator[None]:
    """Inside, the message that scoring needs more memory than there is also says how to train without.

    Raises:
        MemoryShortError: there was too little.
    """
    try:
        yield
    except MemoryShortError as error:
        raise MemoryShortError(f"{error}, or --set training.validation=none") from None
