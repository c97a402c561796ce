"""The learning rate of each step."""

import math

from eoras.config import TrainingConfig

__all__ = ["learning_rate"]


def learning_rate(config: TrainingConfig, epoch: int, step: int, steps: int) -> float:
    """The learning rate of a step.

    Args:
        config: its ``schedule``, ``decay`` and ``warmup_steps``.
        epoch: from 0.
        step: number of the step, from 0, counted over all epochs.
        steps: of all epochs.
    """
    rate = config.learning_rate * config.decay**epoch
    if config.schedule == "cosine":
        rate *= (1 + math.cos(math.pi * min(step / steps, 1))) / 2
    return rate * min((step + 1) / (config.warmup_steps + 1), 1)
