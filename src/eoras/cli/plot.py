"""``eoras plot``: curves of one or several runs."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from eoras.cli.options import say
from eoras.errors import ConfigError

__all__ = ["plot"]


def plot(
    runs: Annotated[tuple[Path, ...], Parameter(help="Run folders; those still in training will do.")],
    /,
    *,
    out: Annotated[Path, Parameter(help="The .png to draw to.")] = Path("curves.png"),
) -> None:
    """Draw losses, validation scores, learning rate, gradient and pace of one or several runs, one colour a run."""
    if out.suffix.lower() != ".png":
        raise ConfigError(f"--out {out}: expected a name that ends in .png")
    from eoras.files import write_beside
    from eoras.training.curves import draw_curves
    from eoras.training.log import read_log

    names = [run.resolve().name for run in runs]
    if len(set(names)) < len(runs):
        names = [str(run) for run in runs]
    figure = draw_curves({name: read_log(run) for name, run in zip(names, runs, strict=True)})
    with write_beside(out) as path:
        figure.savefig(path, format="png")
    say(f"wrote {out}")
