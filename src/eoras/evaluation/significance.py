"""How sure a mean is, and whether two systems differ: draws of whole videos, from a seed (formats 7.12)."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eoras.evaluation.counts import FrameTable
from eoras.evaluation.ious import Terms
from eoras.evaluation.protocols import TERMS

__all__ = ["DRAWS", "compare", "compare_sums", "intervals", "sums_by_video"]

DRAWS = 10_000
_BLOCK = 1000  # draws at a time, so that memory does not grow with the videos
_FEW = 5000  # videos up to which draws are kept for the next mean or system: 100 MB at most


def intervals(table: FrameTable, protocol: str, seed: int = 0) -> dict[str, list[float] | None]:
    """Bootstrap 95 % intervals of a protocol's means: videos are drawn with replacement.

    Args:
        table: all frames, as the protocol pastes them.
        protocol: its name.
        seed: of the draws.

    Returns:
        By mean, lower and upper end; None where what is averaged lies in fewer than two videos.
    """
    sums = {name: sums_by_video(terms, _size(table)) for name, terms in TERMS[protocol](table).items()}
    return {name: _interval(_drawn(found, seed)) if _lie_apart(found) else None for name, found in sums.items()}


def compare(first: FrameTable, second: FrameTable, protocol: str, seed: int = 0) -> dict[str, Any]:
    """Compare two systems on the same frames; ``Scores.compare`` sees to it that they are the same.

    The p-value is that of a paired permutation test: in each draw, the two answers of every video are swapped or not.

    Args:
        first: all frames of one system.
        second: the same frames of another one.
        protocol: its name.
        seed: of the draws.

    Returns:
        By mean: ``difference``, first minus second; ``interval``, its bootstrap 95 % interval, the same videos drawn
        for both, None where what is averaged lies in one; ``p``, how often chance alone gives such a difference; all
        None where either mean is.
    """
    videos = _size(first)
    ours, theirs = (
        {name: sums_by_video(terms, videos) for name, terms in TERMS[protocol](table).items()}
        for table in (first, second)
    )
    return {name: compare_sums(ours[name], theirs[name], seed) for name in ours}


def compare_sums(first: NDArray[np.float64], second: NDArray[np.float64], seed: int = 0) -> dict[str, Any]:
    """Compare one mean of two systems, as ``compare`` does.

    Args:
        first: ``sums_by_video`` of one system.
        second: those of the other.
        seed: of the draws.
    """
    if not first[1].sum() or not second[1].sum():
        return {"difference": None, "interval": None, "p": None}
    difference = _ratio(first.sum(axis=1)) - _ratio(second.sum(axis=1))
    extreme = counted = 0
    for swapped in _blocks(_draw_swapped, first.shape[1], seed):
        moved = swapped @ (second - first).T  # what swapping adds to the sums of the first
        drawn = _ratio((first.sum(axis=1) + moved).T) - _ratio((second.sum(axis=1) - moved).T)
        extreme += int(np.count_nonzero(np.abs(drawn) >= abs(difference) - 1e-12))
        counted += int(np.count_nonzero(~np.isnan(drawn)))
    interval = _interval(_drawn(first, seed) - _drawn(second, seed)) if _lie_apart(first + second) else None
    return {"difference": float(difference), "interval": interval, "p": (extreme + 1) / (counted + 1)}


def sums_by_video(terms: Terms, videos: int) -> NDArray[np.float64]:
    """Sum and number of the terms of each video, ``(2, videos)``; a mean is the ratio of their totals.

    Args:
        terms: what the mean runs over.
        videos: their number.
    """
    values = np.bincount(terms.videos, terms.values, minlength=videos)
    return np.array([values, np.bincount(terms.videos, minlength=videos)], np.float64)


def _size(table: FrameTable) -> int:
    return int(table.videos.max()) + 1 if len(table.videos) else 0


def _lie_apart(sums: NDArray[np.float64]) -> bool:
    """Whether two videos or more have terms; one alone would give the same mean in every draw."""
    return int(np.count_nonzero(sums[1])) > 1


def _drawn(sums: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """The mean in each draw, NaN where no term was drawn."""
    blocks = _blocks(_draw_videos, sums.shape[1], seed)
    return np.concatenate([_ratio((block @ sums.T).T) for block in blocks])


_Blocks = Iterable[NDArray[np.uint16]]  # each (_BLOCK, videos)


def _draw_videos(videos: int, seed: int) -> Iterator[NDArray[np.uint16]]:
    """How often each video is drawn."""
    random = np.random.default_rng(seed)
    for _ in range(DRAWS // _BLOCK):
        yield random.multinomial(videos, np.full(videos, 1 / videos), _BLOCK).astype(np.uint16)


def _draw_swapped(videos: int, seed: int) -> Iterator[NDArray[np.uint16]]:
    """1 for each video whose two answers are swapped."""
    random = np.random.default_rng((seed, 1))
    for _ in range(DRAWS // _BLOCK):
        yield random.integers(0, 2, (_BLOCK, videos)).astype(np.uint16)


def _blocks(draw: Callable[[int, int], _Blocks], videos: int, seed: int) -> _Blocks:
    return _keep(draw, videos, seed) if videos <= _FEW else draw(videos, seed)


@lru_cache(maxsize=2)
def _keep(draw: Callable[[int, int], _Blocks], videos: int, seed: int) -> _Blocks:
    return tuple(draw(videos, seed))


def _ratio(sums: NDArray[np.float64]) -> Any:
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[0] / sums[1]


def _interval(drawn: NDArray[np.float64]) -> list[float]:
    return np.percentile(drawn[~np.isnan(drawn)], [2.5, 97.5]).tolist()
