"""Data sets of made-up videos: by several workers and several machines, interrupted and extended at will."""

import json
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from tqdm import tqdm

from eoras.config_files import describe
from eoras.errors import DataError, PackageError, RunError
from eoras.movi_files import write_instance_list
from eoras.shares import Share
from eoras.synthesis.own_files import digests_of
from eoras.synthesis.scene import SPLITS, Split
from eoras.synthesis.settings import SceneConfig
from eoras.synthesis.things.assets import find_assets
from eoras.synthesis.write import write_video
from eoras.workers import end_with_parent

__all__ = ["generate", "make_video", "require_packages"]


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One video to make; ``digests`` are those of the user's own files that there are."""

    folder: Path
    config: SceneConfig
    digests: dict[str, str]
    seed: int
    index: int
    split: Split

    @property
    def origin(self) -> dict[str, Any]:
        """What the metadata of the finished video say of where it comes from."""
        parameters = describe(self.config)
        return {"generator": "scene", "seed": self.seed, "index": self.index, "split": self.split} | {
            "parameters": parameters,
            **self.digests,
        }


def generate(
    out: Path,
    configs: Sequence[SceneConfig],
    *,
    train_videos: int,
    test_videos: int,
    seed: int,
    workers: int = 1,
    share: Share | None = None,
    progress: bool = False,
) -> int:
    """Write ``out/train`` and ``out/test`` in the layout of MOVi; videos that an earlier run has written stay.

    A video follows from its kind, the seed, its split and its number alone, so a set can be extended, or made in shares
    by several processes that see the same folder: whichever finds all videos there writes the lists of tracks.

    Args:
        out: the data folder.
        configs: the kinds of scenes; of several, the videos take turns.
        train_videos: number of videos in ``train``.
        test_videos: number of videos in ``test``.
        seed: of the set, at least 0.
        workers: processes that make videos.
        share: the part that this process takes; None: all.
        progress: show a bar on standard error, where that is a terminal.

    Returns:
        the number of videos that are still missing, which other shares make.

    Raises:
        DataError: ``out`` holds videos that were made with other arguments or when a folder held other models or
            panoramas, or one of these cannot be used.
        PackageError: the packages of the extra ``synthesis`` are missing.
        RunError: the disk is full, ``out`` cannot be written, or a worker died.
    """
    require_packages()
    counts: dict[Split, int] = {"train": train_videos, "test": test_videos}
    jobs = _jobs(out, configs, counts, seed)
    missing = [job for job in (share or Share()).of(jobs) if not _is_made(job)]
    with tqdm(total=len(missing), desc="making videos", unit="video", disable=None if progress else True) as bar:
        for _ in _run(missing, workers):
            bar.update()
    still_missing = sum(not job.folder.exists() for job in jobs)
    if not still_missing:
        for split in SPLITS:
            if counts[split]:
                write_instance_list(out / split)
    return still_missing


def make_video(folder: Path, config: SceneConfig, seed: int, index: int, split: Split) -> None:
    """Compose, render and write one video; the folder appears when it is complete."""
    from eoras.synthesis.compose import compose
    from eoras.synthesis.render import render

    write_video(folder, render(compose(config, seed, index, split)))


def require_packages() -> None:
    """Say at once what is missing, and not in the middle of the work.

    Raises:
        PackageError: a package of the extra ``synthesis`` is not installed.
    """
    for name in ("mujoco", "embreex", "numba", "trimesh"):
        if find_spec(name) is None:
            raise PackageError.of(name, "synthesis")


def _jobs(out: Path, configs: Sequence[SceneConfig], counts: dict[Split, int], seed: int) -> list[_Job]:
    find_assets.cache_clear()  # since an earlier call the folder may have changed
    kinds = [(config, digests_of(config)) for config in configs]
    return [
        _Job(folder=out / split / str(index), config=config, digests=digests, seed=seed, index=index, split=split)
        for split in SPLITS
        for index, (config, digests) in zip(range(counts[split]), cycle(kinds), strict=False)
    ]


def _is_made(job: _Job) -> bool:
    """Whether the video is there; a folder with another one is refused."""
    path = job.folder / "metadata.json"
    if not job.folder.exists():
        return False
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
        differing = [key for key, value in job.origin.items() if metadata.get(key) != json.loads(json.dumps(value))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: expected the metadata of a made-up video, found {error!r}; remove the folder"
        ) from None
    if differing and job.digests.keys() >= set(differing):
        raise DataError(
            f"{path}: expected a video made from the {' and '.join(differing)} that the folder holds now, found that "
            f"some have come or gone since; which of them only the test shows follows from all of them, so what was "
            f"tested would be trained on: bring the folder back to what it was, or choose another one for the videos"
        )
    if differing:
        raise DataError(
            f"{path}: expected a video made with the same arguments, found other values of {', '.join(differing)}; "
            f"choose another folder, or the arguments it was begun with"
        )
    return True


def _run(jobs: Sequence[_Job], workers: int) -> Iterator[None]:
    """Make the videos, and tell of each."""
    if workers == 1 or len(jobs) < 2:
        for job in jobs:
            yield _make(job)
        return
    # spawned, so that no worker inherits threads or locks; few are waiting at a time, so that an error ends all soon
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context, initializer=_begin) as pool:
        try:
            queue = iter(jobs)
            running = {pool.submit(_make_in_worker, job) for job in islice(queue, 2 * workers)}
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {pool.submit(_make_in_worker, job) for job in islice(queue, len(done))}
                for future in done:
                    yield future.result()
        except BrokenProcessPool:
            raise RunError(
                "a worker died, killed or out of memory; the finished videos stay: run again to go on, "
                "with fewer --workers"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """In a worker: Ctrl-C, which a terminal tells all, is for the process that waits and for the video under way."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


def _make_in_worker(job: _Job) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _make(job)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _make(job: _Job) -> None:
    make_video(job.folder, job.config, job.seed, job.index, job.split)
