"""The marks of masks: outlines and hatchings without stairs, and an overlay of them."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from eoras.draw.colours import BLACK, SKY_BLUE, VERMILION

__all__ = [
    "FINE",
    "PREDICTED",
    "PREDICTED_RADIUS",
    "TRUE",
    "TRUE_RADIUS",
    "VISIBLE",
    "hatching",
    "opaque",
    "outline",
    "outline_overlay",
    "reduce",
    "smooth",
]

VISIBLE, PREDICTED, TRUE = SKY_BLUE, VERMILION, BLACK

FINE = 3  # masks are drawn at so many times the size, then reduced: smooth edges
TRUE_RADIUS, PREDICTED_RADIUS = 2.6, 1.3  # half the width of an outline; both are seen where they coincide
_HALO_RADIUS = 3.8  # of what sets the true outline off against any frame


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
    overlay.paste((255, 255, 255, 150), mask=reduce(hidden & hatching(*hidden.shape)))
    overlay.paste((0, 0, 0, 255), mask=outline(whole, _HALO_RADIUS))
    overlay.paste((255, 255, 255, 255), mask=outline(whole, TRUE_RADIUS))
    overlay.paste((*PREDICTED, 255), mask=outline(answer, PREDICTED_RADIUS))
    return overlay


def _stretch(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask at a size, fine and without stairs."""
    width, height = FINE * size[0], FINE * size[1]
    return smooth(opaque(mask).resize((width, height), Image.Resampling.BICUBIC), height / len(mask))


def smooth(image: Image.Image, step: float) -> np.ndarray:
    """An enlarged mask, whose pixels have become ``step`` pixels long, without stairs."""
    return np.asarray(image.filter(ImageFilter.GaussianBlur(0.7 * step))) > 127


def opaque(mask: np.ndarray) -> Image.Image:
    """A mask as opacity."""
    return Image.fromarray(mask.astype(np.uint8) * 255)


def reduce(fine: np.ndarray) -> Image.Image:
    """A fine mask as opacity, at the size of a panel."""
    return opaque(fine).reduce(FINE)


def outline(fine: np.ndarray, radius: float) -> Image.Image:
    """Opacity of the edge of a fine mask, drawn with a round pen; none along the border of the window."""
    around = np.pad(fine, 1, mode="edge")
    inner = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    image = Image.new("L", fine.shape[::-1])
    pen, reach = ImageDraw.Draw(image), FINE * radius
    for row, column in np.argwhere(fine & ~inner).tolist():
        pen.ellipse((column - reach, row - reach, column + reach, row + reach), fill=255)
    return image.reduce(FINE)


def hatching(height: int, width: int) -> np.ndarray:
    """Diagonal stripes, a fine mask."""
    rows, columns = np.ogrid[:height, :width]
    return (rows + columns) % (8 * FINE) < 3 * FINE
