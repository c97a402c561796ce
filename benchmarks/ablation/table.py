"""The page docs/ablation.md, written from the results of all runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ablation.results import read_result
from benchmarks.ablation.rows import BEST, FIRST, ROWS, config_of
from benchmarks.operations import gflop
from eoras.evaluation.significance import compare_sums
from eoras.files import write_beside
from eoras.model.weights import SHIPPED

__all__ = ["OF_OCCLUDED", "PAGE", "SHOWN", "Results", "read_results", "undecided", "write_page"]

PAGE = Path(__file__).parents[2] / "docs" / "ablation.md"
_DECIDING = ("strict miou_full", "strict miou_occ")
SHOWN = (*_DECIDING, "paper miou_full", "paper miou_occ")
OF_OCCLUDED = "strict miou_full_of_occluded"
_FRESH = "fresh_"  # before the names of systems on the test videos on which nothing was chosen
_TELLING = (BEST, "shipped", "damaged_wide", "damaged_shipped", "alone", f"{_FRESH}{BEST}", f"{_FRESH}shipped")
_HULL, _VISIBLE = "convex_hull", "visible_mask"

_HEAD = """# What each option is worth

Written by `make ablation`; do not edit. Each row makes the change that it names, which may be several settings at
once, to the row it is compared with: from the published network and training made small (`tiny`) to the best small
network. All but `shipped` ([its card](model-card.md)) see the same {train} tracks of made-up videos once, a clip of
each, {batch} clips a step, learning rate {rate:g}; clips have {frames} frames, but in `long`. All are scored on
{tracks} tracks of {test} test videos whose shapes and backgrounds training has not seen, on the frames in which
something of the object is seen (the model card counts the others, too). Scores are means over frames and over a row's
seeds.

Differences, in points, are of the seeds that both rows have, with paired bootstrap 95 % intervals over videos. There
are many, so a few exclude zero by chance. They say nothing of chance in training: seeds of one row are up to {full}
full and {occluded} occluded points apart (`{furthest}`), and more than {usual_full} and {usual_occluded} in half of the
rows. And they say nothing of shapes of other kinds than the few held out.

The rows, their order and the best row were chosen on these test videos, and what a change is worth depends on what was
changed before: in other places the windows and the bird's-eye view have other signs, and the finer decoder depends on
the seed (`windows_before`, `with_bev`, `skip_before`). So the ends of the table are scored once more, on as many other
test videos of the same kind, on which nothing was chosen (`fresh_...`).

What differs from the published setting: made-up scenes in place of MOVi; narrow networks of one layer in place of two,
without dropout, with a bird's-eye grid of half the side, which begin with random weights until `lite0` brings those of
ImageNet (the published network begins with ImageNet's), and whose batch normalisation sees all frames of a batch
together; learning rate and clips as above in place of 1e-5 and 12 frames; one short pass. {machine}.
"""
_CONFIDENCE = """## Confidence

What a network with a confidence head expects of its answers and what they reach: intersection over union with the whole
object, means over frames. How far the two are apart on average, and their correlation.
"""
_COST = """## Cost

The arithmetic is that of a clip of 12 frames. Seconds are medians of runs at different times, some beside other work:
they are no ratios.
"""


@dataclass(frozen=True)
class Results:
    """What the runs of one row have given.

    Attributes:
        sums: by mean and seed, its ``sums_by_video``.
        runs: by seed, what the run says of its cost.
    """

    sums: Mapping[str, Mapping[int, NDArray[np.float64]]]
    runs: Mapping[int, Mapping[str, Any]]

    def total(self, mean: str, seeds: set[int] | None = None) -> NDArray[np.float64]:
        """The sums by video of some seeds, or of all, together."""
        return np.sum([sums for seed, sums in self.sums[mean].items() if seeds is None or seed in seeds], axis=0)

    def mean(self, mean: str, seeds: set[int] | None = None) -> float:
        """In per cent, of some seeds or of all."""
        values, number = self.total(mean, seeds).sum(axis=1)
        return 100 * values / number


def read_results(folder: Path) -> dict[str, Results]:
    """All results that there are of the rows as they are now, by row."""
    found: dict[str, tuple[dict[str, dict[int, Any]], dict[int, Any]]] = {}
    for path in sorted(folder.glob("*-*.json")):
        result = read_result(path)
        if result is None:
            continue
        for system, row in result["systems"].items():
            name = result["row"] if system == "network" else f"{_FRESH if ROWS[result['row']].fresh else ''}{system}"
            sums, of_seed = found.setdefault(name, ({}, {}))
            of_seed[result["seed"]] = {**result, **row}
            for mean in (*SHOWN, OF_OCCLUDED):
                sums.setdefault(mean, {})[result["seed"]] = np.array(row[mean])
    return {name: Results(sums, of_seed) for name, (sums, of_seed) in found.items()}


def _spreads(results: Mapping[str, Results], mean: str) -> dict[str, float]:
    """How far seeds of each row are apart, in points, which training leaves to chance."""
    of_rows = {
        name: [row.mean(mean, {seed}) for seed in row.runs]
        for name, row in results.items()
        if name in ROWS and len(row.runs) > 1
    }
    return {name: max(means) - min(means) for name, means in of_rows.items()}


def undecided(results: Mapping[str, Results]) -> Iterator[str]:
    """Rows whose difference may be chance: an interval touches zero, or seeds of one row are further apart.

    Where one network is asked in another way, seeds say nothing, and neither do they where nothing changes at all. Of
    the shipped network there is one.
    """
    chance = {mean: max(_spreads(results, mean).values(), default=0.0) for mean in _DECIDING}
    for name in (name for name in results.keys() & ROWS.keys() if ROWS[name].weights != SHIPPED):
        for mean in _DECIDING:
            compared = _compare(results, name, mean)
            if compared is None or compared["interval"] == [0, 0]:
                continue
            lower, upper = compared["interval"]
            is_small = abs(100 * compared["difference"]) <= chance[mean]
            if lower <= 0 <= upper or (is_small and _network(name) != _network(ROWS[name].after)):
                yield name
                break


def _network(name: str | None) -> str | None:
    """The row whose trained network is asked."""
    return name if name is None else ROWS[name].weights or name


def write_page(path: Path, results: Mapping[str, Results]) -> None:
    """Write the table of all rows that have results."""
    first = results[FIRST]
    run = next(iter(first.runs.values()))
    runs = [run for row in results.values() for run in row.runs.values()]
    machine = f"{', '.join(sorted({run['device'] for run in runs}))}; {max(run['date'] for run in runs)}"
    spreads = [_spreads(results, mean) or {FIRST: 0.0} for mean in _DECIDING]
    apart, usually = ([f"{of(spread.values()):.1f}" for spread in spreads] for of in (max, median))
    config = config_of(FIRST, 1).training
    head = _HEAD.format(
        train=run["steps"] * config.batch_size,
        batch=config.batch_size,
        frames=config.clip_length,
        rate=config.learning_rate,
        tracks=run["tracks"],
        test=len(run["videos"]),
        machine=machine,
        full=apart[0],
        occluded=apart[1],
        furthest=max(spreads[1], key=spreads[1].__getitem__),
        usual_full=usually[0],
        usual_occluded=usually[1],
    )
    parts = (_rows, _systems, _by_seed, _confidences, _costs)
    lines = [head, *(line for part in parts for line in (*part(results), ""))]
    with write_beside(path) as beside:
        beside.write_text("\n".join(lines), encoding="utf-8")


def _rows(results: Mapping[str, Results]) -> Iterator[str]:
    yield "| row | change | strict full | strict occ. | paper full | paper occ. | full | occ. | against | seeds |"
    yield "|---|---|---:|---:|---:|---:|---|---|---|---:|"
    for name, row in ROWS.items():
        if name not in results:
            continue
        own = results[name]
        scores = " | ".join(f"{own.mean(mean):.1f}" for mean in SHOWN)
        gains = [_gain(_compare(results, name, mean)) for mean in _DECIDING]
        after = f"`{row.after}`" if row.after in results else ""
        yield f"| `{name}` | {row.text} | {scores} | {' | '.join(gains)} | {after} | {len(own.runs)} |"


def _costs(results: Mapping[str, Results]) -> Iterator[str]:
    """Rows with networks of their own; seconds are those of each device by itself."""
    yield _COST
    devices = sorted({run["device"] for row in results.values() for run in row.runs.values() if "step_seconds" in run})
    seconds = [f"seconds a step with reading, {name}" for name in devices]
    yield f"| row | parameters, millions | GFLOP | {' | '.join(seconds)} |"
    yield "|---|---:|---:|" + "---:|" * len(devices)
    for name, row in ROWS.items():
        if name in results and row.weights is None:
            runs = results[name].runs.values()
            parameters = next(iter(runs))["parameters"] / 1e6
            cells = [f"{parameters:.2f}", f"{gflop(config_of(name, 1).model):.1f}"]
            for device in devices:
                steps = [run["step_seconds"] for run in runs if run["device"] == device]
                cells.append(f"{np.mean(steps):.2f}" if steps else "")
            yield f"| `{name}` | {' | '.join(cells)} |"


def _systems(results: Mapping[str, Results]) -> Iterator[str]:
    """The ends of the table beside the baselines, on the videos of the table and on the others, and what it gains."""
    yield "## Beside the baselines"
    yield ""
    yield "| system | strict full | strict occ. | strict full, occluded frames |"
    yield "|---|---:|---:|---:|"
    for fresh in ("", _FRESH):
        for name in (f"{fresh}{system}" for system in (FIRST, BEST, "shipped", _VISIBLE, _HULL)):
            if name in results:
                means = (results[name].mean(mean) for mean in (*_DECIDING, OF_OCCLUDED))
                yield f"| `{name}` | " + " | ".join(f"{mean:.1f}" for mean in means) + " |"
    yield ""
    yield "| strict | full | occ. | full, occluded frames |"
    yield "|---|---|---|---|"
    for fresh in ("", _FRESH):
        for name, other in ((BEST, FIRST), (BEST, _HULL), (BEST, _VISIBLE)):
            pair = [f"{fresh}{system}" for system in (name, other)]
            if all(system in results for system in pair):
                first, second = (results[system] for system in pair)
                gains = (_gain(_difference(first, second, mean)) for mean in (*_DECIDING, OF_OCCLUDED))
                yield f"| `{pair[0]}` against `{pair[1]}` | " + " | ".join(gains) + " |"


def _by_seed(results: Mapping[str, Results]) -> Iterator[str]:
    """The differences of rows that have several seeds, one by one: what training leaves to chance."""
    yield "## Seed by seed"
    yield ""
    yield "| row | against | full, by seed | occ., by seed |"
    yield "|---|---|---|---|"
    for name, row in ROWS.items():
        if name in results and row.after is not None and row.after in results:
            own, other = results[name], results[row.after]
            seeds = sorted(set(own.runs) & set(other.runs))
            if len(seeds) > 1:
                gains = (
                    ", ".join(f"{own.mean(mean, {seed}) - other.mean(mean, {seed}):+.1f}" for seed in seeds)
                    for mean in _DECIDING
                )
                yield f"| `{name}` | `{row.after}` | " + " | ".join(gains) + " |"


def _confidences(results: Mapping[str, Results]) -> Iterator[str]:
    """How far what networks expect of their answers is to be trusted."""
    yield _CONFIDENCE
    yield "| row | frames | expected IoU | reached | apart | correlation |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name in (name for name in _TELLING if name in results):
        told = [run["confidence"] for run in results[name].runs.values() if run.get("confidence", {}).get("frames")]
        if told:
            means = (100 * np.mean([each[key] for each in told]) for key in ("told", "reached", "error"))
            cells = (f"{told[0]['frames']}", *(f"{mean:.1f}" for mean in means))
            correlations = [each["correlation"] for each in told if each["correlation"] is not None]
            yield f"| `{name}` | {' | '.join(cells)} | {np.mean(correlations) if correlations else np.nan:.2f} |"


def _compare(results: Mapping[str, Results], name: str, mean: str) -> Mapping[str, Any] | None:
    """A row and the one that it is compared with, of the seeds that both have; None where there are none."""
    after = ROWS[name].after
    return None if after is None or after not in results else _difference(results[name], results[after], mean)


def _difference(first: Results, second: Results, mean: str) -> Mapping[str, Any] | None:
    seeds = set(first.runs) & set(second.runs)
    compared = compare_sums(first.total(mean, seeds), second.total(mean, seeds)) if seeds else None
    return None if compared is None or compared["interval"] is None else compared


def _gain(compared: Mapping[str, Any] | None) -> str:
    if compared is None:
        return ""
    lower, upper = compared["interval"]
    return f"{100 * compared['difference']:+.1f} [{100 * lower:+.1f}, {100 * upper:+.1f}]"
