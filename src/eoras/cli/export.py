"""``eoras export``: a model for runtimes other than PyTorch."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from eoras.cli.options import Checkpoint, Model, say
from eoras.errors import ConfigError

__all__ = ["export"]


def export(
    model: Model,
    out: Annotated[Path, Parameter(help="The folder to make; a new name.")],
    /,
    *,
    form: Annotated[
        Literal["onnx", "torch-export"],
        Parameter(name="--format", help="onnx, or torch-export for torch.export.load."),
    ] = "onnx",
    half: Annotated[bool, Parameter(help="Store the weights in half precision: half the size.")] = False,
    checkpoint: Checkpoint = "best",
) -> None:
    """Write a model as three graphs: encode frames, one step of the slots, decode. Clips of any length run."""
    from eoras.export import export_network
    from eoras.model.eoras import EoRaS
    from eoras.model.weights import find_model

    if out.exists():
        raise ConfigError(f"{out}: expected a new name, found something of that name; choose another or remove it")
    export_network(EoRaS.from_pretrained(find_model(model, checkpoint)), out, form, half=half)
    say(f"wrote {out}")
