"""ResNet with group normalisation and a three-level feature pyramid: one 16x16 map a crop."""

from collections.abc import Sequence
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Backbone", "Features", "Pyramid"]

_GROUPS = 16


class Features(NamedTuple):
    """What a backbone finds in crops of 128x128.

    Attributes:
        front: float ``(N, C, 16, 16)``, the pyramid's finest level.
        stride4: float ``(N, C', 32, 32)``.
        stride2: float ``(N, C'', 64, 64)``.
    """

    front: Tensor
    stride4: Tensor
    stride2: Tensor


class Backbone(nn.Module):
    """Crops to front-view features at stride 8.

    Args:
        in_channels: 3 for RGB, 4 with the visible mask.
        width: channels of the stem; 64 is ResNet-50.
        depths: bottleneck blocks of the four stages.
        out_channels: channels of the pyramid.
    """

    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet

    def __init__(self, in_channels: int, width: int, depths: Sequence[int], out_channels: int) -> None:
        super().__init__()
        self.fine_channels = (4 * width, width)
        self.conv1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        widths = [width * 2**level for level in range(4)]
        inputs = [width, *(4 * w for w in widths[:3])]
        stages = [_stage(inputs[i], widths[i], depths[i], stride=1 if i == 0 else 2) for i in range(4)]
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.pyramid = Pyramid([4 * w for w in widths[1:]], out_channels)

    def forward(self, images: Tensor) -> Features:
        """Float ``(N, in_channels, 128, 128)``, in 0..1 as published (Q-D8), to features; see ``Features``."""
        stride2 = F.relu_(self.norm1(self.conv1(images)))
        stride4 = self.layer1(F.max_pool2d(stride2, 3, stride=2, padding=1))
        stride8 = self.layer2(stride4)
        stride16 = self.layer3(stride8)
        return Features(self.pyramid(stride8, stride16, self.layer4(stride16)), stride4, stride2)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions beside a shortcut."""

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        out_channels = 4 * width
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.norm1 = nn.GroupNorm(_GROUPS, width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(_GROUPS, width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.norm3 = nn.GroupNorm(_GROUPS, out_channels)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            conv = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.GroupNorm(_GROUPS, out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """Float ``(N, in_channels, H, W)`` to ``(N, 4 * width, H / stride, W / stride)``."""
        y = F.relu_(self.norm1(self.conv1(x)))
        y = F.relu_(self.norm2(self.conv2(y)))
        return F.relu_(self.norm3(self.conv3(y)) + self.downsample(x))


class Pyramid(nn.Module):
    """Coarse features, enlarged and added to finer ones, twice; only the finest level is used."""

    def __init__(self, in_channels: Sequence[int], out_channels: int) -> None:
        super().__init__()
        fine, middle, coarse = in_channels
        self.lateral_coarse = nn.Conv2d(coarse, out_channels, 1)
        self.lateral_middle = nn.Conv2d(middle, out_channels, 1)
        self.lateral_fine = nn.Conv2d(fine, out_channels, 1)
        self.smooth_middle = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.smooth_fine = nn.Conv2d(out_channels, out_channels, 3, padding=1)

    def forward(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> Tensor:
        """Maps of strides 8, 16 and 32 to one of stride 8 with ``out_channels``."""
        x = self.smooth_middle(_enlarge_and_add(self.lateral_coarse(coarse), self.lateral_middle(middle)))
        return self.smooth_fine(_enlarge_and_add(x, self.lateral_fine(fine)))


def _stage(in_channels: int, width: int, depth: int, stride: int) -> nn.Sequential:
    blocks = [Bottleneck(in_channels, width, stride)]
    blocks += [Bottleneck(4 * width, width, stride=1) for _ in range(depth - 1)]
    return nn.Sequential(*blocks)


def _enlarge_and_add(coarse: Tensor, fine: Tensor) -> Tensor:
    return F.interpolate(coarse, fine.shape[-2:], mode="bilinear", align_corners=False) + fine
