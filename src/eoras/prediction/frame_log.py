"""The file beside a growing result from which an interrupted run goes on, and from which the result is put together."""

import json
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eoras.data.masks import Rle
from eoras.errors import ConfigError
from eoras.files import writing
from eoras.prediction.result import FrameResult, ObjectResult

__all__ = ["Contents", "FrameLog", "check_same"]


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Where things stand in a log.

    Attributes:
        places: bytes from the beginning of the file to the lines of each object, by its id.
        height: rows of the frames, in pixels.
        width: columns of the frames, in pixels.
        start: index of the first frame.
        stop: index after that of the last one; where the two are the same there is none.
        end: bytes from the beginning of the file to the end of the last whole frame.
    """

    places: Mapping[int, array]
    height: int
    width: int
    start: int
    stop: int
    end: int


class FrameLog:
    """A line of settings, then a line an object, and after those of a frame one that ends it.

    Args:
        path: the file; it need not exist.
        info: settings that the result depends on.
    """

    def __init__(self, path: Path, info: Mapping[str, Any]) -> None:
        self.path = path
        self._info = info

    def add(self, frame: FrameResult) -> None:
        """Append a frame.

        Raises:
            RunError: the disk is full, or the file cannot be written.
        """
        lines: list[Any] = [] if self.path.exists() else [dict(self._info)]
        lines += [_line(frame.frame_index, item) for item in frame.objects.values()]
        lines.append({"frame": frame.frame_index, "size": [frame.height, frame.width]})
        with writing(self.path), self.path.open("ab") as file:
            file.write(b"".join(json.dumps(line).encode("ascii") + b"\n" for line in lines))

    def go_on(self) -> Contents:
        """Cut off what an interrupted run has left of a frame, and say what is there; there need not be a log.

        A log whose first line is not whole, as a full disk or a power cut leaves it, is taken away: there is no frame
        to go on from.

        Raises:
            ConfigError: it is the log of other settings.
            RunError: the file cannot be written.
        """
        nothing = Contents(places={}, height=0, width=0, start=0, stop=0, end=0)
        if not self.path.exists():
            return nothing
        with writing(self.path), self.path.open("rb") as file:
            info = _parse(file.readline())
        if info is None:
            with writing(self.path):
                self.path.unlink()
            return nothing
        check_same(self.path.parent, info, self._info)
        contents = self.look()
        with writing(self.path), self.path.open("r+b") as file:
            file.truncate(contents.end)
        return contents

    def look(self) -> Contents:
        """Say what is there, up to the last whole frame."""
        places: dict[int, array] = {}
        height, width, start, stop = 0, 0, 0, 0
        with self.path.open("rb") as file:
            file.readline()
            place = end = file.tell()
            for line in file:
                record = _parse(line)
                if record is None:
                    break
                if "size" in record:
                    height, width = record["size"]
                    start, stop = (start if stop else record["frame"]), record["frame"] + 1
                    end = place + len(line)
                else:
                    places.setdefault(record["id"], array("q")).append(place)
                place += len(line)
        return Contents(places=places, height=height, width=width, start=start, stop=stop, end=end)

    def read(self, contents: Contents, object_id: int) -> Iterator[tuple[int, ObjectResult]]:
        """Give an object's frames: index and result."""
        with self.path.open("rb") as file:
            for place in contents.places[object_id]:
                file.seek(place)
                yield _read_line(json.loads(file.readline()), contents.height, contents.width)

    def __iter__(self) -> Iterator[FrameResult]:
        """Give all whole frames."""
        with self.path.open("rb") as file:
            file.readline()
            lines: list[dict[str, Any]] = []
            for record in map(json.loads, file):
                if "size" not in record:
                    lines.append(record)
                    continue
                height, width = record["size"]
                items = [_read_line(line, height, width)[1] for line in lines]
                yield FrameResult(
                    frame_index=record["frame"],
                    height=height,
                    width=width,
                    objects={item.object_id: item for item in items},
                )
                lines = []


def check_same(out: Path, found: Any, info: Mapping[str, Any]) -> None:
    """Compare what a result that is there was made of with what is to be made.

    Args:
        out: folder of the result.
        found: what is written there; keys that ``info`` has not are of no consequence.
        info: video, model and settings, fit for JSON.

    Raises:
        ConfigError: it is the result of something else.
    """
    known = found if isinstance(found, dict) else {}
    different = (key for key, value in json.loads(json.dumps(info)).items() if known.get(key) != value)
    changed = sorted({key.removesuffix("_fingerprint") for key in different})
    if changed:
        raise ConfigError(
            f"{out}: expected a result of the same video, masks, model and settings to go on with, found another "
            f"{', '.join(changed)}; give what was given before, or choose another folder"
        )


def _parse(line: bytes) -> dict[str, Any] | None:
    """What a line holds; None where it is cut off, or a power cut has put zeros in its place."""
    try:
        record = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _line(frame_index: int, item: ObjectResult) -> dict[str, Any]:
    return {
        "frame": frame_index,
        "id": item.object_id,
        "amodal": item.amodal_rle.counts,
        "visible": None if item.visible_rle is None else item.visible_rle.counts,
        "hidden": item.hidden,
        "confidence": item.confidence,
    }


def _read_line(line: Mapping[str, Any], height: int, width: int) -> tuple[int, ObjectResult]:
    visible = None if line["visible"] is None else Rle(height, width, line["visible"])
    amodal = Rle(height, width, line["amodal"])
    return line["frame"], ObjectResult(
        object_id=line["id"],
        amodal_rle=amodal,
        visible_rle=visible,
        hidden=line["hidden"],
        confidence=line["confidence"],
    )
