"""What the JSON formats of COCO's family share: ids, categories, boxes and names of images (formats D.4)."""

import math
from collections.abc import Iterable
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, TypeVar

from pydantic.dataclasses import dataclass

from eoras.data.annotations import MaskTrack
from eoras.data.json_files import Finite, Number, Side
from eoras.data.masks import Rle, decode, encode, parse_mask
from eoras.errors import DataError
from eoras.geometry import Box

__all__ = [
    "Category",
    "Hiding",
    "Picture",
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


@dataclass(frozen=True, kw_only=True)
class Hiding:
    """What an annotation tells of an object's occlusion; nothing where it is not occluded."""

    visible_mask: Any = None
    invisible_mask: Any = None
    occlude_rate: Finite | None = None


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

    Links are followed wherever they lead.

    Raises:
        DataError: the name leads out of the file's folder.
    """
    if name is None:
        return None
    folder, relative = source.parent, PurePath(name)
    if relative.anchor or ".." in relative.parts or not name.isprintable():
        raise DataError(
            f"{source}: expected the name of an image inside {folder}, found {name!r}; put the image, or a link to it, "
            "there"
        )
    path, other = folder / relative, folder / "JPEGImages" / relative
    try:
        return other if not path.exists() and other.exists() else path
    except OSError:  # such as a name that is too long: whoever reads the image says so
        return path


def seen_part(told: Hiding, amodal: Rle, where: str) -> Rle:
    """The visible mask, or what the invisible one leaves; without either the object is seen whole (formats D.11).

    Raises:
        DataError: a mask cannot be read, or there is none though a part is said to be hidden.
    """
    if told.visible_mask is not None:
        return parse_mask(told.visible_mask, amodal.height, amodal.width, f"{where}.visible_mask")
    if told.invisible_mask is not None:
        hidden = parse_mask(told.invisible_mask, amodal.height, amodal.width, f"{where}.invisible_mask")
        return encode(decode(amodal) & ~decode(hidden))
    if told.occlude_rate is not None and told.occlude_rate > 0:
        raise DataError(
            f"{where}: expected visible_mask or invisible_mask, for occlude_rate is {told.occlude_rate:g}, found "
            "neither; add one of them"
        )
    return amodal


def single(index: int, category: str, amodal: Rle, visible: Rle, box: XywhBox | None) -> MaskTrack:
    """The track of an object in a clip of one frame."""
    boxes = () if box is None else (box_of(box),)
    return MaskTrack(track_id=index, category=category, visible=(visible,), amodal=(amodal,), amodal_boxes=boxes)


def clip_name(file_name: str) -> str:
    """The name of the clip of one image: its path without suffix, slashes as underscores; empty where it names none."""
    path = PurePosixPath(file_name)
    return str(path.with_suffix("")).replace("/", "_") if path.name else ""
