"""SAIL-VOS as JSON: COCO-VID with amodal masks, or Diffusion-VAS' list of clips (formats D.4, D.12)."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from eoras.data.annotations import MaskTrack, MaskVideo, check_entries, check_name
from eoras.data.formats.coco import (
    Category,
    Hiding,
    Picture,
    XywhBox,
    box_of,
    image_path,
    look_up,
    seen_part,
    unique,
)
from eoras.data.formats.format import Source
from eoras.data.json_files import LONGEST_SIDE, MOST_FRAMES, Number, check_record
from eoras.data.masks import empty, parse_mask
from eoras.errors import DataError

__all__ = ["read", "recognises"]

_Index = Annotated[int, Field(ge=0, lt=MOST_FRAMES)]


@dataclass(frozen=True, kw_only=True)
class _Frame(Picture):
    video_id: Number
    frame_index: _Index | None = None
    frame_id: _Index | None = None

    @property
    def told_index(self) -> int | None:
        return self.frame_id if self.frame_index is None else self.frame_index


@dataclass(frozen=True, kw_only=True)
class _Video:
    id: Number
    name: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Annotation(Hiding):
    image_id: Number
    category_id: Number
    track_id: Number | None = None
    instance_id: Number | None = None
    segmentation: Any = None
    bbox: XywhBox | None = None

    @property
    def object_id(self) -> int | None:
        return self.instance_id if self.track_id is None else self.track_id


@dataclass(frozen=True, kw_only=True)
class _File:
    videos: tuple[_Video, ...]
    images: tuple[_Frame, ...]
    annotations: tuple[_Annotation, ...]
    categories: tuple[Category, ...]


@dataclass(frozen=True, kw_only=True)
class _Clip:
    obj_id: Number
    category_id: Number
    image_ids: Annotated[tuple[Number, ...], Field(min_length=1)]
    image_file_names: tuple[str, ...]
    segmentation: tuple[Any, ...]
    visible_mask: tuple[Any, ...]
    bbox: tuple[XywhBox | None, ...] | None = None


def recognises(source: Source) -> bool:
    """Whether the source is JSON with videos, images and amodal annotations, or a list of clips."""
    record = source.record
    if isinstance(record, list):
        return bool(record) and isinstance(record[0], dict) and "image_file_names" in record[0]
    marks = {"visible_mask", "invisible_mask", "occlude_rate"}  # without them "segmentation" may be the visible mask
    return bool(source.keys("annotations") & marks) and {"videos", "images"} <= record.keys()


def read(source: Source) -> Iterator[MaskVideo]:
    """Give the videos of a file; of a list of clips each is a video with one object.

    An image that is listed is annotated in full: an object without an entry is not there. Frames that are not listed
    are not annotated. Images without a number are numbered in the order of their ids.

    Raises:
        DataError: a key is missing or wrong, an id is unknown or stands twice, or a mask cannot be read.
    """
    if isinstance(source.record, list):
        yield from _read_clips(source)
    else:
        yield from _read_videos(source)


def _read_videos(source: Source) -> Iterator[MaskVideo]:
    path = source.path
    file = check_record(_File, source.record, path)
    categories = unique(((item.id, item.name) for item in file.categories), f"{path}: categories.id")
    videos = unique(((item.id, item) for item in file.videos), f"{path}: videos.id")
    frames = unique(((item.id, item) for item in file.images), f"{path}: images.id")
    images_of: dict[int, list[_Frame]] = defaultdict(list)
    entries_of: dict[int, list[tuple[str, _Annotation]]] = defaultdict(list)
    for index, frame in enumerate(file.images):
        look_up(videos, frame.video_id, f"{path}: images.{index}.video_id")
        images_of[frame.video_id].append(frame)
    for index, annotation in enumerate(file.annotations):
        where = f"{path}: annotations.{index}"
        look_up(categories, annotation.category_id, f"{where}.category_id")
        frame = look_up(frames, annotation.image_id, f"{where}.image_id")
        entries_of[frame.video_id].append((where, annotation))
    for video in file.videos:
        if images_of[video.id]:
            yield _read_video(path, video, images_of[video.id], entries_of[video.id], categories)


def _read_video(
    path: Path,
    video: _Video,
    images: list[_Frame],
    entries: list[tuple[str, _Annotation]],
    categories: dict[int, str],
) -> MaskVideo:
    where = f"{path}: video {video.id}"
    images = sorted(images, key=lambda frame: frame.id)
    told = [frame.told_index for frame in images]
    indices = [place if index is None else index for place, index in enumerate(told)]
    by_index = unique(zip(indices, images, strict=True), f"{where}: frame_index")
    if len({(frame.height, frame.width) for frame in images}) > 1:
        raise DataError(f"{where}: expected images of one size, found several; part the video")
    by_object: dict[int, dict[int, tuple[str, _Annotation]]] = defaultdict(dict)
    for key, annotation in entries:
        if annotation.object_id is None:
            raise DataError(f"{key}.track_id: expected the number of an object, found none; add track_id")
        if annotation.image_id in by_object[annotation.object_id]:
            raise DataError(
                f"{key}.track_id: expected an object once an image, found {annotation.object_id} twice in image "
                f"{annotation.image_id}; number the objects anew"
            )
        by_object[annotation.object_id][annotation.image_id] = (key, annotation)
    length = max(by_index) + 1
    check_entries(length * (1 + len(by_object)), where)
    listed = tuple(by_index.get(t) for t in range(length))
    return MaskVideo(
        name=check_name(video.name or str(video.id), f"{where}: name"),
        height=images[0].height,
        width=images[0].width,
        images=tuple(frame and image_path(path, frame.file_name) for frame in listed),
        tracks=tuple(_read_track(number, by_object[number], listed, categories) for number in sorted(by_object)),
    )


def _read_track(
    number: int,
    entries: dict[int, tuple[str, _Annotation]],
    frames: tuple[_Frame | None, ...],
    categories: dict[int, str],
) -> MaskTrack:
    visible, amodal, boxes = [], [], []
    for frame in frames:
        where, annotation = entries.get(frame.id, ("", None)) if frame else ("", None)
        whole = seen = box = None
        if frame and annotation:
            whole = parse_mask(annotation.segmentation, frame.height, frame.width, f"{where}.segmentation")
            seen = seen_part(annotation, whole, where)
            box = annotation.bbox and box_of(annotation.bbox)
        elif frame:
            whole = seen = empty(frame.height, frame.width)
        visible.append(seen)
        amodal.append(whole)
        boxes.append(box)
    _, first = next(iter(entries.values()))
    return MaskTrack(
        track_id=number,
        category=categories[first.category_id],
        visible=tuple(visible),
        amodal=tuple(amodal),
        amodal_boxes=tuple(boxes),
    )


def _read_clips(source: Source) -> Iterator[MaskVideo]:
    path = source.path
    for index, clip in enumerate(check_record(list[_Clip], source.record, path)):
        where = f"{path}: {index}"
        length = len(clip.image_ids)
        for key in ("image_file_names", "segmentation", "visible_mask", "bbox"):
            values = getattr(clip, key)
            if values is not None and len(values) != length:
                raise DataError(
                    f"{where}.{key}: expected {length} entries, as image_ids has, found {len(values)}; write null "
                    "where there is none"
                )
        yield _read_clip(path, clip, where)


def _read_clip(path: Path, clip: _Clip, where: str) -> MaskVideo:
    size = next((value["size"] for value in clip.segmentation if isinstance(value, dict) and "size" in value), None)
    if (
        not isinstance(size, list)
        or len(size) != 2
        or not all(type(side) is int and 0 < side <= LONGEST_SIDE for side in size)
    ):
        raise DataError(f"{where}.segmentation: expected masks as runs with a size, found none; write them again")
    height, width = size

    def masks(key: str) -> Iterator[Any]:
        for t, value in enumerate(getattr(clip, key)):
            yield None if value is None else parse_mask(value, height, width, f"{where}.{key}.{t}")

    track = MaskTrack(
        track_id=clip.obj_id,
        category=str(clip.category_id),
        visible=tuple(masks("visible_mask")),
        amodal=tuple(masks("segmentation")),
        amodal_boxes=tuple(box and box_of(box) for box in clip.bbox or ()),
    )
    return MaskVideo(
        name=f"{clip.image_ids[0]}_{clip.obj_id}",
        height=height,
        width=width,
        images=tuple(image_path(path, name) for name in clip.image_file_names),
        tracks=(track,),
    )
