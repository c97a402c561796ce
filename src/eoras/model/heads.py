"""Mask heads: updated features to logits."""

import torch.nn.functional as F
from torch import Tensor, nn

from eoras.model.seen import SeenCells

__all__ = ["MaskHead"]


class MaskHead(nn.Module):
    """Three transposed convolutions that double the resolution, 16 to 31 to 61 to 121.

    Args:
        in_channels: channels of the features; halved by each of the first two layers.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        half, quarter = in_channels // 2, in_channels // 4
        self.deconv1 = nn.ConvTranspose2d(in_channels, half, 3, stride=2, padding=1)
        self.deconv2 = nn.ConvTranspose2d(half, quarter, 3, stride=2, padding=1)
        self.deconv3 = nn.ConvTranspose2d(quarter, 1, 3, stride=2, padding=1)

    def forward(self, features: Tensor, on_tiles: bool = False) -> Tensor:
        """Decode.

        Args:
            features: float ``(N, in_channels, 16, 16)``.
            on_tiles: multiply less often, see ``winograd.py``; the same answer but for rounding.

        Returns:
            float ``(N, 121, 121)``, logits.
        """
        if on_tiles:
            cells = SeenCells.all(features).convolve(self.deconv1).activate().convolve(self.deconv2).activate()
            return self._add_taps(cells)
        x = F.leaky_relu_(self.deconv1(features))
        x = F.leaky_relu_(self.deconv2(x))
        return self.deconv3(x)[:, 0]

    def _add_taps(self, cells: SeenCells) -> Tensor:
        """The last layer: with one channel to answer, each tap is a column of one matrix product."""
        taps = SeenCells(F.linear(cells.rows, self.deconv3.weight.flatten(1).t()), cells.index).dense()
        height, width = taps.shape[2:]
        logits = F.fold(taps.flatten(2), (2 * height - 1, 2 * width - 1), 3, padding=1, stride=2)[:, 0]
        return (logits + self.deconv3.get_parameter("bias")).to(cells.rows.dtype)
