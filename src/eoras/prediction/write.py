"""Writing results as they come: images at once, ``result.json`` at the end."""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from eoras.data.formats.coco import xywh
from eoras.data.json_files import read_json
from eoras.errors import ConfigError
from eoras.files import remove_parts, write_beside, writing
from eoras.movi_files import save_image
from eoras.prediction.frame_log import FrameLog, check_same
from eoras.prediction.result import FrameResult, ObjectResult

__all__ = ["RESULT", "ResultWriter"]

RESULT = "result.json"
_LOG = ".frames.jsonl"

# What stands in ``result.json`` of each object: one list a key, one entry a frame (formats D.3).
_COLUMNS: Mapping[str, Callable[[ObjectResult], Any]] = {
    "segmentations": lambda item: item.visible_rle and item.visible_rle.record,
    "bboxes": lambda item: item.visible_rle and xywh(item.visible_rle.box),
    "areas": lambda item: item.visible_rle and item.visible_rle.area,
    "amodal_segmentations": lambda item: item.amodal_rle.record,
    "amodal_bboxes": lambda item: xywh(item.amodal_rle.box),
    "occlusion_rates": lambda item: item.occlusion_rate,
    "confidences": lambda item: item.confidence,
    "hidden": lambda item: item.hidden,
}


class ResultWriter:
    """Makes a folder of ``amodal/ID/00000.png``, ``visible/ID/00000.png`` and ``result.json``.

    Images appear with their frame, whole or not at all. ``result.json`` appears when all is done; until then the masks
    stand in a hidden file beside it, from which a resumed run goes on. Nothing is written before the first frame.

    Args:
        out: the folder to make.
        info: video, model and settings, fit for JSON; a run is resumed only with the same.
        source: the video, where it is a file or a folder; the result tells where it lies, as seen from ``out``.
        resume: go on with what is there.

    Raises:
        ConfigError: there is something in the folder, or with ``resume`` the result of other settings.
        DataError: the complete result that is there cannot be read.
        RunError: the folder cannot be written.
    """

    def __init__(self, out: Path, info: Mapping[str, Any], *, source: Path | None = None, resume: bool = False) -> None:
        self.out = out
        self._source = source
        self.is_complete = resume and (out / RESULT).is_file()
        self.next_frame: int | None = None
        self._info = dict(info)
        self._log = FrameLog(out / _LOG, info)
        if not resume and out.exists() and (not out.is_dir() or any(out.iterdir())):
            hint = "go on with --resume" if self._log.path.exists() else "choose another"
            raise ConfigError(f"{out}: expected a new name, found a folder that is not empty; {hint}, or take it away")
        if self.is_complete:
            record = read_json(out / RESULT)
            check_same(out, record.get("info") if isinstance(record, dict) else None, info)
        elif self._log.path.exists():
            remove_parts(out)
            contents = self._log.go_on()
            self.next_frame = contents.stop or None

    def add(self, frame: FrameResult) -> None:
        """Write the masks of the next frame.

        Raises:
            RunError: the disk is full, or the folder cannot be written.
        """
        with writing(self.out):
            self.out.mkdir(parents=True, exist_ok=True)
        for object_id, item in frame.objects.items():
            name = f"{object_id}/{frame.frame_index:05d}.png"
            _save_mask(self.out / "amodal" / name, item.amodal)
            if item.visible_rle is not None or item.hidden:
                _save_mask(self.out / "visible" / name, item.visible)
        self._log.add(frame)

    @property
    def frames(self) -> Iterable[FrameResult]:
        """What has been written, to go through any number of times; until ``finish``."""
        return self._log

    def finish(self, notes: Sequence[str] = ()) -> None:
        """Write ``result.json``; there is at least one frame.

        Args:
            notes: what a user should know.

        Raises:
            RunError: the disk is full, or the folder cannot be written.
        """
        contents = self._log.look()
        video = {"id": 1, "name": self._info.get("video", "video"), "width": contents.width, "height": contents.height}
        video["length"] = contents.stop
        info: dict[str, Any] = {**self._info, "start": contents.start, "notes": list(notes)}
        if self._source is not None:
            info["source"] = os.path.relpath(self._source, self.out)
        record: dict[str, Any] = {"format_version": 1, "info": info}
        record |= {"videos": [video], "categories": [{"id": 1, "name": "object"}]}
        with write_beside(self.out / RESULT) as beside, beside.open("w", encoding="ascii") as file:
            file.write(json.dumps(record)[:-1] + ', "annotations": [')
            for number, object_id in enumerate(sorted(contents.places), start=1):
                ids = {"id": number, "video_id": 1, "category_id": 1, "track_id": object_id - 1, "iscrowd": 0}
                file.write((",\n" if number > 1 else "\n") + json.dumps(ids)[:-1])
                for key, value_of in _COLUMNS.items():  # one after the other: a long video has very many masks
                    column: list[Any] = [None] * contents.stop
                    for frame_index, item in self._log.read(contents, object_id):
                        column[frame_index] = value_of(item)
                    file.write(f', "{key}": {json.dumps(column)}')
                file.write("}")
            file.write("]}\n")
        self._log.path.unlink()


def _save_mask(path: Path, mask: np.ndarray) -> None:
    """Write an image that is never seen half written; unlike ``write_beside`` not waiting for the disk each time."""
    beside = path.with_name(f".{path.name}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        save_image(beside, Image.fromarray(mask * np.uint8(255)), compress_level=1)
        beside.replace(path)
