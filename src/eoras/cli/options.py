"""Options that several verbs share, each described once."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from eoras.errors import ConfigError

if TYPE_CHECKING:
    import torch

__all__ = [
    "Cache",
    "Checkpoint",
    "Data",
    "Device",
    "Dtype",
    "Json",
    "Model",
    "Overrides",
    "Report",
    "choose_device",
    "say",
]


def _check_device(_: object, name: str) -> None:
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise ValueError("Choose from auto, cpu, cuda or cuda:N.")


Model = Annotated[str, Parameter(help="A model folder, a run folder, small, or a hub name.")]
Checkpoint = Annotated[Literal["best", "last"], Parameter(help="Which checkpoint of a run folder.")]
Data = Annotated[Path, Parameter(help="The data folder: MOVi, MOViD-A, KINS_Video_Car, or COCO-video.")]
Cache = Annotated[
    Path | None,
    Parameter(
        help="Where the decoded images of 'eoras cache' lie; DATA/.eoras_cache if not given.", show_default=False
    ),
]
Device = Annotated[str, Parameter(help="Where to compute: auto, cpu, cuda or cuda:N.", validator=_check_device)]
Dtype = Annotated[Literal["float32", "bfloat16"], Parameter(help="Precision; bfloat16 is mixed precision.")]
Overrides = Annotated[
    tuple[str, ...],
    Parameter(name="--set", help="Change a configuration value: --set training.epochs=3.", show_default=False),
]
Report = Annotated[
    Path | None,
    Parameter(help="A folder for index.html: tables, charts and filmstrips on one page.", show_default=False),
]
Json = Annotated[bool, Parameter(help="Print JSON instead of text.", show_default=False)]


def choose_device(name: str) -> "torch.device":
    """The device that ``--device`` means; a GPU becomes the current one.

    ``auto`` and ``cuda`` give each process of a machine the GPU of its own number, or the only one it sees, which must
    not be another's, too (``eoras.processes.connect`` looks).

    Raises:
        ConfigError: there is no such device, it cannot be used, or it is named for several processes.
    """
    import torch

    from eoras.shares import local_rank, own_share

    count = torch.cuda.device_count()
    several = own_share().size > 1
    if several and name.startswith("cuda:"):
        raise ConfigError(f"--device {name}: each of several processes has a GPU of its own; use --device cuda")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if several and name == "cuda":
        name = "cuda:0" if count == 1 else f"cuda:{local_rank()}"  # srun may show each process its own GPU alone
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= count:
        raise ConfigError(f"--device {name}: expected one of {count} CUDA devices; see 'eoras doctor', or use cpu")
    if device.type == "cuda":
        try:
            torch.cuda.set_device(device.index or 0)
        except RuntimeError as error:  # CUDA begins here, and has no memory left, or another process has it to itself
            reason = str(error).splitlines()[0]
            raise ConfigError(
                f"--device {name}: cannot be used ({reason}); end what else runs there, see 'eoras doctor', or use cpu"
            ) from None
    return device


def say(text: str) -> None:
    """Tell the user something that is not the verb's result: on standard error."""
    print(f"eoras: {text}", file=sys.stderr)
