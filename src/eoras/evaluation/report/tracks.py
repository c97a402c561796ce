"""What each track scores, and which of them to look at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eoras.evaluation.pasted import PastedScores
from eoras.evaluation.protocols import OCCLUSION_BINS, strict_rows, strict_terms

__all__ = ["Pick", "TrackScore", "choose", "score_tracks"]

_KINDS = ("best", "median", "worst")
_MOST = 3  # picks of each kind among all tracks; among those of an occlusion bin it is one
_EDGES = (25, 50, 75, 100)


@dataclass(frozen=True, kw_only=True)
class TrackScore:
    """What ``strict`` gives for one track.

    Attributes:
        video: name of the video.
        track_id: number of the object in the video.
        frames: number of those that are scored.
        occlusion: share of the amodal area of all frames that is occluded, in per cent.
        miou_full: mean over the frames, 0..1.
        miou_occ: mean over the occluded frames, 0..1; None where there are none.
    """

    video: str
    track_id: int
    frames: int
    occlusion: float
    miou_full: float
    miou_occ: float | None

    @property
    def data(self) -> dict[str, str]:
        """What the filter of the page looks at."""
        return {"video": self.video, "occlusion": f"{self.occlusion:.4f}"}

    @property
    def bin(self) -> str:
        """The one of ``OCCLUSION_BINS`` that holds ``occlusion``."""
        return OCCLUSION_BINS[0] if not self.occlusion else OCCLUSION_BINS[1 + np.digitize(self.occlusion, _EDGES)]


@dataclass(frozen=True, kw_only=True)
class Pick:
    """A track to look at.

    Attributes:
        kind: ``best``, ``median`` or ``worst``.
        among: those it was compared with, in words.
        track: what it scores.
    """

    kind: str
    among: str
    track: TrackScore


def score_tracks(scores: PastedScores) -> list[TrackScore]:
    """Score each track that has a frame to score, the best first."""
    names, table = scores.tracks("strict"), scores.table("strict")
    frames, terms = strict_rows(table), strict_terms(table)
    occluded = frames.counts["occluded"] > 0
    full = _means(terms["miou_full"].values, frames.tracks)
    occ = _means(terms["miou_occ"].values, frames.tracks[occluded])
    hidden = _means(frames.counts["occluded"].astype(float), frames.tracks)
    whole = _means(frames.counts["amodal"].astype(float), frames.tracks)
    numbers = np.bincount(frames.tracks)
    tracks = [
        TrackScore(
            video=names[number][0],
            track_id=names[number][1],
            frames=int(numbers[number]),
            occlusion=100 * hidden[number] / whole[number],
            miou_full=mean,
            miou_occ=occ.get(number),
        )
        for number, mean in full.items()
    ]
    return sorted(tracks, key=lambda track: -track.miou_full)


def choose(tracks: Sequence[TrackScore], limit: int) -> list[Pick]:
    """The best, the median and the worst: of all tracks, and of each occlusion bin, no track twice.

    Args:
        tracks: the best first.
        limit: how many picks at most.

    Returns:
        The picks among all tracks first.
    """
    picks = _pick(tracks, "all", max(min(_MOST, limit // 9), 1))
    for name in OCCLUSION_BINS:
        picks += _pick([track for track in tracks if track.bin == name], f"{name} % occluded", 1)
    first: dict[TrackScore, Pick] = {}
    for pick in picks:
        first.setdefault(pick.track, pick)
    return list(first.values())[:limit]


def _pick(tracks: Sequence[TrackScore], among: str, count: int) -> list[Pick]:
    start = max((len(tracks) - count) // 2, 0)
    parts = {"best": tracks[:count], "worst": tracks[-count:][::-1], "median": tracks[start : start + count]}
    kinds: dict[TrackScore, str] = {}
    for kind, part in parts.items():
        for track in part:
            kinds.setdefault(track, kind)
    picks = [Pick(kind=kind, among=among, track=track) for track, kind in kinds.items()]
    return sorted(picks, key=lambda pick: _KINDS.index(pick.kind))


def _means(values: NDArray[np.float64], tracks: NDArray[np.int64]) -> dict[int, float]:
    """The mean of each track's values, by its number."""
    numbers, place = np.unique(tracks, return_inverse=True)
    means = np.bincount(place, values) / np.bincount(place)
    return dict(zip(numbers.tolist(), means.tolist(), strict=True))
