"""The command ``eoras``. Its verbs are known here by name alone; the chosen one is imported when it runs."""

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from eoras.errors import EorasError

__all__ = ["app", "main"]


def _version() -> str:
    from eoras import __version__

    return __version__


app = App(
    name="eoras",
    help="Amodal video segmentation: what the whole object looks like, hidden parts included.",
    help_epilogue="Each command explains itself and gives an example: eoras COMMAND --help",
    help_format="plaintext",
    version=_version,
    default_parameter=Parameter(negative=()),
    result_action="return_value",
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
)
app.command(
    "eoras.cli.demo:demo",
    help="Show what small answers for made-up videos, then train tiny and score both.",
    help_epilogue="Example: eoras demo --out demo",
)
app.command(
    "eoras.cli.train:train",
    help="Train a network, or go on with a run.",
    help_epilogue="Example: eoras train --config movi_b --data DIR --out RUN",
)
app.command(
    "eoras.cli.plot:plot",
    help="Draw the curves of one or several runs.",
    help_epilogue="Example: eoras plot RUN1 RUN2 --out curves.png",
)
app.command(
    "eoras.cli.evaluate:evaluate",
    help="Score a model on whole tracks, beside the baselines.",
    help_epilogue="Example: eoras evaluate RUN --data DIR --protocol strict",
)
app.command(
    "eoras.cli.predict:predict",
    help="Complete the objects of a video.",
    help_epilogue="Example: eoras predict VIDEO --masks MASKS --out OUT --model RUN",
)
app.command(
    "eoras.cli.draw:draw",
    help="Draw a result upon its video, in one of several styles.",
    help_epilogue="Example: eoras draw OUT --style side-by-side",
)
app.command(
    "eoras.cli.page:page",  # not "app": the program has that name here
    name="app",
    help="Open a page in the browser: a video and masks in, whole objects out.",
    help_epilogue="Example: eoras app --model RUN --port 7860",
)
app.command(
    "eoras.cli.score:score",
    help="Score masks of any system under every protocol, and compare systems.",
    help_epilogue="Example: eoras score masks.json --data DIR",
)
app.command(
    "eoras.cli.export:export",
    help="Write a model for runtimes other than PyTorch.",
    help_epilogue="Example: eoras export RUN exported --format onnx",
)
app.command(
    "eoras.cli.explain:explain",
    help="Draw what a network does with one object.",
    help_epilogue="Example: eoras explain RUN --data DATA --track 0-3 --out fig",
)
app.command(
    "eoras.cli.synthesize:synthesize",
    help="Make videos with exact amodal truth.",
    help_epilogue="Example: eoras synthesize DATA --videos 100 --preset movi_b --seed 0",
)
app.command(
    "eoras.cli.download:download",
    help="Fetch published data or checkpoints, unpack and check them.",
    help_epilogue="Example: eoras download movi_b --out data",
)
app.command(
    "eoras.cli.check:check",
    help="Say what a data folder holds, and name each problem with its cure.",
    help_epilogue="Example: eoras check DATA --sheet tracks.png",
)
app.command(
    "eoras.cli.cache:cache",
    help="Decode a data folder's images once, so that training reads them fast.",
    help_epilogue="Example: eoras cache DATA --verify",
)
_convert = App(name="convert", help="Bring weights and masks from elsewhere, or take masks there.")
_convert.command(
    "eoras.cli.convert:checkpoint",
    help="Turn a published checkpoint into a model folder, or into a run to go on with.",
    help_epilogue="Example: eoras convert checkpoint checkpoint-0050.pth.gz OUT --config movi_b",
)
_convert.command(
    "eoras.cli.convert:masks",
    help="Turn masks of videos from one format into another.",
    help_epilogue="Example: eoras convert masks DATA/test masks.json --to coco_video",
)
app.command(_convert)
app.command(
    "eoras.cli.doctor:doctor",
    help="Show versions, devices, codecs, and where things are.",
    help_epilogue="Example: eoras doctor --json",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: the words after ``eoras``; None: those of the process.

    Returns:
        The exit code: 0 good, 1 a run that failed or a check that found problems, 2 bad input or usage,
        130 interrupted, 141 nobody reads the output.
    """
    try:
        code = app(arguments)
        sys.stdout.flush()
    except EorasError as error:
        return _complain(str(error), error.exit_code)
    except CycloptsError as error:
        return _complain(str(error), 2)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at exit
        return 141
    except OSError as error:
        if error.filename is None:
            raise
        return _complain(f"{error.filename}: cannot be read ({error.strerror}); check its name and your permissions", 2)
    return code or 0


def _complain(message: str, code: int) -> int:
    print(f"eoras: {message}", file=sys.stderr)
    return code
