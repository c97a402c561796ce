"""``eoras draw`` as a user types it."""

from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
from PIL import Image

from eoras.cli import main
from eoras.cli.draw import draw
from eoras.data.masks import encode
from eoras.draw import STYLES
from eoras.prediction.result import FrameResult, ObjectResult
from eoras.prediction.write import ResultWriter
from eoras.video import open_video, write_mp4

HEIGHT, WIDTH, LENGTH = 48, 64, 4


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A result beside its video."""
    write_mp4(tmp_path / "film.mp4", [np.full((HEIGHT, WIDTH, 3), 90, np.uint8)] * LENGTH, 12)
    amodal, visible = np.zeros((2, HEIGHT, WIDTH), bool)
    amodal[20:40, 20:40] = True
    visible[20:40, 20:30] = True
    writer = ResultWriter(tmp_path / "out", {"video": "film"}, source=tmp_path / "film.mp4")
    thing = ObjectResult(object_id=3, amodal_rle=encode(amodal), visible_rle=encode(visible), hidden=False)
    for t in range(LENGTH):
        writer.add(FrameResult(frame_index=t, height=HEIGHT, width=WIDTH, objects={3: thing}))
    writer.finish()
    return tmp_path / "out"


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


@pytest.mark.parametrize("style", STYLES)
def test_each_style_becomes_a_film_beside_the_result(style: str, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", str(out), "--style", style]) == 0
    film = open_video(out / f"{style}.mp4")
    assert (len(list(film.frames())), film.rate) == (LENGTH, 12)
    assert capsys.readouterr().err == f"eoras: wrote {out / f'{style}.mp4'}\n"


def test_a_sheet_and_a_frame_become_images(out: Path) -> None:
    assert main(["draw", str(out / "result.json"), "--style", "sheet"]) == 0
    assert size_of(out / "contact_sheet.png")[0] > 3 * WIDTH
    assert main(["draw", str(out), "--frame", "2", "--out", str(out / "deep" / "a.png")]) == 0
    assert size_of(out / "deep" / "a.png") == (WIDTH, HEIGHT)


def test_result_and_video_may_move_together_or_the_video_is_named(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = out.parent / "moved"
    moved.mkdir()
    out.rename(moved / "out")
    assert main(["draw", str(moved / "out"), "--style", "outline"]) == 2
    assert "expected the video film, found none at" in capsys.readouterr().err
    assert main(["draw", str(moved / "out"), "--style", "outline", "--video", str(out.parent / "film.mp4")]) == 0
    (out.parent / "film.mp4").rename(moved / "film.mp4")
    assert main(["draw", str(moved / "out"), "--style", "amodal"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "a.png"], "expected a name that ends in .mp4"),
        (["--style", "sheet", "--out", "a.mp4"], "expected a name that ends in .png"),
        (["--style", "sheet", "--frame", "1"], "leave out one of them"),
        (["--frame", "9"], "frame 9: there are frames 0 to 3"),
        (["--style", "fancy"], "fancy"),
        (["--video", "nothing.mp4"], "nothing.mp4: expected a video file or a folder"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_one_line(
    words: list[str], message: str, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["draw", str(out), *words]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_folder_without_a_result_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", str(tmp_path)]) == 2
    assert "result.json" in capsys.readouterr().err


def test_the_command_knows_every_style() -> None:
    assert get_args(get_type_hints(draw)["style"]) == (*STYLES, "sheet")
