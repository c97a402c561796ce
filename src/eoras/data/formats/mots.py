"""Text of KITTI-MOTS and MOTS: a line an object and frame, with its visible mask as runs (formats D.8)."""

import re
from collections import defaultdict
from collections.abc import Iterator

from eoras.data.annotations import MaskTrack, MaskVideo, check_entries, check_name
from eoras.data.formats.format import Source, first_line, read_lines
from eoras.data.json_files import LONGEST_SIDE, MOST_FRAMES
from eoras.data.masks import Rle, empty, parse_mask
from eoras.errors import DataError

__all__ = ["read", "recognises"]

_IGNORED_CLASS = 10
_CLASSES = {1: "car", 2: "pedestrian"}


def recognises(source: Source) -> bool:
    """Whether the source is text of five numbers and a mask a line."""
    return re.fullmatch(r"\d+ \d+ \d+ \d+ \d+ \S+", first_line(source.path)) is not None


def read(source: Source) -> Iterator[MaskVideo]:
    """Give the video of a file; frames count from 0, and what is not listed is not seen.

    Lines of class 10 are regions to ignore, and are left out. The object's number stays as it is, such as 2001.

    Raises:
        DataError: the file or a line cannot be read, sizes differ, or an object stands twice in a frame.
    """
    masks: dict[int, dict[int, Rle]] = defaultdict(dict)
    classes: dict[int, int] = {}
    size, length = None, 0
    for number, line in enumerate(read_lines(source.path), start=1):
        if not line:
            continue
        where = f"{source.path}: line {number}"
        frame, track_id, kind, height, width, counts = _split(line, where)
        size = size or (height, width)
        rle = parse_mask({"size": [height, width], "counts": counts}, *size, where)
        length = max(length, frame + 1)
        if kind == _IGNORED_CLASS:
            continue
        if frame in masks[track_id]:
            raise DataError(f"{where}: track {track_id} stands twice in frame {frame}; take one out")
        masks[track_id][frame], classes[track_id] = rle, kind
    if size is None:
        raise DataError(
            f"{source.path}: expected lines of 'frame id class height width mask', found none; write it again"
        )
    check_entries(length * (1 + len(masks)), str(source.path))
    nothing, unknown = empty(*size), (None,) * length
    yield MaskVideo(
        name=check_name(source.path.stem, str(source.path)),
        height=size[0],
        width=size[1],
        images=unknown,
        tracks=tuple(
            MaskTrack(
                track_id=track_id,
                category=_CLASSES.get(classes[track_id], "object"),
                visible=tuple(found.get(t, nothing) for t in range(length)),
                amodal=unknown,
            )
            for track_id, found in sorted(masks.items())
        ),
    )


def _split(line: str, where: str) -> tuple[int, int, int, int, int, str]:
    parts = line.split()
    if len(parts) != 6 or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts[:5]):
        raise DataError(f"{where}: expected 'frame id class height width mask', found {line[:60]!r}; write it again")
    frame, track_id, kind, height, width = map(int, parts[:5])
    if frame >= MOST_FRAMES or max(height, width) > LONGEST_SIDE or 0 in (height, width):
        raise DataError(f"{where}: expected a frame and a size that can be, found {line[:60]!r}; write it again")
    return frame, track_id, kind, height, width, parts[5]
