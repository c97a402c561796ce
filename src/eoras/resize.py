"""Resizing, equal to what scikit-image gives, as the published crops were made (formats A.7)."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

__all__ = ["resize_images", "resize_mask"]


def resize_images(images: Sequence[Tensor], height: int, width: int) -> Tensor:
    """Blur where images shrink, then sample linearly, as ``skimage.transform.resize`` does (formats A.7).

    Equal to ``resize(order=1, mode="reflect", anti_aliasing=True)`` to 2e-6 for values in 0..1. An axis is one matrix,
    so that a resize is two matrix products, for images of different sizes together: each image, and each of its
    matrices, is filled up with zeros to the largest one.

    Args:
        images: uint8 or float32 ``(C, H, W)`` each, any range, at least one of at least one pixel; H and W may differ.
        height: rows of the results, in pixels.
        width: columns of the results, in pixels.

    Returns:
        float32 ``(N, C, height, width)``, in the range of the images but for rounding: all weights are positive.
    """
    count, channels = len(images), images[0].shape[0]
    device = images[0].device
    tallest, widest = (max(image.shape[axis] for image in images) for axis in (1, 2))
    filled = torch.zeros(count, channels, tallest, widest, device=device)
    rows = torch.zeros(count, height, tallest, device=device)
    columns = torch.zeros(count, width, widest, device=device)
    for index, image in enumerate(images):
        h, w = image.shape[1:]
        filled[index, :, :h, :w] = image
        rows[index, :, :h] = _target_from_source(h, height, device)
        columns[index, :, :w] = _target_from_source(w, width, device)
    narrowed = (filled.flatten(1, 2) @ columns.mT).view(count, channels, tallest, width)
    return rows[:, None] @ narrowed


def resize_mask(mask: Tensor, height: int, width: int) -> Tensor:
    """Take the nearest pixel, as ``skimage.transform.resize`` does with a boolean image (formats A.7).

    Args:
        mask: bool ``(..., H, W)``, at least one pixel.
        height: rows of the result, in pixels.
        width: columns of the result, in pixels.

    Returns:
        bool ``(..., height, width)``.
    """
    rows = _nearest(mask.shape[-2], height).to(mask.device)
    columns = _nearest(mask.shape[-1], width).to(mask.device)
    return mask.index_select(-1, columns).index_select(-2, rows)


@lru_cache(maxsize=256)
def _target_from_source(source: int, target: int, device: torch.device) -> Tensor:
    """The matrix, float32 ``(target, source)``, that blurs an axis and samples it; rows sum to 1."""
    shrink = source / target
    sigma = max((shrink - 1) / 2, 1e-12)  # an axis that grows is not blurred
    radius = int(4 * sigma + 0.5)
    blur = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, dtype=torch.float64) / sigma) ** 2)
    blur /= blur.sum()

    position = (torch.arange(target, dtype=torch.float64) + 0.5) * shrink - 0.5
    below = position.floor()
    fraction = (position - below)[:, None]
    weights = torch.zeros(target, 2 * radius + 2, dtype=torch.float64)
    weights[:, :-1] += (1 - fraction) * blur
    weights[:, 1:] += fraction * blur
    taps = below.long()[:, None] + torch.arange(-radius, radius + 2)
    matrix = torch.zeros(target, source, dtype=torch.float64).scatter_add_(1, _mirror(taps, source), weights)
    return matrix.to(device, torch.float32)


def _mirror(index: Tensor, size: int) -> Tensor:
    """Fold indices outside ``0..size-1`` back about the centres of the first and the last pixel."""
    period = max(2 * (size - 1), 1)
    index = index.remainder(period)
    return torch.minimum(index, period - index)


@lru_cache(maxsize=256)
def _nearest(source: int, target: int) -> Tensor:
    """The source pixel of each target pixel, int64 ``(target,)``.

    Not in integers: at exact ties scikit-image follows the rounding of this product, and the published masks with it.
    """
    return ((torch.arange(target, dtype=torch.float64) + 0.5) * (source / target)).long()
