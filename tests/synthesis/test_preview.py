"""Pictures of a made-up video."""

import numpy as np
from flat_scenes.scenes import flat_video

from eoras.synthesis.preview import PANELS, preview_frame, preview_sheet


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


def test_a_frame_of_the_film_has_every_panel_two_by_two() -> None:
    video = flat_video(0, size=(48, 64), frames=3)
    panels = [np.asarray(draw(video, 2)) for draw in PANELS.values()]
    frame = preview_frame(video, 2)
    height, width = frame.shape[0] // 2, frame.shape[1] // 2
    assert frame.shape == (2 * height, 2 * width, 3)
    for number, panel in enumerate(panels):
        top, left = number // 2 * height, number % 2 * width
        assert np.array_equal(frame[top : top + panel.shape[0], left : left + panel.shape[1]], panel)


def contains(sheet: np.ndarray, panel: np.ndarray) -> bool:
    """Whether a picture lies somewhere in a sheet."""
    height, width = panel.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(sheet, (1, width, 3))[:, :, 0, 0]
    rows, columns = np.nonzero((windows == panel[0]).all(axis=(2, 3)))
    return any(np.array_equal(sheet[r : r + height, c : c + width], panel) for r, c in zip(rows, columns, strict=True))
