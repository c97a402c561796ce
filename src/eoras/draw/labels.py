"""Labels of objects: letters upon a plate in the object's colour, which do not lie upon each other."""

from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

from eoras.draw.colours import Colour
from eoras.draw.rectangle import Rectangle

__all__ = ["Labels"]

_BRIGHT = 140  # plates brighter than this have black letters


class Labels:
    """Places labels upon a picture, one after another.

    Args:
        canvas: an RGB image.
        size: of the letters, in pixels.
    """

    def __init__(self, canvas: Image.Image, size: int) -> None:
        self._canvas = canvas
        self._size = size
        self._taken: list[Rectangle] = []

    def place(self, box: Rectangle, text: str, colour: Colour) -> None:
        """Write a label above a box, or as near to that as there is room.

        Args:
            box: around what the label belongs to, in pixels.
            text: one line.
            colour: of the plate.
        """
        plate = _plate(text, colour, self._size)
        place = min(self._places(box, plate), key=self._overlap)
        self._taken.append(place)
        self._canvas.paste(plate, (place.left, place.top), plate)

    def _places(self, box: Rectangle, plate: Image.Image) -> list[Rectangle]:
        """Where a label could stand, the best first."""
        middle = (box.left + box.right - plate.width) // 2
        gap = plate.height // 4
        left = min(max(middle, 0), max(self._canvas.width - plate.width, 0))
        tops = [box.top - plate.height - gap, box.top + gap, box.bottom + gap]
        tops += [top + step * plate.height for step in (-1, 1, 2, 3) for top in tops]
        lowest = max(self._canvas.height - plate.height, 0)
        fitting = [top for top in tops if 0 <= top <= lowest] or [min(max(tops[0], 0), lowest)]
        return [Rectangle(left, top, left + plate.width, top + plate.height) for top in fitting]

    def _overlap(self, place: Rectangle) -> int:
        """Pixels that it shares with the labels that stand already."""
        return sum(map(place.common, self._taken))


@lru_cache(maxsize=1024)
def _plate(text: str, colour: Colour, size: int) -> Image.Image:
    """A label with a dark rim, RGBA."""
    font = ImageFont.load_default(size=size)
    left, _, right, _ = font.getbbox(text)
    _, highest, _, lowest = font.getbbox("0h")
    margin, rim = max(round(size / 5), 1), max(round(size / 14), 1)
    plate = Image.new("RGBA", (round(right - left) + 2 * margin, round(lowest - highest) + 2 * margin))
    pen = ImageDraw.Draw(plate)
    pen.rounded_rectangle(
        (0, 0, plate.width - 1, plate.height - 1), radius=margin, fill=(*colour, 235), outline=(0, 0, 0, 200), width=rim
    )
    bright = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > _BRIGHT
    pen.text((margin - left, margin - highest), text, fill="black" if bright else "white", font=font)
    return plate
