"""``eoras evaluate``: score a model beside the baselines."""

from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from eoras.cli.options import Cache, Checkpoint, Data, Device, Dtype, Json, Model, choose_device

__all__ = ["evaluate"]


def evaluate(
    model: Model,
    *,
    data: Data,
    split: Annotated[
        Literal["train", "val", "test"], Parameter(help="Which split to score; only KITTI has val.")
    ] = "test",
    protocol: Annotated[
        Literal["paper", "strict"] | None,
        Parameter(help="How masks are pasted and scored; both if not given.", show_default=False),
    ] = None,
    union: Annotated[bool, Parameter(help="Unite the answer with the given visible mask (Table 6, PP).")] = False,
    checkpoint: Checkpoint = "best",
    workers: Annotated[int, Parameter(help="Processes that read data; 0 reads here.", validator=Number(gte=0))] = 2,
    cache: Cache = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    json: Json = False,
) -> None:
    """Score a model on whole tracks, beside the visible mask and its convex hull as answers."""
    from json import dumps

    from eoras.data.open import open_tracks
    from eoras.evaluation.evaluate import evaluate as score
    from eoras.evaluation.table import table
    from eoras.model.eoras import EoRaS
    from eoras.model.weights import find_model

    where = choose_device(device)
    network = EoRaS.from_pretrained(find_model(model, checkpoint))
    result = score(
        network,
        open_tracks(data, split, network.config.view, truth=True, cache=cache),
        device=where,
        dtype=dtype,
        union=union,
        protocols=("paper", "strict") if protocol is None else (protocol,),
        num_workers=workers,
        progress=True,
    )
    print(dumps(result.to_json(), indent=2, allow_nan=False) if json else table(result))
