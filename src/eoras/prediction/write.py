"""Writing results as they come: images at once, ``result.json`` at the end, and in between what a resumed run needs."""

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image

from eoras.data.formats.coco import xywh
from eoras.data.masks import Rle
from eoras.errors import ConfigError
from eoras.files import remove_parts, write_beside, writing
from eoras.movi_files import save_image
from eoras.prediction.result import FrameResult, ObjectResult

__all__ = ["RESULT", "ResultWriter"]

RESULT = "result.json"
_STATE = ".frames.jsonl"  # a line an object, and after those of a frame one that ends it


class ResultWriter:
    """Makes a folder of ``amodal/ID/00000.png``, ``visible/ID/00000.png`` and ``result.json``.

    Images appear with their frame, whole or not at all. ``result.json`` appears when all is done; until then the masks
    stand in a hidden file beside it, from which a resumed run goes on.

    Args:
        out: the folder to make.
        info: video, model and settings, fit for JSON; a run is resumed only with the same.
        resume: go on with what is there.

    Raises:
        ConfigError: there is something in the folder, or with ``resume`` the result of other settings.
        RunError: the folder cannot be written.
    """

    def __init__(self, out: Path, info: Mapping[str, Any], *, resume: bool = False) -> None:
        self.out = out
        self._info = dict(info)
        self._state = out / _STATE
        self._last: int | None = None
        self.is_complete = resume and (out / RESULT).is_file()
        with writing(out):
            if not resume and out.exists() and any(out.iterdir()):
                hint = "go on with --resume" if self._state.exists() else "choose another"
                raise ConfigError(
                    f"{out}: expected a new name, found a folder that is not empty; {hint}, or take it away"
                )
            out.mkdir(parents=True, exist_ok=True)
            remove_parts(out)
            self._file: BufferedRandom = self._state.open("a+b")
            self._begin() if self._state.stat().st_size == 0 else self._go_on()

    @property
    def next_frame(self) -> int | None:
        """The frame to go on with; None where there is none yet."""
        return None if self._last is None else self._last + 1

    def __enter__(self) -> "ResultWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self.is_complete:
            self._state.unlink(missing_ok=True)

    def add(self, frame: FrameResult) -> None:
        """Write the masks of the next frame.

        Raises:
            RunError: the disk is full, or the folder cannot be written.
        """
        lines = []
        for object_id, item in frame.objects.items():
            name = f"{object_id}/{frame.frame_index:05d}.png"
            _save_mask(self.out / "amodal" / name, item.amodal)
            if item.visible_rle is not None or item.hidden:
                _save_mask(self.out / "visible" / name, item.visible)
            lines.append(_line(frame.frame_index, item))
        lines.append({"frame": frame.frame_index, "size": [frame.height, frame.width]})
        self._write_lines(lines)
        self._last = frame.frame_index

    def finish(self, notes: Sequence[str] = ()) -> None:
        """Write ``result.json``.

        Args:
            notes: what a user should know.

        Raises:
            RunError: the disk is full, or the folder cannot be written.
        """
        offsets, (height, width), first, length = self._scan()
        video = {"id": 1, "name": self._info.get("video", "video"), "width": width, "height": height, "length": length}
        record = {"format_version": 1, "info": {**self._info, "start": first, "notes": list(notes)}}
        record |= {"videos": [video], "categories": [{"id": 1, "name": "object"}]}
        with write_beside(self.out / RESULT) as beside, beside.open("w", encoding="ascii") as file:
            file.write(json.dumps(record)[:-1] + ', "annotations": [')
            for number, (object_id, places) in enumerate(sorted(offsets.items())):
                ids = {"id": number + 1, "video_id": 1, "category_id": 1, "track_id": object_id, "iscrowd": 0}
                lines = {line["frame"]: line for line in self._read(places)}
                columns = _columns([lines.get(t) for t in range(length)], height, width)
                file.write((",\n" if number else "\n") + json.dumps({**ids, **columns}))
            file.write("]}\n")
        self.is_complete = True

    def _begin(self) -> None:
        self._write_lines([self._info])

    def _go_on(self) -> None:
        """Cut off what an interrupted run has left of a frame."""
        self._file.seek(0)
        try:
            info = json.loads(self._file.readline())
        except ValueError:
            info = None
        if info != json.loads(json.dumps(self._info)):
            changed = sorted(key for key in self._info if not info or info.get(key) != self._info[key])
            raise ConfigError(
                f"{self.out}: expected a result of the same video, masks, model and settings to go on with, found "
                f"another {', '.join(changed)}; give what was given before, or choose another --out"
            )
        whole = self._file.tell()
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            record = json.loads(line)
            if "size" in record:
                whole, self._last = self._file.tell(), record["frame"]
        self._file.truncate(whole)

    def _write_lines(self, lines: Sequence[Mapping[str, Any]]) -> None:
        with writing(self._state):
            self._file.write(b"".join(json.dumps(line).encode("ascii") + b"\n" for line in lines))
            self._file.flush()

    def _scan(self) -> tuple[dict[int, array], tuple[int, int], int, int]:
        """Where each object's lines stand, the size of the frames, the first one's index and that after the last."""
        offsets: dict[int, array] = {}
        height, width, first, length = 0, 0, 0, 0
        self._file.seek(0)
        self._file.readline()
        while line := self._file.readline():
            record = json.loads(line)
            if "size" in record:
                height, width = record["size"]
                first, length = (first if length else record["frame"]), record["frame"] + 1
            else:
                offsets.setdefault(record["id"], array("q")).append(self._file.tell() - len(line))
        return offsets, (height, width), first, length

    def _read(self, places: array) -> Iterator[dict[str, Any]]:
        for place in places:
            self._file.seek(place)
            yield json.loads(self._file.readline())


def _line(frame_index: int, item: ObjectResult) -> dict[str, Any]:
    visible = None if item.visible_rle is None else item.visible_rle.counts
    return {
        "frame": frame_index,
        "id": item.object_id,
        "amodal": item.amodal_rle.counts,
        "visible": visible,
        "hidden": item.hidden,
        "confidence": item.confidence,
    }


def _columns(lines: Sequence[Mapping[str, Any] | None], height: int, width: int) -> dict[str, list[Any]]:
    """One list a key, one entry a frame of the video; null where the object is not there (formats D.3)."""
    columns: dict[str, list[Any]] = {}
    for place, line in enumerate(lines):
        for key, value in ({} if line is None else _entry(line, height, width)).items():
            columns.setdefault(key, [None] * len(lines))[place] = value
    return columns


def _entry(line: Mapping[str, Any], height: int, width: int) -> dict[str, Any]:
    amodal = Rle(height, width, line["amodal"])
    visible = None if line["visible"] is None else Rle(height, width, line["visible"])
    item = ObjectResult(
        object_id=line["id"],
        amodal_rle=amodal,
        visible_rle=visible,
        hidden=line["hidden"],
        confidence=line["confidence"],
    )
    return {
        "segmentations": visible and visible.record,
        "bboxes": visible and xywh(visible.box),
        "areas": visible and visible.area,
        "amodal_segmentations": amodal.record,
        "amodal_bboxes": xywh(amodal.box),
        "occlusion_rates": item.occlusion_rate,
        "confidences": item.confidence,
        "hidden": item.hidden,
    }


def _save_mask(path: Path, mask: np.ndarray) -> None:
    """Write an image that is never seen half written; unlike ``write_beside`` not waiting for the disk each time."""
    beside = path.with_name(f".{path.name}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        save_image(beside, Image.fromarray(mask * np.uint8(255)))
        beside.replace(path)
