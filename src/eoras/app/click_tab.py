"""The tab of the page on which a person clicks on objects instead of giving masks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from eoras.app.job import Desk
from eoras.app.pictures import alert, picture
from eoras.draw.colours import object_colour
from eoras.errors import DataError, EorasError, PackageError
from eoras.prediction.prompts import Prompt

try:
    import gradio as gr
except ModuleNotFoundError as error:
    raise PackageError.of(error.name, "demo") from error

__all__ = ["ClickTab", "Shown"]

_HELP = (
    "Choose a frame in which an object is well seen, and click on its middle; once for each object. SAM 2 then follows "
    "them through the video."
)
_NO_TRACKER = (
    "To click on objects, open the page with weights of SAM 2, a folder of yours or a name on the Hugging Face hub:\n\n"
    "`pip install 'eoras[demo,track]'`\n\n`eoras app --tracker facebook/sam2.1-hiera-tiny`"
)
_MOST = 20  # objects
_SMALLEST = 384  # pixels of the longer side of a picture that can be clicked on well
# Where in the picture a click was, in 0..1, and which frame it shows; it may be narrower or lower than its place.
_TELL_PLACE = """element.addEventListener('click', event => {
    const image = event.target.closest('img');
    if (!image) return;
    const place = image.getBoundingClientRect();
    const scale = Math.min(place.width / image.naturalWidth, place.height / image.naturalHeight);
    const width = scale * image.naturalWidth, height = scale * image.naturalHeight;
    const x = (event.clientX - place.left - (place.width - width) / 2) / width;
    const y = (event.clientY - place.top - (place.height - height) / 2) / height;
    const frame = Number(image.closest('[data-frame]').dataset.frame);
    if (x >= 0 && x < 1 && y >= 0 && y < 1) trigger('select', {x: x, y: y, frame: frame});
});"""


@dataclass(frozen=True)
class Shown:
    """What a person has shown of a video; the next click is object ``len(objects) + 1``.

    Attributes:
        video: its file, as it is uploaded; None: there is none.
        objects: a click on each.
    """

    video: str | None = None
    objects: tuple[Prompt, ...] = ()


class ClickTab:
    """What is on the tab, and what happens when a person uses it.

    Args:
        desk: does the work.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def lay_out(self) -> tuple[gr.Button, list[Any]] | None:
        """Lay the tab out, inside the block of a ``gr.Tab``.

        Returns:
            The button that asks for the whole objects, and what it gives: video, ``Shown`` and angle of the camera.
            None where there is no tracker.
        """
        desk = self._desk
        if desk.tracker is None:
            gr.Markdown(_NO_TRACKER)
            return None
        shown = gr.State(Shown())
        video = gr.File(label=f"Video, at most {desk.limits.frames} frames", height=130)
        gr.Markdown(_HELP)
        canvas = gr.HTML(elem_id="clicked", js_on_load=_TELL_PLACE)
        index = gr.Slider(0, 1, value=0, step=1, label="Frame to click on", visible=False)
        again = gr.Button("Forget the clicks", size="sm")
        fov = gr.Number(label="Camera: degrees from left to right", value=60, minimum=1, maximum=179, precision=1)
        run = gr.Button("Follow and complete the objects", variant="primary")

        # One after the other, in the order in which they were asked for: no late answer shows what is gone.
        light: dict[str, Any] = {"concurrency_id": "look", "concurrency_limit": 1, "show_progress": "hidden"}
        light["api_visibility"] = "private"
        video.change(self.begin, [video], [shown, canvas, index], **light)
        again.click(self.forget, [video, index], [shown, canvas], **light)
        index.input(self.look, [video, shown, index], [canvas], trigger_mode="always_last", **light)
        canvas.select(self.click, [video, shown], [shown, canvas], trigger_mode="multiple", **light)
        return run, [video, shown, fov]

    def begin(self, video: str | None) -> list[Any]:
        """Show the first frame of a video that is new, or nothing where it was taken away."""
        shown, hidden = Shown(video), gr.update(visible=False, value=0)
        if not video:
            return [shown, "", hidden]
        try:
            length = self._desk.length_of(Path(video))
        except EorasError as error:
            return [shown, alert(str(error)), hidden]
        slider = gr.update(visible=length > 1, value=0, maximum=max(length - 1, 1))
        return [shown, self._draw(shown, 0), slider]

    def forget(self, video: str | None, index: float) -> list[Any]:
        """Forget the clicks."""
        return [Shown(video), self._draw(Shown(video), int(index))]

    def look(self, video: str | None, shown: Shown, index: float) -> str:
        """Show another frame."""
        return self._draw(shown if video == shown.video else Shown(video), int(index))

    def click(self, video: str | None, shown: Shown, event: gr.EventData) -> list[Any]:
        """Take a click; nothing changes if it is none of this page's."""
        if not video or video != shown.video:  # another has come since
            return [gr.skip(), gr.skip()]
        try:
            x, y, index = (float(event._data[name]) for name in ("x", "y", "frame"))
            if not (0 <= x < 1 and 0 <= y < 1 and 0 <= index < self._desk.limits.frames):
                return [gr.skip(), gr.skip()]
            if len(shown.objects) == _MOST:
                raise DataError(f"{_MOST} objects at a time, at most; 'eoras predict' follows any number")
            frame = self._desk.look(Path(video), int(index))
            height, width = frame.shape[:2]
            shown = Shown(video, (*shown.objects, Prompt(frame=int(index), click=(int(x * width), int(y * height)))))
        except EorasError as error:
            return [shown, alert(str(error))]
        except (KeyError, TypeError, ValueError, OverflowError):  # no click of this page
            return [gr.skip(), gr.skip()]
        return [shown, _canvas(frame, int(index), shown.objects)]

    def _draw(self, shown: Shown, index: int) -> str:
        """A frame of the video with the clicks in it, and a list of all clicks."""
        if not shown.video:
            return ""
        try:
            return _canvas(self._desk.look(Path(shown.video), index), index, shown.objects)
        except EorasError as error:
            return alert(str(error))


def _canvas(frame: np.ndarray, index: int, clicks: tuple[Prompt, ...]) -> str:
    numbered = dict(enumerate(clicks, start=1))
    here = {number: prompt for number, prompt in numbered.items() if prompt.frame == index}
    listed = "".join(
        f"<li>Object {number}: frame {prompt.frame}, x {prompt.numbers[0]:g}, y {prompt.numbers[1]:g}</li>"
        for number, prompt in numbered.items()
    )
    told = f"<ul>{listed}</ul>" if listed else "<p>Nothing is clicked on yet.</p>"
    image = picture(_with_marks(frame, here), f"Frame {index}, to click on")
    return f'<div data-frame="{index}">{image}{told}</div>'


def _with_marks(frame: np.ndarray, clicks: dict[int, Prompt]) -> np.ndarray:
    """A frame, larger where it is small, with a numbered spot at each click."""
    times = max(1, round(_SMALLEST / max(frame.shape[:2])))
    image = Image.fromarray(np.kron(frame, np.ones((times, times, 1), np.uint8)))
    draw, radius = ImageDraw.Draw(image), max(max(image.size) // 30, 10)
    for number, prompt in clicks.items():
        x, y = (times * value for value in prompt.numbers)
        spot = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(spot, fill=object_colour(number), outline="white", width=max(radius // 6, 1))
        text = {"fill": "white", "anchor": "mm", "font_size": 1.4 * radius, "stroke_width": 1, "stroke_fill": "black"}
        draw.text((x, y), str(number), **text)
    return np.asarray(image)
