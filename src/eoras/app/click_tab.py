"""The tab of the page on which a person clicks on objects instead of giving masks."""

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image, ImageDraw

from eoras.app.job import Desk
from eoras.app.pictures import alert, picture
from eoras.draw.colours import object_colour
from eoras.errors import EorasError
from eoras.prediction.prompts import Prompt

__all__ = ["ClickTab", "Clicks"]

_HELP = (
    "Choose a frame in which an object is well seen, and click on its middle; once for each object. SAM 2 then follows "
    "them through the video."
)
_NO_TRACKER = (
    "To click on objects, open the page with weights of SAM 2, a folder of yours or a name on the Hugging Face hub:\n\n"
    "`pip install 'eoras[demo,track]'`\n\n`eoras app --tracker facebook/sam2.1-hiera-tiny`"
)
_SMALLEST = 384  # columns of a picture that can be clicked on well
# Where in the picture a click was, in 0..1; the picture may be narrower or lower than its place.
_TELL_PLACE = """element.addEventListener('click', event => {
    const image = event.target.closest('img');
    if (!image) return;
    const place = image.getBoundingClientRect();
    const scale = Math.min(place.width / image.naturalWidth, place.height / image.naturalHeight);
    const width = scale * image.naturalWidth, height = scale * image.naturalHeight;
    const x = (event.clientX - place.left - (place.width - width) / 2) / width;
    const y = (event.clientY - place.top - (place.height - height) / 2) / height;
    if (x >= 0 && x < 1 && y >= 0 && y < 1) trigger('select', {x: x, y: y});
});"""


Clicks = tuple[Prompt, ...]
"""What a person has shown; the next click is object ``len(clicks) + 1``."""


class ClickTab:
    """Lay the tab out, inside the block of a ``gr.Tab``.

    Args:
        desk: does the work.

    Attributes:
        run: the button that asks for the whole objects; None where no tracker was given.
        inputs: video, clicks and angle of the camera, for what the button does.
    """

    def __init__(self, desk: Desk) -> None:
        self.run: gr.Button | None = None
        self._desk = desk
        if desk.tracker is None:
            gr.Markdown(_NO_TRACKER)
            return
        clicks = gr.State(())
        video = gr.File(label=f"Video, at most {desk.limits.frames} frames", height=130)
        gr.Markdown(_HELP)
        shown = gr.HTML(elem_id="clicked", js_on_load=_TELL_PLACE)
        index = gr.Slider(0, 1, value=0, step=1, label="Frame to click on", visible=False)
        again = gr.Button("Forget the clicks", size="sm")
        fov = gr.Number(label="Camera: degrees from left to right", value=60, minimum=1, maximum=179, precision=1)
        self.run = gr.Button("Follow and complete the objects", variant="primary")
        self.inputs: list[Any] = [video, clicks, fov]

        light: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden", "api_visibility": "private"}
        video.change(self._begin, [video], [clicks, shown, index], **light)
        again.click(self._forget, [video, index], [clicks, shown], **light)
        index.input(self._show, [video, clicks, index], [shown], trigger_mode="always_last", **light)
        shown.select(self._click, [video, clicks, index], [clicks, shown], **light)

    def _begin(self, video: str | None) -> list[Any]:
        hidden = gr.update(visible=False, value=0)
        if not video:
            return [(), "", hidden]
        try:
            length = self._desk.length_of(Path(video))
        except EorasError as error:
            return [(), alert(str(error)), hidden]
        slider = gr.update(visible=length > 1, value=0, maximum=max(length - 1, 1))
        return [(), self._show(video, (), 0), slider]

    def _forget(self, video: str | None, index: float) -> list[Any]:
        return [(), self._show(video, (), index)]

    def _click(self, video: str | None, clicks: Clicks, index: float, event: gr.EventData) -> list[Any]:
        if not video:
            return [clicks, ""]
        try:
            height, width = self._desk.look(Path(video), int(index)).shape[:2]
            # of what a request says, only numbers go on, and only those inside the image
            column, row = (min(max(float(event._data[name]), 0), 0.9999) for name in ("x", "y"))
        except EorasError as error:
            return [clicks, alert(str(error))]
        except (KeyError, TypeError, ValueError):
            return [clicks, self._show(video, clicks, index)]
        place = (round(column * width, 1), round(row * height, 1))
        clicks = (*clicks, Prompt(frame=int(index), click=place))
        return [clicks, self._show(video, clicks, index)]

    def _show(self, video: str | None, clicks: Clicks, index: float) -> str:
        """The frame with the clicks in it, and a list of all clicks."""
        if not video:
            return ""
        try:
            frame = self._desk.look(Path(video), int(index))
        except EorasError as error:
            return alert(str(error))
        numbered = dict(enumerate(clicks, start=1))
        here = {number: prompt for number, prompt in numbered.items() if prompt.frame == int(index)}
        listed = "".join(
            f"<li>Object {number}: frame {prompt.frame}, x {prompt.numbers[0]:g}, y {prompt.numbers[1]:g}</li>"
            for number, prompt in numbered.items()
        )
        told = f"<ul>{listed}</ul>" if listed else "<p>Nothing is clicked on yet.</p>"
        return picture(_with_marks(frame, here), escape(f"Frame {int(index)}, to click on")) + told


def _with_marks(frame: np.ndarray, clicks: dict[int, Prompt]) -> np.ndarray:
    """A frame, larger where it is small, with a numbered spot at each click."""
    times = max(1, round(_SMALLEST / frame.shape[1]))
    image = Image.fromarray(np.kron(frame, np.ones((times, times, 1), np.uint8)))
    draw, radius = ImageDraw.Draw(image), max(image.width // 30, 10)
    for number, prompt in clicks.items():
        x, y = (times * value for value in prompt.numbers)
        spot = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(spot, fill=object_colour(number), outline="white", width=max(radius // 6, 1))
        draw.text(
            (x, y), str(number), fill="white", anchor="mm", font_size=1.4 * radius, stroke_width=1, stroke_fill="black"
        )
    return np.asarray(image)
