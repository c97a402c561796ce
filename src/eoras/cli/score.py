"""``eoras score``: the scores of any system's masks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from eoras.cli.options import Data, Json, Report, say
from eoras.errors import DataError

if TYPE_CHECKING:
    from eoras.evaluation.entries import Problems
    from eoras.evaluation.predictions import Predictions

__all__ = ["score"]


def score(
    predictions: Annotated[
        tuple[Path, ...],
        Parameter(
            help="Masks of a system: a .json as 'eoras evaluate --save' writes; a folder of VIDEO/OBJECT/00000.png, "
            "OBJECT from 1; or VIDEO.npz with an array for each TRACK, from 0, which is OBJECT - 1. Several are also "
            "compared with each other."
        ),
    ],
    /,
    *,
    data: Data,
    split: Annotated[Literal["train", "val", "test"], Parameter(help="Which split; only KITTI has val.")] = "test",
    frames: Annotated[
        Literal["visible", "all"] | None,
        Parameter(
            help="Whether fully hidden frames are scored; if not given, as the predictions say, or visible.",
            show_default=False,
        ),
    ] = None,
    strict_input: Annotated[bool, Parameter(help="Anything wrong with the predictions is an error.")] = False,
    report: Report = None,
    workers: Annotated[int, Parameter(help="Processes that score; 0 scores here.", validator=Number(gte=0))] = 2,
    json: Json = False,
) -> None:
    """Score masks under all protocols, beside the baselines, and say what one number hides."""
    from json import dumps

    from torch import device

    from eoras.data.open import open_tracks
    from eoras.evaluation.predictions_files import read_predictions
    from eoras.evaluation.score import score_predictions
    from eoras.evaluation.summary import compare_all, summarize
    from eoras.evaluation.views import choose_view
    from eoras.processes import connect

    systems = dict(zip(_names(predictions), map(read_predictions, predictions), strict=True))
    tracks = open_tracks(data, split, choose_view(data, list(systems.values()), frames), truth=True)
    with connect(device("cpu"), say) as processes:
        scored = score_predictions(
            tracks, list(systems.values()), num_workers=workers, progress=True, processes=processes
        )
    if not processes.first:
        return
    for system, problems in zip(systems.values(), scored.problems, strict=True):
        _report(system, problems, strict_input)
    by_name = dict(zip(systems, scored.systems, strict=True))
    summaries = {name: summarize(scores) for name, scores in by_name.items()}
    rest = {
        "baselines": {name: summarize(scores) for name, scores in scored.baselines.items()},
        "evaluated": {"videos": len({track.video for track in tracks.tracks}), "tracks": len(tracks.tracks)},
        "problems": dict(zip(systems, map(dict, scored.problems), strict=True)),
    }
    comparisons = compare_all(by_name)
    if json:
        first = next(iter(summaries.values()))
        whole = {"systems": summaries, "comparisons": comparisons} if comparisons else first
        print(dumps({**whole, **rest}, indent=2, allow_nan=False))
    else:
        print(_text(summaries, rest["baselines"], comparisons))
    if report is not None:
        from eoras.evaluation.report.page import write_report

        write_report(report, f"{' and '.join(systems)} on {data.resolve().name}, {split}", systems, tracks, scored)
        say(f"wrote {report / 'index.html'}")


def _names(predictions: tuple[Path, ...]) -> list[str]:
    """Short names, where they tell the systems apart."""
    names = [_beside_baselines(path.stem) for path in predictions]
    if len(set(names)) < len(names):
        names = [_beside_baselines(str(path)) for path in predictions]
    if len(set(names)) < len(names):
        raise DataError(
            f"expected different predictions, found {predictions[0]} and others named twice; name each once"
        )
    return names


def _beside_baselines(name: str) -> str:
    """The name; another one where tables, which write blanks for underscores, would show a baseline by it."""
    from eoras.evaluation.ceiling import ALL_BASELINES

    return f"{name} (predictions)" if name.replace(" ", "_") in ALL_BASELINES else name


def _report(system: "Predictions", problems: "Problems", is_error: bool) -> None:
    lines = [f"{sentence} ({count})" for sentence, count in sorted(problems.items())]
    if lines and is_error:
        raise DataError(f"{system.path}: {'; '.join(lines)}; mend them, or leave out --strict-input")
    for line in lines:
        say(f"{system.path}: {line}")


def _text(summaries: dict[str, Any], baselines: dict[str, Any], comparisons: list[dict[str, Any]]) -> str:
    from eoras.evaluation.protocols import PROTOCOLS
    from eoras.evaluation.table import breakdown_table, comparison_table, table

    blocks = [table({**summaries, **baselines}, list(PROTOCOLS))]
    for name, summary in summaries.items():
        blocks += [name, breakdown_table(summary, list(PROTOCOLS))]
    return "\n\n".join([*blocks, *map(comparison_table, comparisons)])
