"""Front-view features lifted to a bird's-eye view with the camera's intrinsics, then reduced to 16x16 cells."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eoras.model.seen import SeenCells

__all__ = ["BirdsEyeView", "Taps", "bilinear_taps", "lattice"]

_SIDE = 16  # cells of the feature map, and of the result
_HEIGHTS = 5
_WIDTH_RANGE, _HEIGHT_RANGE, _DEPTH_RANGE = (-10.0, 10.0), (-3.5, 1.5), (0.0, 20.0)  # world units: x, y down, z forward


@dataclass(frozen=True)
class Taps:
    """Where each bird's-eye cell reads the feature map.

    Attributes:
        index: int64 ``(N * P, 4 * heights)``, rows of the features of all frames, laid out ``(N, 16, 16, heights)``.
        weight: float ``(N * P, 4 * heights)``, of bilinear sampling; 0 where the sample falls outside.
    """

    index: Tensor
    weight: Tensor


class BirdsEyeView(nn.Module):
    """Sample the front view at a lattice of points before the camera, and convolve the result down to 16x16.

    The 1x1 convolution that opens the reduction is applied to the 16x16 map before the sampling instead of to the
    64x64 grid after it: both are linear, and this is a sixteenth of the arithmetic.

    Args:
        in_channels: channels of the front view.
        channels: channels of each stage, which halves the grid; the grid has ``16 * 2**len(channels)`` cells a side.
        camera_position: (x, y, z) in world units; tilts the lattice (formats 6.2). None leaves it level.
        align_corners: whether 0 and 1 of the projected coordinates are the centres of the first and last cell, as
            published, or the edges of the map.
    """

    points: Tensor
    skip_unseen = True  # see ``seen.py``
    portable = False  # see ``EoRaS.make_portable``

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        camera_position: tuple[float, float, float] | None,
        *,
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.cells = _SIDE * 2 ** len(channels)
        self.register_buffer("points", lattice(self.cells, camera_position), persistent=False)
        before = (in_channels * _HEIGHTS, *channels)
        stages = (Stage(inside, outside) for inside, outside in pairwise(before))
        self.stages = cast("Sequence[Stage]", nn.ModuleList(stages))

    def forward(self, features: Tensor, intrinsics: Tensor) -> Tensor:
        """Lift and reduce.

        Args:
            features: float ``(N, in_channels, 16, 16)``.
            intrinsics: float ``(N, 3, 3)``, used as given: their result is read as coordinates in 0..1 (Q-B1 to Q-B3).

        Returns:
            float ``(N, channels[-1], 16, 16)``, depth along the rows, width along the columns.
        """
        projected = self._open(features)
        taps = bilinear_taps(self.points, intrinsics.float(), align_corners=self.align_corners)
        if self.skips_on(features.device):
            return self._reduce_seen(projected, taps)
        first, *others = self.stages
        x = first(self._sample(projected, taps).unflatten(0, (-1, self.cells, self.cells)).permute(0, 3, 1, 2))
        for stage in others:
            x = stage(stage.conv1(x))
        return x

    def skips_on(self, device: torch.device) -> bool:
        """Whether ``skip_unseen`` is in force; a GPU would wait for the counting."""
        return self.skip_unseen and not self.portable and device.type == "cpu"

    def _open(self, features: Tensor) -> Tensor:
        """The opening convolution on the 16x16 maps, height by height: float ``(N * 256 * heights, C)``."""
        conv = self.stages[0].conv1
        by_height = conv.weight.flatten(1).unflatten(1, (-1, _HEIGHTS)).permute(2, 0, 1).flatten(0, 1)
        return F.linear(features.permute(0, 2, 3, 1).flatten(0, 2), by_height).view(-1, conv.out_channels)

    def _sample(self, projected: Tensor, taps: Taps) -> Tensor:
        """What each cell of ``taps`` sees, and the opening convolution's bias: float ``(P, C)``."""
        weight = taps.weight.to(projected.dtype)
        bias = self.stages[0].conv1.bias
        assert bias is not None
        if self.portable:
            parts = zip(taps.index.chunk(4, dim=1), weight.chunk(4, dim=1), strict=True)  # all at once takes memory
            return sum(((F.embedding(at, projected) * share[..., None]).sum(1) for at, share in parts), start=bias)
        cells = F.embedding_bag(taps.index, projected, mode="sum", per_sample_weights=weight)
        return cells.add_(bias.to(cells.dtype))

    def _reduce_seen(self, projected: Tensor, taps: Taps) -> Tensor:
        """The stages on the cells that see something; the same answer as on all of them."""
        seen = (taps.weight != 0).any(-1)
        index = torch.cat((taps.index[seen], taps.index[:1]))
        weight = torch.cat((taps.weight[seen], torch.zeros_like(taps.weight[:1])))  # the last cell sees nothing
        maps = SeenCells.where(seen.view(-1, self.cells, self.cells), self._sample(projected, Taps(index, weight)))
        for number, stage in enumerate(self.stages):
            maps = maps if number == 0 else maps.mix(stage.conv1)
            maps = maps.normalise(stage.norm1).activate()
            maps = maps.convolve(stage.conv2).normalise(stage.norm2).activate()
            maps = maps.convolve(stage.down).normalise(stage.norm3).activate()
        return maps.dense()


class Stage(nn.Module):
    """1x1 and 3x3 convolutions, then one of stride 2, each normalised; the caller applies the first."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 1)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.down = nn.Conv2d(out_channels, out_channels, 3, stride=2, padding=1)
        self.norm3 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Float ``(N, out_channels, H, W)``, the answer of ``conv1``, to ``(N, out_channels, H / 2, W / 2)``."""
        x = F.leaky_relu_(self.norm1(x))
        x = F.leaky_relu_(self.norm2(self.conv2(x)))
        return F.leaky_relu_(self.norm3(self.down(x)))


def lattice(cells: int, camera_position: tuple[float, float, float] | None) -> Tensor:
    """Points before the camera, at the centres of cells (formats 6.2).

    Args:
        cells: cells along depth and along width.
        camera_position: (x, y, z) in world units; the points are turned about the x axis by its elevation.

    Returns:
        float32 ``(cells, cells, 5, 3)``: depth, width, height, then camera coordinates (x right, y down, z forward).
    """

    def centres(number: int, low: float, high: float) -> Tensor:
        return low + (torch.arange(number) + 0.5) * ((high - low) / number)

    z, x, y = torch.meshgrid(
        centres(cells, *_DEPTH_RANGE), centres(cells, *_WIDTH_RANGE), centres(_HEIGHTS, *_HEIGHT_RANGE), indexing="ij"
    )
    if camera_position is not None:
        angle = math.atan2(camera_position[2], math.hypot(*camera_position[:2]))
        y, z = math.cos(angle) * y - math.sin(angle) * z, math.sin(angle) * y + math.cos(angle) * z
    return torch.stack((x, y, z), dim=-1)


def bilinear_taps(points: Tensor, intrinsics: Tensor, *, align_corners: bool = True) -> Taps:
    """Project points into 16x16 feature maps and weigh the four cells around each, zeros outside.

    Args:
        points: float ``(..., heights, 3)``, camera coordinates; P positions with some heights each.
        intrinsics: float ``(N, 3, 3)``.
        align_corners: as ``BirdsEyeView`` has it.
    """
    projected = (intrinsics[:, None] * points.flatten(0, -2)[:, None]).sum(-1)  # autocast would round a matrix product
    shares = projected[..., :2] / projected[..., 2:]
    at = shares * (_SIDE - 1) if align_corners else shares * _SIDE - 0.5
    at = at.nan_to_num(nan=-1).clamp(-1, _SIDE)  # outside, however far: nothing is seen by a padding's zero matrix
    low = at.floor()
    column, row = torch.stack((low, low + 1), dim=-1).unbind(-2)
    near = at - low
    column_weight, row_weight = torch.stack((1 - near, near), dim=-1).unbind(-2)
    column_weight = column_weight * ((column >= 0) & (column < _SIDE))
    row_weight = row_weight * ((row >= 0) & (row < _SIDE))
    cell = row.clamp(0, _SIDE - 1)[..., :, None] * _SIDE + column.clamp(0, _SIDE - 1)[..., None, :]
    weight = row_weight[..., :, None] * column_weight[..., None, :]
    frame = torch.arange(intrinsics.shape[0], device=points.device)[:, None, None, None] * _SIDE**2
    height = torch.arange(_HEIGHTS, device=points.device).repeat(len(points) * points.shape[1])[:, None, None]
    index = (cell.long() + frame) * _HEIGHTS + height
    return Taps(index.view(-1, 4 * _HEIGHTS), weight.view(-1, 4 * _HEIGHTS))
