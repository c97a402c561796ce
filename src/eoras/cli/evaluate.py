"""``eoras evaluate``: score a model beside the baselines."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from eoras.cli.options import Cache, Checkpoint, Data, Device, Dtype, Json, Model, Report, choose_device, say
from eoras.errors import ConfigError

if TYPE_CHECKING:
    from eoras.data.open import VideoTracks

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
    """Score a model on whole tracks, beside the visible mask, its hull and the crop-and-paste ceiling as answers.

    A report shows every protocol; the masks it was made from lie beside it, if --save names no other place.

    Under torchrun or SLURM each process scores its share; the scores are the same, to the last digit.
    """
    from json import dumps

    from eoras.data.open import open_tracks
    from eoras.evaluation.evaluate import evaluate as score
    from eoras.evaluation.protocols import PROTOCOLS
    from eoras.evaluation.saved import PredictionsWriter
    from eoras.evaluation.table import table
    from eoras.model.eoras import EoRaS
    from eoras.model.weights import find_model
    from eoras.processes import connect

    if report is not None and protocol is not None:
        raise ConfigError(
            f"--report {report}: expected all protocols, found --protocol {protocol}; leave one of them out"
        )
    if save is not None and (save.exists() or save.suffix != ".json"):
        raise ConfigError(f"--save {save}: expected a new name that ends in .json; choose another")
    if report is not None and save is None:
        save = report / "masks.json"
    where = choose_device(device)
    with connect(where) as processes:
        network = EoRaS.from_pretrained(find_model(model, checkpoint))
        writer = None if save is None else PredictionsWriter(network.config.view)
        tracks = open_tracks(data, split, network.config.view, truth=True, cache=cache)
        result = score(
            network,
            tracks,
            device=where,
            dtype=dtype,
            union=union,
            flip=flip,
            protocols=tuple(PROTOCOLS) if protocol is None else (protocol,),
            outlines=True,
            writer=writer,
            num_workers=workers,
            progress=True,
            processes=processes,
        )
    if not processes.first:
        return
    if writer is not None and save is not None:
        writer.write(save)
    print(dumps(result.to_json(), indent=2, allow_nan=False) if json else table(result.systems, list(result.network)))
    if report is not None and save is not None:
        _report(report, f"network on {data.resolve().name}, {split}", save, tracks, workers)


def _report(out: Path, title: str, masks: Path, tracks: "VideoTracks", workers: int) -> None:
    """Make a page of saved masks."""
    from eoras.evaluation.predictions_files import read_predictions
    from eoras.evaluation.report.page import write_report
    from eoras.evaluation.score import score_predictions

    predictions = read_predictions(masks)
    scored = score_predictions(tracks, [predictions], num_workers=workers, progress=True)
    write_report(out, title, {"network": predictions}, tracks, scored)
    say(f"wrote {out / 'index.html'}")
