"""The masks of any system, as they come: what is wrong with them is counted, and the rest is scored (formats 7.13)."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from eoras.config import ViewConfig
from eoras.data.pictures import TrackTruth
from eoras.evaluation.counts import Masks
from eoras.evaluation.pasted import Paste

__all__ = ["Entry", "Predictions", "Problems", "UnusableMaskError"]

Problems = Counter[str]
"""What is wrong with predictions: a sentence to how often."""


class UnusableMaskError(Exception):
    """A mask that cannot be scored; says why, in the words of ``Problems``."""


class Entry(Protocol):
    """The masks of one object through one video."""

    def read(self, frame_index: int, height: int, width: int, paste: Paste, problems: Problems) -> Masks | None:
        """The mask of a frame, bool ``(height, width)``, or None where there is none.

        Raises:
            UnusableMaskError: there is one that cannot be scored.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What a system predicts.

    Attributes:
        path: the file or folder.
        entries: by name of the video and number of the object.
        problems: what was found wrong before any mask was looked at.
        pastes: the ways in which its masks were pasted; a system whose masks came whole has ``strict`` alone.
        view: what the network saw that made them, where that is known.
    """

    path: Path
    entries: Mapping[tuple[str, int], Entry]
    problems: Problems
    pastes: tuple[Paste, ...] = ("strict",)
    view: ViewConfig | None = None

    def unknown(self, tracks: Collection[tuple[str, int]]) -> Problems:
        """Count what the data do not have."""
        videos = {video for video, _ in tracks}
        strange = [key for key in self.entries if key not in tracks]
        return Problems(
            {
                "videos that the data do not have": len({video for video, _ in strange} - videos),
                "objects that the data do not have": sum(video in videos for video, _ in strange),
            }
        )

    def answers(self, truth: TrackTruth, problems: Problems) -> dict[Paste, Masks]:
        """The masks of a track's frames; where there is none, an empty one.

        Args:
            truth: of the track.
            problems: where to count what is wrong, once for each frame.

        Returns:
            bool ``(T, H, W)`` for each of ``pastes``.
        """
        shape = tuple(truth.masks.amodal.shape)
        result: dict[Paste, Masks] = {paste: np.zeros(shape, bool) for paste in self.pastes}
        entry = self.entries.get((truth.video, truth.track_id))
        if entry is None:
            problems["objects without a prediction; their frames count as missed"] += 1
            return result
        indices = truth.frame_indices.tolist()
        for paste in self.pastes:
            found = problems if paste == self.pastes[0] else Problems()
            for place, index in enumerate(indices):
                if place and index == indices[place - 1]:  # padding
                    result[paste][place] = result[paste][place - 1]
                elif truth.available[place]:
                    _fill(result[paste][place], entry, index, paste, found)
        return result


def _fill(target: NDArray[np.bool_], entry: Entry, index: int, paste: Paste, problems: Problems) -> None:
    try:
        mask = entry.read(index, target.shape[0], target.shape[1], paste, problems)
    except UnusableMaskError as error:
        problems[f"{error}; they count as missed"] += 1
        return
    if mask is None:
        problems["frames without a mask; they count as missed"] += 1
    else:
        target[:] = mask
