"""Cost of scoring masks: ``python -m benchmarks.scoring [TRACKS]``."""

import json
import resource
import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.memory import peak_memory_mb
from eoras.clip import Truth
from eoras.data.masks import Rle, decode, encode
from eoras.data.movi_list import Track
from eoras.data.pictures import TrackTruth
from eoras.evaluation.ceiling import ALL_BASELINES
from eoras.evaluation.predictions import Predictions, Problems
from eoras.evaluation.predictions_files import Runs
from eoras.evaluation.protocols import PROTOCOLS
from eoras.evaluation.score import score_predictions
from eoras.geometry import Box

_TRACKS = 10_000
_MEASURED = 500
_FRAMES = 24
_SIDE = 256
_PER_VIDEO = 8
_DIFFERENT = 40  # tracks that are drawn; the others repeat them
_PROCESSES = 2


class _Drawn:
    """Discs that move behind a wall, as runs; each is unfolded when it is asked for."""

    def __init__(self, count: int) -> None:
        self.tracks = [Track(str(number // _PER_VIDEO), number % _PER_VIDEO) for number in range(count)]
        self._runs = [_draw(np.random.default_rng(number)) for number in range(_DIFFERENT)]

    def truth_of(self, index: int) -> TrackTruth:
        track = self.tracks[index]
        amodal, visible, others, _ = (_unfold(runs) for runs in self._runs[index % _DIFFERENT])
        return TrackTruth(
            video=track.video,
            track_id=track.track_id,
            frame_indices=torch.arange(_FRAMES),
            boxes=(Box(40, 40, 216, 216),) * _FRAMES,
            masks=Truth(amodal=amodal, visible=visible, others=others),
            available=torch.ones(_FRAMES, dtype=torch.bool),
        )

    def answers(self) -> Predictions:
        """Nearly the truth."""
        entries = {
            (track.video, track.track_id): Runs({"strict": [rle.record for rle in self._runs[index % _DIFFERENT][3]]})
            for index, track in enumerate(self.tracks)
        }
        return Predictions(path=Path("drawn"), entries=entries, problems=Problems())


def main() -> None:
    """Score a part of the tracks in two processes, alone, with outlines, with baselines; print JSON for all of them."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else _MEASURED
    tracks = _Drawn(count)
    predictions = tracks.answers()
    figures: dict[str, float] = {"tracks_measured": count}
    cases = {"protocols": ((), False), "outlines_too": ((), True), "baselines_too": (ALL_BASELINES, True)}
    for name, (baselines, outlines) in cases.items():
        began = _cpu_seconds()
        scored = score_predictions(
            tracks, [predictions], baselines=baselines, outlines=outlines, num_workers=_PROCESSES
        )
        for protocol in PROTOCOLS:
            scored.systems[0].compute(protocol)
        figures[f"cpu_seconds_{name}_10000"] = round((_cpu_seconds() - began) * _TRACKS / count)
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
    figures["peak_memory_mb"] = round(peak_memory_mb() + _PROCESSES * largest)
    print(json.dumps(figures))


def _cpu_seconds() -> float:
    """Of this process and those it has waited for: on a machine that others use, too, the clock would tell of them."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def _draw(random: np.random.Generator) -> tuple[list[Rle], ...]:
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    radius, wall = random.integers(15, 50), random.integers(100, 156)
    start, step = random.integers(70, 110, 2), random.uniform(0, 4, 2)
    drawn: tuple[list[Rle], ...] = ([], [], [], [])
    for t in range(_FRAMES):
        row, column = start + step * t
        amodal = (rows - row) ** 2 + (columns - column) ** 2 < radius**2
        behind = (columns > wall) & (columns < wall + 30)
        answer = (rows - row - 1) ** 2 + (columns - column) ** 2 < (radius + 1) ** 2
        for runs, mask in zip(drawn, (amodal, amodal & ~behind, behind, answer), strict=True):
            runs.append(encode(mask))
    return drawn


def _unfold(runs: list[Rle]) -> torch.Tensor:
    return torch.from_numpy(np.stack([decode(rle) for rle in runs]))


if __name__ == "__main__":
    main()
