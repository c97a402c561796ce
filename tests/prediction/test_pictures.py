"""Films, sheets and frames of a result."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eoras.data.masks import encode
from eoras.draw import DrawnObject, draw_overlay
from eoras.errors import DataError
from eoras.prediction.pictures import _choose, draw_film, draw_frame, draw_sheet
from eoras.prediction.result import FrameResult, ObjectResult, Result
from eoras.video import mp4_writer, open_video, write_mp4

HEIGHT, WIDTH, LENGTH = 64, 96, 9


def rectangle(left: int, right: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[20:50, left:right] = True
    return mask


def item(object_id: int, amodal: np.ndarray, visible: np.ndarray) -> ObjectResult:
    seen = encode(visible) if visible.any() else None
    return ObjectResult(object_id=object_id, amodal_rle=encode(amodal), visible_rle=seen, hidden=seen is None)


@pytest.fixture
def result() -> Result:
    """Object 1 is hidden more and more, and at last fully; object 2 is always seen; object 5 comes late."""
    frames = []
    for t in range(2, LENGTH):
        whole = rectangle(10, 42)
        objects = {1: item(1, whole, whole & rectangle(0, 42 - 5 * (t - 1))), 2: item(2, *[rectangle(60, 80)] * 2)}
        if t > 5:
            objects[5] = item(5, rectangle(40, 60), rectangle(40, 50))
        frames.append(FrameResult(frame_index=t, height=HEIGHT, width=WIDTH, objects=objects))
    return Result(frames=frames, info={"video": "film"})


@pytest.fixture
def film(tmp_path: Path) -> Path:
    write_mp4(tmp_path / "film.mp4", [np.full((HEIGHT, WIDTH, 3), 20 * t, np.uint8) for t in range(LENGTH)], 10)
    return tmp_path / "film.mp4"


def drawn_objects(frame: FrameResult) -> list[DrawnObject]:
    return [
        DrawnObject(
            object_id=key,
            amodal=item.amodal,
            visible=item.visible,
            occlusion_rate=item.occlusion_rate,
            hidden=item.hidden,
        )
        for key, item in frame.objects.items()
    ]


def test_a_film_shows_each_frame_of_the_result_with_its_objects(result: Result, film: Path, tmp_path: Path) -> None:
    video = open_video(film)
    draw_film(tmp_path / "out.mp4", result, video, "outline")
    drawn = open_video(tmp_path / "out.mp4")
    frames = list(drawn.frames())
    assert (len(frames), drawn.rate) == (LENGTH - 2, Fraction(10))
    for t, (frame, source) in enumerate(zip(frames, video.frames(2), strict=True), start=2):
        expected = draw_overlay(source, drawn_objects(result[t]), "outline")
        assert np.abs(frame.astype(int) - expected).mean() < 8  # colours have half the resolution
        assert abs(int(frame[5, 90, 0]) - 20 * t) < 8


def test_a_film_is_stretched_as_its_video_is(result: Result, tmp_path: Path) -> None:
    with mp4_writer(tmp_path / "film.mp4", 10, pixel_ratio=Fraction(16, 11)) as writer:
        for _ in range(LENGTH):
            writer.write(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    draw_film(tmp_path / "out.mp4", result, open_video(tmp_path / "film.mp4"))
    assert open_video(tmp_path / "out.mp4").pixel_ratio == Fraction(16, 11)


def test_a_film_of_two_pictures_is_twice_as_wide(result: Result, film: Path, tmp_path: Path) -> None:
    draw_film(tmp_path / "out.mp4", result, open_video(film), "side-by-side")
    assert open_video(tmp_path / "out.mp4").width == 2 * WIDTH


def test_one_frame_is_drawn_as_it_is_in_the_film(result: Result, film: Path, tmp_path: Path) -> None:
    video = open_video(film)
    draw_frame(tmp_path / "a.png", result, 4, video)
    (source,) = video.frames(4, 5)
    with Image.open(tmp_path / "a.png") as image:
        assert np.array_equal(np.asarray(image), draw_overlay(source, drawn_objects(result[4])))


def test_a_frame_that_is_not_in_the_result_is_told(result: Result, film: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="frame 1: there are frames 2 to 8"):
        draw_frame(tmp_path / "a.png", result, 1, open_video(film))


def test_a_sheet_shows_the_frames_in_which_most_is_hidden_and_some_is_seen(result: Result) -> None:
    assert result[8].objects[1].hidden
    assert _choose(result) == {1: [4, 6, 7], 5: [6, 7, 8]}


def test_a_sheet_of_objects_that_are_never_hidden_shows_them(result: Result) -> None:
    frames = [
        FrameResult(frame_index=f.frame_index, height=HEIGHT, width=WIDTH, objects={2: f.objects[2]}) for f in result
    ]
    assert list(_choose(frames)) == [2]


def test_a_sheet_is_an_image_of_a_row_an_object(result: Result, film: Path, tmp_path: Path) -> None:
    draw_sheet(tmp_path / "two.png", result, open_video(film))
    few = [FrameResult(frame_index=2, height=HEIGHT, width=WIDTH, objects={1: result[2].objects[1]})]
    draw_sheet(tmp_path / "one.png", few, open_video(film))
    with Image.open(tmp_path / "two.png") as two, Image.open(tmp_path / "one.png") as one:
        assert two.width == one.width
        assert two.height > 1.5 * one.height


def test_a_result_without_objects_has_no_sheet(film: Path, tmp_path: Path) -> None:
    frames = [FrameResult(frame_index=0, height=HEIGHT, width=WIDTH, objects={})]
    with pytest.raises(DataError, match="expected an object to draw"):
        draw_sheet(tmp_path / "a.png", frames, open_video(film))


def test_the_video_of_another_result_is_refused(result: Result, tmp_path: Path) -> None:
    write_mp4(tmp_path / "short.mp4", [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 4, 10)
    write_mp4(tmp_path / "small.mp4", [np.zeros((32, 32, 3), np.uint8)] * LENGTH, 10)
    with pytest.raises(DataError, match=r"short\.mp4: expected a frame 4"):
        draw_film(tmp_path / "out.mp4", result, open_video(tmp_path / "short.mp4"))
    with pytest.raises(DataError, match=r"small\.mp4: expected 64 rows and 96 columns"):
        draw_film(tmp_path / "out.mp4", result, open_video(tmp_path / "small.mp4"))
    assert not (tmp_path / "out.mp4").exists()
