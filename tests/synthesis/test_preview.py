"""Pictures of a made-up video."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from flat_scenes.scenes import flat_video

from eoras.errors import RunError
from eoras.synthesis.preview import PANELS, preview_frame, preview_sheet
from eoras.video import write_mp4


def test_a_sheet_shows_every_panel_of_four_frames() -> None:
    video = flat_video(0, size=(48, 64), frames=6)
    sheet = np.asarray(preview_sheet(video, "title"))
    assert sheet.shape[1] > 4 * 64
    for t in (0, 5):
        for draw in PANELS.values():
            assert contains(sheet, np.asarray(draw(video, t)))


def test_a_hidden_part_is_striped_and_every_object_outlined() -> None:
    video = flat_video(0, size=(64, 64), frames=4)
    pale = np.asarray(PANELS["whole objects: outlines, and stripes where hidden"](video, 0)).astype(int)
    coloured = pale.max(axis=2) - pale.min(axis=2) > 30
    hidden = video.amodal[:, 0] & (video.visible[0] != np.arange(1, len(video.amodal) + 1)[:, None, None])
    assert coloured[hidden.any(axis=0)].mean() > 0.25
    assert not coloured[~video.amodal[:, 0].any(axis=0)].any()


def test_a_film_has_the_exact_rate_and_every_frame(tmp_path: Path) -> None:
    video = flat_video(0, size=(48, 64), frames=5)
    frames = [preview_frame(video, t) for t in range(5)]
    write_mp4(tmp_path / "film.mp4", iter(frames), Fraction(30000, 1001))
    with av.open(str(tmp_path / "film.mp4")) as film:
        stream = film.streams.video[0]
        assert stream.average_rate == Fraction(30000, 1001)
        assert stream.codec_context.pix_fmt == "yuv420p"
        decoded = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(decoded) == 5
    assert abs(decoded[2].astype(int) - frames[2][: decoded[2].shape[0], : decoded[2].shape[1]]).mean() < 12


def test_odd_sizes_lose_their_last_row_and_column(tmp_path: Path) -> None:
    write_mp4(tmp_path / "film.mp4", [np.zeros((33, 47, 3), np.uint8)] * 2, 12)
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert (film.streams.video[0].height, film.streams.video[0].width) == (32, 46)


def test_a_film_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def frames() -> object:
        yield np.zeros((32, 32, 3), np.uint8)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        write_mp4(tmp_path / "film.mp4", frames(), 12)  # type: ignore[arg-type]  # it is an iterator of frames
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "nowhere").write_text("a file")
    with pytest.raises(RunError, match=r"film\.mp4: could not be written"):
        write_mp4(tmp_path / "nowhere" / "film.mp4", [np.zeros((32, 32, 3), np.uint8)], 12)


def contains(sheet: np.ndarray, panel: np.ndarray) -> bool:
    """Whether a picture lies somewhere in a sheet."""
    height, width = panel.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(sheet, (1, width, 3))[:, :, 0, 0]
    rows, columns = np.nonzero((windows == panel[0]).all(axis=(2, 3)))
    return any(np.array_equal(sheet[r : r + height, c : c + width], panel) for r, c in zip(rows, columns, strict=True))
