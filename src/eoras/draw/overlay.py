"""A video's frame with its objects drawn upon it: what is seen of them, and what is hidden."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Literal, get_args

import numpy as np
from PIL import Image, ImageChops

from eoras.draw.colours import BLACK, Colour, object_colour, object_round
from eoras.draw.edges import Edge
from eoras.draw.labels import Labels
from eoras.draw.rectangle import Rectangle

__all__ = ["STYLES", "DrawnObject", "Style", "draw_overlay"]

Style = Literal["overlay", "outline", "amodal", "side-by-side"]
STYLES: tuple[Style, ...] = get_args(Style)

_TINT, _WHOLE, _VEIL, _STRIPES, _HALO = 0.42, 0.6, 0.35, 0.9, 0.65  # opacities
_DIM = 0.35  # what is left of a frame's light where whole shapes are drawn upon it
_WORDY = 640  # columns of a frame whose labels have room for a word


@dataclass(frozen=True, kw_only=True)
class DrawnObject:
    """One object in one frame.

    Attributes:
        object_id: its number; it chooses the colour.
        amodal: bool ``(H, W)``, the whole object.
        visible: bool ``(H, W)``, its seen part.
        occlusion_rate: hidden share of the whole, 0..1; None where it is not known.
        hidden: whether it is known that nothing of it is seen.
    """

    object_id: int
    amodal: np.ndarray
    visible: np.ndarray
    occlusion_rate: float | None = None
    hidden: bool = False


def draw_overlay(frame: np.ndarray, objects: Sequence[DrawnObject], style: Style = "overlay") -> np.ndarray:
    """Draw objects upon a frame.

    - ``overlay``: the seen part tinted with a solid contour, the hidden part hatched with a dashed one.
    - ``outline``: the contours alone.
    - ``amodal``: whole shapes upon a dark frame.
    - ``side-by-side``: the frame, and to its right the ``overlay``.

    Lines and letters grow with the frame. The same input gives the same pixels.

    Args:
        frame: uint8 ``(H, W, 3)``, RGB.
        objects: what to draw; a later one lies upon those before it.
        style: how.

    Returns:
        uint8 ``(H, W, 3)``, with ``side-by-side`` ``(H, 2 W, 3)``.
    """
    if style == "side-by-side":
        return np.concatenate((frame, draw_overlay(frame, objects)), axis=1)
    canvas = Image.fromarray(frame)
    if style == "amodal":
        canvas = Image.blend(Image.new("RGB", canvas.size), canvas.convert("L").convert("RGB"), _DIM)
    pen = Pen.for_frame(*canvas.size)
    marks = [mark for item in objects if (mark := _Marks.of(item, pen)) is not None]
    for draw in _LAYERS[style]:  # one after the other, so that no object's tint lies upon another's lines
        for mark in marks:
            draw(mark, canvas)
    labels = Labels(canvas, pen.letters)
    for mark in marks:
        labels.place(mark.bounds, mark.caption(canvas.width), mark.colour)
    return np.array(canvas)


@dataclass(frozen=True, kw_only=True)
class Pen:
    """Measures of all marks, in pixels; they grow with the frame.

    Attributes:
        radius: half the width of a line.
        halo: how far the dark rim of a line reaches past it.
        stripe: from one stripe of a hatching to the next.
        dash: length of a dash, and of the gap after it.
        letters: size of the letters.
    """

    radius: float
    halo: float
    stripe: int
    dash: int
    letters: int

    @classmethod
    def for_frame(cls, width: int, height: int) -> "Pen":
        """Measures for a frame of that size."""
        side = max(width, height)
        return cls(
            radius=max(side / 900, 0.7),
            halo=max(side / 900, 0.7),
            stripe=max(round(side / 110), 6),
            dash=max(round(side / 160), 4),
            letters=max(round(6 + side / 65), 10),
        )

    @property
    def blur(self) -> float:
        """Of masks, in pixels: enough to draw the widest line."""
        return max((self.radius + self.halo) / 1.4, 1.0)


@dataclass(frozen=True, kw_only=True)
class _Marks:
    """What is drawn of one object; its pictures are those of its surroundings.

    Attributes:
        item: the object.
        pen: the measures.
        bounds: around the whole object.
        place: the same with a margin.
        visible: the seen part.
        amodal: the whole object.
        occluded: the hidden part without slivers, as opacity.
    """

    item: DrawnObject
    pen: Pen
    bounds: Rectangle
    place: Rectangle
    visible: Edge
    amodal: Edge
    occluded: Image.Image

    @classmethod
    def of(cls, item: DrawnObject, pen: Pen) -> "_Marks | None":
        """The marks of an object; None where nothing of it is in the frame."""
        bounds = Rectangle.around(item.amodal | item.visible)
        if bounds is None:
            return None
        place = bounds.grow(ceil(4 * pen.blur), *item.amodal.shape)
        visible, amodal = place.cut(item.visible), place.cut(item.amodal)
        return cls(
            item=item,
            pen=pen,
            bounds=bounds,
            place=place,
            visible=Edge(visible, pen.blur),
            amodal=Edge(amodal, pen.blur),
            occluded=Edge(amodal & ~visible, 1.5 * pen.blur).area(),
        )

    @property
    def colour(self) -> Colour:
        return object_colour(self.item.object_id)

    def caption(self, width: int) -> str:
        """Its number, and how much of it is hidden; with a word where a frame of ``width`` columns has room."""
        word = " hidden" if width >= _WORDY else ""
        if self.item.hidden:
            return f"{self.item.object_id}: hidden"
        if self.item.occlusion_rate is None or round(100 * self.item.occlusion_rate) == 0:
            return str(self.item.object_id)
        return f"{self.item.object_id}: {self.item.occlusion_rate:.0%}{word}"

    def tint_seen(self, canvas: Image.Image) -> None:
        self._paste(canvas, self.colour, self.visible.area(), _TINT)

    def tint_whole(self, canvas: Image.Image) -> None:
        self._paste(canvas, self.colour, self.amodal.area(), _WHOLE)

    def hatch(self, canvas: Image.Image) -> None:
        """Stripes on the hidden part, which is darkened a little so that they stand out."""
        stripes = _stripes(canvas.size, self.pen.stripe, object_round(self.item.object_id) % 4).crop(self.place)
        self._paste(canvas, BLACK, self.occluded, _VEIL)
        self._paste(canvas, self.colour, ImageChops.multiply(self.occluded, stripes), _STRIPES)

    def outline_hidden(self, canvas: Image.Image) -> None:
        """A dashed line along the hidden part."""
        pen = self.pen
        reach = Edge.soften(self.occluded, 2 * pen.blur)
        dashes = Image.fromarray(self._dashes())
        self._paste(canvas, BLACK, ImageChops.multiply(self.amodal.line(pen.radius + pen.halo), reach), _HALO)
        line = ImageChops.multiply(self.amodal.line(pen.radius), reach)
        self._paste(canvas, self.colour, ImageChops.multiply(line, dashes))

    def outline_seen(self, canvas: Image.Image) -> None:
        self._outline(canvas, self.visible)

    def outline_whole(self, canvas: Image.Image) -> None:
        self._outline(canvas, self.amodal)

    def _outline(self, canvas: Image.Image, edge: Edge) -> None:
        self._paste(canvas, BLACK, edge.line(self.pen.radius + self.pen.halo), _HALO)
        self._paste(canvas, self.colour, edge.line(self.pen.radius))

    def _dashes(self) -> np.ndarray:
        """Where a line along the edge has its dashes, uint8 ``(h, w)``, 0 or 255: by rows where it is steep."""
        rows, columns = np.ogrid[self.place.top : self.place.bottom, self.place.left : self.place.right]
        along = np.where(self.amodal.is_steep(), rows, columns)
        return (along % (2 * self.pen.dash) < self.pen.dash).astype(np.uint8) * 255

    def _paste(self, canvas: Image.Image, colour: Colour, opacity: Image.Image, share: float = 1.0) -> None:
        canvas.paste(colour, self.place, opacity.point([round(share * value) for value in range(256)]))


_LAYERS: Mapping[Style, Sequence[Callable[[_Marks, Image.Image], None]]] = {
    "overlay": (_Marks.tint_seen, _Marks.hatch, _Marks.outline_hidden, _Marks.outline_seen),
    "outline": (_Marks.outline_hidden, _Marks.outline_seen),
    "amodal": (_Marks.tint_whole, _Marks.outline_whole),
}


@lru_cache(maxsize=8)
def _stripes(size: tuple[int, int], pitch: int, direction: int) -> Image.Image:
    """Stripes over a whole frame, as opacity; they stand still while objects move.

    Args:
        size: columns and rows of the frame.
        pitch: pixels along a row from one stripe to the next.
        direction: 0 rising, 1 falling, 2 upright, 3 level.
    """
    columns, rows = np.ogrid[: size[0], : size[1]]
    along = (columns + rows, columns - rows, columns + 0 * rows, 0 * columns + rows)[direction].T % pitch
    cover = np.clip(np.minimum(along, pitch - along) * -1 + pitch / 4 + 0.5, 0, 1)
    return Image.fromarray((255 * cover).astype(np.uint8))
