"""Pictures for people: contact sheets that show amodal masks, and set predicted ones beside the truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from eoras.draw.marks import (
    FINE,
    PREDICTED,
    PREDICTED_RADIUS,
    TRUE,
    TRUE_RADIUS,
    VISIBLE,
    hatching,
    opaque,
    outline,
    reduce,
    smooth,
)

__all__ = ["TrackPicture", "contact_sheet", "telling_frames"]

_EXPLANATION = (
    "The amodal mask is the whole object, hidden parts included. Each row is one object; time runs to the right."
)
_PANELS = ("frame", "visible mask", "prediction and truth")
_TRUE_PANELS = ("frame", "visible mask", "amodal mask")  # where nothing is predicted
_MARGIN, _GAP, _LINE = 16, 4, 22
_LEGEND_WIDTH = 1056


@dataclass(frozen=True, kw_only=True)
class TrackPicture:
    """One row of a contact sheet: a track with its truth, and with its prediction if there is one.

    Attributes:
        title: what identifies it, such as "video 3, track 1".
        frames: uint8 ``(T, H, W, 3)``, RGB.
        visible: bool ``(T, H, W)``, the seen part.
        amodal: bool ``(T, H, W)``, the true amodal mask.
        predicted: bool ``(T, H, W)``, the predicted one; None where there is one only, true or not.
        frame_indices: of these frames in the video, from 0 as their files are numbered; None where they are all of it.
        is_whole: whether these are the frames of the whole track, so that an average over them tells of it.
    """

    title: str
    frames: np.ndarray
    visible: np.ndarray
    amodal: np.ndarray
    predicted: np.ndarray | None = None
    frame_indices: Sequence[int] | None = None
    is_whole: bool = True

    def name_frame(self, place: int) -> str:
        """Say which frame of the video one of these is."""
        return f"frame {place if self.frame_indices is None else self.frame_indices[place]}"


@dataclass(frozen=True)
class _Window:
    """A square of the image, in pixels; it may reach past it."""

    top: int
    left: int
    side: int

    def cut(self, image: Image.Image, side: int) -> Image.Image:
        """This part of an image, enlarged or reduced to ``side`` pixels; white or empty where there is no image."""
        square = Image.new(image.mode, (self.side, self.side), "white" if image.mode == "RGB" else 0)
        square.paste(image, (-self.left, -self.top))
        return square.resize((side, side), Image.Resampling.BICUBIC)


def contact_sheet(rows: Sequence[TrackPicture], *, columns: int = 3, side: int = 192) -> Image.Image:
    """Draw tracks below each other, each at a few of its frames.

    The track is cut into ``columns`` parts of time; each shows its frame with the largest hidden area. The image is
    cut to the surroundings of the object.

    Args:
        rows: the tracks; their images may differ in size. Either all have a prediction or none has.
        columns: frames shown of each track.
        side: of a panel, in pixels. Each frame takes three: the frame, the visible mask, and prediction with truth
            (the amodal mask alone where nothing is predicted).

    Returns:
        An RGB image.
    """
    pitch = len(_PANELS) * (side + _GAP) + _MARGIN
    head, height = _MARGIN + 4 * _LINE, side + 3 * _LINE
    size = (max(_MARGIN + columns * pitch, _LEGEND_WIDTH), head + len(rows) * height)
    sheet = Image.new("RGB", size, "white")
    only_true = any(track.predicted is None for track in rows)
    _draw_legend(sheet, only_true)
    panels = _TRUE_PANELS if only_true else _PANELS
    for column, panel in np.ndindex(columns, len(panels)):
        _write(sheet, _MARGIN + column * pitch + panel * (side + _GAP), head - _LINE - _GAP, panels[panel])
    for row, track in enumerate(rows):
        _draw_row(
            sheet,
            head + row * height,
            track,
            telling_frames((track.amodal & ~track.visible).sum(axis=(1, 2)), columns),
            side,
        )
    return sheet


def telling_frames(hidden: np.ndarray, count: int) -> list[int]:
    """In each of ``count`` equal parts of a track, the frame with the largest hidden area.

    Args:
        hidden: that area in each frame, ``(T,)``.
        count: how many frames; there are fewer where the track is shorter.
    """
    parts = np.array_split(np.arange(len(hidden)), count)
    return [int(part[hidden[part].argmax()]) for part in parts if len(part)]


def _draw_row(sheet: Image.Image, top: int, track: TrackPicture, frames: Sequence[int], side: int) -> None:
    """Draw one track: a title, then for each frame its panels, all to one scale, and a line about it below."""
    average = f":  {_score(track, range(len(track.frames)))} on average" if track.is_whole else ""
    _write(sheet, _MARGIN, top, track.title + average, size=17)
    window_side = _window_side(track, frames)
    left = _MARGIN
    for t in frames:
        _write(sheet, left, top + _LINE + side + _GAP, f"{track.name_frame(t)}:  {_score(track, [t])}")
        for image in _panels(track, t, window_side, side):
            sheet.paste(image, (left, top + _LINE))
            left += side + _GAP
        left += _MARGIN


def _score(track: TrackPicture, frames: Sequence[int]) -> str:
    """Share of the object that is hidden and IoU of the prediction, averaged over the frames that hold the object."""
    visible, amodal = track.visible[frames], track.amodal[frames]
    area = amodal.sum(axis=(1, 2))
    if not area.any():
        return "not in view"
    hidden = (amodal & ~visible).sum(axis=(1, 2))[area > 0] / area[area > 0]
    if track.predicted is None:
        return f"{hidden.mean():.0%} hidden"
    predicted = track.predicted[frames]
    iou = ((amodal & predicted).sum(axis=(1, 2)) / np.maximum((amodal | predicted).sum(axis=(1, 2)), 1))[area > 0]
    return f"{hidden.mean():.0%} hidden, IoU {iou.mean():.2f}"


def _panels(track: TrackPicture, t: int, window_side: int, side: int) -> tuple[Image.Image, Image.Image, Image.Image]:
    """The frame, the visible mask upon it, and the amodal masks, around the object."""
    window = _window(_masks(track, [t])[0], window_side)
    frame = window.cut(Image.fromarray(track.frames[t]), side)
    pale = Image.blend(frame.convert("L").convert("RGB"), Image.new("RGB", frame.size, "white"), 0.6)
    visible, amodal = _smooth(track.visible[t], window, side), _smooth(track.amodal[t], window, side)
    seen = pale.copy()
    seen.paste(VISIBLE, mask=reduce(visible))
    both = Image.blend(pale, seen, 0.5)
    if track.predicted is None:
        both.paste(TRUE, mask=reduce(amodal & ~visible & hatching(*visible.shape)))
        both.paste(TRUE, mask=outline(amodal, PREDICTED_RADIUS))
        return frame, seen, both
    predicted = _smooth(track.predicted[t], window, side)
    both.paste(PREDICTED, mask=reduce(predicted & ~visible & hatching(*visible.shape)))
    both.paste(TRUE, mask=outline(amodal, TRUE_RADIUS))
    both.paste(PREDICTED, mask=outline(predicted, PREDICTED_RADIUS))
    return frame, seen, both


def _masks(track: TrackPicture, frames: Sequence[int]) -> np.ndarray:
    """All masks of some frames as one, bool ``(len(frames), H, W)``."""
    masks = track.visible[frames] | track.amodal[frames]
    return masks if track.predicted is None else masks | track.predicted[frames]


def _window_side(track: TrackPicture, frames: Sequence[int]) -> int:
    """Side of the windows of a row, in pixels: 1.7 times the largest mask, at least half the image."""
    masks = _masks(track, frames)
    height, width = masks.shape[1:]
    extent = max(masks.any(axis=axis).sum(axis=1).max() for axis in (1, 2))
    return min(max(int(1.7 * extent), min(height, width) // 2), max(height, width))


def _window(mask: np.ndarray, side: int) -> _Window:
    """A square about a mask ``(H, W)``, inside the image along each axis that is long enough."""

    def start(occupied: np.ndarray) -> int:
        places, length = np.flatnonzero(occupied), len(occupied)
        middle = (places[0] + places[-1] + 1) // 2 if len(places) else length // 2
        return int(np.clip(middle - side // 2, 0, length - side)) if side <= length else (length - side) // 2

    return _Window(start(np.any(mask, axis=1)), start(np.any(mask, axis=0)), side)


def _smooth(mask: np.ndarray, window: _Window, side: int) -> np.ndarray:
    """A mask cut to a window, bool ``(fine, fine)`` with ``fine = FINE * side``, without stairs."""
    return smooth(window.cut(opaque(mask), FINE * side), FINE * side / window.side)


def _draw_legend(sheet: Image.Image, only_true: bool) -> None:
    """Explain the sheet in its first lines."""
    _write(sheet, _MARGIN, _GAP, _EXPLANATION, size=17)
    left, top = _MARGIN, _LINE + 2 * _GAP
    for name, sample in (_true_samples() if only_true else _samples()).items():
        sheet.paste(sample, (left, top))
        left += sample.width + 8
        left += _write(sheet, left, top, name) + 2 * _MARGIN


def _true_samples() -> dict[str, Image.Image]:
    """What each mark looks like where nothing is predicted."""
    width, height = 40, 16
    hatched, outline = (Image.new("RGB", (width, height), "white") for _ in range(2))
    hatched.paste(TRUE, mask=reduce(hatching(FINE * height, FINE * width)))
    ImageDraw.Draw(outline).line((0, height // 2, width, height // 2), fill=TRUE, width=round(2 * PREDICTED_RADIUS))
    visible = Image.new("RGB", (width, height), VISIBLE)
    return {"visible mask": visible, "hidden part": hatched, "amodal outline": outline}


def _samples() -> dict[str, Image.Image]:
    """What each mark looks like."""
    width, height = 40, 16
    hatched, predicted, true, both = (Image.new("RGB", (width, height), "white") for _ in range(4))
    hatched.paste(PREDICTED, mask=reduce(hatching(FINE * height, FINE * width)))

    def rule(image: Image.Image, colour: tuple[int, int, int], radius: float) -> None:
        ImageDraw.Draw(image).line((0, height // 2, width, height // 2), fill=colour, width=round(2 * radius))

    for image in (true, both):
        rule(image, TRUE, TRUE_RADIUS)
    for image in (predicted, both):
        rule(image, PREDICTED, PREDICTED_RADIUS)
    return {
        "visible mask": Image.new("RGB", (width, height), VISIBLE),
        "predicted hidden part": hatched,
        "predicted amodal outline": predicted,
        "true amodal outline": true,
        "both outlines agree": both,
    }


def _write(sheet: Image.Image, left: int, top: int, text: str, size: int = 15) -> int:
    """Write a line of text and give its width in pixels."""
    font = ImageFont.load_default(size=size)
    ImageDraw.Draw(sheet).text((left, top), text, fill="black", font=font)
    return int(font.getlength(text))
