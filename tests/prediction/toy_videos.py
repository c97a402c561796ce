"""Small videos, their visible masks, and networks small enough to complete them quickly."""

from functools import cache
from typing import Any

import numpy as np
import torch

from eoras.config import ModelConfig
from eoras.model.eoras import EoRaS

__all__ = ["HEIGHT", "WIDTH", "moving", "noise", "toy_network"]

HEIGHT, WIDTH = 40, 56


def noise(length: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Frames in which no two pixels are alike, uint8 ``(T, H, W, 3)``."""
    return np.random.default_rng(0).integers(0, 256, (length, height, width, 3), dtype=np.uint8)


def moving(length: int, hidden: range = range(0), begin: int = 0, end: int | None = None) -> np.ndarray:
    """A rectangle that grows and moves to the right, but for the frames in which it is hidden: bool ``(T, H, W)``."""
    masks = np.zeros((length, HEIGHT, WIDTH), dtype=bool)
    for t in range(begin, length if end is None else end):
        if t not in hidden:
            left = 3 + t % 30
            masks[t, 8 : 18 + t % 7, left : left + 12] = True
    return masks


@cache
def toy_network(*, visible_input: bool = False, **options: Any) -> EoRaS:
    """A network drawn at random whose masks differ from frame to frame."""
    small: dict[str, Any] = {"backbone_depths": (1, 1, 1, 1), "bev_channels": (8,), "num_layers": 1, "num_heads": 2}
    torch.manual_seed(0)
    network = EoRaS(
        ModelConfig(
            backbone_width=16,
            pyramid_channels=16,
            width=16,
            feedforward=24,
            num_slots=4,
            visible_input=visible_input,
            **small,
            **options,
        )
    )
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("weight") and parameter.ndim > 1:
                parameter.mul_(1.5)
        if visible_input:
            network.backbone.conv1.weight[:, 3:].normal_()
    return network.eval()
