"""``eoras predict`` as a user types it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from toy_tracker import save_toy_tracker

from eoras.cli import main
from eoras.config import ModelConfig
from eoras.errors import RunError
from eoras.model.eoras import EoRaS
from eoras.movi_files import label_image
from eoras.prediction.result import FrameResult, Result
from eoras.prediction.write import ResultWriter
from eoras.video import open_video, write_mp4

LENGTH, HEIGHT, WIDTH = 6, 32, 48


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``video.mp4``, ``frames/``, ``masks/`` and ``net/``."""
    folder = tmp_path_factory.mktemp("inputs")
    frames = np.random.default_rng(0).integers(0, 256, (LENGTH, HEIGHT, WIDTH, 3), dtype=np.uint8)
    write_mp4(folder / "video.mp4", frames, 10)
    for name in ("frames", "masks"):
        (folder / name).mkdir()
    for t, frame in enumerate(frames):
        labels = np.zeros((HEIGHT, WIDTH), np.uint8)
        labels[5:15, 4 + t : 14 + t] = 1
        labels[18:28, 20:40] = 3 * (t != 2)
        Image.fromarray(frame).save(folder / "frames" / f"{t:04d}.jpg")
        label_image(labels).save(folder / "masks" / f"{t:05d}.png")
    torch.manual_seed(0)
    small: dict[str, Any] = {"backbone_depths": (1, 1, 1, 1), "bev_channels": (8,), "num_layers": 1, "num_heads": 2}
    network = EoRaS(ModelConfig(backbone_width=16, pyramid_channels=16, width=16, feedforward=16, **small))
    network.save_pretrained(folder / "net")
    return folder


def predict(inputs: Path, out: Path, words: Sequence[str] = (), video: str = "video.mp4", masks: str = "masks") -> int:
    fixed = ["--masks", str(inputs / masks), "--out", str(out), "--model", str(inputs / "net"), "--device", "cpu"]
    return main(["predict", str(inputs / video), *fixed, *words])


@pytest.mark.parametrize("video", ["video.mp4", "frames"])
def test_a_video_and_masks_become_a_folder_of_results(
    video: str, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(inputs, tmp_path / "out", video=video) == 0
    output = capsys.readouterr()
    assert not output.out
    assert output.err.splitlines() == [
        "eoras: no camera is given; one that sees 60 degrees from left to right is assumed",
        f"eoras: wrote {tmp_path / 'out' / 'result.json'}",
    ]
    result = Result.load(tmp_path / "out")
    assert [sorted(frame.objects) for frame in result] == [[1, 3]] * LENGTH
    assert [frame.objects[3].hidden for frame in result] == [False, False, True, False, False, False]
    assert result.info["video"] == Path(video).stem
    for kind in ("amodal", "visible"):
        for key in ("1", "3"):
            names = sorted(path.name for path in (tmp_path / "out" / kind / key).iterdir())
            assert names == [f"{t:05d}.png" for t in range(LENGTH)]


@pytest.fixture(scope="module")
def data(inputs: Path) -> Path:
    """A data set of one video, its truth in layout DAVIS and in ``test.json``; object 1 is never hidden."""
    root = inputs / "data"
    shutil.copytree(inputs / "frames", root / "JPEGImages" / "clip")
    shutil.copytree(inputs / "masks", root / "Annotations" / "clip")
    for t in range(LENGTH):
        for key in (1, 3):
            amodal = np.asarray(Image.open(inputs / "masks" / f"{t:05d}.png")) == key
            path = root / "AmodalAnnotations" / "clip" / str(key) / f"{t:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(amodal * np.uint8(255)).save(path)
    assert main(["convert", "masks", str(root), str(root / "test.json"), "--to", "coco_video"]) == 0
    return root


@pytest.mark.parametrize("masks", ["Annotations/clip", "test.json"])
def test_objects_of_a_result_are_those_of_the_data_set(
    masks: str, data: Path, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert predict(inputs, out, ["--no-overlay"], "data/JPEGImages/clip", f"data/{masks}") == 0
    assert {path.name for path in (out / "amodal").iterdir()} == {"1", "3"}
    assert Result.load(out).object_ids == [1, 3]

    capsys.readouterr()
    result = str(out / "result.json")
    assert main(["score", result, "--data", str(data), "--workers", "0", "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["strict"]["miou_full"] > 0.1
    assert scores["problems"] == {"result": {}}

    assert main(["convert", "masks", result, str(tmp_path / "davis"), "--to", "davis"]) == 0
    for t in range(LENGTH):
        name = f"clip/{t:05d}.png"
        np.testing.assert_array_equal(
            np.asarray(Image.open(tmp_path / "davis" / "Annotations" / name)),
            np.asarray(Image.open(data / "Annotations" / name)),
        )


def test_options_reach_the_predictor(inputs: Path, tmp_path: Path) -> None:
    words = ["--objects", "3", "--start", "1", "--end", "4", "--fov", "50", "--no-union", "--dtype", "bfloat16"]
    assert predict(inputs, tmp_path / "out", words) == 0
    result = Result.load(tmp_path / "out")
    assert result.object_ids == [3]
    assert [frame.frame_index for frame in result] == [1, 2, 3]
    settings = result.info["settings"]
    assert settings["camera"] == {"fov": 50.0}
    assert (settings["union"], settings["dtype"], settings["masks"]) == (False, "bfloat16", "masks")


def test_the_camera_is_read_from_a_file(inputs: Path, tmp_path: Path) -> None:
    matrix = [[40.0, 0.0, 24.0], [0.0, 40.0, 16.0], [0.0, 0.0, 1.0]]
    (tmp_path / "camera.json").write_text(json.dumps(matrix))
    assert predict(inputs, tmp_path / "out", ["--intrinsics", str(tmp_path / "camera.json"), "--end", "2"]) == 0
    assert Result.load(tmp_path / "out").info["settings"]["camera"] == {"intrinsics": matrix}


def test_an_interrupted_run_is_resumed(inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(inputs, tmp_path / "out", ["--fov", "60"]) == 0
    capsys.readouterr()
    assert predict(inputs, tmp_path / "out", ["--fov", "60"]) == 2
    assert "found a folder that is not empty" in capsys.readouterr().err
    assert predict(inputs, tmp_path / "out", ["--fov", "60", "--resume"]) == 0
    output = capsys.readouterr().err
    assert "is complete; nothing is left to do" in output
    assert "wrote" not in output
    assert predict(inputs, tmp_path / "out", ["--fov", "50", "--resume"]) == 2
    assert "to go on with, found another settings" in capsys.readouterr().err


def test_pictures_that_a_complete_result_lacks_are_drawn(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(inputs, tmp_path / "whole") == 0
    assert predict(inputs, tmp_path / "out", ["--no-overlay"]) == 0
    capsys.readouterr()
    assert predict(inputs, tmp_path / "out", ["--resume"]) == 0
    assert capsys.readouterr().err == f"eoras: {tmp_path / 'out'}: is complete but for its pictures; they are drawn\n"
    for name in ("overlay.mp4", "contact_sheet.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_result_is_there_though_its_film_cannot_be_written(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise RunError("overlay.mp4: the disk is full")

    monkeypatch.setattr("eoras.prediction.pictures.draw_film", full)
    assert predict(inputs, tmp_path / "out") == 1
    monkeypatch.undo()
    assert len(Result.load(tmp_path / "out")) == LENGTH
    assert not list((tmp_path / "out").glob(".*"))
    capsys.readouterr()
    assert predict(inputs, tmp_path / "out", ["--resume"]) == 0
    assert "is complete but for its pictures; they are drawn" in capsys.readouterr().err
    assert (tmp_path / "out" / "overlay.mp4").exists()


def other_video(folder: Path) -> None:
    frames = list(open_video(folder / "video.mp4").frames())
    write_mp4(folder / "video.mp4", frames[::-1], 10)


def other_frames(folder: Path) -> None:
    shutil.copy(folder / "frames" / "0000.jpg", folder / "frames" / "0003.jpg")


def mended_masks(folder: Path) -> None:
    image = Image.open(folder / "masks" / "00003.png")
    image.putpixel((5, 25), 1)
    image.save(folder / "masks" / "00003.png")


@pytest.mark.parametrize(
    ("video", "change", "message"),
    [
        ("video.mp4", other_video, "found another video;"),
        ("frames", other_frames, "found another video;"),
        ("video.mp4", mended_masks, "found another masks;"),
        ("frames", lambda _: None, "is complete"),
    ],
)
def test_another_video_or_other_masks_of_the_same_name_are_told_from_those_before(
    video: str,
    change: Callable[[Path], None],
    message: str,
    inputs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(inputs, tmp_path / "in")
    assert predict(tmp_path / "in", tmp_path / "out", ["--no-overlay", "--fov", "60"], video=video) == 0
    change(tmp_path / "in")
    capsys.readouterr()
    predict(tmp_path / "in", tmp_path / "out", ["--no-overlay", "--fov", "60", "--resume"], video=video)
    assert message in capsys.readouterr().err


def camera_file(folder: Path, text: str) -> list[str]:
    (folder / "camera.json").write_text(text)
    return ["--intrinsics", str(folder / "camera.json")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fov", "60", "--focal", "500"], "expected one of intrinsics, focal and fov, found focal and fov"),
        (["--fov", "180"], "fov: expected degrees between 0 and 180, found 180"),
        (["--focal", "0"], "focal: expected a length in pixels above 0"),
        (["--intrinsics", "{"], "camera.json: expected JSON of three rows of three numbers"),
        (["--intrinsics", "[[1, 2], [3, 4]]"], "camera.json: expected [[fx, s, cx]"),
        (["--intrinsics", "[[9, 0, 1], [0, 9, 1], [0, 0, 1]]", "--fov", "9"], "found intrinsics and fov"),
        (["--objects", "8"], "objects: expected some of 1, 3, found 8"),
        (["--start", "5", "--end", "5"], "frames count from 0"),
        (["--start", "99"], "expected frames from 99 on, found none"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_options_are_told_in_one_line(
    words: list[str], message: str, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if "--intrinsics" in words:
        words = camera_file(tmp_path, words[1]) + words[2:]
    assert predict(inputs, tmp_path / "out", words) == 2
    error = capsys.readouterr().err.splitlines()
    assert message in error[-1]
    assert not any("Traceback" in line for line in error)
    assert not (tmp_path / "out" / "result.json").exists()


@pytest.mark.parametrize(
    ("video", "masks", "message"),
    [
        ("gone.mp4", "masks", "expected a video file or a folder of images"),
        ("net/config.json", "masks", "expected a video"),
        ("net", "masks", "expected an image a frame"),
        ("video.mp4", "gone", "expected masks, found no such file or folder"),
        ("video.mp4", "net", "found none of them; name the right folder"),
    ],
)
def test_wrong_inputs_are_told_in_one_line(
    video: str, masks: str, message: str, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(inputs, tmp_path / "out", video=video, masks=masks) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_wrong_input_leaves_no_folder_behind(inputs: Path, tmp_path: Path) -> None:
    assert predict(inputs, tmp_path / "out", video="gone.mp4") == 2
    assert predict(inputs, tmp_path / "out", masks="gone") == 2
    assert not (tmp_path / "out").exists()
    assert predict(inputs, tmp_path / "out") == 0


def test_a_kill_leaves_what_a_resumed_run_goes_on_with(inputs: Path, tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from eoras.cli import main\n"
        "from eoras.prediction.write import ResultWriter\n"
        "add = ResultWriter.add\n"
        "ResultWriter.add = lambda self, frame: os._exit(9) if frame.frame_index == 3 else add(self, frame)\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    fixed = ["--masks", str(inputs / "masks"), "--out", str(tmp_path / "out"), "--model", str(inputs / "net")]
    words = ["predict", str(inputs / "video.mp4"), *fixed, "--device", "cpu"]
    assert subprocess.run([sys.executable, "-c", code, *words], check=False).returncode == 9
    assert not (tmp_path / "out" / "result.json").exists()
    assert predict(inputs, tmp_path / "out", ["--resume"]) == 0
    assert predict(inputs, tmp_path / "whole") == 0
    one, two = (
        {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}
        for folder in (tmp_path / "out", tmp_path / "whole")
    )
    assert one == two


def test_pictures_are_drawn_unless_they_are_not_wanted(inputs: Path, tmp_path: Path) -> None:
    assert predict(inputs, tmp_path / "drawn") == 0
    film = open_video(tmp_path / "drawn" / "overlay.mp4")
    assert (len(list(film.frames())), film.rate) == (LENGTH, 10)
    assert (tmp_path / "drawn" / "contact_sheet.png").is_file()
    assert predict(inputs, tmp_path / "plain", ["--no-overlay"]) == 0
    assert {path.name for path in (tmp_path / "plain").iterdir()} == {"amodal", "visible", "result.json"}
    assert main(["draw", str(tmp_path / "plain"), "--out", str(tmp_path / "again.mp4")]) == 0
    again = list(open_video(tmp_path / "again.mp4").frames())
    assert all(np.array_equal(one, other) for one, other in zip(again, film.frames(), strict=True))


def test_a_part_of_a_video_is_drawn_from_its_own_beginning(inputs: Path, tmp_path: Path) -> None:
    assert predict(inputs, tmp_path / "out", ["--start", "2", "--end", "5"]) == 0
    film = list(open_video(tmp_path / "out" / "overlay.mp4").timed_frames())
    assert [frame.time for frame in film] == [0, Fraction(1, 10), Fraction(2, 10)]


@pytest.fixture(scope="module")
def tracker(inputs: Path) -> Path:
    save_toy_tracker(inputs / "tracker")
    return inputs / "tracker"


def predict_shown(inputs: Path, out: Path, *words: str) -> int:
    fixed = ["--out", str(out), "--model", str(inputs / "net"), "--device", "cpu", "--fov", "60"]
    return main(["predict", str(inputs / "video.mp4"), *fixed, *words])


def test_clicks_and_boxes_take_the_place_of_masks(
    tracker: Path, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = ["--box", "4,10,5,30,20.5", "--click", "2,20,10", "--click", "0,40,20", "--tracker", str(tracker)]
    assert predict_shown(inputs, tmp_path / "out", *shown) == 0
    assert capsys.readouterr().err == f"eoras: wrote {tmp_path / 'out' / 'result.json'}\n"
    result = Result.load(tmp_path / "out")
    assert [sorted(frame.objects) for frame in result] == [[1, 2, 3]] * LENGTH
    prompts = ["click 2,20,10", "click 0,40,20", "box 4,10,5,30,20.5"]
    assert result.info["settings"]["masks"] == {"tracker": str(tracker), "prompts": prompts}
    assert all(frame.visible[3].any() for frame in result)


def test_a_run_with_clicks_goes_on_with_the_same_clicks_alone(
    tracker: Path, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    click = ["--click", "2,20,10", "--tracker", str(tracker)]
    assert predict_shown(inputs, tmp_path / "whole", *click) == 0
    add = ResultWriter.add

    def interrupt(self: ResultWriter, frame: FrameResult) -> None:
        if frame.frame_index == 3:
            raise KeyboardInterrupt
        add(self, frame)

    monkeypatch.setattr(ResultWriter, "add", interrupt)
    assert predict_shown(inputs, tmp_path / "out", *click) == 130
    monkeypatch.undo()
    assert predict_shown(inputs, tmp_path / "out", *click, "--click", "0,1,1", "--resume") == 2
    assert "to go on with, found another settings" in capsys.readouterr().err
    assert predict_shown(inputs, tmp_path / "out", *click, "--resume") == 0
    one, two = ((tmp_path / name / "result.json").read_bytes() for name in ("out", "whole"))
    assert one == two


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected --masks, --click or --box, found none of them"),
        (["--tracker", "x"], "expected --masks, --click or --box, found none of them"),
        (["--masks", "masks", "--click", "0,1,1"], "expected --masks alone, found --click, --box or --tracker beside"),
        (["--masks", "masks", "--box", "0,1,1,2,2"], "expected --masks alone, found --click, --box or --tracker"),
        (["--masks", "masks", "--tracker", "x"], "expected --masks alone, found --click, --box or --tracker"),
        (["--click", "0,1"], "--click 0,1: expected FRAME,X,Y, numbers and commas alone"),
        (["--click", "0,1,2,3"], "--click 0,1,2,3: expected FRAME,X,Y"),
        (["--click", "0.5,1,2"], "--click 0.5,1,2: expected FRAME,X,Y"),
        (["--click", "zero,1,2"], "--click zero,1,2: expected FRAME,X,Y"),
        (["--click=-1,1,2"], "click -1,1,2: expected a frame from 0"),
        (["--box", "0,1,2,3"], "--box 0,1,2,3: expected FRAME,LEFT,TOP,RIGHT,BOTTOM"),
        (["--box", "0,9,1,9,4"], "box 0,9,1,9,4: expected left < right and top < bottom, found an empty box"),
        (["--click", "6,1,1"], "click 6,1,1: expected a frame of 6, found none"),
        (["--click", "0,48,1"], "click 0,48,1: expected pixels in an image of 48 columns and 32 rows"),
        (["--click", "0,1,1", "--tracker", "gone"], "tracker gone: expected a model folder, a run folder or a hub"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_clicks_and_boxes_are_told_in_one_line(
    words: list[str], message: str, inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict_shown(inputs, tmp_path / "out", *words) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"eoras: {message}")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
