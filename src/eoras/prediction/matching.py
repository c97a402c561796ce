"""Whether a video, its masks and what is asked for belong together."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import cast

import numpy as np

from eoras.config import ViewConfig
from eoras.data.masks import Rle
from eoras.errors import DataError
from eoras.geometry import NEIGHBOURS
from eoras.prediction.footage import Footage
from eoras.prediction.masks import LiveMasks, Masks, live_masks, read_tracks
from eoras.prediction.observe import Observed, observe_live, observe_tracks
from eoras.prediction.request import Request, some
from eoras.prediction.tracks import FrameMasks, VideoTracks, VisibleTrack

__all__ = ["observe", "read_all"]


def read_all(footage: Footage, masks: Masks, tell: Callable[[str], None]) -> VideoTracks:
    """Read all masks of a video; those that are read already stay as they are.

    Args:
        footage: the video.
        masks: as a user gives them, but for those that come one by one.
        tell: is told what a user should know.

    Raises:
        DataError: they cannot be read, or none of them has a pixel.
    """
    return read_tracks(
        masks,
        video=footage.name,
        names=footage.frame_names,
        length=footage.length,
        count_frames=footage.count_frames,
        tell=tell,
    )


def observe(
    footage: Footage,
    masks: Masks,
    request: Request,
    view: ViewConfig,
    tell: Callable[[str], None],
    *,
    first: int,
    takes_masks: bool,
    lookahead: int | None = None,
) -> Iterator[Observed]:
    """Look at the frames of a video, and at its objects there.

    Args:
        footage: the video.
        masks: the visible masks.
        request: what is asked for.
        view: what the network is shown.
        tell: is told what a user should know.
        first: index of the first frame to look at.
        takes_masks: whether the network needs masks; boxes alone are then not enough.
        lookahead: None to read all masks first; else how many frames to wait for masks that come one by one.

    Raises:
        DataError: video or masks cannot be read, or do not belong together.
        ConfigError: there is no object of an id that is asked for.
    """
    if footage.video is not None and footage.video.num_ignored:
        tell(f"{footage.video.path}: {footage.video.num_ignored} files are no images and were passed over")
    frames = footage.frames(first, request.end)
    if lookahead is None and callable(masks):
        lookahead = NEIGHBOURS
    if lookahead is None:
        tracks = read_all(footage, masks, tell)
        if takes_masks and not tracks.has_masks:
            raise DataError(
                "masks: expected masks, which this network takes, found boxes alone; give masks, or a model without "
                "visible_input"
            )
        yield from _observe_known(frames, tracks, request, view, tell, first)
    else:
        beside = _beside(frames, live_masks(cast(LiveMasks, masks), first), request, first)
        yield from observe_live(beside, view, lookahead, first)
    if footage.complaint:
        tell(footage.complaint)


def _observe_known(
    frames: Iterator[np.ndarray],
    tracks: VideoTracks,
    request: Request,
    view: ViewConfig,
    tell: Callable[[str], None],
    first: int,
) -> Iterator[Observed]:
    head = next(frames, None)
    if head is None:
        return
    tracks = _restrict(tracks, head.shape[0], head.shape[1], request)
    index = first
    for observed in observe_tracks(chain([head], frames), tracks, view, first, request.start):
        yield observed
        index = observed.frame_index
    last = max(int(track.frames[-1]) for track in tracks.tracks.values())
    if tracks.length is not None and tracks.length > index + 1 and request.end is None:
        tell(f"the video has {index + 1} frames, the masks have {tracks.length}; those past its end are left out")
    elif last < index and tracks.length is not None and tracks.length < index + 1:
        tell(
            f"the masks end with frame {tracks.length - 1}, the video with frame {index}; after that "
            "there are no objects"
        )


def _restrict(tracks: VideoTracks, height: int, width: int, request: Request) -> VideoTracks:
    """The tracks that are asked for, as far as they reach into the frames that are asked for."""
    if tracks.size not in (None, (height, width)):
        rows, columns = tracks.size or (0, 0)
        raise DataError(
            f"masks: expected {height} rows and {width} columns, as the video has, found {rows} and {columns}; give "
            "masks in the size of the video"
        )
    chosen = {key: _inside(tracks.tracks[key], height, width) for key in request.choose(tracks.tracks)}
    end = request.end or np.iinfo(np.int32).max
    kept = {
        key: track
        for key, track in chosen.items()
        if len(track.frames) and track.frames[0] < end and track.frames[-1] >= request.start
    }
    if not kept:
        raise DataError(
            f"masks: expected an object in the frames from {request.start} on, found {some(chosen)} in others alone; "
            "see start, end and objects"
        )
    return VideoTracks(tracks=kept, size=tracks.size, length=tracks.length)


def _inside(track: VisibleTrack, height: int, width: int) -> VisibleTrack:
    """The boxes cut at the border of the image; those past it are taken out."""
    if track.counts is not None:
        return track
    boxes = np.clip(track.boxes, 0, (height, width, height, width)).astype(np.int32)
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return VisibleTrack(frames=track.frames[inside], boxes=boxes[inside], counts=None)


def _beside(
    frames: Iterable[np.ndarray], masks: Iterator[FrameMasks], request: Request, first: int
) -> Iterator[tuple[np.ndarray, FrameMasks]]:
    """Each frame with its masks; where these have ended there are no objects.

    Raises:
        DataError: masks of another size than their frame.
        ConfigError: after the last frame, an object that is asked for was in none.
    """
    seen, pixels = dict[int, Rle](), None
    for index, pixels in enumerate(frames, first):
        found = next(masks, {})
        seen.update(found)
        for key, rle in found.items():
            if (rle.height, rle.width) != pixels.shape[:2]:
                raise DataError(
                    f"masks of frame {index}, object {key}: expected {pixels.shape[0]} rows and {pixels.shape[1]} "
                    f"columns, as the frame has, found {rle.height} and {rle.width}; give masks in its size"
                )
        yield pixels, {key: rle for key, rle in found.items() if request.objects is None or key in request.objects}
    if pixels is not None:
        request.choose(seen)
