"""Visible masks made from clicks and boxes: a tracker follows each object through the video, in bounded memory."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from eoras.data.masks import Rle
from eoras.errors import ConfigError, DataError
from eoras.model.memory import enough_memory
from eoras.prediction.footage import Footage, Frames
from eoras.prediction.prompts import Prompt, Prompts
from eoras.prediction.tracker import Follower, Tracker, load_tracker
from eoras.prediction.tracks import TrackCollector, VideoTracks

__all__ = ["track_objects"]

_CHUNK = 64  # frames that are read at once where time goes backward: 200 MB as SAM 2 sees them


def track_objects(
    video: Frames,
    prompts: Prompts,
    *,
    start: int = 0,
    end: int | None = None,
    device: torch.device | str = "cpu",
    progress: bool = False,
    tracker: Tracker | None = None,
    at_frame: Callable[[int], object] = lambda _: None,
) -> VideoTracks:
    """Make the visible masks of a video.

    Each object is followed from the frame of its prompt forward to the end and backward to the start.

    Args:
        video: a file, a folder of images or an array ``(T, H, W, 3)``, uint8, RGB; it is read more than once.
        prompts: the objects, and the tracker.
        start: index of the first frame that is needed.
        end: index of the frame to stop before; None: to the last one.
        device: what the tracker runs on.
        progress: show a bar on standard error, where that is a terminal.
        tracker: one that is loaded already; None: the one that the prompts name.
        at_frame: is told the index of each frame that has been looked at; what it raises ends the work.

    Returns:
        Masks to give to ``AmodalPredictor.predict``.

    Raises:
        PackageError: the extra ``track`` is not installed.
        CheckpointError: the tracker cannot be loaded.
        ConfigError: a prompt lies outside the video or its image.
        DataError: the video cannot be read, or the tracker finds nothing at a prompt.
        RunError: the device's memory does not hold the tracker.
    """
    if not isinstance(video, str | Path | np.ndarray | list | tuple):
        raise DataError(
            f"video: expected a file, a folder or an array, which can be read twice, found {type(video).__name__}; "
            "make an array of it, or give masks"
        )
    footage = Footage(video)
    first = _prompted_frames(footage, prompts)
    height, width = next(iter(first.values())).shape[:2]
    with _enough_to_track(device):
        tracker = load_tracker(prompts.tracker, device) if tracker is None else tracker
        followers = tracker.follow(dict(prompts.by_id), height, width)
    found = _show(tracker, followers, first, at_frame)
    stop = footage.num_frames if end is None else end
    total = stop and max(stop - min(first), 0) + max(max(first) - start, 0)
    with tqdm(total=total, unit="frame", desc="tracking", disable=None if progress else True) as bar:
        for steps in (_forward(footage, tracker, followers, end), _backward(footage, tracker, followers, start)):
            for index, masks in steps:
                found.setdefault(index, {}).update(masks)
                bar.update()
                at_frame(index)
    collector = TrackCollector()
    for index in sorted(found):
        collector.add(index, found[index])
    return VideoTracks(tracks=collector.tracks(), size=(height, width), length=None)


def _prompted_frames(footage: Footage, prompts: Prompts) -> dict[int, np.ndarray]:
    """The frames of the prompts by their index, uint8 ``(H, W, 3)``.

    Raises:
        ConfigError: there is no such frame, or the prompt is not in its image.
    """
    frames: dict[int, np.ndarray] = {}
    for prompt in prompts.objects:
        if prompt.frame not in frames:
            pixels = next(footage.frames(prompt.frame, prompt.frame + 1), None)
            if pixels is None:
                length = "" if footage.length is None else f" of {footage.length}"
                raise ConfigError(f"{prompt}: expected a frame{length}, found none; frames count from 0")
            frames[prompt.frame] = pixels
        height, width = frames[prompt.frame].shape[:2]
        if not _is_inside(prompt, height, width):
            raise ConfigError(
                f"{prompt}: expected pixels in an image of {width} columns and {height} rows, found some outside; give "
                "x before y, from 0"
            )
    return frames


def _is_inside(prompt: Prompt, height: int, width: int) -> bool:
    if prompt.click is not None:
        x, y = prompt.click
        return 0 <= x < width and 0 <= y < height
    left, top, right, bottom = prompt.numbers
    return min(left, top) >= 0 and right <= width and bottom <= height


def _show(
    tracker: Tracker,
    followers: Mapping[int, Follower],
    frames: Mapping[int, np.ndarray],
    at_frame: Callable[[int], object],
) -> dict[int, dict[int, Rle]]:
    """The masks in the frames of the prompts: by index, then by id.

    Raises:
        DataError: a mask is empty.
    """
    found: dict[int, dict[int, Rle]] = {}
    for index, pixels in frames.items():
        shown = {key: follower for key, follower in followers.items() if follower.prompt.frame == index}
        found[index] = _step(tracker, shown, index, tracker.shrink(pixels))
        at_frame(index)
        for key, mask in found[index].items():
            if not mask.area:
                raise DataError(
                    f"{followers[key].prompt}: the tracker finds no object there; click on the middle of one, or draw "
                    "a box around it"
                )
    return found


def _forward(
    footage: Footage, tracker: Tracker, followers: Mapping[int, Follower], end: int | None
) -> Iterator[tuple[int, dict[int, Rle]]]:
    """Follow the objects after their prompts; gives the masks of each frame by id."""
    first = min(follower.prompt.frame for follower in followers.values())
    for index, pixels in enumerate(footage.frames(first, end), start=first):
        known = {key: follower for key, follower in followers.items() if follower.prompt.frame < index}
        yield index, _step(tracker, known, index, tracker.shrink(pixels))


def _backward(
    footage: Footage, tracker: Tracker, followers: Mapping[int, Follower], start: int
) -> Iterator[tuple[int, dict[int, Rle]]]:
    """Follow the objects before their prompts; gives the masks of each frame by id."""
    for follower in followers.values():
        follower.turn()
    last = max(follower.prompt.frame for follower in followers.values())
    for stop in range(last, start, -_CHUNK):  # a film can be read forward alone
        begin = max(stop - _CHUNK, start)
        images = [tracker.shrink(pixels) for pixels in footage.frames(begin, stop)]
        for index in reversed(range(begin, stop)):
            known = {key: follower for key, follower in followers.items() if follower.prompt.frame > index}
            yield index, _step(tracker, known, index, images.pop(), backward=True)


def _step(
    tracker: Tracker, followers: Mapping[int, Follower], index: int, image: Tensor, *, backward: bool = False
) -> dict[int, Rle]:
    with _enough_to_track(tracker.device):
        pixels = tracker.normalize(image)
        return {key: follower.step(index, pixels, backward=backward) for key, follower in followers.items()}


def _enough_to_track(device: torch.device | str) -> AbstractContextManager[None]:
    """Inside, too little memory of the device is an error that says what needs less."""
    advice = "choose a smaller one with --tracker" + ("" if torch.device(device).type == "cpu" else ", or --device cpu")
    return enough_memory(f"{device}: its memory does not hold the tracker", advice)
