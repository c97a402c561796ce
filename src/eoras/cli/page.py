"""``eoras app``: the page."""

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from eoras.cli.options import Device, Dtype, choose_device, say

__all__ = ["page"]


def page(
    *,
    model: Annotated[
        str, Parameter(help="A model folder, a run folder, or a hub name; small comes with eoras.")
    ] = "small",
    tracker: Annotated[
        str | None,
        Parameter(
            help="Weights of SAM 2, to click on objects instead of giving masks: a folder, or a hub name such as "
            "facebook/sam2.1-hiera-tiny.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[
        str, Parameter(help="Address or name to listen on; with another than 127.0.0.1 others can use the page, too.")
    ] = "127.0.0.1",
    port: Annotated[int, Parameter(help="Port to listen on; 0: any.", validator=Number(gte=0, lte=65535))] = 7860,
    max_megabytes: Annotated[float, Parameter(help="Size of an upload, at most.", validator=Number(gt=0))] = 200,
    max_frames: Annotated[int, Parameter(help="Length of a video, at most.", validator=Number(gte=1))] = 300,
    keep_minutes: Annotated[
        float, Parameter(help="When uploads and results are removed.", validator=Number(gt=0))
    ] = 60,
    device: Device = "auto",
    dtype: Dtype = "float32",
) -> None:
    """Open a page for videos and their masks: upload them, look at the whole objects, download the result."""
    from eoras.app.limits import Limits
    from eoras.app.server import open_socket, serve
    from eoras.prediction.predictor import AmodalPredictor
    from eoras.prediction.tracker import load_tracker

    limits = Limits(megabytes=max_megabytes, frames=max_frames, minutes=keep_minutes)
    predictor = AmodalPredictor.from_pretrained(model, device=choose_device(device), dtype=dtype)
    follower = None if tracker is None else load_tracker(tracker, predictor.device)
    with open_socket(host, port) as listener:
        try:
            serve(predictor, listener, host, limits, say, follower)
        except KeyboardInterrupt:
            say("the page is closed, its files are removed")
