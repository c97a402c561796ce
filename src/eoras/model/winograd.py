"""3x3 convolutions with fewer multiplications: Winograd's algorithms (Lavin and Gray 2015, arXiv 1509.09308).

A tile of neighbouring outputs is ``outputs @ ((weights @ taps) * (inputs @ cells))`` along one dimension, and along two
the same with the Kronecker square of each matrix. The product ``*`` sums over channels, so that many tiles make one
matrix product for each of its places.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["DOUBLE", "STRIDE_1", "STRIDE_2", "Algorithm", "exact"]

_NUMBERS_AT_ONCE = 2**23  # of transformed tiles: few enough to be near the processor, enough for a large product


@dataclass(frozen=True)
class Algorithm:
    """How to convolve along one dimension with P products a tile.

    Attributes:
        inputs: ``P x I``, of the I cells that a tile reads.
        weights: ``P x 3``, of the taps.
        outputs: ``O x P``, of the products.
        step: cells from one tile to the next.
        before: cells that a tile reads before its own.
    """

    inputs: tuple[tuple[float, ...], ...]
    weights: tuple[tuple[float, ...], ...]
    outputs: tuple[tuple[float, ...], ...]
    step: int
    before: int = 1

    def tiles(self, maps: Tensor, outside: int) -> Tensor:
        """What each tile reads, ``outside`` beyond the maps.

        Args:
            maps: int64 ``(N, H, W)``.
            outside: a number.

        Returns:
            int64 ``(N, H / step, W / step, I * I)``, sides rounded up.
        """
        reads = len(self.inputs[0])
        below, right = (reads - self.before - self.step + -side % self.step for side in maps.shape[1:])
        padded = F.pad(maps, (self.before, right, self.before, below), value=outside)
        return padded.unfold(1, reads, self.step).unfold(2, reads, self.step).flatten(-2)

    def places(self, tiles: Tensor, count: int) -> Tensor:
        """Which of the flattened outputs of ``convolve`` stands where.

        Args:
            tiles: int64 ``(N, h, w)``, the number of each tile.
            count: T, how many tiles ``convolve`` was given.

        Returns:
            int64 ``(N, h * O, w * O)``.
        """
        side = len(self.outputs)
        within = torch.arange(side**2, device=tiles.device).view(side, 1, side) * count
        return (tiles[:, :, None, :, None] + within).flatten(3, 4).flatten(1, 2)

    def convolve(self, rows: Tensor, tiles: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """The outputs of tiles.

        Args:
            rows: float ``(R, C)``.
            tiles: int64 ``(T, I * I)``, numbers of rows; R stands for zeros.
            weight: float ``(D, C, 3, 3)``, as in ``nn.Conv2d``.
            bias: float ``(D,)``.

        Returns:
            float ``(O * O, T, D)``, of the type of ``rows``.
        """
        squares = _square(self.inputs, rows), _square(self.weights, weight), _square(self.outputs, rows)
        return _Convolve.apply(rows, tiles, weight, bias, squares)


# F(4, 3) at the points 0, 1, -1, 1/2, -2 and infinity: with 2 for 1/2, as in the paper, rounding errs twice as much
# (Barabasz et al. 2018, arXiv 1803.10986)
STRIDE_1 = Algorithm(
    inputs=(
        (2, -3, -4, 3, 2, 0),
        (0, -2, 1, 5, 2, 0),
        (0, 2, -5, 1, 2, 0),
        (0, -2, -1, 2, 1, 0),
        (0, 1, -2, -1, 2, 0),
        (0, 2, -3, -4, 3, 2),
    ),
    weights=(
        (1 / 2, 0, 0),
        (1 / 6, 1 / 6, 1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (-16 / 15, -8 / 15, -4 / 15),
        (1 / 30, -1 / 15, 2 / 15),
        (0, 0, 1 / 2),
    ),
    outputs=((1, 1, 1, 1, 1, 0), (0, 1, -1, 1 / 2, -2, 0), (0, 1, 1, 1 / 4, 4, 0), (0, 1, -1, 1 / 8, -8, 1)),
    step=4,
)

# the outer taps read every other cell: F(2, 2); so does the middle one, which is multiplied as it is
STRIDE_2 = Algorithm(
    inputs=((1, 0, -1, 0, 0), (0, 0, 1, 0, 0), (0, 0, 1, 0, -1), (0, 1, 0, 0, 0), (0, 0, 0, 1, 0)),
    weights=((1, 0, 0), (1, 0, 1), (0, 0, 1), (0, 1, 0), (0, 1, 0)),
    outputs=((1, 1, 0, 1, 0), (0, 1, -1, 0, 1)),
    step=4,
)

# a transposed convolution of stride 2: the middle tap makes every other output, the outer ones those between
DOUBLE = Algorithm(
    inputs=((1, -1, 0), (0, 1, 0), (0, 1, -1), (1, 0, 0), (0, 1, 0)),
    weights=((0, 0, 1), (1, 0, 1), (1, 0, 0), (0, 1, 0), (0, 1, 0)),
    outputs=((0, 0, 0, 1, 0), (1, 1, 0, 0, 0), (0, 0, 0, 0, 1), (0, 1, -1, 0, 0)),
    step=2,
    before=0,
)


class _Convolve(torch.autograd.Function):
    """``Algorithm.convolve`` with the squares of its three matrices."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, tiles: Tensor, weight: Tensor, bias: Tensor, squares: tuple[Tensor, Tensor, Tensor]
    ) -> Tensor:
        ctx.save_for_backward(rows, tiles, weight, *squares)
        inputs, weights, outputs = squares
        factors, bias = _factors(weights, weight).to(rows.dtype), bias.to(rows.dtype)
        out = rows.new_empty(len(outputs), len(tiles), len(bias))
        for part, _, cells in _parts(out, rows, tiles, factors):
            products = torch.bmm(_transform(inputs, cells), factors)
            torch.mm(outputs, products.flatten(1), out=part.flatten(1))
            part += bias
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, Tensor, Tensor, None]:
        (grad,) = grads
        rows, tiles, weight, inputs, weights, outputs = ctx.saved_tensors
        factors = _factors(weights, weight).to(rows.dtype).transpose(1, 2)
        of_rows = exact(rows.new_zeros(len(rows) + 1, rows.shape[1]))
        of_factors = torch.zeros_like(exact(factors))  # D before C, as the weight has them
        for part, tile, cells in _parts(grad, rows, tiles, factors):
            of_products = _transform(outputs.t(), part)
            of_factors += torch.bmm(of_products.transpose(1, 2), _transform(inputs, cells))
            of_cells = _transform(inputs.t(), torch.bmm(of_products, factors))
            of_rows.index_add_(0, tile.flatten(), exact(of_cells.flatten(0, 1)))
        of_weight = _transform(weights.t(), of_factors).unflatten(0, (3, 3)).permute(2, 3, 0, 1)
        return of_rows[:-1].to(rows.dtype), None, of_weight.to(weight.dtype), exact(grad).sum((0, 1)), None


def _factors(weights: Tensor, weight: Tensor) -> Tensor:
    """The transformed weight, float ``(P * P, C, D)``."""
    with torch.autocast(weight.device.type, enabled=False):
        return _transform(weights, weight.permute(2, 3, 1, 0).flatten(0, 1))


def _parts(of_tiles: Tensor, rows: Tensor, tiles: Tensor, factors: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Some tiles at a time: their part of ``of_tiles``, their numbers ``(I * I, some)``, their cells ``(..., C)``."""
    padded = F.pad(rows, (0, 0, 0, 1))
    some = max(1, _NUMBERS_AT_ONCE // (len(factors) * max(factors.shape[1:])))
    for part, tile in zip(of_tiles.split(some, 1), tiles.t().split(some, 1), strict=True):
        yield part, tile, F.embedding(tile, padded)


def _transform(matrix: Tensor, x: Tensor) -> Tensor:
    """Mix the first dimension of ``(A, some, C)``."""
    return (matrix @ x.flatten(1)).unflatten(1, x.shape[1:])


def _square(matrix: tuple[tuple[float, ...], ...], like: Tensor) -> Tensor:
    """The Kronecker square; in Python, where it is one operation of PyTorch instead of five."""
    square = [[a * b for a in above for b in below] for above in matrix for below in matrix]
    return torch.tensor(square, dtype=like.dtype, device=like.device)


def exact(x: Tensor) -> Tensor:
    """In float32 at least: a sum over thousands of cells would stall in bfloat16."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
