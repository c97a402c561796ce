"""Heads: updated features to the logits of masks, and of how far they can be trusted."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eoras.model.seen import SeenCells

__all__ = ["ConfidenceHead", "MaskHead", "SkipHead"]

_GROUPS = 8  # of the skip decoder's group normalisations; its channels are multiples of it
_HIDDEN = 64


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


class SkipHead(nn.Module):
    """A decoder that sees the backbone's finer features: 16 to 32 to 64 to 128, then cut to 121.

    Args:
        in_channels: channels of the updated features; about a half, a quarter and an eighth inside.
        channels4: of the backbone's features at stride 4.
        channels2: of those at stride 2.
        takes_visible: whether the visible mask is given, too.
    """

    def __init__(self, in_channels: int, channels4: int, channels2: int, *, takes_visible: bool = False) -> None:
        super().__init__()
        coarse, middle, fine = (max(in_channels // share // _GROUPS, 1) * _GROUPS for share in (2, 4, 8))
        visible = 2 * 2 if takes_visible else 0  # channels: four pixels side by side
        self.reduce = nn.Conv2d(in_channels, coarse, 1)
        self.lateral4 = nn.Conv2d(channels4, coarse, 1)
        self.lateral2 = nn.Conv2d(channels2 + visible, middle, 1)
        self.block4, self.block2 = _block(coarse, middle), _block(middle, fine)
        self.to_logits = nn.Conv2d(fine + visible, 4, 3, padding=1)

    def forward(self, features: Tensor, stride4: Tensor, stride2: Tensor, stride1: Tensor | None = None) -> Tensor:
        """Decode.

        Args:
            features: float ``(N, in_channels, 16, 16)``.
            stride4: float ``(N, channels4, 32, 32)``, of the backbone.
            stride2: float ``(N, channels2, 64, 64)``, of the backbone.
            stride1: float ``(N, 1, 128, 128)``, the visible mask in 0..1; with ``takes_visible``.

        Returns:
            float ``(N, 121, 121)``, logits.
        """
        pixels = [] if stride1 is None else [F.pixel_unshuffle(stride1, 2)]
        x = self.block4(_double(self.reduce(features)) + self.lateral4(stride4))
        x = self.block2(_double(x) + self.lateral2(torch.cat((stride2, *pixels), dim=1)))
        logits = F.pixel_shuffle(self.to_logits(torch.cat((x, *pixels), dim=1)), 2)
        return F.interpolate(logits, (121, 121), mode="bilinear", align_corners=False)[:, 0]


class ConfidenceHead(nn.Module):
    """How far the amodal mask can be trusted: the intersection over union that it is expected to reach.

    Args:
        in_channels: channels of the updated features.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(2 * in_channels, _HIDDEN)
        self.out = nn.Linear(_HIDDEN, 1)

    def forward(self, features: Tensor, amodal: Tensor) -> Tensor:
        """Judge the masks; no gradient flows back into them.

        Args:
            features: float ``(N, in_channels, 16, 16)``.
            amodal: float ``(N, 121, 121)``, logits of the amodal mask.

        Returns:
            float ``(N,)``, logits.
        """
        mask = F.interpolate(amodal.detach().sigmoid()[:, None], features.shape[-2:], mode="area")
        inside = (features * mask).sum((-2, -1)) / mask.sum((-2, -1)).clamp(min=1)
        pooled = torch.cat((inside, features.mean((-2, -1))), dim=-1).detach()
        return self.out(F.relu(self.hidden(pooled)))[:, 0]


def _block(in_channels: int, out_channels: int) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.GroupNorm(_GROUPS, out_channels), nn.ReLU(inplace=True))


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
