"""A person's visible masks, in whatever form they come."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from eoras.data.annotations import MaskVideo
from eoras.data.masks import Rle, encode
from eoras.errors import DataError
from eoras.prediction.prompts import Prompts
from eoras.prediction.tracks import (
    FrameMasks,
    TrackCollector,
    VideoTracks,
    VisibleTrack,
    check_id,
    corners,
    is_void_alone,
    split_labels,
    without_void,
)

__all__ = ["LiveMasks", "Masks", "is_known", "live_masks", "read_tracks"]

LiveMasks = Iterable[Any] | Callable[[int], Any]
Masks = str | Path | Prompts | VideoTracks | MaskVideo | np.ndarray | Mapping[int, np.ndarray] | LiveMasks
"""What a user may give:

- a path: palette images, a folder an object, ``.npz``, ``.npy``, COCO-video JSON, text of KITTI-MOTS or MOT;
- an array ``(T, H, W)``: whole numbers that are the objects' ids, 0 for the background, or bool for one object of id 1;
- arrays of bool ``(T, H, W)`` by id;
- clicks and boxes (``Prompts``), from which a tracker makes the masks;
- one by one: an iterable, or a function of the frame's index, that gives each frame's masks as an array ``(H, W)`` or
  arrays by id.

In images of labels and in uint8 arrays of ids, 255 is nobody, unless it is the only number there is: then it is object
1. Where masks come one by one to a stream, the frames so far tell. Objects are numbered from 1, as in label images; one
that a file calls by its ``track_id`` has the number after it.
"""


def is_known(masks: Masks) -> bool:
    """Whether the masks are all there at once."""
    return isinstance(masks, str | Path | Prompts | VideoTracks | MaskVideo | np.ndarray | Mapping)


def read_tracks(
    masks: Masks,
    *,
    video: str = "video",
    names: list[str] | None = None,
    length: int | None = None,
    count_frames: Callable[[], int | None] = lambda: None,
    tell: Callable[[str], None] = lambda _: None,
) -> VideoTracks:
    """Read all masks of a video; only runs are kept.

    Args:
        masks: as a user gives them.
        video: name of the video, to choose from several.
        names: names of its frames' files without suffix, where it is a folder.
        length: number of its frames, where it is known.
        count_frames: counts them, where it is not.
        tell: is told what a user should know.

    Raises:
        DataError: they cannot be read, or none of them has a pixel.
    """
    if isinstance(masks, str | Path):
        from eoras.prediction.mask_files import read_path

        tracks = read_path(Path(masks), video, names, length, count_frames, tell)
        where = str(masks)
    else:
        tracks, where = _from_memory(masks, length), "masks"
    if not tracks.tracks:
        raise DataError(f"{where}: expected the mask of at least one object in one frame, found none; mend the masks")
    return tracks if length is None else _until(tracks, length)


def live_masks(masks: LiveMasks, start: int = 0) -> Iterator[FrameMasks]:
    """Give each frame's masks as runs, one frame after the other, from the frame ``start`` on."""
    alone = True
    for found in _split(masks, start):
        alone = alone and is_void_alone(found)
        yield without_void(found, alone=alone)


def _split(masks: LiveMasks, start: int = 0) -> Iterator[FrameMasks]:
    given = map(masks, count(start)) if callable(masks) else islice(masks, start, None)
    for index, found in enumerate(given, start):
        yield _frame_masks(found, f"masks of frame {index}")


def collect(frames: Iterable[tuple[int, FrameMasks]], length: int | None = None) -> VideoTracks:
    """Put the masks of frames together, without what is nobody's (see ``without_void``).

    Args:
        frames: position of each in the video, ascending, and its masks.
        length: position where to stop; None: all are looked at.

    Raises:
        DataError: masks of different sizes.
    """
    collector, size, end = TrackCollector(), None, 0
    for index, masks in frames:
        if length is not None and index >= length:
            break
        end = index + 1
        for rle in masks.values():
            size = size or (rle.height, rle.width)
            if (rle.height, rle.width) != size:
                raise DataError(
                    f"masks of frame {index}: expected {size[0]} rows and {size[1]} columns, as those before, found "
                    f"{rle.height} and {rle.width}; give all masks in the size of the video"
                )
        collector.add(index, masks)
    return VideoTracks(tracks=without_void(collector.tracks()), size=size, length=end)


def collect_labels(frames: Iterable[np.ndarray], where: str, length: int | None = None) -> VideoTracks:
    """Put label images together.

    Args:
        frames: whole numbers or bool ``(H, W)`` each.
        where: names them in errors.
        length: position where to stop; None: all are looked at.

    Raises:
        DataError: a label is negative, or images of different sizes.
    """
    split = ((t, split_labels(labels, f"{where}: frame {t}")) for t, labels in enumerate(frames))
    return collect(split, length)


def of_video(video: MaskVideo, places: Sequence[int] | None = None) -> VideoTracks:
    """The visible masks of a record; as in label images, an object is ``track_id + 1``.

    Args:
        video: the record.
        places: where its frames lie in the video; None: as they come.
    """
    places = range(video.length) if places is None else places
    found: dict[int, VisibleTrack] = {}
    for track in video.tracks:
        masks = sorted(zip(places, track.visible, strict=True), key=itemgetter(0))
        seen = {t: rle for t, rle in masks if rle is not None and rle.area}
        boxes = [box for rle in seen.values() if (box := rle.box) is not None]
        if seen:
            found[track.track_id + 1] = VisibleTrack(
                frames=np.array(list(seen), np.int32),
                boxes=corners(boxes),
                counts=tuple(rle.counts for rle in seen.values()),
            )
    return VideoTracks(tracks=found, size=(video.height, video.width), length=max(places, default=-1) + 1)


def _until(tracks: VideoTracks, length: int) -> VideoTracks:
    """The masks before the end of the video, of each object; ``length`` stays the one that the source tells."""
    kept: dict[int, VisibleTrack] = {}
    for key, track in tracks.tracks.items():
        stop = int(np.searchsorted(track.frames, length))
        counts = None if track.counts is None else track.counts[:stop]
        kept[key] = VisibleTrack(frames=track.frames[:stop], boxes=track.boxes[:stop], counts=counts)
    return VideoTracks(tracks=kept, size=tracks.size, length=tracks.length)


def _from_memory(masks: Any, length: int | None) -> VideoTracks:
    if isinstance(masks, VideoTracks):
        return masks
    if isinstance(masks, MaskVideo):
        return of_video(masks)
    if isinstance(masks, Mapping):
        stacks = {_object_id(key): _stack(stack, f"masks[{key!r}]") for key, stack in masks.items()}
        lengths = {len(stack) for stack in stacks.values()}
        if len(lengths) > 1:
            raise DataError(f"masks: expected as many frames of each object, found {sorted(lengths)}; mend the masks")
        return collect(
            (t, {key: encode(stack[t] != 0) for key, stack in stacks.items()}) for t in range(max(lengths, default=0))
        )
    if isinstance(masks, np.ndarray):
        return collect_labels(_stack(masks, "masks"), "masks")
    return collect(enumerate(_split(masks)), length)


def _frame_masks(masks: Any, where: str) -> FrameMasks:
    """The masks of one frame, without empty ones."""
    if masks is None:
        return {}
    if isinstance(masks, Mapping):
        found = {
            _object_id(key): mask if isinstance(mask, Rle) else encode(_image(mask, where) != 0)
            for key, mask in masks.items()
        }
    else:
        found = split_labels(_image(masks, where), where)
    return {key: rle for key, rle in found.items() if rle.area}


def _object_id(key: Any) -> int:
    if isinstance(key, bool) or not isinstance(key, int | np.integer):
        raise DataError(f"masks: expected whole numbers from 1 as ids of objects, found {key!r}; number the objects")
    return check_id(int(key), "masks")


def _stack(value: Any, where: str) -> np.ndarray:
    return _array(value, 3, "(T, H, W)", where)


def _image(value: Any, where: str) -> np.ndarray:
    return _array(value, 2, "(H, W)", where)


def _array(value: Any, dimensions: int, shape: str, where: str) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim != dimensions or array.dtype.kind not in "bui":
        raise DataError(
            f"{where}: expected bool or whole numbers {shape}, found {array.dtype} {array.shape}; make it so"
        )
    return array
