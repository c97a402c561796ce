"""Scores of one system under every protocol: ``paper`` pastes a network's answers in another way than the others."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eoras.evaluation.counts import FrameTable
from eoras.evaluation.scores import Scores
from eoras.geometry import Paste

__all__ = ["PastedScores", "paste_of"]


def paste_of(protocol: str) -> Paste:
    """How a protocol has a network's answers pasted into the image (formats 7.2)."""
    return "paper" if protocol == "paper" else "strict"


class PastedScores:
    """Scores by paste. A system whose masks come whole, and were never pasted, has one for all."""

    def __init__(self) -> None:
        self._by_paste: dict[Paste, Scores] = {}

    def add(self, paste: Paste, video: str, track_id: int, rows: NDArray[np.void]) -> None:
        """Add frames that are counted.

        Args:
            paste: how their masks were pasted; a system has one for all, or both.
            video: name of the video.
            track_id: number of the object in the video.
            rows: ``COUNTS`` ``(T,)``.
        """
        self._by_paste.setdefault(paste, Scores()).add(video, track_id, rows)

    def merge(self, other: "PastedScores") -> None:
        """Add the frames of another part."""
        for paste, scores in other._by_paste.items():
            self._by_paste.setdefault(paste, Scores()).merge(scores)

    def tracks(self, protocol: str) -> list[tuple[str, int]]:
        """Video and object of each track, by its number in ``table``."""
        return self._of(protocol).tracks

    def table(self, protocol: str) -> FrameTable:
        """All frames so far, as the protocol pastes them."""
        return self._of(protocol).table()

    def compute(self, protocol: str) -> dict[str, Any]:
        """The scores of all frames so far, as ``Scores.compute`` gives them."""
        return self._of(protocol).compute(protocol)

    def compare(self, other: "PastedScores", protocol: str) -> dict[str, Any]:
        """Whether two systems differ, as ``Scores.compare`` tells."""
        return self._of(protocol).compare(other._of(protocol), protocol)

    def _of(self, protocol: str) -> Scores:
        only = next(iter(self._by_paste.values()), Scores())
        return self._by_paste.get(paste_of(protocol), only)
