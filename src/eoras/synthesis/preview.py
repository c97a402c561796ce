"""What a made-up video holds, in pictures: before anyone makes a thousand."""

import colorsys
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from eoras.synthesis.video import AnnotatedVideo

__all__ = ["PANELS", "preview_frame", "preview_sheet"]

_COLUMNS = 4  # frames of the sheet
_GAP, _LINE = 6, 24


def preview_sheet(video: AnnotatedVideo, title: str) -> Image.Image:
    """Draw a video at four times from its first frame to its last, a row for each of ``PANELS``.

    Args:
        video: what to draw.
        title: written above.

    Returns:
        An RGB image.
    """
    times = np.linspace(0, len(video.frames) - 1, min(_COLUMNS, len(video.frames))).round().astype(int).tolist()
    rows = [(name, [draw(video, t) for t in times]) for name, draw in PANELS.items()]
    heights = [max(image.height for image in images) + _LINE + _GAP for _, images in rows]
    widths = [sum(image.width + _GAP for image in images) + _GAP for _, images in rows]
    sheet = Image.new("RGB", (max(widths), sum(heights) + _LINE + _GAP), "white")
    _write(sheet, _GAP, _GAP // 2, f"{title}   (frames {', '.join(map(str, times))} of 0 to {len(video.frames) - 1})")
    top = _LINE + _GAP
    for (name, images), height in zip(rows, heights, strict=True):
        _write(sheet, _GAP, top, name)
        for column, image in enumerate(images):
            sheet.paste(image, (_GAP + column * (image.width + _GAP), top + _LINE))
        top += height
    return sheet


def preview_frame(video: AnnotatedVideo, t: int) -> np.ndarray:
    """The panels of one frame side by side, two by two.

    Returns:
        uint8 ``(h, w, 3)``.
    """
    panels = [np.asarray(draw(video, t)) for draw in PANELS.values()]
    height, width = (max(panel.shape[axis] for panel in panels) for axis in (0, 1))
    padded = [np.pad(p, ((0, height - p.shape[0]), (0, width - p.shape[1]), (0, 0))) for p in panels]
    return np.concatenate([np.concatenate(padded[row : row + 2], axis=1) for row in (0, 2)], axis=0)


def _frame(video: AnnotatedVideo, t: int) -> Image.Image:
    return Image.fromarray(video.frames[t])


def _labels(video: AnnotatedVideo, t: int) -> Image.Image:
    return Image.fromarray(_colours(len(video.amodal))[video.visible[t]])


def _outlines(video: AnnotatedVideo, t: int) -> Image.Image:
    """Every amodal mask's outline, and stripes where an object is hidden, upon a pale frame."""
    pale = np.asarray(_frame(video, t).convert("L").convert("RGB"), np.float32) * 0.4 + 150
    for k, colour in enumerate(_colours(len(video.amodal))[1:]):
        mask = video.amodal[k, t]
        rows, columns = np.indices(mask.shape, sparse=True)
        stripes = mask & (video.visible[t] != k + 1) & ((rows + columns + 2 * k) % 6 < 2)
        pale[stripes] = 0.3 * pale[stripes] + 0.7 * colour
        pale[mask & ~_inner(mask)] = colour
    return Image.fromarray(pale.astype(np.uint8))


def _above(video: AnnotatedVideo, t: int) -> Image.Image:
    """The view from above, with the outline of every object in the colour of its label."""
    pixels = video.bev_frames[t].copy()
    for mask, colour in zip(video.bev_amodal[:, t], _colours(len(video.bev_amodal))[1:], strict=True):
        pixels[mask & ~_inner(mask)] = colour
    return Image.fromarray(pixels)


PANELS: Mapping[str, Callable[[AnnotatedVideo, int], Image.Image]] = {
    "frame": _frame,
    "visible labels": _labels,
    "whole objects: outlines, and stripes where hidden": _outlines,
    "from above, with outlines": _above,
}


def _inner(mask: np.ndarray) -> np.ndarray:
    """The pixels of a mask whose four neighbours belong to it."""
    around = np.pad(mask, 1, mode="edge")
    return around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]


def _colours(count: int) -> np.ndarray:
    """uint8 ``(count + 1, 3)``: black for the background, then hues far from their neighbours'."""
    hues = [colorsys.hsv_to_rgb(0.61803 * k % 1, 0.75 if k % 2 else 1, 0.75 if k % 3 else 0.95) for k in range(count)]
    return (255 * np.array([(0, 0, 0), *hues])).astype(np.uint8)


def _write(sheet: Image.Image, left: int, top: int, text: str) -> None:
    ImageDraw.Draw(sheet).text((left, top), text, fill="black", font=ImageFont.load_default(size=15))
