"""Writing results as they come: images at once, ``result.json`` at the end."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from eoras.data.formats.coco import xywh
from eoras.data.json_files import read_json
from eoras.data.masks import Rle, empty
from eoras.errors import ConfigError
from eoras.files import LOCK, find_parts, remove_parts, write_beside, writing
from eoras.movi_files import save_image
from eoras.prediction.frame_log import FrameLog, check_same
from eoras.prediction.result import FrameResult, ObjectResult

__all__ = ["RESULT", "ResultWriter", "check_new"]

RESULT = "result.json"
_LOG = ".frames.jsonl"
_IMAGE = re.compile(r"(?:amodal|visible)/\d+/\.?(\d{5,})\.png(?:\.\d+\.part)?")

# What stands in ``result.json`` of each object: one list a key, one entry a frame (formats D.3).
_COLUMNS: Mapping[str, Callable[[ObjectResult], Any]] = {
    "segmentations": lambda item: (seen := _seen(item)) and seen.record,
    "bboxes": lambda item: item.visible_rle and xywh(item.visible_rle.box),
    "areas": lambda item: (seen := _seen(item)) and seen.area,
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
        ConfigError: there is something in the folder, or with ``resume`` something else than the result of these
            settings, or what is left of it.
        DataError: the complete result that is there cannot be read.
        RunError: the folder cannot be written.
    """

    def __init__(
        self, out: str | Path, info: Mapping[str, Any], *, source: Path | None = None, resume: bool = False
    ) -> None:
        self.out = out = Path(out)
        self._source = source
        self.is_complete = resume and (out / RESULT).is_file()
        self.next_frame: int | None = None
        self._info = dict(info)
        self._log = FrameLog(out / _LOG, info)
        if self.is_complete:
            record = read_json(out / RESULT)
            check_same(out, record.get("info") if isinstance(record, dict) else None, info)
            self._remove_log()
        elif resume:
            self.next_frame = self._log.go_on().stop or None
            if self.next_frame is None:
                _remove_first_frame(out)
            for folder in (out, *out.glob("*/*/")):
                remove_parts(folder)
        else:
            check_new(out)

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

    def finish(self, notes: Sequence[str] = (), draw: Callable[[Iterable[FrameResult]], None] = lambda _: None) -> None:
        """Write ``result.json``; there is at least one frame.

        Args:
            notes: what a user should know.
            draw: is given all frames, to go through any number of times; where it fails the result is there already.

        Raises:
            RunError: the disk is full, or the folder cannot be written.
        """
        if hasattr(os, "sync"):  # not on Windows
            os.sync()  # the images, which were not waited for one by one
        self._write_record(notes)
        try:
            draw(self._log)
        finally:
            self._remove_log()

    def _write_record(self, notes: Sequence[str]) -> None:
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

    def _remove_log(self) -> None:
        with writing(self._log.path):
            self._log.path.unlink(missing_ok=True)


def check_new(out: Path) -> None:
    """See that there is nothing in a folder, if there is such a folder.

    Raises:
        ConfigError: there is something.
    """
    if out.exists() and (not out.is_dir() or any(path.name != LOCK for path in out.iterdir())):
        hint = "go on with --resume" if (out / _LOG).exists() else "choose another"
        raise ConfigError(f"{out}: expected a new name, found a folder that is not empty; {hint}, or take it away")


def _remove_first_frame(out: Path) -> None:
    """Take away what is left by a run that was killed before it had noted its first frame.

    Raises:
        ConfigError: there is something else in the folder.
        RunError: it cannot be taken away.
    """
    folders = [out / "amodal", out / "visible"]
    files = [path.relative_to(out) for folder in folders for path in folder.rglob("*") if not path.is_dir()]
    images = [_IMAGE.fullmatch(file.as_posix()) for file in files]
    frames = {image and image[1] for image in images}
    others = set(out.glob("*")) - {*folders, out / LOCK, *find_parts(out)}
    if not others and None not in frames and len(frames) <= 1:
        for folder in filter(Path.is_dir, folders):
            with writing(folder):
                shutil.rmtree(folder)
        remove_parts(out)
    check_new(out)


def _seen(item: ObjectResult) -> Rle | None:
    """The seen part: an empty mask where the object is hidden, for null would say that this is not known."""
    if item.hidden and item.visible_rle is None:
        return empty(item.amodal_rle.height, item.amodal_rle.width)
    return item.visible_rle


def _save_mask(path: Path, mask: np.ndarray) -> None:
    with write_beside(path, flush=False) as beside:
        save_image(beside, Image.fromarray(mask * np.uint8(255)), compress_level=1)
