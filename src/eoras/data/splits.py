"""Setting some training videos aside, to choose the best checkpoint without looking at the test split."""

import hashlib
from collections.abc import Iterable

__all__ = ["held_out", "split_videos"]


def held_out(video: str, seed: int, share: float = 0.05) -> bool:
    """Whether a training video is set aside.

    It depends on seed and name alone, so that a video stays on its side when others are added or removed.

    Args:
        video: its name.
        seed: of the split.
        share: expected share of the videos set aside, 0..1.
    """
    return _place(video, seed) < share


def split_videos(videos: Iterable[str], seed: int, share: float = 0.05) -> tuple[frozenset[str], frozenset[str]]:
    """The videos to train on and those ``held_out``.

    Of two or more videos, each side gets at least one: where ``held_out`` leaves a side empty, the video nearest to
    the border changes sides. A single video is trained on.
    """
    ranked = sorted(set(videos), key=lambda video: _place(video, seed))
    wanted = sum(held_out(video, seed, share) for video in ranked)
    count = max(min(max(wanted, 1), len(ranked) - 1), 0)
    return frozenset(ranked[count:]), frozenset(ranked[:count])


def _place(video: str, seed: int) -> float:
    """A number in 0..1, excluding 1, evenly spread over names."""
    digest = hashlib.sha256(f"{seed}/{video}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
