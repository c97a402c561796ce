"""Training clips made harder, with the truth kept: covered, zoomed, flipped, degraded, and shown damaged masks."""

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from eoras.clip import Clip
from eoras.config import AugmentConfig, ViewConfig
from eoras.data.windows import Draw

__all__ = ["Augmented", "cover", "damage", "degrade", "flip", "zoom"]

_KEPT = 0.2  # of the seen part must stay seen in a frame when something is pasted over it:
_KEPT_FRAMES = 0.5  # in so many of the frames; in all of them where hidden frames are left out
_SIZES = (0.4, 1.2)  # of what is pasted over an object, to that object
_LARGEST = 2.0  # of it, to the crop it comes from
_STEP = 0.15  # that it moves from frame to frame, at most; the window's side is 2
_SIDE = 0.7  # of a part of a window that is looked at alone, to the whole, at least
_INSIDE = 0.8  # of the object must stay in that part
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
        view: what made them.
    """

    def __init__(self, tracks: _Tracks, config: AugmentConfig, view: ViewConfig) -> None:
        self.tracks = tracks.tracks
        self._clips = tracks
        self._config = config
        self._view = view

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, key: int | Draw) -> Clip:
        """Read a clip and change it.

        Args:
            key: what to read: a ``Draw``, or the index of a track, which gives its first clip, changed as by seed 0.

        Raises:
            DataError: a file is missing, damaged or inconsistent.
        """
        draw = Draw.of(key)
        random, config, view = np.random.default_rng(draw.seed), self._config, self._view
        clip = self._clips[draw]
        changes: Sequence[tuple[float, Callable[[Clip], Clip]]] = (
            (config.cover, lambda clip: cover(clip, self._other(random), view, random)),
            (config.zoom, lambda clip: zoom(clip, view, random)),
            (config.flip, lambda clip: flip(clip, view)),
            (config.degrade, lambda clip: degrade(clip, random)),
            (config.damage, lambda clip: damage(clip, random)),
        )
        for probability, change in changes:
            if random.random() < probability:
                clip = change(clip)
        return clip

    def _other(self, random: Generator) -> Clip:
        return self._clips[Draw(int(random.integers(len(self))), float(random.random()))]


def cover(clip: Clip, other: Clip, view: ViewConfig, random: Generator) -> Clip:
    """Let another object pass in front; the whole object stays, and windows of one size follow what is still seen.

    Args:
        clip: what is covered. Its boxes stay, though windows may move inside them; its ``truth`` is dropped, for in the
            whole image nothing is covered.
        other: of the same length; what is seen of it is pasted.
        view: what made the clips.
        random: draws size, place and motion. Where too little would stay seen, the clip stays as it is.
    """
    seen, shown = (np.flatnonzero(each.visible.flatten(1).any(1)) for each in (clip, other))
    if not len(seen) or not len(shown):
        return clip
    frame = int(random.choice(seen))
    aim = random.choice(clip.visible[frame].nonzero().numpy())  # row and column of a pixel that it hides
    from_centre, from_side = _place(other.visible[random.choice(shown)])
    _, side = _place(clip.amodal[frame] | clip.visible[frame])
    scale = min(random.uniform(*_SIZES) * side / from_side, _LARGEST)
    angle = random.uniform(0, 2 * np.pi)
    step = random.uniform(0, _STEP) * np.array([np.sin(angle), np.cos(angle)])
    steps = (clip.frame_indices - clip.frame_indices[frame]).numpy()[:, None]
    path = (2 * aim + 1) / clip.visible.shape[-1] - 1 + step * steps
    theta = _windows(from_centre - path / scale, 1 / scale)
    frames = _sample(other.frames, theta, "bilinear")
    over = _sample(other.visible[:, None].float(), theta, "nearest")
    over_frames = F.interpolate(over, clip.frames.shape[-2:], mode="nearest") > 0.5
    free = over[:, 0] < 0.5
    visible = clip.visible & free
    kept = visible[seen].sum((-2, -1)) >= _KEPT * clip.visible[seen].sum((-2, -1))
    if not (kept.float().mean() >= _KEPT_FRAMES if view.frames == "all" else kept.all()):
        return clip
    frames = torch.where(over_frames, frames, clip.frames)
    covered = replace(clip, frames=frames, visible=visible, given=clip.given & free, truth=None)
    return covered if view.windows == "frame" else _follow(covered, clip, view)


def _follow(clip: Clip, before: Clip, view: ViewConfig) -> Clip:
    """Move windows that lay about what was seen before to what is seen now; where they cannot follow, give up.

    They are smaller than the old ones and lie inside: what would fill a strip beyond would tell which way they went.
    """
    left = np.flatnonzero(clip.visible.flatten(1).any(1))
    shifts = [_place(clip.visible[frame])[0] - _place(before.visible[frame])[0] for frame in left]
    times = clip.frame_indices.numpy()
    between = np.stack([np.interp(times, times[left], shift) for shift in np.transpose(shifts)], axis=1)
    side = 1 - float(np.abs(between).max())
    looked = _look(clip, _windows(between, side), view) if side >= _SIDE else None
    return before if looked is None or _loses(clip, looked, side) else looked


def zoom(clip: Clip, view: ViewConfig, random: Generator) -> Clip:
    """Look at a part of the windows, the same in each frame.

    Args:
        clip: what is looked at. Its boxes stay, those of the whole windows; its ``truth`` is dropped, for what is
            answered does not fit into them any more.
        view: what made the clip; camera matrices change only where they are those of crops.
        random: draws the part. Where too much of the object would be lost, the clip stays as it is.
    """
    side = random.uniform(_SIDE, 1)
    corner = random.uniform(0, 1 - side, 2)
    looked = _look(clip, _windows(np.tile(2 * corner + side - 1, (len(clip), 1)), side), view)
    return clip if _loses(clip, looked, side) else looked


def _loses(clip: Clip, looked: Clip, side: float) -> bool:
    """Whether windows of this side leave too much of the object, or of what is seen of it, outside."""
    pairs = ((getattr(each, name).sum((-2, -1)) for each in (clip, looked)) for name in ("amodal", "visible"))
    return any(bool((after < _INSIDE * before / side**2).any()) for before, after in pairs)


def _place(mask: Tensor) -> tuple[NDArray[np.float64], float]:
    """Centre (row, column) and longest side of what a mask shows, where -1 and 1 are the borders of the window."""
    rows, columns = (torch.where(mask.any(axis))[0].numpy() for axis in (1, 0))
    ends = np.array([[rows[0], columns[0]], [rows[-1] + 1, columns[-1] + 1]]) * 2 / len(mask) - 1
    return ends.mean(axis=0), float((ends[1] - ends[0]).max())


def _windows(centres: NDArray[np.float64], side: float) -> Tensor:
    """Maps from windows of a side, at centres (row, column) ``(T, 2)``, to the window they lie in, ``(T, 2, 3)``."""
    theta = torch.zeros(len(centres), 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = side
    theta[:, :, 2] = torch.from_numpy(centres[:, ::-1].copy()).float()
    return theta


def _look(clip: Clip, theta: Tensor, view: ViewConfig) -> Clip:
    """The clip through other windows, inside those that it has; see ``_windows``."""
    masks = torch.stack((clip.amodal, clip.visible, clip.given), dim=1)
    amodal, visible, given = (_sample(masks.float(), theta, "nearest") > 0.5).unbind(1)
    frames = _sample(clip.frames, theta, "bilinear")
    matrices = clip.intrinsics
    if view.intrinsics == "crop":
        outer = torch.eye(3).repeat(len(clip), 1, 1)  # from the new window's unit square to that of the old one
        outer[:, :2] = theta
        outer[:, :2, 2] = (theta[:, :, 2] + 1 - theta[:, [0, 1], [0, 1]]) / 2
        matrices = torch.linalg.solve(outer.to(matrices), matrices)
    changed = {"frames": frames, "amodal": amodal, "visible": visible, "given": given}
    return replace(clip, intrinsics=matrices, truth=None, **changed)


def flip(clip: Clip, view: ViewConfig) -> Clip:
    """Mirror left and right: what a mirrored world would show to the same kind of camera.

    Args:
        clip: what is mirrored. Its boxes stay, those of the image that is not; its ``truth`` is dropped, for it is of
            that image, too.
        view: what made the clip.
    """
    side = clip.width if view.intrinsics == "pixel" else 1
    matrices = clip.intrinsics.clone()
    matrices[:, 0] = side * matrices[:, 2] - matrices[:, 0]
    matrices[:, :, 0] = -matrices[:, :, 0]  # the world's left and right
    mirrored = {name: getattr(clip, name).flip(-1) for name in ("frames", "amodal", "visible", "given")}
    return replace(clip, intrinsics=matrices, truth=None, **mirrored)


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
