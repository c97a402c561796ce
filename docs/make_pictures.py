"""The pictures of docs/pictures.md and of the README, of a made-up scene.

python docs/make_pictures.py           # its whole truth as a result, in each style: style_*.png and contact_sheet.png
python docs/make_pictures.py --answer  # what the network that comes with eoras says of another: result.gif
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from eoras.cli import main as eoras
from eoras.data.masks import encode
from eoras.draw import STYLES
from eoras.prediction.result import FrameResult, ObjectResult, Result
from eoras.synthesis.compose import compose
from eoras.synthesis.render import render
from eoras.synthesis.settings import load_scene_config
from eoras.synthesis.video import AnnotatedVideo
from eoras.video import open_video, write_mp4

IMAGES = Path(__file__).parent / "images"
PRESET, SEED, FRAME = "falling", 2, 13
ANSWERED, ANSWERED_SEED = "movi_b", 11
SIZE = ("height=360", "width=480")
WIDTH, COLOURS = 640, 128  # of an animation: fewer bytes
SHEET_WIDTH = 1000


def true_result(video: AnnotatedVideo) -> Result:
    """What a network would answer that knows everything."""
    height, width = video.visible.shape[1:]
    frames = []
    for t, labels in enumerate(video.visible):
        objects = {}
        for key, amodal in enumerate(video.amodal[:, t]):
            visible = labels == key + 1
            if amodal.any():
                objects[key] = ObjectResult(
                    object_id=key,
                    amodal_rle=encode(amodal),
                    visible_rle=encode(visible) if visible.any() else None,
                    hidden=not visible.any(),
                )
        frames.append(FrameResult(frame_index=t, height=height, width=width, objects=objects))
    return Result(frames=frames, info={"video": "scene"})


def draw_styles() -> None:
    """Draw one frame in each style, and the sheet."""
    config = load_scene_config(PRESET, SIZE)
    video = render(compose(config, SEED, 0, "train"))
    with TemporaryDirectory() as folder:
        film, out = Path(folder) / "scene.mp4", Path(folder) / "out"
        write_mp4(film, video.frames, config.fps)
        true_result(video).save(out)
        for style in STYLES:
            picture = str(IMAGES / f"style_{style}.png")
            eoras(["draw", str(out), "--video", str(film), "--style", style, "--frame", str(FRAME), "--out", picture])
        sheet = IMAGES / "contact_sheet.png"
        eoras(["draw", str(out), "--video", str(film), "--style", "sheet", "--out", str(sheet)])
    with Image.open(sheet) as image:
        small = image.resize((SHEET_WIDTH, SHEET_WIDTH * image.height // image.width), Image.Resampling.LANCZOS)
    small.quantize(COLOURS).save(sheet, optimize=True)


def animate(film: Path) -> None:
    """Make an animation that web pages show without a player."""
    video = open_video(film)
    size = WIDTH, round(WIDTH * video.height / video.width)
    frames = [Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS) for frame in video.frames()]
    palette = Image.new("RGB", (size[0], size[1] * 3))
    for place in range(3):
        palette.paste(frames[place * (len(frames) - 1) // 2], (0, place * size[1]))
    colours = palette.quantize(COLOURS)
    first, *others = [frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in frames]
    duration = round(1000 / video.rate)
    first.save(IMAGES / "result.gif", save_all=True, append_images=others, duration=duration, loop=0)


def draw_answer() -> None:
    """Let the network that comes with eoras complete a scene it has not seen, and animate its answer."""
    config = load_scene_config(ANSWERED, [*SIZE, "objects.static=[5,6]"])  # few, that each can be looked at
    video = render(compose(config, ANSWERED_SEED, 0, "test"))
    with TemporaryDirectory() as folder:
        film, masks, out, drawn = (Path(folder) / name for name in ("scene.mp4", "masks.npz", "out", "drawn.mp4"))
        write_mp4(film, video.frames, config.fps)
        np.savez_compressed(masks, masks=video.visible)
        eoras(["predict", str(film), "--masks", str(masks), "--out", str(out)])
        eoras(["draw", str(out), "--video", str(film), "--style", "side-by-side", "--out", str(drawn)])
        animate(drawn)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the pictures of the documentation.")
    parser.add_argument("--answer", action="store_true", help="make the animation of an answer instead")
    draw_answer() if parser.parse_args().answer else draw_styles()
