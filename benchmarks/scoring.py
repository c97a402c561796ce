"""Cost of scoring masks: ``python -m benchmarks.scoring [TRACKS]``."""

import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from benchmarks.memory import PeakOfAll
from eoras.data.masks import Rle, encode
from eoras.data.movi_list import Track
from eoras.data.pictures import TrackTruth
from eoras.data.stacks import RunMasks
from eoras.evaluation.ceiling import ALL_BASELINES
from eoras.evaluation.predictions_files import read_predictions
from eoras.evaluation.score import score_predictions
from eoras.evaluation.summary import summarize
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
        amodal, visible, others = (RunMasks.of(runs, _SIDE, _SIDE) for runs in self._runs[index % _DIFFERENT][:3])
        return TrackTruth(
            video=track.video,
            track_id=track.track_id,
            frame_indices=torch.arange(_FRAMES),
            boxes=(Box(40, 40, 216, 216),) * _FRAMES,
            height=_SIDE,
            width=_SIDE,
            amodal=amodal,
            visible=visible,
            others=others,
            available=torch.ones(_FRAMES, dtype=torch.bool),
        )

    def write_answers(self, path: Path) -> None:
        """Nearly the truth, as a file of masks."""
        lines = []
        for index, track in enumerate(self.tracks):
            masks = [rle.record for rle in self._runs[index % _DIFFERENT][3]]
            record = {"id": index, "video_id": int(track.video), "track_id": track.track_id}
            lines.append(json.dumps({**record, "amodal_segmentations": masks}))
        videos = [{"id": int(name), "name": name} for name in dict.fromkeys(track.video for track in self.tracks)]
        with path.open("w", encoding="ascii") as file:
            file.write(f'{{"format_version": 1, "videos": {json.dumps(videos)}, "annotations": [')
            file.write(",\n".join(lines) + "]}")


def main() -> None:
    """Score a part of the tracks in two processes, alone, with baselines, with outlines; print JSON for all of them."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else _MEASURED
    tracks = _Drawn(count)
    figures: dict[str, float] = {"tracks_measured": count}
    cases = {"protocols": ((), False), "baselines_too": (ALL_BASELINES, False), "outlines_too": (ALL_BASELINES, True)}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "answers.json"
        tracks.write_answers(path)
        for name, (baselines, outlines) in cases.items():
            spent, began = _cpu_seconds(), time.perf_counter()
            with PeakOfAll() as peak:
                _score(tracks, path, baselines, outlines)
            figures[f"cpu_seconds_{name}_10000"] = round((_cpu_seconds() - spent) * _TRACKS / count)
            figures[f"seconds_{name}_10000"] = round((time.perf_counter() - began) * _TRACKS / count)
            figures[f"peak_memory_mb_{name}"] = round(peak.mb)
    print(json.dumps(figures))


def _score(tracks: _Drawn, path: Path, baselines: Sequence[str], outlines: bool) -> None:
    predictions = [read_predictions(path)]
    scored = score_predictions(tracks, predictions, baselines=baselines, outlines=outlines, num_workers=_PROCESSES)
    for scores in (*scored.systems, *scored.baselines.values()):
        summarize(scores)


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


if __name__ == "__main__":
    main()
