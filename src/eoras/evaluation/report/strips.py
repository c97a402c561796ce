"""Filmstrips: frames of a track as the network sees them, the outlines of truth and prediction over them."""

from base64 import b64encode
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from eoras.clip import Clip
from eoras.draw import outline_overlay
from eoras.evaluation.counts import Masks
from eoras.geometry import crop

__all__ = ["StripFrame", "draw_strip"]

_FRAMES = 8  # of a strip
_SIDE = 160  # longer one of a picture, in pixels


@dataclass(frozen=True, kw_only=True)
class StripFrame:
    """A picture of a strip.

    Attributes:
        frame_index: position in the video, from 0.
        size: columns and rows of the picture.
        frame: the frame around the object, as a data URI.
        overlay: what is laid over it, as a data URI.
        occlusion: share of the object that is occluded, in per cent.
        iou: of the whole object, 0..1.
    """

    frame_index: int
    size: tuple[int, int]
    frame: str
    overlay: str
    occlusion: float
    iou: float


def draw_strip(clip: Clip, predicted: Masks) -> list[StripFrame]:
    """Draw a few frames, equally far apart, of those in which the track has an amodal mask.

    Args:
        clip: the whole track, with its truth.
        predicted: bool ``(T, H, W)``.
    """
    assert clip.truth is not None
    places = clip.available & clip.truth.amodal.flatten(1).any(1)
    _, first = np.unique(clip.frame_indices.numpy(), return_index=True)
    kept = [place for place in first.tolist() if places[place]]
    shown = np.linspace(0, len(kept) - 1, min(len(kept), _FRAMES)).round().astype(int)
    return [_draw_frame(clip, kept[number], predicted[kept[number]]) for number in shown]


def _draw_frame(clip: Clip, place: int, predicted: Masks) -> StripFrame:
    assert clip.truth is not None
    amodal, visible = clip.truth.amodal[place].numpy(), clip.truth.visible[place].numpy()
    box = clip.boxes[place].clip(clip.height, clip.width)
    scale = _SIDE / max(box.height, box.width)
    size = max(round(scale * box.width), 1), max(round(scale * box.height), 1)
    cut = [crop(clip.truth.visible[place], box), crop(clip.truth.amodal[place], box)]
    answer = predicted[box.top : box.bottom, box.left : box.right]
    window = (clip.frames[place].permute(1, 2, 0) * 255).round().byte().numpy()
    return StripFrame(
        frame_index=int(clip.frame_indices[place]),
        size=size,
        frame=_uri(Image.fromarray(window).resize(size, Image.Resampling.BICUBIC), "jpeg", quality=80),
        overlay=_uri(outline_overlay(cut[0].numpy(), cut[1].numpy(), answer, size).quantize(32), "png"),
        occlusion=100 * float((amodal & ~visible).sum() / amodal.sum()),
        iou=float((amodal & predicted).sum() / (amodal | predicted).sum()),
    )


def _uri(image: Image.Image, kind: str, **options: int) -> str:
    data = BytesIO()
    image.save(data, kind, optimize=True, **options)
    return f"data:image/{kind};base64,{b64encode(data.getvalue()).decode()}"
