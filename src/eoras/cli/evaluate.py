"""``eoras evaluate``: score a model beside the baselines."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from eoras.cli.options import Cache, Checkpoint, Data, Device, Dtype, Json, Model, Report, choose_device, say
from eoras.errors import ConfigError

if TYPE_CHECKING:
    from eoras.data.open import VideoTracks
    from eoras.evaluation.evaluate import Evaluation

__all__ = ["evaluate"]


def evaluate(
    model: Model,
    *,
    data: Data,
    split: Annotated[
        Literal["train", "val", "test"], Parameter(help="Which split to score; only KITTI has val.")
    ] = "test",
    protocol: Annotated[
        Literal["paper", "strict", "savos", "c2f", "diffvas"] | None,
        Parameter(help="How masks are pasted and scored; all if not given.", show_default=False),
    ] = None,
    frames: Annotated[
        Literal["visible", "all"] | None,
        Parameter(
            help="Whether fully hidden frames are scored; if not given, as the model is shown them.", show_default=False
        ),
    ] = None,
    union: Annotated[bool, Parameter(help="Unite the answer with the given visible mask (Table 6, PP).")] = False,
    flip: Annotated[
        bool, Parameter(help="Average the answer with that for the mirrored clip: twice the time.")
    ] = False,
    save: Annotated[
        Path | None,
        Parameter(help="Write the masks to this .json, for 'eoras score'; a new name.", show_default=False),
    ] = None,
    report: Report = None,
    checkpoint: Checkpoint = "best",
    workers: Annotated[int, Parameter(help="Processes that read data; 0 reads here.", validator=Number(gte=0))] = 2,
    cache: Cache = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    json: Json = False,
) -> None:
    """Score a model on whole tracks, beside the visible mask, its hull and the crop-and-paste ceiling as answers."""
    from dataclasses import replace
    from json import dumps

    from eoras.data.open import open_tracks
    from eoras.evaluation.evaluate import evaluate as score
    from eoras.evaluation.protocols import PROTOCOLS
    from eoras.evaluation.saved import PredictionsWriter
    from eoras.evaluation.table import confidence_line, table
    from eoras.files import find_place, sha256_of
    from eoras.model.eoras import EoRaS
    from eoras.model.weights import WEIGHTS, find_model
    from eoras.processes import connect

    if report is not None and protocol is not None:
        raise ConfigError(
            f"--report {report}: expected all protocols, found --protocol {protocol}; leave one of them out"
        )
    if save is not None and (save.exists() or save.suffix != ".json"):
        raise ConfigError(f"--save {save}: expected a new name that ends in .json; choose another")
    for option, place in (("--save", save), ("--report", report)):
        if place is not None:
            find_place(place, option)
    if report is not None and save is None:
        save = report / "masks.json"
    where = choose_device(device)
    with connect(where, say) as processes:
        folder = find_model(model, checkpoint)
        network = EoRaS.from_pretrained(folder)
        weights = sha256_of(folder / WEIGHTS)
        shown = network.config.view
        if frames == "all" and shown.frames == "visible":
            raise ConfigError(
                f"--frames all: {model} is not shown the frames in which an object is fully hidden "
                "(model.view.frames: visible); leave --frames out"
            )
        view = replace(shown, frames=frames or shown.frames)
        writer = None if save is None else PredictionsWriter(view)
        tracks = open_tracks(data, split, shown, truth=True, cache=cache)
        result = score(
            network,
            tracks,
            device=where,
            dtype=dtype,
            union=union,
            flip=flip,
            seen_only=view != shown,
            protocols=tuple(PROTOCOLS) if protocol is None else (protocol,),
            outlines=True,
            writer=writer,
            num_workers=workers,
            progress=True,
            processes=processes,
        )
    if not processes.first:
        return
    values = result.to_json()
    values["evaluated"] |= {"model": model, "weights": weights, "split": split}
    values["evaluated"] |= {"frames": view.frames, "flip": flip, "dtype": dtype}
    confidence = values["breakdown"]["confidence"]
    try:
        if json:
            print(dumps(values, indent=2, allow_nan=False))
        else:
            print(table(result.systems, list(result.network)))
            if confidence["frames"]:
                print(f"\n{confidence_line(confidence)}")
    finally:  # scores are seen where masks cannot be written, and masks written where nobody reads the scores
        if writer is not None and save is not None:
            writer.write(save)
    if protocol == "paper" and view.frames == "all":
        hidden = int((result.counted["network"].table("paper").counts["visible"] == 0).sum())
        if hidden:
            say(f"{hidden} frames are fully hidden, which published numbers leave out; --frames visible does so, too")
    if report is not None and save is not None:
        scored = tracks if view == shown else open_tracks(data, split, view, truth=True, cache=cache)
        _report(report, f"network on {data.resolve().name}, {split}", save, scored, result)


def _report(out: Path, title: str, masks: Path, tracks: "VideoTracks", result: "Evaluation") -> None:
    """Make a page of saved masks and what they scored."""
    from eoras.evaluation.entries import Problems
    from eoras.evaluation.predictions_files import read_predictions
    from eoras.evaluation.report.page import write_report
    from eoras.evaluation.score import Scored

    baselines = {name: scores for name, scores in result.counted.items() if name != "network"}
    scored = Scored(systems=[result.counted["network"]], baselines=baselines, problems=[Problems()])
    write_report(out, title, {"network": read_predictions(masks)}, tracks, scored)
    say(f"wrote {out / 'index.html'}")
