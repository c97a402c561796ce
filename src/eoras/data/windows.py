"""Which clips a training run sees, and in which order; which of them a process takes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np
from torch.utils.data import Sampler

from eoras.shares import Share

__all__ = ["Draw", "OwnBatches", "TrainingOrder"]

T = TypeVar("T")


@dataclass(frozen=True)
class Draw:
    """A track, and the place of the clip in it.

    The place is drawn by the sampler, not by the data set, so that it depends neither on the number of worker
    processes nor on what they did before.

    Attributes:
        track: index of the track in its data set.
        position: 0 is the earliest possible clip, just below 1 the latest.
        seed: of what is done to the clip (see ``eoras.data.augment``).
    """

    track: int
    position: float
    seed: int = 0

    @classmethod
    def of(cls, key: "Draw | int") -> "Draw":
        """A draw as it is; of the index of a track its first frames."""
        return key if isinstance(key, Draw) else Draw(key, 0.0)

    def window(self, frames: Sequence[T], clip_length: int | None, pad_to: int | None = None) -> list[T]:
        """The consecutive frames of a track that make the clip (formats A.8); every start is equally likely.

        A track that is too short is taken whole, and its last frame repeated (Q-D7).

        Args:
            frames: all that a network is shown of the track.
            clip_length: how many are taken; None: all of them.
            pad_to: where all are taken, how many there are at least, the last one copied (Q-M11).
        """
        length = clip_length or max(len(frames), pad_to or 0)
        start = int(self.position * max(len(frames) - length + 1, 1))
        return [frames[min(start + step, len(frames) - 1)] for step in range(length)]


class TrainingOrder(Sampler[Draw]):
    """Each track once a pass, in a random order, each with a random place.

    Videos come in a random order, ``window`` of them at a time; the tracks of these are shuffled together. So a reader
    finds most frames among those it has just decoded, and a batch still mixes videos. With all videos at a time every
    order of the tracks is equally likely, as in the official code. Order and places follow from seed and epoch alone.
    All passes of an epoch have the same order and places of their own (Q-T1).

    Args:
        videos: the video of each track of the data set.
        seed: of the order and the places.
        window: videos whose tracks are shuffled together.
        passes: passes over the data set in one epoch.
    """

    def __init__(self, videos: Sequence[str], seed: int, window: int, passes: int = 1) -> None:
        names = {video: index for index, video in enumerate(dict.fromkeys(videos))}
        self._videos = np.array([names[video] for video in videos], dtype=np.int64)
        self._num_videos = len(names)
        self._seed = seed
        self._window = window
        self._passes = passes
        self._epoch = 0
        self._skip = 0

    def set_epoch(self, epoch: int, skip: int = 0) -> None:
        """Choose the epoch that comes next; leave out its first ``skip`` draws, which an interrupted run has seen."""
        self._epoch = epoch
        self._skip = skip

    def __iter__(self) -> Iterator[Draw]:
        random = np.random.default_rng((self._seed, self._epoch))
        tracks = random.permutation(len(self._videos))
        positions = random.random(len(tracks))
        window_of_video = random.permutation(self._num_videos) // self._window
        tracks = tracks[np.argsort(window_of_video[self._videos[tracks]], kind="stable")].tolist() * self._passes
        positions = np.append(positions, random.random(len(tracks) - len(positions))).tolist()
        seeds = np.random.default_rng((self._seed, self._epoch, 1)).integers(2**63, size=len(tracks)).tolist()
        return map(Draw, tracks[self._skip :], positions[self._skip :], seeds[self._skip :])

    def __len__(self) -> int:
        return max(len(self._videos) * self._passes - self._skip, 0)


class OwnBatches(Sampler[list[Draw]]):
    """The batches of one process: its share of each step's draws, a few at a time.

    All processes together pass the same draws in a step, however many they are; so the steps of a run depend on
    ``batch_size`` and ``accumulate`` alone.

    Args:
        order: the draws of all processes.
        batch_size: draws of a batch, at most.
        accumulate: a step has ``batch_size * accumulate`` draws, the last one what is left.
        share: the part that this process takes.
    """

    def __init__(self, order: Sampler[Draw], batch_size: int, accumulate: int = 1, share: Share | None = None) -> None:
        self._order = order
        self._batch_size = batch_size
        self._accumulate = accumulate
        self._share = share or Share()

    def __iter__(self) -> Iterator[list[Draw]]:
        draws = iter(self._order)
        while step := list(islice(draws, self._batch_size * self._accumulate)):
            own = self._share.of(step)
            for begin in range(0, len(own), self._batch_size):
                yield list(own[begin : begin + self._batch_size])

    def steps(self, draws: int) -> Iterator[tuple[int, int, int]]:
        """Of each step over the next ``draws``: their number, the batches of this process, the most of any process."""
        while draws > 0:
            size = min(self._batch_size * self._accumulate, draws)
            of_this, of_first = (len(share.of(range(size))) for share in (self._share, Share(0, self._share.size)))
            yield size, -(-of_this // self._batch_size), -(-of_first // self._batch_size)
            draws -= size
