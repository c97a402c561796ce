"""Masks of whole videos in the formats of others (formats part D): one file a format, and this table."""

import os
from collections.abc import Iterator
from pathlib import Path

from eoras.data.annotations import MaskVideo
from eoras.data.formats import coco_video, cocoa, davis, kins, mot, mots, movi, sail_vos
from eoras.data.formats.format import Format, Losses, Source
from eoras.errors import ConfigError, DataError

__all__ = ["FORMATS", "convert_masks", "read_masks", "written_formats"]

FORMATS = {
    "movi": Format(is_folder=True, recognises=movi.recognises, read=movi.read, write=movi.write),
    "coco_video": Format(recognises=coco_video.recognises, read=coco_video.read, write=coco_video.write),
    "davis": Format(is_folder=True, recognises=davis.recognises, read=davis.read, write=davis.write),
    "kins": Format(recognises=kins.recognises, read=kins.read),
    "cocoa": Format(recognises=cocoa.recognises, read=cocoa.read),
    "sail_vos": Format(recognises=sail_vos.recognises, read=sail_vos.read),
    "mots": Format(is_text=True, recognises=mots.recognises, read=mots.read),
    "mot": Format(is_text=True, recognises=mot.recognises, read=mot.read),
}


def written_formats() -> list[str]:
    """Names of the formats that are written, not only read."""
    return [name for name, row in FORMATS.items() if row.write]


def read_masks(path: str | Path, source_format: str | None = None) -> Iterator[MaskVideo]:
    """Give the videos of a file or folder, one at a time.

    Args:
        path: a file or a folder.
        source_format: its name in ``FORMATS``; None: found from what is there.

    Raises:
        ConfigError: there is no format of that name.
        DataError: there is nothing, it is of no known format, a file is damaged, or two videos have one name.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: expected a JSON file or a folder, found nothing; mend the path")
    source = Source(path)
    row = _find(source) if source_format is None else _row(source_format, list(FORMATS))
    if row.is_folder != path.is_dir():
        kinds = ("a text" if row.is_text else "a JSON file", "a folder")
        raise DataError(
            f"{path}: expected {kinds[row.is_folder]}, as {source_format} is, found {kinds[path.is_dir()]}; name the "
            "other, or another format"
        )
    names: set[str] = set()
    for video in row.read(source):
        if video.name in names:
            raise DataError(f"{path}: expected videos of different names, found {video.name!r} twice; rename one")
        names.add(video.name)
        yield video


def convert_masks(
    source: str | Path, out: str | Path, target_format: str, source_format: str | None = None
) -> dict[str, int]:
    """Turn the masks of all videos from one format to another; ``out`` appears when it is complete.

    Args:
        source: the file or folder to read.
        out: the file or folder to make.
        target_format: name of its format, one of ``written_formats``.
        source_format: name of the format of ``source``; None: found from what is there.

    Returns:
        What the target format cannot hold, and what the source names and does not exist: a sentence to how often.

    Raises:
        ConfigError: there is no such format.
        DataError: ``out`` exists, or the source cannot be read or cannot be held.
        RunError: the disk is full, or ``out`` cannot be written.
    """
    source, out = Path(source), Path(out)
    write = _row(target_format, written_formats()).write
    assert write is not None
    if out.exists():
        raise DataError(f"{out}: expected a new name, found something there; choose another or take it away")
    missing = Losses()
    losses: Losses = write(out, _count_missing(read_masks(source, source_format), source, missing)) + missing
    return {sentence: count for sentence, count in losses.items() if count}


def _count_missing(videos: Iterator[MaskVideo], source: Path, losses: Losses) -> Iterator[MaskVideo]:
    """Count the images that are named and do not exist."""
    sentence = f"images that {source.name} names do not exist; put them, or links to them, into {source.parent}"
    for video in videos:
        there = [os.path.exists(image) for image in video.images if image]  # noqa: PTH110 (a name may be too long)
        losses[sentence] += there.count(False)
        yield video


def _row(name: str, names: list[str]) -> Format:
    if name not in names:
        raise ConfigError(f"there is no format {name!r} here; choose from {', '.join(names)}")
    return FORMATS[name]


def _find(source: Source) -> Format:
    for row in FORMATS.values():
        if row.is_folder == source.path.is_dir() and row.is_text == source.is_text and row.recognises(source):
            return row
    found, cure = _describe(source)
    raise DataError(f"{source.path}: expected masks in one of the formats {', '.join(FORMATS)}, found {found}; {cure}")


def _describe(source: Source) -> tuple[str, str]:
    """What a source of no known format is, and what to do."""
    if source.path.is_dir():
        return "none of them", "name the right folder"
    if not source.is_text:
        if isinstance(source.record, list):
            return "a list, as of results", "make it the annotations of the data set's JSON, beside its videos"
        if source.keys("images"):
            return "single images without tracks", "write each object as a track of a video (coco_video)"
    return "none of them", "'eoras convert masks' with --from says what it lacks of a format"
