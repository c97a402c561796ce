"""Dropout that draws its random numbers fast on a CPU, where PyTorch's takes as long as the attention itself."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Dropout", "attend"]


class Dropout(nn.Module):
    """Sets each number to zero with a probability, in training, and scales the others by ``1 / (1 - probability)``."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Float of any shape to the same."""
        if not (self.training and self.probability):
            return x
        return _Drop.apply(x, self.probability) if x.device.type == "cpu" else F.dropout(x, self.probability)


def attend(queries: Tensor, keys: Tensor, values: Tensor, dropout: Dropout, present: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention with dropout on its weights.

    Args:
        queries: float ``(..., N, D)``.
        keys: float ``(..., M, D)``.
        values: float ``(..., M, D)``.
        dropout: of the weights.
        present: bool, of a shape that fits ``(..., N, M)``; false for keys that get no weight. None: all do.

    Returns:
        float ``(..., N, D)``.
    """
    probability = dropout.probability if dropout.training else 0.0
    if not probability or queries.device.type != "cpu":
        return F.scaled_dot_product_attention(queries, keys, values, attn_mask=present, dropout_p=probability)
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-2, -1)
    if present is not None:
        scores = scores.masked_fill(~present, -torch.inf)
    return dropout(scores.softmax(-1)) @ values


class _Drop(torch.autograd.Function):
    """Dropout by 16 random bits a number; the probability is rounded to a multiple of 2**-16."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, probability: float) -> Tensor:
        bits = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        kept = bits.view(torch.int16)[: x.numel()].view(x.shape) >= round(probability * 2**16) - 2**15
        ctx.save_for_backward(kept)
        ctx.scale = 1 / (1 - probability)
        return torch.where(kept, x, 0).mul_(ctx.scale)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (kept,) = ctx.saved_tensors
        return torch.where(kept, grads[0], 0).mul_(ctx.scale), None
