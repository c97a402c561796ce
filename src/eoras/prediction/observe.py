"""What is known of each frame's objects before the network answers: where to look, and what is seen there."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from eoras.config import ViewConfig
from eoras.data.masks import Rle
from eoras.data.places import boxes_between, windows_about
from eoras.geometry import NEIGHBOURS, Box
from eoras.prediction.tracks import FrameMasks, VideoTracks, box_of, corners

__all__ = ["Observed", "Seen", "observe_live", "observe_tracks"]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One object in one frame.

    Attributes:
        start: first frame of the object, or where it has been away too long, of its new appearance.
        window: what the network sees, in pixels.
        visible: the seen part; None where the object is hidden, or only its box is known.
        hidden: whether the object is not seen in this frame.
    """

    start: int
    window: Box
    visible: Rle | None
    hidden: bool


@dataclass(frozen=True, kw_only=True)
class Observed:
    """One frame.

    Attributes:
        frame_index: position in the video, from 0.
        pixels: uint8 ``(H, W, 3)``, RGB.
        objects: those that are there, seen or hidden, by id.
    """

    frame_index: int
    pixels: np.ndarray
    objects: Mapping[int, Seen]


def observe_tracks(
    frames: Iterable[np.ndarray], tracks: VideoTracks, view: ViewConfig, first: int, start: int
) -> Iterator[Observed]:
    """Observe frames of a video whose masks are all known.

    Args:
        frames: uint8 ``(H, W, 3)`` each, all of one size.
        tracks: the masks.
        view: what the network is shown.
        first: position of the first of ``frames`` in the video.
        start: position where the objects' tracks may begin; what lies before is not looked at.
    """
    windows: dict[int, tuple[int, np.ndarray]] = {}
    for number, pixels in enumerate(frames):
        size = pixels.shape[:2]
        if not windows:
            windows = {key: _windows(track.frames, track.boxes, view, size) for key, track in tracks.tracks.items()}
        index, objects = first + number, dict[int, Seen]()
        for object_id, (begin, own) in windows.items():
            if begin <= index < begin + len(own):
                track = tracks.tracks[object_id]
                objects[object_id] = Seen(
                    start=max(begin, start),
                    window=Box(*own[index - begin].tolist()),
                    visible=track.mask(index, *size),
                    hidden=not track.is_seen(index),
                )
        yield Observed(frame_index=index, pixels=pixels, objects=objects)


def observe_live(
    frames: Iterable[tuple[np.ndarray, FrameMasks]], view: ViewConfig, lookahead: int, first: int
) -> Iterator[Observed]:
    """Observe frames as they come, ``lookahead`` frames late: a gap of as many frames in a track can be bridged.

    An object that stays away longer has left. When it comes back it begins anew.

    Args:
        frames: uint8 ``(H, W, 3)`` and masks each; an array may be filled anew for the next frame.
        view: what the network is shown.
        lookahead: frames to wait.
        first: position of the first of ``frames`` in the video.
    """
    waiting: deque[tuple[int, np.ndarray, FrameMasks]] = deque()
    objects: dict[int, _Live] = {}
    for index, (pixels, masks) in enumerate(frames, first):
        waiting.append((index, pixels.copy() if lookahead else pixels, masks))
        if len(waiting) > lookahead:
            yield _observe_oldest(waiting, objects, view)
    while waiting:
        yield _observe_oldest(waiting, objects, view)


@dataclass
class _Live:
    """What is remembered of an object that is there."""

    start: int
    last_seen: tuple[int, Box]
    past: deque[Box] = field(default_factory=lambda: deque(maxlen=NEIGHBOURS))


def _observe_oldest(
    waiting: deque[tuple[int, np.ndarray, FrameMasks]], objects: dict[int, _Live], view: ViewConfig
) -> Observed:
    index, pixels, masks = waiting[0]
    found: dict[int, Seen] = {}
    for object_id in sorted(objects.keys() | masks.keys()):
        ahead = [(t, box_of(seen[object_id])) for t, _, seen in waiting if object_id in seen]
        known = [(t, box) for t, box in ahead if box is not None]
        if not known:
            del objects[object_id]
            continue
        live = objects.setdefault(object_id, _Live(index, known[0]))
        points = [live.last_seen, *known] if live.last_seen[0] < index else known
        seen, boxes = zip(*points, strict=True)
        size = pixels.shape[:2]
        between = boxes_between(range(index, seen[-1] + 1), seen, corners(boxes), view)
        around = [*live.past, *(box.clip(*size) for box in between)]
        place = len(live.past)
        window = windows_about(around, view, *size)[place]
        live.past.append(around[place])
        if object_id in masks:
            live.last_seen = known[0]
        visible = masks.get(object_id)
        found[object_id] = Seen(start=live.start, window=window, visible=visible, hidden=visible is None)
    waiting.popleft()
    return Observed(frame_index=index, pixels=pixels, objects=found)


def _windows(frames: np.ndarray, boxes: np.ndarray, view: ViewConfig, size: tuple[int, int]) -> tuple[int, np.ndarray]:
    """The first frame of a track, and its windows from there, int32 ``(T, 4)``."""
    first = int(frames[0])
    between = boxes_between(range(first, int(frames[-1]) + 1), frames, boxes, view)
    return first, corners(windows_about([box.clip(*size) for box in between], view, *size))
