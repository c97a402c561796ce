"""The masks of any system, as they come: what is wrong with them is counted, and the rest is scored (formats 7.13)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eoras.config import ViewConfig
from eoras.data.pictures import TrackTruth
from eoras.data.stacks import MaskStack, RepeatedMasks, RunMasks
from eoras.evaluation.entries import Entry, Problems
from eoras.geometry import Paste

__all__ = ["Predictions"]


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

    def answers(self, truth: TrackTruth, problems: Problems) -> dict[Paste, MaskStack]:
        """The masks of a track's frames; where there is none, an empty one.

        Args:
            truth: of the track.
            problems: where to count what is wrong, once for each frame.

        Returns:
            One mask a frame for each of ``pastes``.
        """
        entry = self.entries.get((truth.video, truth.track_id))
        indices, available = truth.frame_indices.tolist(), truth.available.tolist()
        rows: list[int] = []  # place in frames, -1 for an empty mask
        frames: list[int] = []
        for place, index in enumerate(indices):
            if place and index == indices[place - 1]:  # padding
                rows.append(rows[-1])
            elif available[place] and entry is not None:
                rows.append(len(frames))
                frames.append(index)
            else:
                rows.append(-1)
        if entry is None:
            problems["objects without a prediction; their frames count as missed"] += 1
            return dict.fromkeys(self.pastes, RunMasks.of([None] * len(rows), truth.height, truth.width))
        result: dict[Paste, MaskStack] = {}
        for paste in self.pastes:
            found = problems if paste == self.pastes[0] else Problems()
            masks = entry.read(frames, truth.height, truth.width, paste, found)
            result[paste] = masks if len(frames) == len(rows) else RepeatedMasks(masks, np.array(rows))
        return result
