"""Pictures for people: contact sheets that show amodal masks, and set predicted ones beside the truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

__all__ = ["PREDICTED", "TRUE", "VISIBLE", "TrackPicture", "contact_sheet", "outline_overlay"]

# of the palette by Okabe and Ito, which colour-blind people tell apart
VISIBLE = (86, 180, 233)
PREDICTED = (213, 94, 0)
TRUE = (0, 0, 0)

_EXPLANATION = (
    "The amodal mask is the whole object, hidden parts included. Each row is one object; time runs to the right."
)
_PANELS = ("frame", "visible mask", "prediction and truth")
_TRUE_PANELS = ("frame", "visible mask", "amodal mask")  # where nothing is predicted
_FINE = 3  # masks are drawn at so many times the size, then reduced: smooth edges
_TRUE_RADIUS, _PREDICTED_RADIUS = 2.6, 1.3  # half the width of an outline; both are seen where they coincide
_HALO_RADIUS = 3.8  # of what sets the true outline off against any frame
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
        predicted: bool ``(T, H, W)``, the predicted one; None where nothing is predicted.
    """

    title: str
    frames: np.ndarray
    visible: np.ndarray
    amodal: np.ndarray
    predicted: np.ndarray | None = None


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
        _draw_row(sheet, head + row * height, track, _telling_frames(track, columns), side)
    return sheet


def outline_overlay(
    visible: np.ndarray, amodal: np.ndarray, predicted: np.ndarray, size: tuple[int, int]
) -> Image.Image:
    """What is to be laid over a frame in its own colours: both outlines, and stripes on the hidden part.

    Args:
        visible: bool ``(h, w)``, cut out of the image where the frame is.
        amodal: bool ``(h, w)``, the true amodal mask there.
        predicted: bool ``(h, w)``, the predicted one.
        size: columns and rows of the overlay, in pixels.

    Returns:
        An RGBA image: the truth white between black, the prediction in ``PREDICTED``, the rest transparent.
    """
    hidden, whole, answer = (_stretch(mask, size) for mask in (amodal & ~visible, amodal, predicted))
    overlay = Image.new("RGBA", size)
    overlay.paste((255, 255, 255, 150), mask=_reduce(hidden & _hatching(*hidden.shape)))
    overlay.paste((0, 0, 0, 255), mask=_outline(whole, _HALO_RADIUS))
    overlay.paste((255, 255, 255, 255), mask=_outline(whole, _TRUE_RADIUS))
    overlay.paste((*PREDICTED, 255), mask=_outline(answer, _PREDICTED_RADIUS))
    return overlay


def _draw_row(sheet: Image.Image, top: int, track: TrackPicture, frames: Sequence[int], side: int) -> None:
    """Draw one track: a title, then for each frame its panels, all to one scale, and a line about it below."""
    length = len(track.frames)
    _write(sheet, _MARGIN, top, f"{track.title}:  {_score(track, range(length))} on average", size=17)
    window_side = _window_side(track, frames)
    left = _MARGIN
    for t in frames:
        _write(sheet, left, top + _LINE + side + _GAP, f"frame {t + 1} of {length}:  {_score(track, [t])}")
        for image in _panels(track, t, window_side, side):
            sheet.paste(image, (left, top + _LINE))
            left += side + _GAP
        left += _MARGIN


def _telling_frames(track: TrackPicture, count: int) -> list[int]:
    """In each of ``count`` equal parts of the track, the frame with the largest hidden area."""
    hidden = (track.amodal & ~track.visible).sum(axis=(1, 2))
    parts = np.array_split(np.arange(len(hidden)), count)
    return [int(part[hidden[part].argmax()]) for part in parts if len(part)]


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
    seen.paste(VISIBLE, mask=_reduce(visible))
    both = Image.blend(pale, seen, 0.5)
    if track.predicted is None:
        both.paste(TRUE, mask=_reduce(amodal & ~visible & _hatching(*visible.shape)))
        both.paste(TRUE, mask=_outline(amodal, _PREDICTED_RADIUS))
        return frame, seen, both
    predicted = _smooth(track.predicted[t], window, side)
    both.paste(PREDICTED, mask=_reduce(predicted & ~visible & _hatching(*visible.shape)))
    both.paste(TRUE, mask=_outline(amodal, _TRUE_RADIUS))
    both.paste(PREDICTED, mask=_outline(predicted, _PREDICTED_RADIUS))
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
    """A mask cut to a window, bool ``(fine, fine)`` with ``fine = _FINE * side``, without stairs."""
    return _round(window.cut(_opaque(mask), _FINE * side), _FINE * side / window.side)


def _stretch(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask at a size, fine and without stairs."""
    width, height = _FINE * size[0], _FINE * size[1]
    return _round(_opaque(mask).resize((width, height), Image.Resampling.BICUBIC), height / len(mask))


def _round(image: Image.Image, step: float) -> np.ndarray:
    """An enlarged mask, whose pixels have become ``step`` pixels long, without stairs."""
    return np.asarray(image.filter(ImageFilter.GaussianBlur(0.7 * step))) > 127


def _opaque(mask: np.ndarray) -> Image.Image:
    return Image.fromarray(mask.astype(np.uint8) * 255)


def _reduce(fine: np.ndarray) -> Image.Image:
    """A fine mask as opacity, at the size of a panel."""
    return _opaque(fine).reduce(_FINE)


def _outline(fine: np.ndarray, radius: float) -> Image.Image:
    """Opacity of the edge of a fine mask, drawn with a round pen; none along the border of the window."""
    around = np.pad(fine, 1, mode="edge")
    inner = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    image = Image.new("L", fine.shape[::-1])
    pen, reach = ImageDraw.Draw(image), _FINE * radius
    for row, column in np.argwhere(fine & ~inner).tolist():
        pen.ellipse((column - reach, row - reach, column + reach, row + reach), fill=255)
    return image.reduce(_FINE)


def _hatching(height: int, width: int) -> np.ndarray:
    """Diagonal stripes, a fine mask."""
    rows, columns = np.ogrid[:height, :width]
    return (rows + columns) % (8 * _FINE) < 3 * _FINE


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
    hatched.paste(TRUE, mask=_reduce(_hatching(_FINE * height, _FINE * width)))
    ImageDraw.Draw(outline).line((0, height // 2, width, height // 2), fill=TRUE, width=round(2 * _PREDICTED_RADIUS))
    visible = Image.new("RGB", (width, height), VISIBLE)
    return {"visible mask": visible, "hidden part": hatched, "amodal outline": outline}


def _samples() -> dict[str, Image.Image]:
    """What each mark looks like."""
    width, height = 40, 16
    hatched, predicted, true, both = (Image.new("RGB", (width, height), "white") for _ in range(4))
    hatched.paste(PREDICTED, mask=_reduce(_hatching(_FINE * height, _FINE * width)))

    def rule(image: Image.Image, colour: tuple[int, int, int], radius: float) -> None:
        ImageDraw.Draw(image).line((0, height // 2, width, height // 2), fill=colour, width=round(2 * radius))

    for image in (true, both):
        rule(image, TRUE, _TRUE_RADIUS)
    for image in (predicted, both):
        rule(image, PREDICTED, _PREDICTED_RADIUS)
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
