"""Text of MOTChallenge: a line an object and frame, with its box alone (formats D.7)."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from configparser import ConfigParser, Error
from pathlib import Path

from eoras.data.annotations import MaskTrack, MaskVideo, check_entries, check_name
from eoras.data.formats.format import Source, first_line, read_lines
from eoras.data.json_files import MOST_FRAMES
from eoras.errors import DataError
from eoras.geometry import Box

__all__ = ["read", "read_boxes", "recognises"]

_NUMBER = r"\s*-?\d+(\.\d*)?([eE][-+]?\d+)?\s*"
_FAR = 1e6  # pixels; no box is there


def recognises(source: Source) -> bool:
    """Whether the source is text of at least six numbers a line with commas between."""
    return re.fullmatch(rf"{_NUMBER}(,{_NUMBER}){{5,}},?", first_line(source.path)) is not None


def read_boxes(path: Path) -> dict[int, dict[int, Box]]:
    """Read the boxes, by object and frame, which counts from 0 here and from 1 in the file.

    Lines whose seventh number is 0 are to be ignored, and are left out.

    Returns:
        Boxes in whole pixels of at least one, which may lie past the image.

    Raises:
        DataError: the file or a line cannot be read, or an object stands twice in a frame.
    """
    boxes: dict[int, dict[int, Box]] = defaultdict(dict)
    for number, line in enumerate(read_lines(path), start=1):
        if not line:
            continue
        where = f"{path}: line {number}"
        frame, track_id, left, top, width, height, *more = _numbers(line, where)
        if more and more[0] == 0:
            continue
        if int(frame) - 1 in boxes[int(track_id)]:
            raise DataError(f"{where}: track {int(track_id)} stands twice in frame {int(frame)}; take one out")
        # MOTChallenge counts pixels from 1
        top, left = round(top) - 1, round(left) - 1
        boxes[int(track_id)][int(frame) - 1] = Box(top, left, top + max(round(height), 1), left + max(round(width), 1))
    return {track_id: found for track_id, found in sorted(boxes.items()) if found}


def read(source: Source) -> Iterator[MaskVideo]:
    """Give the video of a file, its boxes as amodal ones; size and length stand in ``seqinfo.ini``.

    Raises:
        DataError: a line cannot be read, or there is no ``seqinfo.ini`` beside the file or in the folder above.
    """
    boxes = read_boxes(source.path)
    name, height, width, length = _sequence(source.path)
    length = max([length, *(max(found) + 1 for found in boxes.values())])
    check_entries(length * (1 + len(boxes)), str(source.path))
    unknown = (None,) * length
    yield MaskVideo(
        name=check_name(name, str(source.path)),
        height=height,
        width=width,
        images=unknown,
        tracks=tuple(
            MaskTrack(
                track_id=track_id,
                category="object",
                visible=unknown,
                amodal=unknown,
                amodal_boxes=tuple(map(found.get, range(length))),
            )
            for track_id, found in boxes.items()
        ),
    )


def _numbers(line: str, where: str) -> list[float]:
    try:
        numbers = [float(part) for part in line.rstrip(",").split(",")]
    except ValueError:
        numbers = []
    good = len(numbers) >= 6 and all(math.isfinite(number) and abs(number) < _FAR for number in numbers[:6])
    if not good or not 1 <= numbers[0] <= MOST_FRAMES or numbers[1] < 0 or numbers[4] <= 0 or numbers[5] <= 0:
        raise DataError(
            f"{where}: expected 'frame,id,left,top,width,height,...' with frames from 1 and ids from 0, found "
            f"{line[:60]!r}; write it again"
        )
    return numbers


def _sequence(path: Path) -> tuple[str, int, int, int]:
    """Name, rows, columns and frames, as ``seqinfo.ini`` tells them."""
    for folder in (path.parent, path.parent.parent):
        parser = ConfigParser()
        try:
            if parser.read(folder / "seqinfo.ini", encoding="utf-8"):
                section = parser["Sequence"]
                sides = (section.getint("imHeight"), section.getint("imWidth"), section.getint("seqLength"))
                if all(side is not None and 0 < side <= MOST_FRAMES for side in sides):
                    height, width, length = (int(side or 0) for side in sides)
                    return section.get("name") or folder.name, height, width, length
        except (Error, ValueError, KeyError):
            pass
    raise DataError(
        f"{path}: expected seqinfo.ini beside it or in the folder above, with imHeight, imWidth and seqLength under "
        "[Sequence], found none; boxes alone do not tell the size of the video"
    )
