"""KINS: amodal and visible masks of single images, read into clips of one frame (formats D.10)."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from pydantic.dataclasses import dataclass

from eoras.data.annotations import MaskTrack, MaskVideo, check_name
from eoras.data.formats.coco import (
    Category,
    Picture,
    XywhBox,
    clip_name,
    image_path,
    look_up,
    single,
    unique,
)
from eoras.data.formats.format import Source
from eoras.data.json_files import Number, check_record
from eoras.data.masks import parse_mask
from eoras.errors import DataError

__all__ = ["read", "recognises"]


@dataclass(frozen=True, kw_only=True)
class _Annotation:
    """Of 2019: ``segmentation``, ``bbox``, ``inmodal_seg``; of 2020: ``a_segm``, ``a_bbox``, ``i_segm``."""

    image_id: Number
    category_id: Number
    segmentation: Any = None
    bbox: XywhBox | None = None
    inmodal_seg: Any = None
    a_segm: Any = None
    a_bbox: XywhBox | None = None
    i_segm: Any = None


@dataclass(frozen=True, kw_only=True)
class _File:
    images: tuple[Picture, ...]
    categories: tuple[Category, ...]
    annotations: tuple[_Annotation, ...]


def recognises(source: Source) -> bool:
    """Whether the source is JSON whose annotations name a visible mask as KINS does."""
    return bool(source.keys("annotations") & {"inmodal_seg", "a_segm"})


def read(source: Source) -> Iterator[MaskVideo]:
    """Give each image as a video of one frame; tracks are numbered in the order of the annotations.

    Raises:
        DataError: a key is missing or wrong, an id is unknown or stands twice, or a mask cannot be read.
    """
    path = source.path
    file = check_record(_File, source.record, path)
    categories = unique(((item.id, item.name) for item in file.categories), f"{path}: categories.id")
    pictures = unique(((item.id, item) for item in file.images), f"{path}: images.id")
    by_image: dict[int, list[int]] = defaultdict(list)
    for index, annotation in enumerate(file.annotations):
        look_up(pictures, annotation.image_id, f"{path}: annotations.{index}.image_id")
        look_up(categories, annotation.category_id, f"{path}: annotations.{index}.category_id")
        by_image[annotation.image_id].append(index)
    for picture in file.images:
        yield MaskVideo(
            name=check_name(clip_name(picture.file_name), f"{path}: image {picture.id}: file_name"),
            height=picture.height,
            width=picture.width,
            images=(image_path(path, picture.file_name),),
            tracks=tuple(
                _track(place, file.annotations[index], picture, categories, f"{path}: annotations.{index}")
                for place, index in enumerate(by_image[picture.id])
            ),
        )


def _track(place: int, annotation: _Annotation, picture: Picture, categories: dict[int, str], where: str) -> MaskTrack:
    new = annotation.a_segm is not None
    amodal, visible = ("a_segm", "i_segm") if new else ("segmentation", "inmodal_seg")
    for key in (amodal, visible):
        if getattr(annotation, key) is None:
            raise DataError(f"{where}.{key}: expected a mask, found none; add it, or take the annotation out")
    whole = parse_mask(getattr(annotation, amodal), picture.height, picture.width, f"{where}.{amodal}")
    seen = parse_mask(getattr(annotation, visible), picture.height, picture.width, f"{where}.{visible}")
    box = annotation.a_bbox if new else annotation.bbox
    return single(place, categories[annotation.category_id], whole, seen, box)
