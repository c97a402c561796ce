"""savos, c2f and diffvas by hand: every row of the table of formats 7.5, and what each does of its own."""

import numpy as np
import pytest
from toy_frames import Frame, area, occluded_frame, score, stack

from eoras.evaluation import Scores

# Beside one imperfect frame, whose IoU behind others is 40 / 80 and in the whole 90 / 130

IMPERFECT = occluded_frame(50, 60, 40, added=20)
ROWS = {
    "no-occlusion-none-predicted": occluded_frame(50, 0, 0),
    "no-occlusion-some-predicted": occluded_frame(50, 0, 0, added=7),
    "perfect-32-pixels": occluded_frame(50, 32, 32),
    "perfect-31-pixels": occluded_frame(50, 31, 31),
    "imperfect": occluded_frame(50, 80, 20, added=20),
    "missed": occluded_frame(50, 80, 0, added=20),
}


@pytest.mark.parametrize(
    ("row", "miou_occ", "left_out", "perfect", "missed"),
    [
        ("no-occlusion-none-predicted", 0.5, 1, 0, 0),  # 1e-6 / 1e-6 is 1
        ("no-occlusion-some-predicted", 0.25, 0, 0, 0),  # 1e-6 / 7
        ("perfect-32-pixels", 0.5, 1, 1, 0),
        ("perfect-31-pixels", 0.5, 1, 1, 0),
        ("imperfect", (0.5 + 0.2) / 2, 0, 0, 0),
        ("missed", 0.25, 0, 0, 1),
    ],
)
def test_savos_counts_a_frame_as_its_code_does(row: str, miou_occ: float, left_out: int, perfect: int, missed: int):
    result = score(IMPERFECT, ROWS[row]).compute("savos")
    assert result["miou_occ"] == pytest.approx(miou_occ, abs=1e-6)
    assert (result["left_out"], result["perfect"], result["missed"]) == (left_out, perfect, missed)
    assert result["frames"] == result["occluded"] + result["unoccluded"] == 2


@pytest.mark.parametrize(
    ("row", "miou_occ", "perfect", "missed"),
    [
        ("no-occlusion-none-predicted", 0.25, 0, 0),  # counted, as 0
        ("no-occlusion-some-predicted", 0.25, 0, 0),
        ("perfect-32-pixels", 0.75, 1, 0),  # counted, as 1
        ("perfect-31-pixels", 0.75, 0, 0),  # just below 1
        ("imperfect", (0.5 + 0.2) / 2, 0, 0),
        ("missed", 0.25, 0, 1),
    ],
)
def test_c2f_counts_a_frame_as_its_code_does(row: str, miou_occ: float, perfect: int, missed: int):
    result = score(IMPERFECT, ROWS[row]).compute("c2f")
    assert result["miou_occ"] == pytest.approx(miou_occ, abs=1e-6)
    assert (result["frames"], result["tracks"]) == (2, 1)
    assert (result["perfect"], result["missed"]) == (perfect, missed)


# diffvas: blocks that an erosion by 5x5 makes 4 pixels smaller on each side that is inside the image


def block(top: int, bottom: int, left: int = 6, right: int = 18) -> np.ndarray:
    mask = np.zeros((1, 24, 24), bool)
    mask[:, top:bottom, left:right] = True
    return mask


def eroded_frame(occluded: int, found: int, added: int = 0) -> Frame:
    """12 columns; after the erosion 8, and of ``occluded`` rows, of which ``found`` are found, 4 fewer."""
    visible, amodal = block(3, 5), block(3, 5 + occluded)
    answer = block(3, 5 + found) | (block(5 + occluded, 5 + occluded + added) if added else block(0, 0))
    return amodal, visible, answer


@pytest.mark.parametrize(
    ("frame", "miou_occ", "counted", "perfect", "missed"),
    [
        pytest.param(eroded_frame(0, 0), 0.5, 1, 0, 0, id="no-occlusion-none-predicted"),
        pytest.param(eroded_frame(0, 0, added=8), 0.5, 1, 0, 0, id="no-occlusion-some-predicted"),
        pytest.param(eroded_frame(8, 8), 0.75, 2, 1, 0, id="perfect-32-pixels"),
        pytest.param(eroded_frame(7, 7), 0.75, 2, 1, 0, id="perfect-24-pixels"),
        pytest.param(eroded_frame(12, 6), (0.5 + 16 / 64) / 2, 2, 0, 0, id="imperfect"),
        pytest.param(eroded_frame(8, 0), 0.5, 1, 0, 1, id="missed"),
        pytest.param(eroded_frame(8, 4), 0.5, 1, 0, 1, id="found-but-thin"),
        pytest.param(eroded_frame(4, 0), 0.5, 1, 0, 0, id="occlusion-too-thin"),
    ],
)
def test_diffvas_counts_a_frame_as_its_code_does(
    frame: Frame, miou_occ: float, counted: int, perfect: int, missed: int
):
    imperfect = eroded_frame(12, 8)  # 8 x 4 of 8 x 8 pixels
    result = score(imperfect, frame).compute("diffvas")
    assert result["miou_occ"] == pytest.approx(miou_occ, abs=1e-6)
    assert (result["frames"], result["counted"]) == (2, counted)
    assert (result["perfect"], result["missed"]) == (perfect, missed)


def test_diffvas_erodes_nothing_from_beyond_the_image():
    amodal = block(0, 24, 0, 6)  # at three borders: only its right side moves, to 24 x 4 pixels
    answer = block(0, 24, 0, 5)
    result = score((amodal, block(0, 0), answer)).compute("diffvas")
    assert result["miou_occ"] == pytest.approx(3 / 4, abs=1e-6)


def test_diffvas_unites_the_answer_with_the_visible_mask():
    amodal, visible, prediction = area(30), area(20), area(5, skip=20)
    assert score((amodal, visible, prediction)).compute("diffvas")["miou_full"] == pytest.approx(25 / 30, abs=1e-6)


# savos


def test_savos_takes_the_visible_mask_wherever_no_other_object_is_seen():
    scores = Scores()
    amodal, visible, others = area(60), area(20), area(20, skip=20)
    prediction = area(50, skip=10)  # misses 10 visible pixels; of the 40 hidden ones 20 lie behind others
    scores.update(amodal, visible, prediction, video="a", track_id=0, others=others)
    assert scores.compute("savos")["miou_full"] == pytest.approx(40 / 60, abs=1e-6)
    assert scores.compute("savos")["miou_occ"] is None  # all 20 behind others are found
    assert scores.compute("c2f")["miou_full"] == pytest.approx(50 / 60, abs=1e-6)
    assert scores.compute("c2f")["miou_full_post"] == pytest.approx(40 / 60, abs=1e-6)
    assert scores.compute("c2f")["miou_occ_post"] == pytest.approx(20 / 40, abs=1e-6)


def test_savos_averages_over_the_objects_of_an_image_then_over_images():
    scores = Scores()
    for track_id, frames in [(0, [20, 30]), (1, [10])]:  # found, of 40
        masks = stack([occluded_frame(50, 40, found) for found in frames])
        scores.update(*masks, video="a", track_id=track_id, others=~masks[1])
    result = scores.compute("savos")
    assert result["images"] == 2
    assert result["miou_occ"] == pytest.approx(((20 + 10) / 80 + 30 / 40) / 2)
    assert result["per_object"]["miou_occ"] == pytest.approx((20 + 30 + 10) / 120)


def test_savos_leaves_perfect_frames_out_of_the_whole_score_too():
    result = score(occluded_frame(50, 40, 40), occluded_frame(60, 40, 0)).compute("savos")
    assert result["miou_full"] == pytest.approx(60 / 100, abs=1e-6)


def test_savos_scores_nothing_where_the_others_are_not_known():
    scores = Scores()
    scores.update(*occluded_frame(50, 40, 20), video="a", track_id=0)
    assert scores.compute("savos")["frames"] == 0
    assert scores.compute("c2f")["miou_full_post"] is None
    assert scores.compute("c2f")["miou_full"] == pytest.approx(70 / 90, abs=1e-6)


# c2f


def test_c2f_averages_within_each_track_first():
    scores = Scores()
    for track_id, frames in [(0, [40, 40, 40]), (1, [20])]:
        scores.update(*stack([occluded_frame(50, 40, found) for found in frames]), video="a", track_id=track_id)
    assert scores.compute("c2f")["miou_occ"] == pytest.approx((1 + 0.5) / 2, abs=1e-6)


def test_c2f_leaves_out_frames_in_which_the_object_is_not_seen():
    result = score(occluded_frame(0, 40, 10), occluded_frame(50, 40, 20)).compute("c2f")
    assert (result["frames"], result["miou_occ"]) == (1, pytest.approx(0.5, abs=1e-6))


@pytest.mark.parametrize("protocol", ["savos", "c2f", "diffvas"])
def test_copies_that_pad_a_track_are_not_scored(protocol: str):
    masks = stack([occluded_frame(50, 60, 40), occluded_frame(50, 60, 40)])
    scores = Scores()
    scores.update(*masks, video="a", track_id=0, frame_indices=[3, 3], others=~masks[1])
    assert scores.compute(protocol)["frames"] == 1
