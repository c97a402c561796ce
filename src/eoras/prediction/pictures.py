"""A result in pictures: a film of its masks upon the video, and a sheet of the most telling frames."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from eoras.draw import DrawnObject, Style, TrackPicture, contact_sheet, draw_overlay, telling_frames
from eoras.errors import DataError
from eoras.files import write_beside
from eoras.prediction.result import FrameResult, ObjectResult, Result
from eoras.video import Frame, Video, mp4_writer

__all__ = ["FILM", "draw_film", "draw_frame", "draw_pictures", "draw_sheet"]

FILM = "overlay.mp4"

_COLUMNS, _ROWS = 3, 6  # frames of an object on a sheet, and objects; more would be too small to see


def draw_pictures(out: str | Path, frames: Iterable[FrameResult], video: Video, *, progress: bool = False) -> None:
    """Draw ``overlay.mp4``, and where there is an object ``contact_sheet.png``, into the folder of a result.

    The film comes last: where it is there, all is.

    Args:
        out: the folder.
        frames: results of consecutive frames; they are looked at more than once.
        video: what they are results of.
        progress: show a bar on standard error, where that is a terminal.

    Raises:
        DataError: the video has fewer frames than the result, or frames of another size.
        RunError: the disk is full, or a file cannot be written.
    """
    out = Path(out)
    if any(frame.objects for frame in frames):
        draw_sheet(out / "contact_sheet.png", frames, video)
    draw_film(out / FILM, frames, video, progress=progress)


def draw_film(
    path: str | Path, frames: Iterable[FrameResult], video: Video, style: Style = "overlay", *, progress: bool = False
) -> None:
    """Write a film of a result at the video's own times, with its sound; memory does not grow with it.

    Args:
        path: the MP4 file to make.
        frames: results of consecutive frames.
        video: what they are results of.
        style: how (see ``draw_overlay``).
        progress: show a bar on standard error, where that is a terminal.

    Raises:
        DataError: the video has fewer frames than the result, or frames of another size.
        RunError: the disk is full, or the file cannot be written.
    """
    sound = video.path if video.path.is_file() else None
    with mp4_writer(path, video.rate, sound=sound, pixel_ratio=video.pixel_ratio) as writer:
        pairs = _in_step(frames, video)
        for frame, result in tqdm(pairs, desc="drawing", unit="frame", disable=None if progress else True):
            writer.write(Frame(_draw(frame.pixels, result, style), frame.time))


def draw_frame(path: str | Path, result: Result, index: int, video: Video, style: Style = "overlay") -> None:
    """Draw one frame of a result.

    Args:
        path: the PNG file to make.
        result: of the video.
        index: of the frame in the video.
        video: what it is a result of.
        style: how (see ``draw_overlay``).

    Raises:
        DataError: there is no such frame in the result or the video, or it is of another size.
        RunError: the disk is full, or the file cannot be written.
    """
    try:
        frames = [result[index]]
    except IndexError as error:
        raise DataError(f"{path}: {error}") from None
    frame, shown = next(_in_step(frames, video))
    with write_beside(Path(path)) as beside:
        Image.fromarray(_draw(frame.pixels, shown, style)).save(beside, format="PNG", optimize=True)


def draw_sheet(path: str | Path, frames: Iterable[FrameResult], video: Video) -> None:
    """Draw the objects of which most is hidden, each in a few frames spread over its time.

    Args:
        path: the PNG file to make.
        frames: results of consecutive frames; they are looked at twice.
        video: what they are results of.

    Raises:
        DataError: there is no object, the video has fewer frames than the result, or frames of another size.
        RunError: the disk is full, or the file cannot be written.
    """
    chosen = _choose(frames)
    if not chosen:
        raise DataError(f"{path}: expected an object to draw, found none in the result")
    found = {key: list[ObjectResult]() for key in chosen}
    pixels: dict[int, np.ndarray] = {}
    wanted = {index for indices in chosen.values() for index in indices}
    shown = (frame for frame in frames if frame.frame_index <= max(wanted))
    for frame, result in _in_step(shown, video):
        if result.frame_index in wanted:
            pixels[result.frame_index] = frame.pixels
        for key, indices in chosen.items():
            if result.frame_index in indices:
                found[key].append(result.objects[key])
    rows = [
        TrackPicture(
            title=f"object {key}",
            frames=np.stack([pixels[index] for index in chosen[key]]),
            visible=np.stack([item.visible for item in items]),
            amodal=np.stack([item.amodal for item in items]),
            frame_indices=chosen[key],
            is_whole=False,
        )
        for key, items in found.items()
    ]
    with write_beside(Path(path)) as beside:
        contact_sheet(rows, columns=_COLUMNS).save(beside, format="PNG")


def _draw(pixels: np.ndarray, result: FrameResult, style: Style) -> np.ndarray:
    return draw_overlay(pixels, [_drawn(item) for item in result.objects.values()], style)


def _drawn(item: ObjectResult) -> DrawnObject:
    return DrawnObject(
        object_id=item.object_id,
        amodal=item.amodal,
        visible=item.visible,
        occlusion_rate=item.occlusion_rate,
        hidden=item.hidden,
    )


def _in_step(frames: Iterable[FrameResult], video: Video) -> Iterator[tuple[Frame, FrameResult]]:
    """Results with their frames."""
    timed: Iterator[Frame] | None = None
    for result in frames:
        if timed is None:
            timed = video.timed_frames(result.frame_index)
        if (video.height, video.width) != (result.height, result.width):
            raise DataError(
                f"{video.path}: expected {result.height} rows and {result.width} columns, as the result has, found "
                f"{video.height} and {video.width}; name the video that the result belongs to"
            )
        frame = next(timed, None)
        if frame is None:
            raise DataError(
                f"{video.path}: expected a frame {result.frame_index}, of which there is a result, found the end of "
                "the video; name the video that the result belongs to"
            )
        yield frame, result


def _choose(frames: Iterable[FrameResult]) -> dict[int, list[int]]:
    """For each object to show the indices of its frames: the most hidden ones in which some of it is seen.

    Objects that are never hidden are left out if there are others.
    """
    indices: dict[int, array[int]] = defaultdict(lambda: array("q"))
    rates: dict[int, array[float]] = defaultdict(lambda: array("d"))
    for frame in frames:
        for key, item in frame.objects.items():
            indices[key].append(frame.frame_index)
            rates[key].append(-1.0 if item.hidden else item.occlusion_rate or 0.0)
    places = {key: telling_frames(np.array(rates[key]), _COLUMNS) for key in indices}
    hidden = {key: sum(abs(rates[key][place]) for place in found) for key, found in places.items()}
    telling = sorted((key for key in hidden if hidden[key]), key=lambda key: -hidden[key]) or sorted(hidden)
    return {key: [indices[key][place] for place in places[key]] for key in sorted(telling[:_ROWS])}
