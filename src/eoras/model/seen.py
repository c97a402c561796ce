"""Bird's-eye layers on the cells that see something; all others share one value that depends on weights alone.

About half of the lattice projects outside the image on MOVi, and all of it on KITTI as published (Q-B1).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SeenCells"]

_WINDOWS_AT_ONCE = 1024  # of a convolution; the nine inputs of each are gathered side by side


@dataclass(frozen=True)
class SeenCells:
    """Maps of N frames that are constant in most places.

    Attributes:
        rows: float ``(R, C)``, the distinct cells; the last one is the constant, each other stands in one place.
        index: int64 ``(N, H, W)``, the row of each cell.
    """

    rows: Tensor
    index: Tensor

    @classmethod
    def where(cls, seen: Tensor, rows: Tensor) -> "SeenCells":
        """Place ``rows[:-1]`` in order at the true cells of ``seen``, bool ``(N, H, W)``, the last row elsewhere."""
        index = torch.full(seen.shape, len(rows) - 1, device=seen.device)
        index[seen] = torch.arange(len(rows) - 1, device=seen.device)
        return cls(rows, index)

    def dense(self) -> Tensor:
        """The maps themselves, float32 ``(N, C, H, W)``; thousands of cells add up to the gradient of one row."""
        return F.embedding(self.index, _exact(self.rows)).permute(0, 3, 1, 2)

    def mix(self, conv: nn.Conv2d) -> "SeenCells":
        """Apply a 1x1 convolution."""
        return SeenCells(F.linear(self.rows, conv.weight.flatten(1), conv.bias), self.index)

    def normalise(self, norm: nn.BatchNorm2d) -> "SeenCells":
        """Apply a batch normalisation; its statistics, where it takes any, are those of all cells."""
        if not norm.training:
            rows = F.batch_norm(self.rows, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
            return SeenCells(rows, self.index)
        rows, mean, variance = _Normalise.apply(self.rows, self.index.numel(), norm.weight, norm.bias, norm.eps)
        _remember(norm, mean, variance, self.index.numel())
        return SeenCells(rows, self.index)

    def activate(self) -> "SeenCells":
        """Apply the leaky ReLU, in place."""
        return SeenCells(F.leaky_relu_(self.rows), self.index)

    def convolve(self, conv: nn.Conv2d) -> "SeenCells":
        """Apply a 3x3 convolution with one cell of zeros around; a window is computed unless it is all constant."""
        constant, outside = len(self.rows) - 1, len(self.rows)
        stride = conv.stride[0]
        windows = F.pad(self.index, (1, 1, 1, 1), value=outside).unfold(1, 3, stride).unfold(2, 3, stride).flatten(-2)
        depends = (windows != constant).any(-1)
        wanted = torch.cat((windows[depends], windows.new_full((1, 9), constant)))
        weight = conv.weight.to(self.rows.dtype).permute(2, 3, 1, 0).flatten(0, 2)
        assert conv.bias is not None
        return SeenCells.where(depends, _Convolve.apply(self.rows, wanted, weight, conv.bias.to(self.rows.dtype)))


class _Convolve(torch.autograd.Function):
    """A matrix product a window: float rows ``(R, C)``, windows ``(W, 9)``, weight ``(9 * C, D)`` to ``(W, D)``.

    The number R in a window stands for zeros.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, windows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(rows, windows, weight)
        weight = weight.contiguous()
        out = rows.new_empty(len(windows), weight.shape[1])
        for part, inputs, _ in _parts(out, rows, windows):
            torch.addmm(bias, inputs, weight, out=part)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, Tensor, Tensor]:
        (grad,) = grads
        rows, windows, weight = ctx.saved_tensors
        back = weight.t().contiguous()
        of_rows = _exact(rows.new_zeros(len(rows) + 1, rows.shape[1]))
        of_weight = torch.zeros_like(_exact(weight))
        for part, inputs, window in _parts(grad, rows, windows):
            of_weight += inputs.t() @ part
            of_inputs = torch.mm(part, back, out=inputs)
            of_rows.index_add_(0, window.flatten(), _exact(of_inputs.view(-1, rows.shape[1])))
        return of_rows[:-1].to(rows.dtype), None, of_weight.to(weight.dtype), _exact(grad).sum(0).to(grad.dtype)


class _Normalise(torch.autograd.Function):
    """Batch normalisation of rows ``(R, C)`` of which the last stands for all of ``cells`` but ``R - 1``."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, cells: int, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        repeats = cells - (len(rows) - 1)
        placed, constant = _exact(rows[:-1]), _exact(rows[-1])
        mean = (placed.sum(0) + repeats * constant) / cells
        variance = ((placed - mean).square_().sum(0) + repeats * (constant - mean).square()) / cells
        ctx.save_for_backward(rows, mean, variance, weight)
        ctx.cells, ctx.repeats, ctx.eps = cells, repeats, eps
        ctx.mark_non_differentiable(mean, variance)
        return F.batch_norm(rows, mean, variance, weight, bias, eps=eps), mean, variance

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, Tensor, Tensor, None]:
        grad = _exact(grads[0])
        rows, mean, variance, weight = ctx.saved_tensors
        inverse = (variance + ctx.eps).rsqrt()
        centred = _exact(rows) - mean
        of_bias = grad.sum(0)
        of_weight = (grad * centred).sum(0) * inverse
        # the statistics depend on each cell alike, so on the last row as often as it repeats
        through_statistics = centred.mul_(inverse * of_weight / ctx.cells).add_(of_bias / ctx.cells)
        through_statistics[-1] *= ctx.repeats
        of_rows = through_statistics.neg_().add_(grad).mul_(weight * inverse)
        return of_rows.to(rows.dtype), None, of_weight, of_bias, None


def _parts(of_windows: Tensor, rows: Tensor, windows: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Some windows at a time: their rows of ``of_windows``, their inputs side by side, their numbers.

    The inputs, float ``(some, 9 * C)``, lie in one buffer for all, for fresh memory costs as much as filling it twice;
    the caller may write there.
    """
    padded = F.pad(rows, (0, 0, 0, 1))
    buffer = rows.new_empty(min(_WINDOWS_AT_ONCE, len(windows)) * 9, rows.shape[1])
    for part, window in zip(of_windows.split(_WINDOWS_AT_ONCE), windows.split(_WINDOWS_AT_ONCE), strict=True):
        inputs = torch.index_select(padded, 0, window.flatten(), out=buffer[: window.numel()])
        yield part, inputs.view(len(window), -1), window


def _exact(x: Tensor) -> Tensor:
    """In float32 at least: a sum over thousands of cells would stall in bfloat16."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


@torch.no_grad()
def _remember(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, cells: int) -> None:
    """Move the running statistics, as ``nn.BatchNorm2d`` does."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    norm.num_batches_tracked += 1
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance * (cells / (cells - 1)), norm.momentum)
