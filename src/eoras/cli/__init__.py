"""The command ``eoras``. Its verbs are known here by name and help alone; the chosen one is imported when it runs.

Of a verb's help the first paragraph is its line in ``eoras --help``. A paragraph is one line, which is broken where the
terminal ends.
"""

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
    help_epilogue="Each command explains itself and gives an example: eoras COMMAND --help\n\n"
    "Exit codes: 0, all is well; 1, a run that failed, or a check that found problems; 2, bad input or usage; 130, "
    "interrupted; 141, nobody reads the output.",
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
    help="Show what small answers for made-up videos, then train tiny and score both.\n\n"
    "It takes 7 to 16 minutes on two cores. Both networks are given the visible masks; tiny is trained on other "
    "videos. The same command goes on where an interrupted one stopped. It needs the extra synthesis.",
    help_epilogue="Example: eoras demo --out demo",
)
app.command(
    "eoras.cli.train:train",
    help="Train a network, or go on with a run.\n\n"
    "Checkpoints, log and configuration go to the run folder. After Ctrl-C, SIGTERM or a closed terminal the running "
    "step is finished and saved; --resume RUN goes on from there.\n\n"
    "Under torchrun or SLURM all processes train together: a step takes the same clips, however many they are.",
    help_epilogue="Example: eoras train --config movi_b --data DIR --out RUN",
)
app.command(
    "eoras.cli.plot:plot",
    help="Draw the curves of one or several runs.\n\n"
    "They are losses, validation scores, learning rate, gradient and pace, one colour a run. Thin lines are the values "
    "of each step, thick ones their running average over a thirtieth of the run, and at least five steps. It needs the "
    "extra plot.",
    help_epilogue="Example: eoras plot RUN1 RUN2 --out curves.png",
)
app.command(
    "eoras.cli.evaluate:evaluate",
    help="Score a model on whole tracks, beside the baselines.\n\n"
    "The baselines are the visible mask, its convex hull, and the truth cut out and pasted back: the most that a "
    "network of this kind can reach. A report shows every protocol; the masks it was made from lie beside it, as "
    "masks.json, if --save names no other place.\n\n"
    "Under torchrun or SLURM each process scores its share; the scores are the same, to the last digit.",
    help_epilogue="Example: eoras evaluate RUN --data DIR --protocol strict",
)
app.command(
    "eoras.cli.predict:predict",
    help="Complete the objects of a video.\n\n"
    "The video may be of any length. OUT then holds amodal/ID/00000.png, visible/ID/00000.png, result.json, "
    "overlay.mp4 and contact_sheet.png. Where an object is hidden between two frames in which it is seen, its place is "
    "interpolated, and it is completed there, too.\n\n"
    "After Ctrl-C the same command with --resume goes on. --click and --box need the extra track.",
    help_epilogue="Example: eoras predict VIDEO --masks MASKS --out OUT --model RUN",
)
app.command(
    "eoras.cli.draw:draw",
    help="Draw a result upon its video, in one of several styles.\n\n"
    "That is a film with the video's own times and sound, a sheet, or one frame. Each object has a colour of its own, "
    "its number, and how much of it is hidden.",
    help_epilogue="Example: eoras draw OUT --style side-by-side",
)
app.command(
    "eoras.cli.page:page",  # not "app": the program has that name here
    name="app",
    help="Open a page in the browser: a video and masks in, whole objects out.\n\n"
    "It asks nobody else for anything. Files lie in a private temporary folder, which is removed at the end; Ctrl-C "
    "ends it. It needs the extra demo, and --tracker the extra track.",
    help_epilogue="Example: eoras app --model RUN --port 7860",
)
app.command(
    "eoras.cli.score:score",
    help="Score masks of any system under every protocol, and compare systems.\n\n"
    "The baselines are scored beside them, and a breakdown says what one number hides.\n\n"
    "Under torchrun or SLURM each process scores its share; the scores are the same, to the last digit.",
    help_epilogue="Example: eoras score masks.json --data DIR",
)
app.command(
    "eoras.cli.export:export",
    help="Write a model for runtimes other than PyTorch.\n\n"
    "It becomes three graphs: encode frames, one step of the slots, decode. Clips of any length run. graphs.json "
    "beside them says what goes in and comes out. Weights stored in half precision are computed with in float32; "
    "inputs and outputs are float32, too. ONNX needs the extra export.",
    help_epilogue="Example: eoras export RUN exported --format onnx",
)
app.command(
    "eoras.cli.explain:explain",
    help="Draw what a network does with one object.\n\n"
    "The figures show its crops, where bird's-eye cells look, attention, and masks, from the tensors of one forward "
    "pass. They need the extra plot.",
    help_epilogue="Example: eoras explain RUN --data DATA --track 0-3 --out fig",
)
app.command(
    "eoras.cli.synthesize:synthesize",
    help="Make videos with exact amodal truth.\n\n"
    "They come in the layout of MOVi, with the whole truth of each object, seen or hidden. The same command goes on "
    "where an interrupted one stopped; more --videos extend the set. Under torchrun or SLURM each process makes its "
    "share. It needs the extra synthesis.",
    help_epilogue="Example: eoras synthesize DATA --videos 100 --preset movi_b --seed 0",
)
app.command(
    "eoras.cli.download:download",
    help="Fetch published data or checkpoints, unpack and check them.\n\n"
    "Archives are unpacked beside themselves. The same command goes on where an interrupted one stopped. The exit code "
    "is 1 if the check found problems that would break training.",
    help_epilogue="Example: eoras download movi_b --out data",
)
app.command(
    "eoras.cli.check:check",
    help="Say what a data folder holds, and name each problem with its cure.\n\n"
    "The folder is read from end to end. The exit code is 1 if a problem would break training; a warning alone leaves "
    "it at 0.",
    help_epilogue="Example: eoras check DATA --sheet tracks.png",
)
app.command(
    "eoras.cli.cache:cache",
    help="Decode a data folder's images once, so that training reads them fast.\n\n"
    "The same command goes on where an interrupted one stopped. Several may run at once, and under torchrun or SLURM "
    "each process takes its share. A video whose images have changed is cached anew. The exit code is 1 if a video "
    "could not be cached, or with --verify if something is not as it should be.",
    help_epilogue="Example: eoras cache DATA --verify",
)
_convert = App(
    name="convert",
    help="Bring weights and masks from elsewhere, or take masks there.",
    help_epilogue="Each command explains itself and gives an example: eoras convert COMMAND --help",
)
_convert.command(
    "eoras.cli.convert:checkpoint",
    help="Turn a published checkpoint into a model folder, or into a run to go on with.\n\n"
    "A model folder is model.safetensors and config.json. OUT must not exist yet, or with --with-optimizer be empty, "
    "so that nothing is written over.",
    help_epilogue="Example: eoras convert checkpoint checkpoint-0050.pth.gz OUT --config movi_b",
)
_convert.command(
    "eoras.cli.convert:masks",
    help="Turn masks of videos from one format into another.\n\n"
    "OUT must not exist yet; it appears when it is complete. What the new format cannot hold is left out, and a line "
    "says what, and how often.",
    help_epilogue="Example: eoras convert masks DATA/test masks.json --to coco_video",
)
app.command(_convert)
app.command(
    "eoras.cli.doctor:doctor",
    help="Show versions, devices, codecs, and where things are.\n\n"
    "The exit code is 1 if something that every command needs is broken.",
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
