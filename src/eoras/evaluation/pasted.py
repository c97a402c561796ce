"""Scores of one system under every protocol: ``paper`` pastes a network's answers in another way than the others."""

from collections.abc import Mapping
from typing import Any, Literal

from numpy.typing import ArrayLike

from eoras.evaluation.counts import FrameTable
from eoras.evaluation.scores import Scores

__all__ = ["PastedScores", "paste_of"]

Paste = Literal["paper", "strict"]


def paste_of(protocol: str) -> Paste:
    """How a protocol has a network's answers pasted into the image (formats 7.2)."""
    return "paper" if protocol == "paper" else "strict"


class PastedScores:
    """Scores by paste. A system whose masks come whole, and were never pasted, has one for all.

    Args:
        outlines: whether to compare outlines, too (formats 7.10).
    """

    def __init__(self, *, outlines: bool = False) -> None:
        self._outlines = outlines
        self._by_paste: dict[Paste, Scores] = {}

    def update(self, amodal: ArrayLike, visible: ArrayLike, answers: Mapping[Paste, ArrayLike], **clip: Any) -> None:
        """Add a clip's frames.

        Args:
            amodal: bool ``(T, H, W)``, the true mask in the whole image.
            visible: bool ``(T, H, W)``, its seen part.
            answers: bool ``(T, H, W)`` for each paste; always the same ones.
            **clip: as ``Scores.update`` has them.

        Raises:
            DataError: a mask is not bool, or shapes do not agree.
        """
        for paste, prediction in answers.items():
            scores = self._by_paste.setdefault(paste, Scores(outlines=self._outlines))
            scores.update(amodal, visible, prediction, **clip)

    def merge(self, other: "PastedScores") -> None:
        """Add the frames of another part."""
        for paste, scores in other._by_paste.items():
            self._by_paste.setdefault(paste, Scores(outlines=self._outlines)).merge(scores)

    def tracks(self, protocol: str) -> list[tuple[str, int]]:
        """Video and object of each track, by its number in ``table``."""
        return self._of(protocol).tracks

    def table(self, protocol: str) -> FrameTable:
        """All frames so far, as the protocol pastes them."""
        return self._of(protocol).table()

    def compute(self, protocol: str) -> dict[str, Any]:
        """The scores of all frames so far, as ``Scores.compute`` gives them."""
        return self._of(protocol).compute(protocol)

    def _of(self, protocol: str) -> Scores:
        only = next(iter(self._by_paste.values()), Scores())
        return self._by_paste.get(paste_of(protocol), only)
