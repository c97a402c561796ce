"""``eoras predict``: complete the objects of a video."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from eoras.cli.options import Device, Dtype, choose_device, say
from eoras.errors import ConfigError

if TYPE_CHECKING:
    from eoras.prediction.prompts import Prompts

__all__ = ["predict"]


def predict(
    video: Annotated[Path, Parameter(help="A video file, or a folder of images.")],
    /,
    *,
    out: Annotated[Path, Parameter(help="The folder to make.")],
    masks: Annotated[
        Path | None,
        Parameter(
            help="The visible masks: palette images, a folder an object, .npz or .npy, COCO-video JSON, KITTI-MOTS or "
            "MOT text.",
            show_default=False,
        ),
    ] = None,
    click: Annotated[
        tuple[str, ...],
        Parameter(
            help="Or a point on an object, which SAM 2 then follows: --click FRAME,X,Y, in pixels, frames from 0. Once "
            "for each object; ids count from 1, clicks before boxes.",
            show_default=False,
        ),
    ] = (),
    box: Annotated[
        tuple[str, ...],
        Parameter(help="Or a box around its seen part: --box FRAME,LEFT,TOP,RIGHT,BOTTOM.", show_default=False),
    ] = (),
    tracker: Annotated[
        str | None,
        Parameter(
            help="Weights of SAM 2 for --click and --box: a folder, or a hub name; if not given, "
            "facebook/sam2.1-hiera-tiny.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str, Parameter(help="A model folder, a run folder, or a hub name; small comes with eoras.")
    ] = "small",
    objects: Annotated[
        tuple[int, ...] | None, Parameter(help="Complete these objects alone: --objects 1 3.", consume_multiple=True)
    ] = None,
    start: Annotated[int, Parameter(help="Index of the first frame, from 0.", validator=Number(gte=0))] = 0,
    end: Annotated[
        int | None, Parameter(help="Index of the frame to stop before.", validator=Number(gte=1), show_default=False)
    ] = None,
    intrinsics: Annotated[
        Path | None,
        Parameter(
            help="The camera, for models with a bird's-eye view, which small has not: JSON of 3 rows of 3 numbers, in "
            "pixels, as OpenCV has it.",
            show_default=False,
        ),
    ] = None,
    focal: Annotated[float | None, Parameter(help="Or its focal length, in pixels.", show_default=False)] = None,
    fov: Annotated[
        float | None,
        Parameter(help="Or its angle from left to right, in degrees; if none is given, 60.", show_default=False),
    ] = None,
    union: Annotated[
        bool, Parameter(help="Let each amodal mask contain the visible one.", negative="--no-union")
    ] = True,
    overlay: Annotated[
        bool, Parameter(help="Draw overlay.mp4 and contact_sheet.png, too.", negative="--no-overlay")
    ] = True,
    resume: Annotated[bool, Parameter(help="Go on with what an interrupted run has left in OUT.")] = False,
    device: Device = "auto",
    dtype: Dtype = "float32",
    batch_size: Annotated[
        int | None,
        Parameter(
            help="Clips at once, at most; if not given, 1 on a CPU and 8 on a GPU.",
            validator=Number(gte=1),
            show_default=False,
        ),
    ] = None,
) -> None:
    """Complete the objects of a video of any length: what the whole object looks like, hidden parts included."""
    from dataclasses import replace

    from eoras.prediction.camera import Camera
    from eoras.prediction.predictor import AmodalPredictor

    source = masks_or_prompts(masks, click, box, tracker)
    camera = Camera() if intrinsics is None else Camera.read(intrinsics)
    camera = replace(camera, focal=focal, fov=fov)  # which refuses two of them
    predictor = AmodalPredictor.from_pretrained(model, device=choose_device(device), dtype=dtype, batch_size=batch_size)
    is_new = predictor.write(
        out,
        video,
        source,
        intrinsics=camera,
        objects=objects,
        start=start,
        end=end,
        union=union,
        overlay=overlay,
        resume=resume,
        progress=True,
        say=say,
    )
    if is_new:
        say(f"wrote {out / 'result.json'}")


def masks_or_prompts(
    masks: Path | None, clicks: tuple[str, ...], boxes: tuple[str, ...], tracker: str | None
) -> "Path | Prompts":
    """What says where the objects are seen.

    Raises:
        ConfigError: nothing does, or two things do, or a click or a box is not one.
    """
    from eoras.prediction.prompts import DEFAULT_TRACKER, Prompt, Prompts

    if masks is not None:
        if clicks or boxes or tracker:
            raise ConfigError("expected --masks alone, found --click, --box or --tracker beside it; leave one out")
        return masks
    if not (clicks or boxes):
        raise ConfigError("expected --masks, --click or --box, found none of them; say where the objects are seen")
    prompts = [Prompt.parse("click", text) for text in clicks] + [Prompt.parse("box", text) for text in boxes]
    return Prompts(tuple(prompts), tracker=tracker or DEFAULT_TRACKER)
