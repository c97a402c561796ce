"""The page itself: what is on it, and what happens when a person uses it."""

from collections.abc import Callable
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from eoras.app.click_tab import ClickTab, Shown
from eoras.app.job import Completed, Desk
from eoras.app.pictures import LAYERS, alert, frame_table, picture, show_layer
from eoras.app.scenes import RATE, SCENES, draw_scene
from eoras.app.store import Store
from eoras.errors import DataError, EorasError, PackageError
from eoras.prediction.result import FrameResult, Result
from eoras.video import write_mp4

try:
    import gradio as gr
except ModuleNotFoundError as error:
    raise PackageError.of(error.name, "demo") from error

__all__ = ["STYLE", "Example", "build_page", "make_examples"]

STYLE = (resources.files("eoras.app") / "page.css").read_text(encoding="utf-8")

_INTRO = """# Whole objects from a video
Give a video and, for each object, the part that is seen. The network says what the whole object looks like, hidden
parts included. Everything stays on the machine that this page runs on."""
_MASK_HELP = (
    "One file: .npz or .npy of object numbers (frames, rows, columns), COCO-video .json, KITTI-MOTS or MOT .txt, or a "
    ".zip of images 00000.png, one a frame, whose grey or palette values are object numbers, or of folders 1/, 2/, ... "
    "one an object."
)
_EMPTY = '<p id="empty">Choose an example, or your own video, and complete it. The result appears here.</p>'
_EXAMPLE_FOV = 60.0  # degrees; nobody has seen these scenes with a camera
_PROGRESS = gr.Progress()  # where Gradio finds it, it gives each call one of its own
_GONE = "the files of this result have been removed, as all are after their time; complete the video again"

Example = tuple[Path, Path, np.ndarray]
"""Its video, its masks, and a frame to show it by."""


def make_examples(store: Store) -> dict[str, Example]:
    """Draw the example scenes into files that stay as long as the page."""
    examples: dict[str, Example] = {}
    for number, (name, scene) in enumerate(SCENES.items()):
        folder = store.folder / f"example-{number}"
        folder.mkdir(mode=0o700)
        frames, labels = draw_scene(scene)
        write_mp4(folder / "video.mp4", frames, RATE)
        np.savez_compressed(folder / "masks.npz", allow_pickle=False, masks=labels)
        examples[name] = (folder / "video.mp4", folder / "masks.npz", frames[len(frames) // 3])
    return examples


def build_page(desk: Desk, examples: dict[str, Example]) -> gr.Blocks:
    """Lay the page out.

    Args:
        desk: does the work.
        examples: by their names.
    """
    with gr.Blocks(title="eoras: whole objects", analytics_enabled=False) as page:
        completed = gr.State(None)
        gr.Markdown(_INTRO)
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                with gr.Tab("Examples"):
                    gr.HTML(_gallery(examples))
                    example = gr.Radio(list(examples), value=next(iter(examples)), label="Example")
                    run_example = gr.Button("Complete the example", variant="primary")
                with gr.Tab("Your video"):
                    video = gr.File(label=f"Video, at most {desk.limits.frames} frames", height=130)
                    masks = gr.File(label="Masks of what is seen", height=130)
                    gr.Markdown(_MASK_HELP)
                    fov = gr.Number(
                        label="Camera: degrees from left to right", value=60, minimum=1, maximum=179, precision=1
                    )
                    run_own = gr.Button("Complete the objects", variant="primary")
                    gr.Markdown(
                        f"A file may have {desk.limits.megabytes:g} MB. Files and results are removed after "
                        f"{desk.limits.minutes:g} minutes, and when the program ends."
                    )
                with gr.Tab("Click on objects"):
                    clicked = ClickTab(desk).lay_out()
            with gr.Column(scale=3, min_width=320):
                status = gr.HTML(elem_id="status")
                shown = gr.HTML(_EMPTY, elem_id="picture")
                with gr.Group(visible=False) as controls:
                    index = gr.Slider(0, 1, value=0, step=1, label="Frame")
                    layer = gr.Radio(list(LAYERS), value=LAYERS[0], label="Show")
                download = gr.DownloadButton("Download the result (zip)", visible=False, variant="primary")
                table = gr.HTML(elem_id="objects")

        answers = _Answers(desk, examples)
        outputs = [completed, status, shown, controls, index, table, download]
        heavy: dict[str, Any] = {"concurrency_id": "network", "concurrency_limit": 1, "show_progress_on": [shown]}
        private: dict[str, Any] = {"api_visibility": "private"}
        runs: list[tuple[gr.Button, Callable[..., Any], list[Any]]] = [
            (run_example, answers.complete_example, [example, layer]),
            (run_own, answers.complete_own, [video, masks, fov, layer]),
        ]
        if clicked is not None:
            run_clicked, given = clicked
            runs.append((run_clicked, answers.complete_clicked, [*given, layer]))
        for button, complete, inputs in runs:
            begun = button.click(lambda: "", None, [status], concurrency_limit=None, show_progress="hidden", **private)
            begun.then(complete, inputs, outputs, **heavy, **private)
        gr.on(
            [index.change, layer.change],
            _show,
            [completed, index, layer],
            [shown, table],
            trigger_mode="always_last",
            concurrency_limit=None,
            show_progress="hidden",
            **private,
        )
    return page


class _Answers:
    """What the buttons do: each call gives the new values of all that shows a result."""

    def __init__(self, desk: Desk, examples: dict[str, Example]) -> None:
        self._desk = desk
        self._examples = examples

    def complete_example(self, name: str, layer: str, progress: gr.Progress = _PROGRESS) -> list[Any]:
        video, masks, _ = self._examples[name]
        return self._answer(layer, lambda: self._desk.complete(video, masks, _EXAMPLE_FOV, progress))

    def complete_own(
        self, video: str | None, masks: str | None, fov: float | None, layer: str, progress: gr.Progress = _PROGRESS
    ) -> list[Any]:
        def work() -> Completed:
            if not video or not masks:
                raise DataError(f"no {'masks are' if video else 'video is'} given; upload a file first")
            return self._desk.complete(Path(video), Path(masks), fov, progress)

        return self._answer(layer, work)

    def complete_clicked(
        self, video: str | None, shown: Shown, fov: float | None, layer: str, progress: gr.Progress = _PROGRESS
    ) -> list[Any]:
        def work() -> Completed:
            if not video or video != shown.video or not shown.objects:
                raise DataError("no object is shown; upload a video and click on an object in it")
            return self._desk.complete(Path(video), shown.objects, fov, progress)

        return self._answer(layer, work)

    @staticmethod
    def _answer(layer: str, work: Callable[[], Completed]) -> list[Any]:
        try:
            done = work()
        except EorasError as error:
            gone = gr.update(visible=False)
            return [None, alert(str(error)), _EMPTY, gone, gr.update(), "", gr.update(visible=False, value=None)]
        index = _most_hidden(done.result)
        drawn, objects = _frame(done, index, layer)
        slider = gr.update(minimum=done.result.start, maximum=done.result[-1].frame_index, value=index)
        file = gr.update(visible=True, value=str(done.archive))
        return [done, _summary(done.result), drawn, gr.update(visible=True), slider, objects, file]


def _show(done: Completed | None, index: float, layer: str) -> list[str]:
    return [_EMPTY, ""] if done is None else _frame(done, int(index), layer)


def _gallery(examples: dict[str, Example]) -> str:
    figures = (
        f"<figure>{picture(frame, '')}<figcaption>{escape(name)}</figcaption></figure>"
        for name, (_, _, frame) in examples.items()
    )
    return f'<div class="scenes">{"".join(figures)}</div>'


def _most_hidden(result: Result) -> int:
    """Index of the frame that tells most: much is hidden of objects of which something is seen."""

    def hidden(frame: FrameResult) -> float:
        return sum(item.occlusion_rate or 0.0 for item in frame.objects.values() if not item.hidden)

    return max(result.frames, key=hidden).frame_index


def _summary(result: Result) -> str:
    notes = "".join(f"<br>Note: {escape(note)}." for note in result.notes)
    return (
        f'<p class="done" role="status">Done: {len(result.object_ids)} objects in {len(result)} frames of '
        f"{result[result.start].width} x {result[result.start].height} pixels.{notes}</p>"
    )


def _frame(done: Completed, index: int, layer: str) -> list[str]:
    """Picture and table of a frame."""
    result = done.result
    frame = result[min(max(index, result.start), result[-1].frame_index)]
    pixels = done.pixels(frame.frame_index)
    if pixels is None:
        return [alert(_GONE), ""]
    objects = ", ".join(map(str, frame.objects)) or "none"
    description = f"Frame {frame.frame_index}, {layer.lower()}, objects {objects}"
    return [picture(show_layer(pixels, frame, layer), description), frame_table(frame)]
