"""COCO-video JSON: this project's own masks file, and YouTube-VIS' files (formats D.3)."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from eoras.data.annotations import MaskTrack, MaskVideo, check_entries, check_name
from eoras.data.formats.coco import (
    Category,
    XywhBox,
    box_of,
    image_path,
    look_up,
    unique,
    xywh,
)
from eoras.data.formats.format import Losses, Source
from eoras.data.json_files import MOST_FRAMES, Finite, Number, Side, check_record
from eoras.data.masks import Rle, empty, parse_mask
from eoras.errors import DataError
from eoras.files import write_beside

__all__ = ["read", "recognises", "write"]

_Row = tuple[Finite, Finite, Finite]


@dataclass(frozen=True, kw_only=True)
class _Video:
    id: Number
    width: Side
    height: Side
    length: Annotated[int, Field(ge=1, le=MOST_FRAMES)]
    name: str | None = None
    file_names: tuple[str | None, ...] | None = None
    pixel_intrinsics: tuple[_Row, _Row, _Row] | None = None

    @model_validator(mode="after")
    def _check(self) -> "_Video":
        if self.file_names is not None and len(self.file_names) != self.length:
            raise ValueError(f"{len(self.file_names)} file_names for a length of {self.length}")
        return self

    @cached_property
    def unknown(self) -> tuple[None, ...]:
        """What is not listed of a frame: one for all tracks."""
        return (None,) * self.length


@dataclass(frozen=True, kw_only=True)
class _Annotation:
    video_id: Number
    category_id: Number
    track_id: Number | None = None
    segmentations: tuple[Any, ...] | None = None
    amodal_segmentations: tuple[Any, ...] | None = None
    amodal_bboxes: tuple[XywhBox | None, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class _File:
    videos: tuple[_Video, ...]
    categories: tuple[Category, ...]
    annotations: tuple[_Annotation, ...] | None
    format_version: Literal[1] | None = None


def recognises(source: Source) -> bool:
    """Whether the source is JSON with videos and no list of images."""
    return isinstance(source.record, dict) and "videos" in source.record and "images" not in source.record


def read(source: Source) -> Iterator[MaskVideo]:
    """Give the videos of a file.

    With ``format_version`` null says that a frame is not annotated. Without it, as in YouTube-VIS, a null in
    ``segmentations`` says that the object is not seen. A track without ``track_id`` gets its place in the video.

    Raises:
        DataError: a key is missing or wrong, an id is unknown or stands twice, or a mask cannot be read.
    """
    path = source.path
    file = check_record(_File, source.record, path)
    categories = unique(((item.id, item.name) for item in file.categories), f"{path}: categories.id")
    videos = unique(((video.id, video) for video in file.videos), f"{path}: videos.id")
    by_video: dict[int, list[int]] = defaultdict(list)
    for index, annotation in enumerate(file.annotations or ()):
        look_up(videos, annotation.video_id, f"{path}: annotations.{index}.video_id")
        look_up(categories, annotation.category_id, f"{path}: annotations.{index}.category_id")
        by_video[annotation.video_id].append(index)
    unlisted = (videos[item.video_id].length for item in file.annotations or () if _lists_nothing(item))
    check_entries(sum(video.length for video in file.videos) + sum(unlisted), str(path))
    for video in file.videos:
        tracks = [
            _read_track(file, categories, video, place, index, path) for place, index in enumerate(by_video[video.id])
        ]
        found = unique(((track.track_id, track) for track in tracks), f"{path}: track_id in video {video.id}")
        yield MaskVideo(
            name=check_name(_name(video), f"{path}: video {video.id}: name"),
            height=video.height,
            width=video.width,
            images=tuple(image_path(path, image) for image in video.file_names or video.unknown),
            tracks=tuple(found[number] for number in sorted(found)),
            pixel_intrinsics=video.pixel_intrinsics,
        )


def write(out: Path, videos: Iterable[MaskVideo]) -> Losses:
    """Write the project's own masks file; one video at a time is in memory.

    Args:
        out: the JSON file to make. Images that lie in its folder, or below, are named from there.
        videos: what to write.

    Returns:
        What the file cannot hold.

    Raises:
        RunError: the disk is full, or ``out`` cannot be written.
    """
    losses, categories, records, number = Losses(), dict[str, int](), list[dict[str, Any]](), 0
    with write_beside(out) as beside, beside.open("w", encoding="ascii") as file:
        file.write('{"format_version": 1, "annotations": [')
        for video_id, video in enumerate(videos, start=1):
            records.append(_video_record(video, video_id, out.parent, losses))
            for track in video.tracks:
                category_id = categories.setdefault(track.category, len(categories) + 1)
                ids = {"id": number + 1, "video_id": video_id, "category_id": category_id}
                file.write((",\n" if number else "\n") + json.dumps({**ids, **_track_record(track)}))
                number += 1
        named = [{"id": category_id, "name": name} for name, category_id in categories.items()]
        file.write(f'],\n"videos": {json.dumps(records)},\n"categories": {json.dumps(named)}}}\n')
    return losses


def _name(video: _Video) -> str:
    """The video's name; YouTube-VIS tells it by the folder of its images."""
    if video.name is not None:
        return video.name
    image = next(filter(None, video.file_names or ()), "")
    return image.rpartition("/")[0].rpartition("/")[2] or str(video.id)


def _read_track(
    file: _File, categories: dict[int, str], video: _Video, place: int, index: int, path: Path
) -> MaskTrack:
    annotation, where = (file.annotations or ())[index], f"{path}: annotations.{index}"
    visible = _masks(annotation.segmentations, video, f"{where}.segmentations")
    if file.format_version is None and annotation.segmentations is not None:
        nothing = empty(video.height, video.width)
        visible = tuple(nothing if rle is None else rle for rle in visible)
    boxes = annotation.amodal_bboxes or ()
    if boxes:
        _check_length(boxes, video, f"{where}.amodal_bboxes")
    return MaskTrack(
        track_id=place if annotation.track_id is None else annotation.track_id,
        category=categories[annotation.category_id],
        visible=visible,
        amodal=_masks(annotation.amodal_segmentations, video, f"{where}.amodal_segmentations"),
        amodal_boxes=tuple(box and box_of(box) for box in boxes),
    )


def _lists_nothing(annotation: _Annotation) -> bool:
    """Whether its file does not grow with the frames of its video."""
    return not (annotation.segmentations or annotation.amodal_segmentations or annotation.amodal_bboxes)


def _masks(values: tuple[Any, ...] | None, video: _Video, where: str) -> tuple[Rle | None, ...]:
    if values is None:
        return video.unknown
    _check_length(values, video, where)
    return tuple(
        None if value is None else parse_mask(value, video.height, video.width, f"{where}.{t}")
        for t, value in enumerate(values)
    )


def _check_length(values: tuple[Any, ...], video: _Video, where: str) -> None:
    if len(values) != video.length:
        raise DataError(
            f"{where}: expected {video.length} entries, one a frame of the video, found {len(values)}; write null "
            "where there is none"
        )


def _video_record(video: MaskVideo, video_id: int, folder: Path, losses: Losses) -> dict[str, Any]:
    names = [image and _relative(image, folder) for image in video.images]
    losses[
        f"images do not lie in {folder}, or their names cannot be printed, and are not named; rename them, or write "
        "the JSON file above them to keep them"
    ] += sum(name is None and image is not None for name, image in zip(names, video.images, strict=True))
    record = {"id": video_id, "name": video.name, "width": video.width, "height": video.height, "length": video.length}
    more = {"file_names": names if any(names) else None, "pixel_intrinsics": video.pixel_intrinsics}
    return record | {key: value for key, value in more.items() if value is not None}


def _relative(image: Path, folder: Path) -> str | None:
    """The name of an image from a folder, by the names of both or by where links lead; None if no reader takes it."""
    for one, other in ((image.absolute(), folder.absolute()), (image.resolve(), folder.resolve())):
        if not one.is_relative_to(other):
            continue
        name = one.relative_to(other)
        if ".." not in name.parts and name.as_posix().isprintable():
            return name.as_posix()
    return None


def _track_record(track: MaskTrack) -> dict[str, Any]:
    """The masks, and what other tools read beside them: boxes ``[x, y, width, height]``, areas, visibility."""
    boxes = track.amodal_boxes or (None,) * len(track.amodal)
    return {
        "track_id": track.track_id,
        "iscrowd": 0,
        "segmentations": [rle and rle.record for rle in track.visible],
        "bboxes": [rle and xywh(rle.box) for rle in track.visible],
        "areas": [rle and rle.area for rle in track.visible],
        "amodal_segmentations": [rle and rle.record for rle in track.amodal],
        "amodal_bboxes": [xywh(box or (rle and rle.box)) for box, rle in zip(boxes, track.amodal, strict=True)],
        "visibility": [
            None if not seen or not whole or not whole.area else seen.area / whole.area
            for seen, whole in zip(track.visible, track.amodal, strict=True)
        ],
    }
