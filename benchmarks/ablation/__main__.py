"""``python -m benchmarks.ablation DATA RUNS``: train and score all rows, and write docs/ablation.md."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from benchmarks.ablation.data import lite0_weights, prepare
from benchmarks.ablation.results import RESULTS, expect_data_of_results, holds_network, path_of, read_result
from benchmarks.ablation.rows import FIRST, ROWS, THRICE
from benchmarks.ablation.table import PAGE, read_results, undecided, write_page

_SEEDS = (1, 2, 3)
_Job = tuple[str, int]


def main() -> None:
    """What is done already is not done again; Ctrl-C saves what is under way."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation", description=__doc__)
    parser.add_argument("data", type=Path, help="data folder; made up if there is none and a result is missing")
    parser.add_argument("runs", type=Path, help="folder of the trainings")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where a file for each row and seed goes")
    parser.add_argument("--videos", type=int, nargs=2, default=(510, 240), help="to make up: train, test")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="after which no training begins")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the table goes")
    words = parser.parse_args()
    queue = _Queue(words)
    queue.work([(name, _SEEDS[0]) for name in ROWS])
    queue.work([(name, seed) for seed in _SEEDS[1:] for name in THRICE])
    more: set[str | None] = set()
    while more < (found := more | _doubtful(words.results)):  # seeds that are further apart make more rows doubtful
        queue.work([(name, seed) for name in ROWS if name in found for seed in _SEEDS[1:]])
        more = found
    results = read_results(words.results)
    if FIRST in results:
        write_page(words.page, results)
        print(f"wrote {words.page}", file=sys.stderr)
    if queue.failed:
        sys.exit(f"{queue.failed} trainings failed; the same command tries them again")


def _doubtful(results: Path) -> set[str | None]:
    """Rows whose difference may be chance, and those that they are compared with."""
    rows = [ROWS[name] for name in undecided(read_results(results))]
    return {name for row in rows for name in (row.name, row.after)}


class _Queue:
    """Trainings, each in a process of its own."""

    def __init__(self, words: argparse.Namespace) -> None:
        self._words = words
        self._end = time.monotonic() + 60 * words.minutes
        self.failed = 0

    def work(self, jobs: Sequence[_Job]) -> None:
        """Do what has no result yet: first what trains, then what asks the networks that these have trained."""
        missing = [job for job in jobs if read_result(path_of(self._words.results, *job)) is None]
        if missing:
            prepare(self._words.data, *self._words.videos)
            expect_data_of_results(self._words.data, self._words.results)
        asking = [job for job in missing if ROWS[job[0]].weights is not None]
        sources = [(weights, seed) for name, seed in asking if (weights := ROWS[name].weights) in ROWS]
        lost = [job for job in sources if not holds_network(self._words.runs, self._words.results, *job)]
        self._work(dict.fromkeys([*(job for job in missing if job not in asking), *lost]))
        self._work(asking)

    def _work(self, jobs: Collection[_Job]) -> None:
        running: list[subprocess.Popen[bytes]] = []
        with tqdm(total=len(jobs), desc="trainings", unit="run", disable=None) as bar:
            try:
                for job in self._in_time(jobs):
                    while len(running) == self._words.jobs:
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
        words, (name, seed) = self._words, job
        folder = words.runs / f"{name}-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        threads = max(1, (os.cpu_count() or 1) // words.jobs)
        with (folder / "job.log").open("wb") as log:
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", "benchmarks.ablation.job", name, str(seed)),
                    *map(str, (words.data, words.runs, words.results, words.device, lite0_weights())),
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
