"""EfficientNet-Lite0: a small backbone that has seen real images."""

import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from eoras.model.backbone import Features, Pyramid

__all__ = ["LiteBackbone", "lite_entries"]

# of each stage: blocks, side of the depthwise kernel, stride, factor of the expansion, channels
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM = 32
_STRIDE4, _STRIDE8, _STRIDE16 = 1, 2, 4  # the stages whose answers are the last at these strides
_STEM_LAYERS = {"_conv_stem": "conv1", "_bn0": "norm1"}  # our names for theirs
_LAYERS = {
    "_expand_conv": "expand",
    "_bn0": "norm1",
    "_depthwise_conv": "depthwise",
    "_bn1": "norm2",
    "_project_conv": "project",
    "_bn2": "norm3",
}


class LiteBackbone(nn.Module):
    """Crops to front-view features at stride 8 (Tan and Le, ICML 2019, in the form without squeeze and swish).

    Args:
        in_channels: 3 for RGB, 4 with the visible mask.
        out_channels: channels of the pyramid.
    """

    mean, std = (127 / 255,) * 3, (128 / 255,) * 3  # of the images that its published weights have seen
    fine_channels = (24, 16)

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, _STEM, 3, stride=2, bias=False)
        self.norm1 = FrozenNorm(_STEM)
        stages, inside = [], _STEM
        for blocks, kernel, stride, factor, channels in _STAGES:
            shapes = [(inside, stride)] + [(channels, 1)] * (blocks - 1)
            stages.append(nn.Sequential(*(Block(n, channels, kernel, s, factor) for n, s in shapes)))
            inside = channels
        self.stages = nn.ModuleList(stages)
        self.pyramid = Pyramid((40, 112, 320), out_channels)
        self.norm = nn.GroupNorm(1, out_channels)  # no layer of the pyramid keeps the size of what it answers

    def forward(self, images: Tensor) -> Features:
        """Float ``(N, in_channels, 128, 128)`` to features; see ``Features``."""
        images = images.contiguous(memory_format=torch.channels_last)  # convolutions of single channels want it
        x = F.relu6(_convolve(self.conv1, self.norm1, images), inplace=True)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        front = self.norm(self.pyramid(maps[_STRIDE8], maps[_STRIDE16], x))
        return Features(front, *(F.group_norm(fine, 1) for fine in (maps[_STRIDE4], maps[0])))  # else 6 to 9 times it


class FrozenNorm(nn.Module):
    """Batch normalisation by the running statistics of the weights it was given, in training, too.

    Clips hold the same object again and again; statistics of such batches would be of no use. ``_convolve`` applies it.
    """

    running_mean: Tensor
    running_var: Tensor
    eps = 1e-3

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))  # of the published weights


class Block(nn.Module):
    """Expand the channels, filter each alone, reduce them; with a shortcut where nothing changes its shape."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int, factor: int) -> None:
        super().__init__()
        inside = factor * in_channels
        self.is_expanded = factor > 1
        self.has_shortcut = stride == 1 and in_channels == out_channels
        if self.is_expanded:
            self.expand = nn.Conv2d(in_channels, inside, 1, bias=False)
            self.norm1 = FrozenNorm(inside)
        self.depthwise = nn.Conv2d(inside, inside, kernel, stride=stride, groups=inside, bias=False)
        self.norm2 = FrozenNorm(inside)
        self.project = nn.Conv2d(inside, out_channels, 1, bias=False)
        self.norm3 = FrozenNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Float ``(N, in_channels, H, W)`` to ``(N, out_channels, H / stride, W / stride)``."""
        y = F.relu6(_convolve(self.expand, self.norm1, x), inplace=True) if self.is_expanded else x
        y = F.relu6(_convolve(self.depthwise, self.norm2, y), inplace=True)
        y = _convolve(self.project, self.norm3, y)
        return x + y if self.has_shortcut else y


def _convolve(conv: nn.Conv2d, norm: FrozenNorm, x: Tensor) -> Tensor:
    """Convolve and normalise in one: statistics that do not change are part of the weights.

    Pads as TensorFlow's "same" does: at an even size with a stride more after than before.
    """
    scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
    weight, bias = conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale
    stride, kernel = conv.stride[0], conv.kernel_size[0]
    totals = [max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in x.shape[2:]]
    if totals[0] % 2 or totals[0] != totals[1]:
        rows, columns = totals
        x = F.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        totals = [0, 0]
    return F.conv2d(x, weight, bias, conv.stride, totals[0] // 2, groups=conv.groups)


def lite_entries(entries: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Entries of a published EfficientNet-Lite0 under this module's names; its classifier is left out.

    Args:
        entries: names as in ``_blocks.3._expand_conv.weight`` to tensors.
    """
    starts = [sum(stage[0] for stage in _STAGES[:number]) for number in range(len(_STAGES))]
    renamed = {}
    for name, value in entries.items():
        if match := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name):
            number, layer, kind = int(match[1]), _LAYERS.get(match[2], match[2]), match[3]
            stage = max(index for index, start in enumerate(starts) if start <= number)
            renamed[f"stages.{stage}.{number - starts[stage]}.{layer}.{kind}"] = value
        elif match := re.fullmatch(r"(_conv_stem|_bn0)\.(\w+)", name):
            renamed[f"{_STEM_LAYERS[match[1]]}.{match[2]}"] = value
    return renamed
