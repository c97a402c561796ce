"""What the page shows of a frame: a picture, and a table of its objects; as HTML that names no file."""

from base64 import b64encode
from html import escape
from io import BytesIO

import numpy as np
from PIL import Image

from eoras.draw import DrawnObject, draw_overlay
from eoras.draw.colours import object_colour
from eoras.prediction.result import FrameResult, ObjectResult

__all__ = ["LAYERS", "alert", "frame_table", "picture", "show_layer"]

LAYERS = ("Seen and hidden", "Seen", "Hidden", "Whole", "Video alone")
_NARROW = 512  # pixels of the longer side of a picture on which labels can be read


def show_layer(pixels: np.ndarray, frame: FrameResult, layer: str) -> np.ndarray:
    """Draw a layer of a frame's objects upon it.

    Args:
        pixels: the frame, uint8 ``(H, W, 3)``, RGB.
        frame: its result.
        layer: one of ``LAYERS``.

    Returns:
        uint8 ``(H', W', 3)``, a whole number of times larger where the frame is small.
    """
    if layer == LAYERS[-1]:
        return pixels
    times = max(1, round(_NARROW / max(pixels.shape[:2])))
    pixels = np.kron(pixels, np.ones((times, times, 1), np.uint8))
    drawn = [_drawn(item, layer, times) for item in frame.objects.values()]
    return draw_overlay(pixels, drawn, "amodal" if layer == "Whole" else "overlay")


def _drawn(item: ObjectResult, layer: str, times: int) -> DrawnObject:
    whole, seen = (np.kron(mask, np.ones((times, times), bool)) for mask in (item.amodal, item.visible))
    if layer == "Seen":
        whole = seen
    elif layer == "Hidden":
        whole, seen = whole & ~seen, np.zeros_like(seen)
    return DrawnObject(
        object_id=item.object_id, amodal=whole, visible=seen, occlusion_rate=item.occlusion_rate, hidden=item.hidden
    )


def picture(pixels: np.ndarray, description: str) -> str:
    """An image that is part of the page.

    Args:
        pixels: uint8 ``(H, W, 3)``, RGB.
        description: for those who cannot see it.
    """
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=92)
    data = b64encode(file.getvalue()).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{data}" alt="{escape(description)}">'


def frame_table(frame: FrameResult) -> str:
    """What is known of each object of a frame."""
    rows = "".join(_row(item) for item in frame.objects.values())
    if not rows:
        return "<p>No object in this frame.</p>"
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Object", "Seen", "Hidden", "Share hidden"))
    return f'<table class="objects"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _row(item: ObjectResult) -> str:
    red, green, blue = object_colour(item.object_id)
    mark = f'<i style="background: rgb({red}, {green}, {blue})"></i>'
    rate = "unknown" if item.occlusion_rate is None else f"{item.occlusion_rate:.0%}"
    state = " (out of sight)" if item.hidden else ""
    return (
        f'<tr><th scope="row">{mark}{item.object_id}</th><td>{item.visible.sum()} px</td>'
        f"<td>{item.occluded.sum()} px</td><td>{rate}{state}</td></tr>"
    )


def alert(message: str) -> str:
    """A message about something that went wrong."""
    return f'<p class="alert" role="alert">{escape(message[:1].upper() + message[1:])}</p>'
