"""Reading a saved result again."""

from pathlib import Path
from reprlib import repr as shorten
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from eoras.data.json_files import MOST_FRAMES, Number, Side, check_record, read_json
from eoras.data.masks import Rle, parse_mask
from eoras.errors import DataError
from eoras.prediction.result import FrameResult, ObjectResult, Result
from eoras.prediction.write import RESULT

__all__ = ["load_result"]


@dataclass(frozen=True, kw_only=True)
class _Video:
    height: Side
    width: Side
    length: Annotated[int, Field(ge=0, le=MOST_FRAMES)]


@dataclass(frozen=True, kw_only=True)
class _Annotation:
    track_id: Number
    amodal_segmentations: tuple[Any, ...]
    segmentations: tuple[Any, ...]
    hidden: tuple[bool | None, ...]
    confidences: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class _File:
    info: dict[str, Any]
    videos: tuple[_Video, ...] = Field(min_length=1, max_length=1)
    annotations: tuple[_Annotation, ...]


def load_result(path: Path) -> Result:
    """Read ``result.json``.

    Args:
        path: the file, or the folder that holds it.

    Raises:
        DataError: there is none, or it is not what ``ResultWriter`` writes.
    """
    path = path / RESULT if path.is_dir() else path
    file = check_record(_File, read_json(path), path)
    video = file.videos[0]
    frames: list[dict[int, ObjectResult]] = [{} for _ in range(video.length)]
    for index, track in enumerate(file.annotations):
        columns = (track.amodal_segmentations, track.segmentations, track.hidden, track.confidences)
        if any(len(column) != video.length for column in columns):
            raise DataError(f"{path}: annotations.{index}: expected {video.length} entries a key; predict again")
        for t, (amodal, visible, hidden, confidence) in enumerate(zip(*columns, strict=True)):
            if amodal is not None:
                where = f"{path}: annotations.{index}"
                seen = None if visible is None else _mask(visible, video, f"{where}.segmentations.{t}")
                frames[t][track.track_id + 1] = ObjectResult(
                    object_id=track.track_id + 1,
                    amodal_rle=_mask(amodal, video, f"{where}.amodal_segmentations.{t}"),
                    visible_rle=None if hidden and seen is not None and not seen.area else seen,
                    hidden=bool(hidden),
                    confidence=confidence,
                )
    info = dict(file.info)
    start, notes = info.pop("start", 0), info.pop("notes", [])
    if type(start) is not int or not 0 <= start <= video.length:
        raise DataError(
            f"{path}: info.start: expected the index of the first frame, 0 to {video.length}, found {shorten(start)}; "
            "predict again"
        )
    results = [
        FrameResult(frame_index=t, height=video.height, width=video.width, objects=dict(sorted(frames[t].items())))
        for t in range(start, video.length)
    ]
    return Result(frames=results, info=info, notes=notes)


def _mask(value: Any, video: _Video, where: str) -> Rle:
    return parse_mask(value, video.height, video.width, where)
