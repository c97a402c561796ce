"""Training clips made harder, with the truth kept: covered, zoomed, flipped, degraded, and shown damaged masks."""

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from eoras.clip import Clip
from eoras.config import AugmentConfig
from eoras.data.windows import Draw

__all__ = ["Augmented", "cover", "damage", "degrade", "flip", "zoom"]

_KEPT = 0.2  # of the seen part must stay seen in each frame when something is pasted over it
_INSIDE = 0.8  # of the object must stay in the window when it is zoomed into
_SIZES = (0.4, 1.0)  # of what is pasted over an object, to the crop it comes from
_SHIFT, _GROWTH, _HOLE = 3, 3, 40  # pixels of 121, at most, by which a given mask is wrong
_MISSING = 0.1  # of frames have no given mask, where masks are damaged


class _Tracks(Protocol):
    tracks: Any

    def __len__(self) -> int: ...

    def __getitem__(self, key: Draw, /) -> Clip: ...


class Augmented(Dataset[Clip]):
    """Clips of other tracks, changed as each ``Draw`` says: the same draw gives the same clip, whoever reads it.

    Args:
        tracks: the clips, all of one length.
        config: what may happen to them, and how often.
        intrinsics: convention of their camera matrices (see ``ViewConfig``).
    """

    def __init__(self, tracks: _Tracks, config: AugmentConfig, intrinsics: str) -> None:
        self.tracks = tracks.tracks
        self._clips = tracks
        self._config = config
        self._intrinsics = intrinsics

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, draw: Draw) -> Clip:
        """Read a clip and change it.

        Raises:
            DataError: a file is missing, damaged or inconsistent.
        """
        random, config = np.random.default_rng(draw.seed), self._config
        clip = self._clips[draw]
        changes: Sequence[tuple[float, Callable[[Clip], Clip]]] = (
            (config.cover, lambda clip: cover(clip, self._other(random), random)),
            (config.zoom, lambda clip: zoom(clip, self._intrinsics, random)),
            (config.flip, lambda clip: flip(clip, self._intrinsics)),
            (config.degrade, lambda clip: degrade(clip, random)),
            (config.damage, lambda clip: damage(clip, random)),
        )
        for probability, change in changes:
            if random.random() < probability:
                clip = change(clip)
        return clip

    def _other(self, random: Generator) -> Clip:
        return self._clips[Draw(int(random.integers(len(self))), float(random.random()))]


def cover(clip: Clip, other: Clip, random: Generator) -> Clip:
    """Paste what is seen of another object over the clip, moving along a straight line; the amodal mask stays.

    Args:
        clip: what is covered.
        other: of the same length.
        random: draws size and path. Where too little of the object would stay seen, the clip stays as it is.
    """
    size = random.uniform(*_SIZES)
    begin, end = random.uniform(-0.6, 0.6, (2, 2))  # centres, where -0.5 and 0.5 are the borders of the window
    path = torch.from_numpy(np.linspace(begin, end, len(clip))).float()
    theta = torch.zeros(len(clip), 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 / size
    theta[:, :, 2] = -2 * path / size
    frames = _sample(other.frames, theta, "bilinear")
    over = _sample(other.visible[:, None].float(), theta, "nearest")
    over_frames = F.interpolate(over, clip.frames.shape[-2:], mode="nearest") > 0.5
    free = over[:, 0] < 0.5
    visible = clip.visible & free
    if (visible.sum((-2, -1)) < _KEPT * clip.visible.sum((-2, -1))).any():
        return clip
    return replace(clip, frames=torch.where(over_frames, frames, clip.frames), visible=visible, given=clip.given & free)


def zoom(clip: Clip, intrinsics: str, random: Generator) -> Clip:
    """Look at a part of the windows, the same in each frame.

    Args:
        clip: what is looked at.
        intrinsics: convention of its camera matrices; only those of crops change.
        random: draws the part. Where too much of the object would be lost, the clip stays as it is.
    """
    side = random.uniform(0.7, 1)
    left, top = random.uniform(0, 1 - side, 2)
    theta = torch.tensor([[side, 0, 2 * left + side - 1], [0, side, 2 * top + side - 1]]).float()
    theta = theta.expand(len(clip), 2, 3)
    masks = torch.stack((clip.amodal, clip.visible, clip.given), dim=1)
    looked = _sample(masks.float(), theta, "nearest") > 0.5
    area = masks[:, :2].float().sum((-2, -1)) / side**2
    if (looked[:, :2].float().sum((-2, -1)) < _INSIDE * area).any():
        return clip
    window_from_crop = torch.tensor([[1, 0, -left], [0, 1, -top], [0, 0, side]]) / side
    matrices = window_from_crop.to(clip.intrinsics) @ clip.intrinsics if intrinsics == "crop" else clip.intrinsics
    amodal, visible, given = looked.unbind(1)
    frames = _sample(clip.frames, theta, "bilinear")
    return replace(clip, frames=frames, intrinsics=matrices, amodal=amodal, visible=visible, given=given)


def flip(clip: Clip, intrinsics: str) -> Clip:
    """Mirror left and right: what a mirrored world would show to the same kind of camera.

    Args:
        clip: what is mirrored. Its boxes stay: they are of the whole image, which nobody looks at any more.
        intrinsics: convention of its camera matrices.
    """
    side = clip.width if intrinsics == "pixel" else 1
    matrices = clip.intrinsics.clone()
    matrices[:, 0] = side * matrices[:, 2] - matrices[:, 0]
    matrices[:, :, 0] = -matrices[:, :, 0]  # the world's left and right
    mirrored = {name: getattr(clip, name).flip(-1) for name in ("frames", "amodal", "visible", "given")}
    return replace(clip, intrinsics=matrices, **mirrored)


def degrade(clip: Clip, random: Generator) -> Clip:
    """Change brightness and colours, then blur, add noise or compress, each in half of the cases; masks stay."""
    gain, shift = random.uniform(0.7, 1.3, (2, 3, 1, 1))
    frames = (clip.frames * torch.from_numpy(gain).float() + torch.from_numpy(shift - 1).float() * 0.3).clamp(0, 1)
    if random.random() < 0.5:
        frames = _blur(frames, random.uniform(0.3, 1.5))
    if random.random() < 0.5:
        noise = random.normal(0, random.uniform(0.005, 0.04), frames.shape).astype(np.float32)
        frames = (frames + torch.from_numpy(noise)).clamp(0, 1)
    if random.random() < 0.5:
        frames = _compress(frames, int(random.integers(15, 80)))
    return replace(clip, frames=frames)


def damage(clip: Clip, random: Generator) -> Clip:
    """Make the given masks as wrong as a tracker's: shifted, grown or shrunk, with a hole, or missing in a frame."""
    given = torch.stack([_damaged(mask, random) for mask in clip.given])
    return replace(clip, given=given)


def _damaged(mask: Tensor, random: Generator) -> Tensor:
    if random.random() < _MISSING:
        return torch.zeros_like(mask)
    down, right = (int(step) for step in random.integers(-_SHIFT, _SHIFT + 1, 2))
    padded = F.pad(mask, (_SHIFT, _SHIFT, _SHIFT, _SHIFT))
    height, width = mask.shape
    moved = padded[_SHIFT - down : _SHIFT - down + height, _SHIFT - right : _SHIFT - right + width]
    growth = int(random.integers(-_GROWTH, _GROWTH + 1))
    sign, side = (1 if growth > 0 else -1), 2 * abs(growth) + 1
    grown = F.max_pool2d(sign * moved[None].float(), side, stride=1, padding=side // 2)[0] * sign > 0.5
    top, left = random.integers(0, [height, width])
    rows, columns = random.integers(0, _HOLE, 2)
    grown[top : top + rows, left : left + columns] = False
    return grown


def _sample(images: Tensor, theta: Tensor, mode: str) -> Tensor:
    """Float ``(T, C, H, W)`` seen through affine maps ``(T, 2, 3)``, of the same size; zeros outside."""
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode=mode, align_corners=False)


def _blur(frames: Tensor, sigma: float) -> Tensor:
    radius = 4
    weights = torch.exp(-0.5 * (torch.arange(-radius, radius + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).expand(3, 1, 1, -1)
    rows = F.conv2d(F.pad(frames, (radius, radius, 0, 0), mode="reflect"), weights, groups=3)
    return F.conv2d(F.pad(rows, (0, 0, radius, radius), mode="reflect"), weights.mT, groups=3)


def _compress(frames: Tensor, quality: int) -> Tensor:
    images = (frames * 255).round().byte().permute(0, 2, 3, 1).numpy()
    decoded = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality)
        decoded.append(np.array(Image.open(file)))
    return torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2).float() / 255
