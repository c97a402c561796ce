"""``python -m benchmarks.ablation DATA RUNS``: train and score all rows, and write docs/ablation.md."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from benchmarks.ablation.data import expect_data_of_runs, lite0_weights, prepare
from benchmarks.ablation.job import folder_of, read_result
from benchmarks.ablation.rows import BEST, FIRST, ROWS
from benchmarks.ablation.table import PAGE, read_results, undecided, write_page

_SEEDS = (1, 2, 3)
_Job = tuple[str, int]


def main() -> None:
    """What is done already is not done again; Ctrl-C saves what is under way."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation", description=__doc__)
    parser.add_argument("data", type=Path, help="data folder; made up if there is none")
    parser.add_argument("runs", type=Path, help="folder of the runs")
    parser.add_argument("--videos", type=int, nargs=2, default=(1020, 120), help="to make up: train, test")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after which no training begins")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the table goes")
    parser.add_argument("--note", default="", help="a sentence for the page, on how these runs came about")
    words = parser.parse_args()
    prepare(words.data, *words.videos)
    expect_data_of_runs(words.data, words.runs)
    queue = _Queue(words.data, words.runs, words.device, words.jobs, words.minutes)
    first = [(row.name, _SEEDS[0]) for row in ROWS.values()]
    ends = [(name, seed) for seed in _SEEDS[1:] for name in (FIRST, BEST)]
    queue.work([*first, *ends])
    doubtful = [ROWS[name] for name in undecided(read_results(words.runs))]
    more = {name for row in doubtful for name in (row.name, row.after)}
    more |= {ROWS[name].weights for name in more if name is not None}
    queue.work([(row.name, seed) for row in ROWS.values() if row.name in more for seed in _SEEDS[1:]])
    results = read_results(words.runs)
    if FIRST in results:
        write_page(words.page, results, words.note)
        print(f"wrote {words.page}", file=sys.stderr)
    if queue.failed:
        sys.exit(f"{queue.failed} trainings failed; the same command tries them again")


class _Queue:
    """Trainings, each in a process of its own."""

    def __init__(self, data: Path, runs: Path, device: str, jobs: int, minutes: float) -> None:
        self._data, self._runs, self._device, self._jobs = data, runs, device, jobs
        self._end = time.monotonic() + 60 * minutes
        self.failed = 0

    def work(self, jobs: Sequence[_Job]) -> None:
        """Do what is not done yet: first those that train, then those that need what these have trained."""
        for trains in (True, False):
            self._work([job for job in jobs if (ROWS[job[0]].weights is None) == trains])

    def _work(self, jobs: Sequence[_Job]) -> None:
        missing = [job for job in jobs if read_result(folder_of(self._runs, *job)) is None]
        running: list[subprocess.Popen[bytes]] = []
        with tqdm(total=len(missing), desc="trainings", unit="run", disable=None) as bar:
            try:
                for job in self._in_time(missing):
                    while len(running) == self._jobs:
                        bar.update(self._forget_ended(running))
                        time.sleep(0.1)
                    running.append(self._start(job))
                while running:
                    bar.update(self._forget_ended(running))
                    time.sleep(0.1)
            except KeyboardInterrupt:  # the trainings have been told, too
                for process in running:
                    process.wait()
                sys.exit("interrupted and saved; the same command goes on")

    def _in_time(self, jobs: Iterable[_Job]) -> Iterator[_Job]:
        for job in jobs:
            if time.monotonic() > self._end:
                return
            yield job

    def _start(self, job: _Job) -> "subprocess.Popen[bytes]":
        name, seed = job
        folder = folder_of(self._runs, name, seed)
        folder.mkdir(parents=True, exist_ok=True)
        threads = max(1, (os.cpu_count() or 1) // self._jobs)
        with (folder / "job.log").open("wb") as log:
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", "benchmarks.ablation.job", name, str(seed)),
                    *map(str, (self._data, self._runs, self._device, lite0_weights())),
                ],
                env={**os.environ, "OMP_NUM_THREADS": str(threads)},
                stdout=log,
                stderr=log,
            )

    def _forget_ended(self, running: "list[subprocess.Popen[bytes]]") -> int:
        """Take those that have ended off the list; their number."""
        ended = [process for process in running if process.poll() is not None]
        for process in ended:
            if process.returncode:
                self.failed += 1
                print(f"{process.args} ended with {process.returncode}; see job.log", file=sys.stderr)
            running.remove(process)
        return len(ended)


if __name__ == "__main__":
    main()
