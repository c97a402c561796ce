"""Predictions in the project's masks file (formats D.3, 7.13)."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from eoras.config import ViewConfig
from eoras.data.masks import empty, parse_mask
from eoras.data.stacks import MaskStack, RunMasks
from eoras.errors import DataError
from eoras.evaluation.entries import DAMAGED, SIZE, TWICE, Entry, Problems, UnusableMaskError, counting
from eoras.evaluation.predictions import Predictions
from eoras.geometry import Paste

__all__ = ["Runs", "read_json_file"]


@dataclass(frozen=True)
class Runs:
    """Masks of a JSON file, as they stand in it."""

    by_paste: Mapping[Paste, Sequence[Any]]

    def read(self, frames: Sequence[int], height: int, width: int, paste: Paste, problems: Problems) -> MaskStack:
        """The masks of some frames."""
        values = self.by_paste.get(paste, self.by_paste["strict"])
        nothing = empty(height, width).counts
        texts = [nothing] * len(frames)
        for place, frame in enumerate(frames):
            with counting(problems):
                texts[place] = _text(values[frame] if frame < len(values) else None, height, width)
        masks = RunMasks.read(texts, height, width)
        if masks is not None:
            return masks
        for place, text in enumerate(texts):  # one of them is damaged; which?
            if RunMasks.read([text], height, width) is None:
                texts[place] = nothing
                with counting(problems):
                    raise UnusableMaskError(DAMAGED)
        masks = RunMasks.read(texts, height, width)
        assert masks is not None
        return masks


def _text(value: Any, height: int, width: int) -> str:
    """COCO's text of a mask; whether it fits the size is not looked at."""
    if value is None:
        raise UnusableMaskError("frames without a mask")
    if isinstance(value, dict):
        if value.get("size") not in (None, [height, width]):
            raise UnusableMaskError(SIZE)
        if "size" in value and isinstance(value.get("counts"), str):
            return value["counts"]
    try:
        return parse_mask(value, height, width, "mask").counts
    except DataError:
        raise UnusableMaskError(DAMAGED) from None


def read_json_file(path: Path) -> Predictions:
    """Read a whole file.

    Raises:
        DataError: it is no JSON, or not in the form of this project's masks file.
    """
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected JSON, found something else ({error}); write it again") from error
    if not isinstance(record, dict) or record.get("format_version") != 1:
        raise DataError(
            f"{path}: expected an object with format_version 1, videos and annotations, found something else; write it "
            "in that form"
        )
    problems = Problems()
    names = _video_names(path, record, problems)
    entries: dict[tuple[str, int], Entry] = {}
    ids: set[Any] = set()
    pastes: tuple[Paste, ...] = ("strict",)
    for item in _records(path, record, "annotations"):
        problems["scores that are not numbers"] += not _is_number(item.get("score", 0))
        number = item.get("id")
        if isinstance(number, int):
            problems["entries with an id that another one has"] += number in ids
            ids.add(number)
        video_id, track_id, masks = (item.get(key) for key in ("video_id", "track_id", "amodal_segmentations"))
        name = names.get(video_id) if type(video_id) is int else None
        if name is None:
            problems["entries of a video_id that is not in videos; left out"] += 1
        elif type(track_id) is not int:
            problems["entries without a track_id; left out"] += 1
        elif not isinstance(masks, list):
            problems["entries without amodal_segmentations; left out"] += 1
        elif (name, track_id) in entries:
            problems[TWICE] += 1
        else:
            by_paste: dict[Paste, Sequence[Any]] = {"strict": masks}
            if isinstance(item.get("paper_segmentations"), list):
                by_paste["paper"] = item["paper_segmentations"]
                pastes = ("strict", "paper")
            entries[name, track_id] = Runs(by_paste)
    return Predictions(path=path, entries=entries, problems=problems, pastes=pastes, view=_view(path, record))


def _video_names(path: Path, record: Mapping[str, Any], problems: Problems) -> dict[Any, str]:
    """Name by id."""
    names: dict[Any, str] = {}
    for video in _records(path, record, "videos"):
        number, name = video.get("id"), video.get("name")
        if type(number) is not int or not isinstance(name, str):
            problems["videos without id and name; left out"] += 1
        elif number in names or name in names.values():
            problems["videos whose id or name another one has; the first is scored"] += 1
        else:
            names[number] = name
    return names


def _records(path: Path, record: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    items = record.get(key)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise DataError(f"{path}: {key}: expected a list of objects, found something else; write it again")
    return items


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def _view(path: Path, record: Mapping[str, Any]) -> ViewConfig | None:
    info = record.get("info")
    if not isinstance(info, dict) or "view" not in info:
        return None
    try:
        return TypeAdapter(ViewConfig).validate_python(info["view"])
    except ValidationError as error:
        raise DataError(f"{path}: info.view: expected a view of this project ({error}); take it out") from None
