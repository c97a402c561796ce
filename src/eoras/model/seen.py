"""Bird's-eye layers on distinct cells: those that see nothing share values that depend on weights alone.

About half of the lattice projects outside the image on MOVi, and all of it on KITTI as published (Q-B1).
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eoras.model.winograd import DOUBLE, STRIDE_1, STRIDE_2, exact

__all__ = ["SeenCells"]


@dataclass(frozen=True)
class SeenCells:
    """Maps of N frames, many cells of which are alike.

    Attributes:
        rows: float ``(R, C)``, the distinct cells.
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

    @classmethod
    def all(cls, maps: Tensor) -> "SeenCells":
        """Each cell of maps, float ``(N, C, H, W)``."""
        rows = maps.permute(0, 2, 3, 1).flatten(0, 2)
        return cls(rows, torch.arange(len(rows), device=maps.device).view(-1, *maps.shape[2:]))

    def dense(self) -> Tensor:
        """The maps themselves, float32 ``(N, C, H, W)``; thousands of cells add up to the gradient of one row."""
        return F.embedding(self.index, exact(self.rows)).permute(0, 3, 1, 2)

    def mix(self, conv: nn.Conv2d) -> "SeenCells":
        """Apply a 1x1 convolution."""
        return SeenCells(F.linear(self.rows, conv.weight.flatten(1), conv.bias), self.index)

    def normalise(self, norm: nn.BatchNorm2d) -> "SeenCells":
        """Apply a batch normalisation; its statistics, where it takes any, are those of all cells."""
        if not norm.training:
            rows = F.batch_norm(self.rows, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
            return SeenCells(rows, self.index)
        repeats = self.index.flatten().bincount(minlength=len(self.rows))
        rows, mean, variance = _Normalise.apply(self.rows, repeats, norm.weight, norm.bias, norm.eps)
        _remember(norm, mean, variance, self.index.numel())
        return SeenCells(rows, self.index)

    def activate(self) -> "SeenCells":
        """Apply the leaky ReLU, in place."""
        return SeenCells(F.leaky_relu_(self.rows), self.index)

    def convolve(self, conv: nn.Conv2d | nn.ConvTranspose2d) -> "SeenCells":
        """Apply a 3x3 convolution with a padding of 1; tiles that read the same are computed once."""
        assert conv.bias is not None
        weight, sides, stride = conv.weight, self.index.shape[1:], conv.stride[0]
        if isinstance(conv, nn.ConvTranspose2d):
            algorithm, weight, sides = DOUBLE, weight.transpose(0, 1), [2 * side - 1 for side in sides]
        else:
            algorithm, sides = {1: STRIDE_1, 2: STRIDE_2}[stride], [-(-side // stride) for side in sides]
        tiles = algorithm.tiles(self.index, outside=len(self.rows))
        if len(self.rows) < self.index.numel():
            distinct, number = tiles.flatten(0, 2).unique(dim=0, return_inverse=True)
        else:  # hardly two cells are alike
            distinct, number = tiles.flatten(0, 2), torch.arange(tiles[..., 0].numel(), device=tiles.device)
        outputs = algorithm.convolve(self.rows, distinct, weight, conv.bias)
        index = algorithm.places(number.view(tiles.shape[:3]), len(distinct))
        return SeenCells(outputs.flatten(0, 1), index[:, : sides[0], : sides[1]])


class _Normalise(torch.autograd.Function):
    """Batch normalisation of rows ``(R, C)``, each of which stands for ``repeats`` cells, int64 ``(R,)``."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, repeats: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        share = (repeats.double() / repeats.sum()).to(torch.promote_types(rows.dtype, torch.float32))[:, None]
        mean = (exact(rows) * share).sum(0)
        variance = ((exact(rows) - mean).square_().mul_(share)).sum(0)
        ctx.save_for_backward(rows, share, mean, variance, weight)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        return F.batch_norm(rows, mean, variance, weight, bias, eps=eps), mean, variance

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, Tensor, Tensor, None]:
        grad = exact(grads[0])
        rows, share, mean, variance, weight = ctx.saved_tensors
        inverse = (variance + ctx.eps).rsqrt()
        centred = exact(rows) - mean
        of_bias = grad.sum(0)
        of_weight = (grad * centred).sum(0) * inverse
        # the statistics depend on each cell alike, so on a row as often as it repeats
        through_statistics = centred.mul_(inverse * of_weight).add_(of_bias).mul_(share)
        of_rows = through_statistics.neg_().add_(grad).mul_(weight * inverse)
        return of_rows.to(rows.dtype), None, of_weight, of_bias, None


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
