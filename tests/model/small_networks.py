"""Networks small enough for properties, and clips to show them."""

from dataclasses import replace
from typing import Any

import torch
from golden import recipe
from golden_networks import draw
from torch import Tensor

from eoras.config import ModelConfig
from eoras.model.eoras import EoRaS
from eoras.model.official import official_name

__all__ = ["SMALL", "clips", "intrinsics", "small_network"]

SMALL = ModelConfig(
    backbone_width=16,
    backbone_depths=(1, 1, 1, 1),
    pyramid_channels=16,
    bev_channels=(12, 8),
    width=16,
    feedforward=24,
    num_slots=4,
    num_layers=2,
    num_heads=2,
)


def small_network(seed: int = 0, **changes: Any) -> EoRaS:
    """``SMALL`` with changes, in evaluation mode; weights, biases and running statistics are all drawn at random."""
    network = EoRaS(replace(SMALL, **changes))
    names = {name: official_name(name) for name in network.state_dict()}
    drawn = draw({names[name]: tuple(value.shape) for name, value in network.state_dict().items()}, seed)
    network.load_state_dict({name: drawn[official] for name, official in names.items()})
    return network.eval()


def clips(batch: int, length: int, seed: int = 0, kind: str = "movi") -> tuple[Tensor, Tensor]:
    """Frames ``(B, T, 3, 128, 128)`` and intrinsics ``(B, T, 3, 3)`` that differ from frame to frame."""
    return torch.from_numpy(recipe.frames(batch, length, seed)), intrinsics(batch, length, seed, kind)


def intrinsics(batch: int, length: int, seed: int = 0, kind: str = "movi") -> Tensor:
    """A kind of camera whose lens changes a little from frame to frame."""
    lens = 1 + 0.2 * torch.rand(batch, length, 1, 1, generator=torch.Generator().manual_seed(seed))
    return torch.tensor(recipe.INTRINSICS[kind]) * torch.cat((lens, lens, torch.ones_like(lens)), dim=-1)
