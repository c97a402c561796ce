"""Bird's-eye convolutions on the cells that see something; all others share one value that depends on weights alone.

About half of the lattice projects outside the image on MOVi, and all of it on KITTI as published (Q-B1).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["SeenCells"]

_ROWS_AT_ONCE = 1024  # of outputs; the nine inputs of each are gathered side by side


@dataclass(frozen=True)
class SeenCells:
    """Maps of N frames that are constant in most places.

    Attributes:
        rows: float ``(R, C)``, the distinct cells; the last one is the constant.
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
        """The maps themselves, float ``(N, C, H, W)``."""
        return self.rows[self.index].permute(0, 3, 1, 2)

    def pointwise(self, layer: nn.Module) -> "SeenCells":
        """Apply a layer that treats each cell alike, such as a 1x1 convolution or a normalisation."""
        return SeenCells(layer(self.rows[:, :, None, None]).flatten(1), self.index)

    def activate(self) -> "SeenCells":
        """Apply the leaky ReLU, in place."""
        return SeenCells(F.leaky_relu_(self.rows), self.index)

    def convolve(self, conv: nn.Conv2d) -> "SeenCells":
        """Apply a 3x3 convolution with one cell of zeros around; a window is computed unless it is all constant."""
        constant, outside = len(self.rows) - 1, len(self.rows)
        rows = F.pad(self.rows, (0, 0, 0, 1))
        stride = conv.stride[0]
        windows = F.pad(self.index, (1, 1, 1, 1), value=outside).unfold(1, 3, stride).unfold(2, 3, stride).flatten(-2)
        depends = (windows != constant).any(-1)
        wanted = torch.cat((windows[depends], windows.new_full((1, 9), constant)))
        weight = conv.weight.to(rows.dtype).permute(2, 3, 1, 0).flatten(0, 2).contiguous()
        bias = rows.new_zeros(conv.out_channels) if conv.bias is None else conv.bias.to(rows.dtype)
        out = rows.new_empty(len(wanted), conv.out_channels)
        for part, window in zip(out.split(_ROWS_AT_ONCE), wanted.split(_ROWS_AT_ONCE), strict=True):
            torch.addmm(bias, rows[window].flatten(1), weight, out=part)
        return SeenCells.where(depends, out)
