"""What the JSON formats of COCO's family share: ids, categories, boxes and names of images (formats D.4)."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from eoras.data.annotations import MaskTrack
from eoras.data.formats.format import inside
from eoras.data.masks import Rle, parse_mask
from eoras.errors import DataError
from eoras.geometry import Box

__all__ = [
    "MOST_FRAMES",
    "Category",
    "Finite",
    "Number",
    "Picture",
    "Side",
    "XywhBox",
    "box_of",
    "clip_name",
    "image_path",
    "look_up",
    "seen_part",
    "single",
    "unique",
    "xywh",
]

MOST_FRAMES = 1_000_000  # of a video: a number past it is a slip, and would fill the memory
Number = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(ge=1, le=32768)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
XywhBox = tuple[Finite, Finite, Finite, Finite]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Category:
    """An entry of ``categories``."""

    id: Number
    name: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An entry of ``images``: one frame."""

    id: Number
    file_name: str
    height: Side
    width: Side


def unique(entries: Iterable[tuple[int, T]], where: str) -> dict[int, T]:
    """Entries by their number.

    Raises:
        DataError: a number stands twice.
    """
    found: dict[int, T] = {}
    for number, entry in entries:
        if number in found:
            raise DataError(f"{where}: expected each number once, found {number} twice; number them anew")
        found[number] = entry
    return found


def look_up(entries: dict[int, T], number: int, where: str) -> T:
    """The entry of a number.

    Raises:
        DataError: there is none.
    """
    if number not in entries:
        raise DataError(f"{where}: expected the id of an entry of the file, found {number}; mend it or add the entry")
    return entries[number]


def box_of(box: XywhBox) -> Box:
    """Half-open whole pixels around ``[x, y, width, height]``; parts past the image are kept."""
    left, top, width, height = box
    return Box(math.floor(top), math.floor(left), math.ceil(top + height), math.ceil(left + width))


def xywh(box: Box | None) -> list[int] | None:
    """``[x, y, width, height]`` of a box, as COCO has it."""
    return box and [box.left, box.top, box.width, box.height]


def image_path(source: Path, name: str | None) -> Path | None:
    """The image that a JSON file names: beside the file, or in ``JPEGImages`` there as in YouTube-VIS.

    Raises:
        DataError: the name leads out of the file's folder.
    """
    if name is None:
        return None
    folder = source.parent
    path = inside(folder, folder / name)
    other = folder / "JPEGImages" / name
    return inside(folder, other) if not path.exists() and other.exists() else path


def seen_part(visible: Any, amodal: Rle, where: str) -> Rle:
    """The visible mask; where none is told the object is not occluded (formats D.11)."""
    return amodal if visible is None else parse_mask(visible, amodal.height, amodal.width, where)


def single(index: int, category: str, amodal: Rle, visible: Rle, box: XywhBox | None) -> MaskTrack:
    """The track of an object in a clip of one frame."""
    boxes = () if box is None else (box_of(box),)
    return MaskTrack(track_id=index, category=category, visible=(visible,), amodal=(amodal,), amodal_boxes=boxes)


def clip_name(file_name: str) -> str:
    """The name of the clip of one image: its path without suffix, slashes as underscores."""
    return str(Path(file_name).with_suffix("")).replace("/", "_")
