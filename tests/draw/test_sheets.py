import numpy as np
import pytest
from PIL import Image

from eoras.draw import TrackPicture, contact_sheet, outline_overlay
from eoras.draw.marks import PREDICTED, TRUE, VISIBLE
from eoras.draw.sheets import _GAP, _LINE, _MARGIN

SIDE = 192


def square(height: int, width: int, top: int, left: int, bottom: int, right: int, frames: int = 1) -> np.ndarray:
    masks = np.zeros((frames, height, width), bool)
    masks[:, top:bottom, left:right] = True
    return masks


def track(
    visible: np.ndarray, predicted: np.ndarray, amodal: np.ndarray, frames: np.ndarray | None = None
) -> TrackPicture:
    if frames is None:
        frames = np.full((*amodal.shape, 3), 120, np.uint8)
    return TrackPicture(title="video 0, track 0", frames=frames, visible=visible, predicted=predicted, amodal=amodal)


def panel(sheet: Image.Image, kind: int, column: int = 0, row: int = 0) -> np.ndarray:
    """Pixels of a panel: kind 0 is the frame, 1 the visible mask, 2 the prediction with the truth."""
    left = _MARGIN + column * (3 * (SIDE + _GAP) + _MARGIN) + kind * (SIDE + _GAP)
    top = _MARGIN + 4 * _LINE + row * (SIDE + 3 * _LINE) + _LINE
    return np.asarray(sheet)[top : top + SIDE, left : left + SIDE]


def has(pixels: np.ndarray, colour: tuple[int, ...]) -> np.ndarray:
    return (pixels == colour).all(axis=-1)


# a square of 16 pixels whose left half is seen; its window is rows and columns 16 to 48, so one pixel becomes six
WHOLE = square(64, 64, 24, 24, 40, 40)
LEFT = square(64, 64, 24, 24, 40, 32)
NOTHING = np.zeros_like(WHOLE)
LEFT_INSIDE, RIGHT_INSIDE = (slice(60, 132), slice(60, 84)), (slice(60, 132), slice(108, 132))


def test_the_predicted_part_that_is_not_visible_is_hatched() -> None:
    drawn = has(panel(contact_sheet([track(LEFT, WHOLE, WHOLE)]), 2), PREDICTED)
    assert 0.2 < drawn[RIGHT_INSIDE].mean() < 0.6, "stripes"
    assert not drawn[LEFT_INSIDE].any()


def test_a_prediction_of_the_visible_part_alone_hatches_nothing() -> None:
    drawn = has(panel(contact_sheet([track(LEFT, LEFT, WHOLE)]), 2), PREDICTED)
    assert not drawn[RIGHT_INSIDE].any()
    assert not drawn[LEFT_INSIDE].any()


def test_outlines_carry_their_colours_along_the_edges() -> None:
    pixels = panel(contact_sheet([track(LEFT, LEFT, WHOLE)]), 2)
    middle = slice(60, 132)
    assert has(pixels[middle, 94:98], PREDICTED).any(axis=1).all(), "right edge of the prediction"
    assert has(pixels[middle, 141:147], TRUE).any(axis=1).all(), "right edge of the truth"
    assert not has(pixels[middle, 141:147], PREDICTED).any()
    assert not has(pixels[middle, 60:90], TRUE).any()


def test_where_both_outlines_agree_both_are_seen() -> None:
    pixels = panel(contact_sheet([track(LEFT, WHOLE, WHOLE)]), 2)
    edge = pixels[60:132, 141:148]
    assert has(edge, PREDICTED).any(axis=1).all()
    assert (edge.sum(axis=-1) < 120).any(axis=1).all(), "the darker rim of the wider outline"


def test_an_outline_has_the_same_width_on_every_side() -> None:
    pixels = has(panel(contact_sheet([track(NOTHING, NOTHING, WHOLE)]), 2), TRUE)
    middle = slice(70, 120)
    widths = [
        pixels[middle, :96].sum(1),
        pixels[middle, 96:].sum(1),
        pixels[:96, middle].sum(0),
        pixels[96:, middle].sum(0),
    ]
    assert np.ptp(np.concatenate(widths)) <= 1
    assert np.min(widths) >= 3


def test_the_visible_mask_is_filled_in_the_middle_panel_and_the_frame_left_as_it_is() -> None:
    sheet = contact_sheet([track(LEFT, WHOLE, WHOLE)])
    seen = has(panel(sheet, 1), VISIBLE)
    assert seen[LEFT_INSIDE].all()
    assert not seen[RIGHT_INSIDE].any()
    assert (panel(sheet, 0) == 120).all()


def test_frames_are_called_by_the_numbers_of_their_files() -> None:
    masks = {"visible": LEFT, "amodal": WHOLE, "frames": np.zeros((1, 64, 64, 3), np.uint8)}
    assert TrackPicture(title="whole", **masks).name_frame(0) == "frame 0"
    assert TrackPicture(title="part", **masks, frame_indices=[12], is_whole=False).name_frame(0) == "frame 12"


def test_the_legend_shows_every_colour() -> None:
    legend = np.asarray(contact_sheet([]))
    for colour in (VISIBLE, PREDICTED, TRUE):
        assert has(legend, colour).any()


def test_the_legend_fits_on_a_sheet_of_one_column() -> None:
    narrow, wide = (np.asarray(contact_sheet([], columns=columns)) for columns in (1, 4))
    lines = slice(0, _MARGIN + 2 * _LINE)
    assert (narrow[lines, -_MARGIN:] == 255).all()
    assert (wide[lines, narrow.shape[1] :] == 255).all()


def test_empty_masks_draw_no_outline() -> None:
    pixels = panel(contact_sheet([track(NOTHING, NOTHING, NOTHING)]), 2)
    assert not has(pixels, PREDICTED).any()
    assert not has(pixels, TRUE).any()
    assert len(np.unique(pixels)) == 1


def test_a_track_of_one_frame_leaves_the_other_columns_white() -> None:
    sheet = contact_sheet([track(LEFT, WHOLE, WHOLE)], columns=3)
    assert (panel(sheet, 0, column=0) != 255).all()
    assert (panel(sheet, 0, column=1) == 255).all()
    assert (panel(sheet, 2, column=2) == 255).all()


def test_each_part_of_a_track_shows_its_most_hidden_frame() -> None:
    amodal = np.repeat(WHOLE, 6, axis=0)
    visible = amodal.copy()
    visible[1, :, 30:] = False
    visible[2, :, 38:] = False
    visible[5, :, 26:] = False
    frames = np.broadcast_to(np.arange(6, dtype=np.uint8)[:, None, None, None] * 20, (6, 64, 64, 3)).copy()
    sheet = contact_sheet([track(visible, amodal, amodal, frames)], columns=2)
    assert (panel(sheet, 0, column=0) == 20).all()
    assert (panel(sheet, 0, column=1) == 100).all()


@pytest.mark.parametrize("size", [(96, 144), (32, 200), (256, 256), (375, 1242), (16, 16)])
def test_images_of_any_size_stand_in_one_sheet(size: tuple[int, int]) -> None:
    height, width = size
    wide = square(height, width, height // 4, width // 8, height // 2, width // 2)
    sheet = contact_sheet([track(LEFT, WHOLE, WHOLE), track(wide, wide, wide)], columns=1)
    assert sheet.size == contact_sheet([track(LEFT, WHOLE, WHOLE)] * 2, columns=1).size
    assert has(panel(sheet, 1, row=1), VISIBLE).any()
    assert (panel(sheet, 0, row=1) == 120).any()


def test_beyond_the_image_a_window_is_white() -> None:
    wide = square(32, 200, 8, 10, 24, 190)
    pixels = panel(contact_sheet([track(wide, wide, wide)]), 0)
    assert (pixels[:60] == 255).all()
    assert (pixels[-60:] == 255).all()
    assert (pixels[96] == 120).all()


def test_a_small_object_is_enlarged_but_keeps_its_surroundings() -> None:
    small = square(128, 128, 60, 60, 68, 68)
    seen = has(panel(contact_sheet([track(small, small, small)]), 1), VISIBLE)
    assert seen.sum() == pytest.approx((8 * SIDE / 64) ** 2, rel=0.15)
    assert not seen[:60].any()


def test_an_object_at_the_border_stays_in_the_window_and_open_at_the_border() -> None:
    corner = square(64, 64, 48, 48, 64, 64)
    pixels = panel(contact_sheet([track(corner, NOTHING, corner)]), 2)
    assert has(pixels[96:, 96:], TRUE).any()
    assert not has(pixels[-1, 110:], TRUE).any()
    assert not has(pixels[110:, -1], TRUE).any()


def true_track(visible: np.ndarray, amodal: np.ndarray) -> TrackPicture:
    frames = np.full((*amodal.shape, 3), 120, np.uint8)
    return TrackPicture(title="video 0, track 0", frames=frames, visible=visible, amodal=amodal)


def test_without_a_prediction_the_hidden_part_of_the_true_mask_is_hatched_and_outlined() -> None:
    pixels = panel(contact_sheet([true_track(LEFT, WHOLE)]), 2)
    drawn = has(pixels, TRUE)
    assert 0.2 < drawn[RIGHT_INSIDE].mean() < 0.6, "stripes"
    assert not drawn[LEFT_INSIDE].any()
    assert drawn[60:132, 141:147].any(axis=1).all(), "right edge"


def test_without_a_prediction_neither_sheet_nor_legend_speaks_of_one() -> None:
    assert not has(np.asarray(contact_sheet([true_track(LEFT, WHOLE)])), PREDICTED).any()


def test_an_overlay_has_both_outlines_and_is_clear_elsewhere() -> None:
    visible, amodal, predicted = np.zeros((3, 32, 32), bool)
    amodal[8:24, 8:24] = True
    visible[8:24, 8:16] = True
    predicted[8:24, 8:20] = True
    pixels = np.asarray(outline_overlay(visible, amodal, predicted, (128, 64)))
    assert pixels.shape == (64, 128, 4)
    assert has(pixels[32, 76:84], (*PREDICTED, 255)).any()  # the right edge of the answer
    assert has(pixels[32, 92:100], (255, 255, 255, 255)).any()  # that of the truth
    assert (pixels[24:40, 40:56, 3] == 0).all()  # the seen part
    assert set(np.unique(pixels[24:40, 68:74, 3])) >= {0, 150}  # the hidden part is striped
    assert (pixels[:, 108:, 3] == 0).all()
