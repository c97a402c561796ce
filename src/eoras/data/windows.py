"""Which clips a training run sees, and in which order."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler

__all__ = ["Draw", "TrainingOrder"]


@dataclass(frozen=True)
class Draw:
    """A track, and the place of the clip in it.

    The place is drawn by the sampler, not by the data set, so that it depends neither on the number of worker
    processes nor on what they did before.

    Attributes:
        track: index of the track in its data set.
        position: 0 is the earliest possible window, just below 1 the latest.
    """

    track: int
    position: float

    def window(self, num_frames: int, clip_length: int) -> list[int]:
        """The ``clip_length`` consecutive places of a track's ``num_frames`` that make the clip (formats A.8).

        Every start is equally likely. A track that is too short is taken whole, and its last frame repeated (Q-D7).
        """
        start = int(self.position * max(num_frames - clip_length + 1, 1))
        return [min(start + step, num_frames - 1) for step in range(clip_length)]


class TrainingOrder(Sampler[Draw]):
    """Each track once a pass, in a random order, each with a random place.

    Order and places follow from seed and epoch alone. All passes of an epoch have the same order and places of their
    own (Q-T1).

    Args:
        num_tracks: tracks of the data set.
        seed: of the order and the places.
        passes: passes over the data set in one epoch.
    """

    def __init__(self, num_tracks: int, seed: int, passes: int = 1) -> None:
        self._num_tracks = num_tracks
        self._seed = seed
        self._passes = passes
        self._epoch = 0
        self._skip = 0

    def set_epoch(self, epoch: int, skip: int = 0) -> None:
        """Choose the epoch that comes next; leave out its first ``skip`` draws, which an interrupted run has seen."""
        self._epoch = epoch
        self._skip = skip

    def __iter__(self) -> Iterator[Draw]:
        random = np.random.default_rng((self._seed, self._epoch))
        tracks = random.permutation(self._num_tracks).tolist() * self._passes
        positions = random.random(len(tracks)).tolist()
        return map(Draw, tracks[self._skip :], positions[self._skip :])

    def __len__(self) -> int:
        return max(self._num_tracks * self._passes - self._skip, 0)
