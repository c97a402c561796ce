"""Score the masks of any systems on whole tracks, beside the baselines; in one process or in many."""

import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from tqdm import tqdm

from eoras.data.pictures import TrackTruth
from eoras.errors import WorkerError
from eoras.evaluation.ceiling import ALL_BASELINES, check_baselines
from eoras.evaluation.entries import Problems
from eoras.evaluation.pasted import PastedScores
from eoras.evaluation.predictions import Predictions
from eoras.evaluation.tracks import Answer, score_track
from eoras.processes import Processes
from eoras.workers import end_with_parent

__all__ = ["Scored", "TruthTracks", "score_predictions"]

_TOGETHER = 32  # tracks that a process scores before it hands their counts over


class TruthTracks(Protocol):
    """A data set that gives the masks of its tracks without their images."""

    @property
    def tracks(self) -> Sequence[Any]:
        """Each with ``video`` and ``track_id``."""
        ...

    def truth_of(self, index: int) -> TrackTruth:
        """The masks of one of them."""
        ...


@dataclass(kw_only=True)
class Scored:
    """The counts of systems and baselines on the same frames.

    Attributes:
        systems: one for each of the predictions, in their order.
        baselines: by name.
        problems: what is wrong with each of the predictions.
    """

    systems: list[PastedScores]
    baselines: dict[str, PastedScores]
    problems: list[Problems] = field(default_factory=list)

    def merge(self, other: "Scored") -> None:
        """Add the tracks of another part."""
        for scores, more in zip(self.systems, other.systems, strict=True):
            scores.merge(more)
        for name, more in other.baselines.items():
            self.baselines[name].merge(more)
        for problems, more in zip(self.problems, other.problems, strict=True):
            problems.update(more)


@dataclass(frozen=True)
class _Work:
    """All that a process needs to score some tracks."""

    tracks: TruthTracks
    predictions: Sequence[Predictions]
    baselines: Sequence[str]
    outlines: bool

    def score(self, indices: Sequence[int]) -> Scored:
        scored = _empty(self)
        for index in indices:
            truth = self.tracks.truth_of(index)
            pairs = zip(self.predictions, scored.problems, strict=True)
            answers = [Answer(system.answers(truth, problems)) for system, problems in pairs]
            systems = list(zip(scored.systems, answers, strict=True))
            score_track(truth, systems, scored.baselines, ("paper", "strict"), outlines=self.outlines)
        return scored


def score_predictions(
    tracks: TruthTracks,
    predictions: Sequence[Predictions],
    *,
    baselines: Sequence[str] = ALL_BASELINES,
    outlines: bool = True,
    num_workers: int = 0,
    progress: bool = False,
    processes: Processes | None = None,
) -> Scored:
    """Score predictions; one track at a time is unfolded. The counts are the same with any number of processes.

    Several processes take neighbouring tracks each, none of them twice, and put their counts together at the end.

    Args:
        tracks: the truth.
        predictions: of one system or several.
        baselines: names in ``ALL_BASELINES`` to score beside them.
        outlines: whether to compare outlines, too (formats 7.10).
        num_workers: processes that score for this one; 0 scores here.
        progress: show a bar on standard error, where that is a terminal.
        processes: all that score together; each gets the scores of all. None: this one alone.

    Raises:
        ConfigError: there is no such baseline.
        DataError: a file of the data is missing or damaged.
        RunError: another process has ended.
        WorkerError: one of those that score for this one has died.
    """
    check_baselines(baselines)
    processes = processes or Processes()
    work = _Work(tracks, predictions, baselines, outlines)
    scored = _empty(work)
    if processes.first:  # what is wrong with a whole file counts once
        known = {(track.video, track.track_id) for track in tracks.tracks}
        for found, system in zip(scored.problems, predictions, strict=True):
            found.update(system.problems)
            found.update(system.unknown(known))
    indices = processes.share.block_of(range(len(tracks.tracks)))
    parts = [indices[start : start + _TOGETHER] for start in range(0, len(indices), _TOGETHER)]
    with tqdm(total=len(indices), unit="track", disable=None if progress and processes.first else True) as bar:
        for part, done in zip(parts, _run(work, parts, num_workers), strict=True):
            scored.merge(done)
            bar.update(len(part))
    if processes.several:
        shares, scored = processes.gather(scored), _empty(work)
        for share in shares:
            scored.merge(share)
    scored.problems = [Problems({name: n for name, n in found.items() if n}) for found in scored.problems]
    return scored


def _run(work: _Work, parts: Sequence[Sequence[int]], num_workers: int) -> Iterator[Scored]:
    pool = ProcessPoolExecutor(num_workers, initializer=_begin, initargs=(work,)) if num_workers else nullcontext()
    try:
        with pool as processes:
            yield from map(work.score, parts) if processes is None else processes.map(_score_here, parts)
    except BrokenProcessPool:
        raise WorkerError("a process that scores has died, killed or out of memory: try fewer --workers") from None


_here: list[_Work] = []  # in a process that scores: what it was started with


def _begin(work: _Work) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits for this one
    end_with_parent()
    torch.set_num_threads(1)  # the processes share the cores among them
    _here.append(work)


def _score_here(indices: Sequence[int]) -> Scored:
    return _here[0].score(indices)


def _empty(work: _Work) -> Scored:
    return Scored(
        systems=[PastedScores() for _ in work.predictions],
        baselines={name: PastedScores() for name in work.baselines},
        problems=[Problems() for _ in work.predictions],
    )
