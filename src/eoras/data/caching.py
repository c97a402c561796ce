"""Caching all listed videos of a data folder: by one process or by several, now or in several goes."""

import random
import time
from collections import defaultdict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from eoras.data.cache import cache_path, open_cached, verify_cached, write_cached
from eoras.data.movi import MoviTracks
from eoras.data.movi_list import read_tracks
from eoras.data.open import find_layout
from eoras.errors import DataError
from eoras.shares import Share

__all__ = ["build_cache", "verify_cache"]

_SPLITS = ("train", "test")
_ABANDONED = 3600  # seconds after which nobody writes any more to a file that is not finished


class _Video(NamedTuple):
    path: Path
    folder: Path
    objects: Collection[int]


def build_cache(
    data: Path, cache: Path | None = None, *, share: Share | None = None, progress: bool = False
) -> list[str]:
    """Cache what is not cached yet, and again what is damaged or older than the images.

    Several processes may do so at once, each in an order of its own: a video belongs to whoever finishes it first, and
    if two finish together, one file takes the place of an equal one.

    Args:
        data: the folder that holds ``train/`` and ``test/``.
        cache: the folder to fill; None: ``.eoras_cache`` in ``data``.
        share: the part of the videos that this process takes; None: all.
        progress: show a bar on standard error, where that is a terminal.

    Returns:
        why videos could not be cached, one message each.

    Raises:
        DataError: a list of tracks is missing or damaged, or the data are not in MOVi's layout.
        RunError: the disk is full, or the cache cannot be written.
    """
    videos = _videos(data, cache, share)
    for folder in {video.path.parent for video in videos}:
        _remove_abandoned(folder)
    random.Random().shuffle(videos)  # not by the process' number, which another container or machine may have, too
    return _walk(videos, _build, "caching videos", progress)


def verify_cache(
    data: Path, cache: Path | None = None, *, share: Share | None = None, progress: bool = False
) -> list[str]:
    """Compare every byte of the cache and of the images with the hashes taken when it was built; change nothing.

    Arguments and errors are those of ``build_cache``.

    Returns:
        what is wrong with a video's cache, one message each.
    """
    return _walk(_videos(data, cache, share), lambda video: verify_cached(*video), "verifying videos", progress)


def _walk(videos: Collection[_Video], act: Callable[[_Video], None], title: str, progress: bool) -> list[str]:
    problems = []
    for video in tqdm(videos, desc=title, unit="video", disable=None if progress else True):
        try:
            act(video)
        except DataError as error:
            problems.append(str(error))
    return problems


def _videos(data: Path, cache: Path | None, share: Share | None) -> list[_Video]:
    """The listed videos of the share, each with its listed objects."""
    layouts = {find_layout(data, split) for split in _SPLITS} - {None}
    if layouts and MoviTracks not in layouts:
        raise DataError(
            f"{data}: expected MOVi or MOViD-A, found KITTI or COCO-video, whose images are not cached; train without"
        )
    objects: dict[tuple[str, str], set[int]] = defaultdict(set)
    for split in [split for split in _SPLITS if (data / split).is_dir()] or _SPLITS[:1]:
        for track in read_tracks(data, split):
            objects[split, track.video].add(track.track_id)
    videos = [
        _Video(cache_path(data, split, video, cache), data / split / video, ids)
        for (split, video), ids in objects.items()
    ]
    return list((share or Share()).of(videos))


def _build(video: _Video) -> None:
    try:
        if open_cached(*video) is not None:
            return
    except DataError:
        pass  # damaged or stale: made anew
    write_cached(*video)


def _remove_abandoned(folder: Path) -> None:
    """What killed processes have left half written."""
    for path in folder.glob(".*.part"):
        try:
            if time.time() - path.stat().st_mtime > _ABANDONED:
                path.unlink()
        except OSError:
            continue  # another process has removed or finished it, or it is another user's
