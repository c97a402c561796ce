"""The pictures of docs/pictures.md: a made-up scene, its whole truth as a result, and each style of it.

python docs/make_pictures.py                         # docs/images/style_*.png and contact_sheet.png
python docs/make_pictures.py --film OUT/overlay.mp4  # docs/images/result.gif, of what eoras predict or draw made
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

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
WIDTH, COLOURS = 400, 96  # of an animation: fewer bytes
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
    config = load_scene_config(PRESET, ["height=360", "width=480"])
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


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the pictures of the documentation.")
    parser.add_argument("--film", type=Path, help="make the animation instead, of this film")
    film = parser.parse_args().film
    draw_styles() if film is None else animate(film)
