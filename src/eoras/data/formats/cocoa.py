"""COCOA: amodal regions of single images, read into clips of one frame (formats D.11)."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from pydantic.dataclasses import dataclass

from eoras.data.annotations import MaskTrack, MaskVideo, check_name
from eoras.data.formats.coco import (
    Category,
    Hiding,
    Picture,
    XywhBox,
    clip_name,
    image_path,
    look_up,
    seen_part,
    single,
    unique,
)
from eoras.data.formats.format import Source
from eoras.data.json_files import Number, check_record
from eoras.data.masks import parse_mask

__all__ = ["read", "recognises"]


@dataclass(frozen=True, kw_only=True)
class _Region(Hiding):
    segmentation: Any
    name: str | None = None
    category_id: Number | None = None
    bbox: XywhBox | None = None


@dataclass(frozen=True, kw_only=True)
class _Annotation:
    """Of one annotator: the regions of an image."""

    image_id: Number
    regions: tuple[_Region, ...]


@dataclass(frozen=True, kw_only=True)
class _FlatAnnotation(_Region):
    image_id: Number


@dataclass(frozen=True, kw_only=True)
class _File:
    images: tuple[Picture, ...]
    annotations: tuple[_Annotation | _FlatAnnotation, ...]
    categories: tuple[Category, ...] = ()


def recognises(source: Source) -> bool:
    """Whether the source is JSON with regions, or with masks of what is seen but no videos."""
    marks = {"regions", "visible_mask", "invisible_mask"}
    return bool(source.keys("annotations") & marks) and "videos" not in source.record


def read(source: Source) -> Iterator[MaskVideo]:
    """Give each image as a video of one frame; tracks are numbered in the order of the regions.

    A region without ``visible_mask`` and ``invisible_mask`` is seen whole. Where several people annotated an image each
    gives a clip, the second and later ones named with ``_2``, ``_3``.

    Raises:
        DataError: a key is missing or wrong, an id is unknown or stands twice, or a mask cannot be read.
    """
    path = source.path
    file = check_record(_File, source.record, path)
    categories = unique(((item.id, item.name) for item in file.categories), f"{path}: categories.id")
    pictures = unique(((item.id, item) for item in file.images), f"{path}: images.id")
    clips: dict[int, list[list[tuple[str, _Region]]]] = defaultdict(list)
    for index, annotation in enumerate(file.annotations):
        where = f"{path}: annotations.{index}"
        look_up(pictures, annotation.image_id, f"{where}.image_id")
        of_image = clips[annotation.image_id]
        if isinstance(annotation, _FlatAnnotation):
            of_image[:] = [[*(of_image[0] if of_image else ()), (where, annotation)]]
        else:
            of_image.append([(f"{where}.regions.{k}", region) for k, region in enumerate(annotation.regions)])
    for picture in file.images:
        for number, regions in enumerate(clips[picture.id] or [[]], start=1):
            name = clip_name(picture.file_name) + (f"_{number}" if number > 1 else "")
            yield MaskVideo(
                name=check_name(name, f"{path}: image {picture.id}: file_name"),
                height=picture.height,
                width=picture.width,
                images=(image_path(path, picture.file_name),),
                tracks=tuple(
                    _track(place, region, picture, categories, where) for place, (where, region) in enumerate(regions)
                ),
            )


def _track(place: int, region: _Region, picture: Picture, categories: dict[int, str], where: str) -> MaskTrack:
    amodal = parse_mask(region.segmentation, picture.height, picture.width, f"{where}.segmentation")
    visible = seen_part(region, amodal, where)
    if region.category_id is None:
        category = region.name or "object"
    else:
        category = look_up(categories, region.category_id, f"{where}.category_id")
    return single(place, category, amodal, visible, region.bbox)
