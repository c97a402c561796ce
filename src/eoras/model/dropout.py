"""Dropout on a CPU: fast random numbers, where PyTorch's take as long as the attention itself, and little memory."""

from collections.abc import Sequence
from typing import Any

import numpy as np
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

    def of_relu(self, x: Tensor) -> Tensor:
        """The same as of ``F.relu(x)``."""
        if self.training and self.probability and x.device.type == "cpu":
            return _DropRelu.apply(x, self.probability)
        return self(F.relu(x))


def attend(queries: Tensor, keys: Tensor, values: Tensor, dropout: Dropout, bias: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention with dropout on its weights.

    Args:
        queries: float ``(..., N, D)``.
        keys: float ``(..., M, D)``, of the same type.
        values: float ``(..., M, D)``, of the same type.
        dropout: of the weights.
        bias: float, of a shape that fits ``(..., N, M)``, added to the scaled products; it gets no gradient.

    Returns:
        float ``(..., N, D)``.
    """
    probability = dropout.probability if dropout.training else 0.0
    if not probability or queries.device.type != "cpu":
        return F.scaled_dot_product_attention(queries, keys, values, attn_mask=bias, dropout_p=probability)
    return _Attend.apply(queries, keys, values, bias, probability)


class _Drop(torch.autograd.Function):
    """Dropout."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, probability: float) -> Tensor:
        kept, ctx.scale = _draw(x.shape, probability), 1 / (1 - probability)
        ctx.save_for_backward(_pack(kept))
        return _keep(x, kept, ctx.scale)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (packed,) = ctx.saved_tensors
        return _keep(grads[0], _unpack(packed, grads[0].shape), ctx.scale), None


class _DropRelu(torch.autograd.Function):
    """Dropout of the ReLU; its answer, which the next layer saves anyhow, tells where gradients pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, probability: float) -> Tensor:
        ctx.scale = 1 / (1 - probability)
        out = _keep(x, _draw(x.shape, probability), ctx.scale).relu_()
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (out,) = ctx.saved_tensors
        return _keep(grads[0], out != 0, ctx.scale), None


class _Attend(torch.autograd.Function):
    """Attention that computes its weights again for the gradient: kept, they would be the largest of all tensors."""

    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None, probability: float
    ) -> Tensor:
        weights = _weights(queries, keys, bias)
        kept, ctx.scale = _draw(weights.shape, probability), 1 / (1 - probability)
        ctx.save_for_backward(queries, keys, values, bias, _pack(kept))
        return _keep(weights, kept, ctx.scale) @ values

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        (grad,) = grads
        queries, keys, values, bias, packed = ctx.saved_tensors
        weights = _weights(queries, keys, bias)
        kept = _unpack(packed, weights.shape)
        of_values = _keep(weights, kept, ctx.scale).transpose(-2, -1) @ grad
        of_weights = _keep(grad @ values.transpose(-2, -1), kept, ctx.scale).mul_(weights)
        of_scores = of_weights.addcmul_(weights, of_weights.sum(-1, keepdim=True), value=-1)
        of_scores *= queries.shape[-1] ** -0.5
        return of_scores @ keys, of_scores.transpose(-2, -1) @ queries, of_values, None, None


def _weights(queries: Tensor, keys: Tensor, bias: Tensor | None) -> Tensor:
    """What each query takes of each key, float ``(..., N, M)``."""
    scores = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-2, -1)
    return (scores if bias is None else scores.add_(bias)).softmax(-1)


def _draw(shape: Sequence[int], probability: float) -> Tensor:
    """Which numbers stay, bool, by 16 random bits each; the probability is rounded to a multiple of 2**-16."""
    count = torch.Size(shape).numel()
    bits = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None)
    return bits.view(torch.int16)[:count].view(shape) >= round(probability * 2**16) - 2**15


def _pack(kept: Tensor) -> Tensor:
    """Eight numbers of a mask a byte, uint8."""
    return torch.from_numpy(np.packbits(kept.numpy()))


def _unpack(packed: Tensor, shape: Sequence[int]) -> Tensor:
    """The mask, bool of this shape."""
    bits = np.unpackbits(packed.numpy(), count=torch.Size(shape).numel())
    return torch.from_numpy(bits).view(torch.bool).view(shape)


def _keep(x: Tensor, kept: Tensor, scale: float) -> Tensor:
    return torch.where(kept, x, 0).mul_(scale)
