"""The record that every part hands to the next: one track's clip, and a batch of them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from eoras.geometry import Box

__all__ = ["Batch", "Clip", "Truth", "collate"]


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The masks of a clip's whole images, for scoring.

    Attributes:
        amodal: bool ``(T, H, W)``.
        visible: bool ``(T, H, W)``.
        others: bool ``(T, H, W)``, the seen parts of the video's other tracks, where they are known.
    """

    amodal: Tensor
    visible: Tensor
    others: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Clip:
    """Frames of one track, cut out for the network.

    Attributes:
        video: name of the video.
        track_id: number of the object in the video; for MOVi its 0-based index.
        frame_indices: int64 ``(T,)``, positions in the video, from 0. A repeated last frame pads a short clip.
        boxes: one a frame, in pixels of the whole image; where the windows were cut out.
        height: rows of the whole image.
        width: columns of the whole image.
        frames: float32 ``(T, 3, 128, 128)``, RGB in 0..1.
        intrinsics: float32 ``(T, 3, 3)``, in the convention of the ``ViewConfig`` that made the clip.
        amodal: bool ``(T, 121, 121)``, the target window.
        visible: bool ``(T, 121, 121)``, the seen part in the same window.
        given: bool ``(T, 121, 121)``, the visible mask that the network is shown: ``visible``, or what training makes
            of it.
        available: bool ``(T,)``, true where the frame has an amodal annotation.
        truth: masks of the whole images, where asked for.
    """

    video: str
    track_id: int
    frame_indices: Tensor
    boxes: tuple[Box, ...]
    height: int
    width: int
    frames: Tensor
    intrinsics: Tensor
    amodal: Tensor
    visible: Tensor
    given: Tensor
    available: Tensor
    truth: Truth | None = None

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.frame_indices)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Clips side by side, the shorter ones padded with zeros.

    Attributes:
        frames: float32 ``(B, T, 3, 128, 128)``, RGB in 0..1.
        intrinsics: float32 ``(B, T, 3, 3)``.
        amodal: bool ``(B, T, 121, 121)``.
        visible: bool ``(B, T, 121, 121)``.
        given: bool ``(B, T, 121, 121)``, the visible mask that the network is shown.
        times: int64 ``(B, T)``, positions of the frames in their video.
        available: bool ``(B, T)``, true where the frame has an amodal annotation; false in the padding.
        lengths: int64 ``(B,)``, frames of each clip before the padding.
    """

    frames: Tensor
    intrinsics: Tensor
    amodal: Tensor
    visible: Tensor
    given: Tensor
    times: Tensor
    available: Tensor
    lengths: Tensor

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> "Batch":
        """The same batch on another device."""
        return replace(
            self, **{item.name: getattr(self, item.name).to(device, non_blocking=non_blocking) for item in fields(self)}
        )

    def pin_memory(self) -> "Batch":
        """The same batch in page-locked memory; ``DataLoader`` calls this."""
        return replace(self, **{item.name: getattr(self, item.name).pin_memory() for item in fields(self)})

    @property
    def present(self) -> Tensor:
        """Bool ``(B, T)``: false in the padding."""
        return torch.arange(self.frames.shape[1], device=self.lengths.device) < self.lengths[:, None]


def collate(clips: Sequence[Clip]) -> Batch:
    """Put clips side by side."""

    def side_by_side(name: str) -> Tensor:
        return torch.nn.utils.rnn.pad_sequence([getattr(clip, name) for clip in clips], batch_first=True)

    names = ("frames", "intrinsics", "amodal", "visible", "given", "available")
    return Batch(
        **{name: side_by_side(name) for name in names},
        times=side_by_side("frame_indices"),
        lengths=torch.tensor([len(clip) for clip in clips]),
    )
