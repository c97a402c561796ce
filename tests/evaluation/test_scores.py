"""Scores: the golden numbers, the facts and the table of formats 7, and hand-computed cases."""

import json
import random
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from golden_movi import EXPECTED, Instance, instances
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from toy_frames import Frame, area, occluded_frame, score, stack

from eoras.errors import ConfigError, DataError
from eoras.evaluation import Scores
from eoras.evaluation.ious import paper_iou
from eoras.evaluation.protocols import OCCLUSION_BINS, PROTOCOLS

# The official numbers


@pytest.mark.parametrize("instance", instances(), ids=lambda instance: instance.name)
def test_paper_gives_the_official_sums_of_each_track(instance: Instance):
    official = next(row for row in EXPECTED["rows"] if row["instance"] == instance.name)
    result = instance.scores().compute("paper")
    assert result["frames"] == official["frames"]
    assert result["imperfect"] == official["num_occ"]
    assert result["miou_crop"] * result["frames"] == pytest.approx(official["sum_iou_crop"], abs=1e-6)
    assert result["miou_full"] * result["frames"] == pytest.approx(official["sum_iou_full"], abs=1e-6)
    assert result["miou_occ"] * result["imperfect"] == pytest.approx(official["sum_iou_occ"], abs=1e-6)


def test_paper_gives_the_official_means_of_the_whole_set():
    scores = Scores()
    for instance in instances():
        scores.merge(instance.scores())
    result = scores.compute("paper")
    for name in ("miou_crop", "miou_full", "miou_occ"):
        assert result[name] == pytest.approx(EXPECTED[name], abs=1e-6)


@pytest.mark.parametrize("pixels", range(1, 32))
def test_paper_holds_a_perfect_match_of_fewer_than_32_pixels_below_one(pixels: int):
    assert 0.999998 < paper_iou(pixels, pixels) < 1


@pytest.mark.parametrize("pixels", [32, 33, 1000, 65536, 2**24])
def test_paper_holds_a_perfect_match_of_32_pixels_or_more_at_one(pixels: int):
    assert paper_iou(pixels, pixels) == 1


def test_paper_counts_empty_against_empty_as_zero():
    assert paper_iou(0, 0) == 0


def test_paper_gives_a_perfect_predictor_zero_and_one_that_misses_a_pixel_much_more():
    unoccluded = [occluded_frame(visible=50, occluded=0, found=0)] * 40
    perfect = score(*[occluded_frame(visible=50, occluded=400, found=400)] * 60, *unoccluded).compute("paper")
    assert (perfect["miou_occ"], perfect["imperfect"]) == (0.0, 40)
    nearly = score(*[occluded_frame(visible=50, occluded=400, found=399)] * 60, *unoccluded).compute("paper")
    assert round(100 * nearly["miou_occ"], 2) == 59.85
    assert nearly["imperfect"] == 100


# The table of formats 7.5, row by row, each beside one imperfect frame of IoU 40 / 80


@pytest.mark.parametrize(
    ("frame", "miou_occ", "perfect", "missed"),
    [
        pytest.param(occluded_frame(50, 0, 0), 0.25, 0, 0, id="no-occlusion-none-predicted"),
        pytest.param(occluded_frame(50, 0, 0, added=7), 0.25, 0, 0, id="no-occlusion-some-predicted"),
        pytest.param(occluded_frame(50, 32, 32), 0.5, 1, 0, id="perfect-32-pixels"),
        pytest.param(occluded_frame(50, 31, 31), 0.75, 0, 0, id="perfect-31-pixels"),
        pytest.param(occluded_frame(50, 80, 20, added=20), 0.35, 0, 0, id="imperfect"),
        pytest.param(occluded_frame(50, 80, 0, added=20), 0.25, 0, 1, id="missed"),
    ],
)
def test_paper_counts_a_frame_as_the_official_code_does(frame: Frame, miou_occ: float, perfect: int, missed: int):
    result = score(occluded_frame(50, 60, 40, added=20), frame).compute("paper")
    assert result["miou_occ"] == pytest.approx(miou_occ, abs=1e-6)
    assert (result["perfect"], result["imperfect"], result["missed"]) == (perfect, 2 - perfect, missed)


def test_paper_scores_the_whole_object_and_the_window():
    scores = Scores()
    masks = occluded_frame(visible=50, occluded=30, found=10, added=20)
    scores.update(*masks, video="a", track_id=0, window=(area(90), area(30)))
    result = scores.compute("paper")
    assert result["miou_full"] == pytest.approx(60 / 100, abs=1e-6)
    assert result["miou_crop"] == pytest.approx(30 / 90, abs=1e-6)


def test_paper_compares_the_occluded_regions_outside_the_true_visible_mask():
    amodal, visible, prediction = area(30), area(10), area(10, skip=20)  # predicts nothing of the visible part
    assert score((amodal, visible, prediction)).compute("paper")["miou_occ"] == pytest.approx(10 / 20, abs=1e-6)


def test_paper_counts_padding_copies_and_strict_does_not():
    scores = Scores()
    good, bad = occluded_frame(50, 40, 40), occluded_frame(50, 40, 0)
    amodal, visible, prediction = stack([good, bad, bad])
    scores.update(amodal, visible, prediction, video="a", track_id=0, frame_indices=[3, 4, 4])
    assert scores.compute("paper")["frames"] == 3
    assert scores.compute("strict")["frames"] == 2
    assert scores.compute("strict")["miou_occ"] == 0.5


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_frame_without_annotation_is_not_scored(protocol: str):
    scores = Scores()
    amodal, visible, prediction = stack([occluded_frame(50, 40, 30), occluded_frame(50, 40, 0)])
    available = torch.tensor([True, False])
    scores.update(amodal, visible, prediction, video="a", track_id=0, available=available, others=~visible)
    assert scores.compute(protocol) == score(occluded_frame(50, 40, 30)).compute(protocol)


# strict, by hand


def test_strict_keeps_perfect_and_missed_frames_and_leaves_out_unoccluded_ones():
    result = score(
        occluded_frame(visible=60, occluded=40, found=40),
        occluded_frame(visible=60, occluded=40, found=0),
        occluded_frame(visible=60, occluded=40, found=10, added=10),
        occluded_frame(visible=60, occluded=0, found=0),
    ).compute("strict")
    assert result["miou_occ"] == pytest.approx((1 + 0 + 10 / 50) / 3)
    assert result["miou_full"] == pytest.approx((1 + 60 / 100 + 70 / 110 + 1) / 4)
    counts = {"frames": 4, "occluded": 3, "unoccluded": 1, "perfect": 1, "missed": 1, "hidden": 0}
    assert {name: result[name] for name in counts} == counts


def test_strict_scores_one_occluded_pixel_and_reports_32_apart():
    frames = [occluded_frame(50, occluded, found) for occluded, found in [(1, 1), (31, 0), (32, 16)]]
    result = score(*frames).compute("strict")
    assert (result["occluded"], result["miou_occ"]) == (3, 0.5)
    assert (result["occluded_32px"], result["miou_occ_32px"]) == (1, 0.5)


def test_strict_leaves_out_frames_without_an_amodal_mask():
    result = score((area(0), area(0), area(9)), occluded_frame(50, 0, 0)).compute("strict")
    assert (result["frames"], result["miou_full"], result["false_positive_px"]) == (1, 1.0, 0.0)


def test_strict_scores_fully_hidden_frames_and_counts_them():
    result = score((area(40), area(0), area(10)), occluded_frame(50, 0, 0)).compute("strict")
    assert (result["hidden"], result["miou_occ"]) == (1, 0.25)


def test_strict_measures_what_is_added_to_unoccluded_objects():
    result = score(
        occluded_frame(visible=50, occluded=0, found=0, added=5),
        occluded_frame(visible=100, occluded=0, found=0, added=20),
        occluded_frame(visible=50, occluded=10, found=0, added=30),
    ).compute("strict")
    assert result["false_positive_px"] == 12.5
    assert result["false_positive_rate"] == pytest.approx((0.1 + 0.2) / 2)


def test_strict_averages_by_track_and_by_video():
    scores = Scores()
    for video, track_id, ious in [("a", 0, (1.0, 0.0)), ("a", 1, (1.0,)), ("b", 0, (0.5, 0.5, 0.5))]:
        frames = [occluded_frame(50, 40, round(40 * iou)) for iou in ious]
        amodal, visible, prediction = stack(frames)
        scores.update(amodal, visible, prediction, video=video, track_id=track_id)
    scores.update(*occluded_frame(50, 0, 0), video="c", track_id=0)
    result = scores.compute("strict")
    assert result["miou_occ"] == pytest.approx(3.5 / 6)
    assert result["per_track"]["miou_occ"] == pytest.approx((0.5 + 1 + 0.5) / 3)
    assert result["per_video"]["miou_occ"] == pytest.approx((2 / 3 + 0.5) / 2)
    assert (result["per_track"]["count"], result["per_video"]["count"]) == (4, 3)
    assert result["per_track"]["miou_full"] == pytest.approx(((1 + 5 / 9) / 2 + 1 + 7 / 9 + 1) / 4)
    assert result["per_video"]["miou_full"] == pytest.approx(((1 + 5 / 9 + 1) / 3 + 7 / 9 + 1) / 3)


@pytest.mark.parametrize(
    ("occluded", "name"),
    [
        (0, "0"),
        (1, "0-25"),
        (24, "0-25"),
        (25, "25-50"),
        (49, "25-50"),
        (50, "50-75"),
        (75, "75-99"),
        (99, "75-99"),
        (100, "100"),
    ],
)
def test_strict_sorts_frames_by_the_share_that_is_occluded(occluded: int, name: str):
    bins = score(occluded_frame(100 - occluded, occluded, found=occluded)).compute("strict")["by_occlusion"]
    assert tuple(bins) == OCCLUSION_BINS
    assert {key for key, values in bins.items() if values["frames"]} == {name}
    assert bins[name] == {"frames": 1, "miou_full": 1.0, "miou_occ": 1.0 if occluded else None}


# Properties

MASKS = arrays.arrays(bool, (3, 2, 4, 5))
PARTS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1), MASKS), min_size=1, max_size=5)


@given(PARTS, st.integers(0, 5), st.randoms(use_true_random=False))
def test_parts_in_any_order_give_what_the_whole_gives(parts, cut: int, chance: random.Random):
    def scores_of(some) -> Scores:
        scores = Scores(outlines=True)
        for number, (video, track_id, (amodal, visible, prediction)) in some:
            masks = {"window": (amodal, visible), "others": prediction & ~visible}
            frames = len(amodal) * number + np.arange(len(amodal))
            scores.update(amodal, visible, prediction, frame_indices=frames, video=video, track_id=track_id, **masks)
        return scores

    numbered = list(enumerate(parts))
    whole = scores_of(numbered)
    shuffled = chance.sample(numbered, len(numbered))
    first, second = scores_of(shuffled[:cut]), scores_of(shuffled[cut:])
    first.merge(second)
    for protocol in PROTOCOLS:
        assert first.compute(protocol) == whole.compute(protocol)


@given(MASKS)
def test_a_perfect_predictor_scores_one_under_strict(masks: np.ndarray):
    amodal, visible = masks[0], masks[0] & masks[1]
    scores = Scores()
    scores.update(amodal, visible, amodal, video="a", track_id=0)
    result = scores.compute("strict")
    assert result["miou_full"] in (1.0, None)
    assert result["miou_occ"] == (1.0 if (amodal & ~visible).any() else None)
    assert result["perfect"] == result["occluded"]
    assert result["false_positive_px"] in (0.0, None)


@given(MASKS)
def test_counting_agrees_with_pixel_by_pixel_sets(masks: np.ndarray):
    amodal, visible, prediction = masks
    scores = Scores()
    scores.update(amodal, visible, prediction, video="a", track_id=0)
    occluded, answered = amodal & ~visible, prediction & ~visible
    expected = [(a & p).sum() / (a | p).sum() for a, p in zip(occluded, answered, strict=True) if a.any()]
    result = scores.compute("strict")["miou_occ"]
    assert result == (pytest.approx(np.mean(expected)) if expected else None)


# Edges and bad input


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_scored_is_null_and_not_a_number_that_is_none(protocol: str):
    result = Scores().compute(protocol)
    assert result["miou_full"] is None
    assert result["miou_occ"] is None
    assert result["frames"] == 0
    json.dumps(result, allow_nan=False)


def test_paper_does_not_fail_where_every_frame_is_perfect():
    assert score(occluded_frame(50, 40, 40)).compute("paper")["miou_occ"] is None


def test_the_window_is_null_where_it_is_not_known():
    assert score(occluded_frame(50, 40, 40)).compute("paper")["miou_crop"] is None


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_results_are_plain_values_fit_for_json(protocol: str):
    result = score(occluded_frame(50, 40, 20), occluded_frame(50, 0, 0)).compute(protocol)
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_tensors_score_as_arrays_do():
    frame = occluded_frame(50, 40, 20)
    scores = Scores()
    scores.update(*map(torch.from_numpy, frame), video="a", track_id=0, frame_indices=torch.tensor([0]))
    assert scores.compute("strict") == score(frame).compute("strict")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prediction": np.zeros((1, 4, 4), bool)}, "prediction must be bool (1, 24, 24), found bool (1, 4, 4)"),
        ({"visible": np.zeros((1, 24, 24))}, "visible must be bool (1, 24, 24), found float64 (1, 24, 24)"),
        ({"amodal": np.zeros((24, 24), bool)}, "amodal must be bool (frames, rows, columns), found bool (24, 24)"),
        ({"frame_indices": [1, 2]}, "frame_indices must have one entry for each of the 1 frames, found (2,)"),
        ({"available": [True, True]}, "available must have one entry for each of the 1 frames, found (2,)"),
        ({"window": (area(1), np.zeros((2, 4, 4), bool))}, "window_prediction must be bool (1, 24, 24)"),
        ({"window": (np.zeros((2, 4, 4), bool),) * 2}, "window must have one entry for each of the 1 frames"),
    ],
)
def test_masks_that_do_not_fit_are_refused_by_name(change: dict, message: str):
    arguments = {"amodal": area(9), "visible": area(5), "prediction": area(7), **change}
    with pytest.raises(DataError, match=re.escape(f"video a, track 3: {message}")):
        Scores().update(**arguments, video="a", track_id=3)


def test_an_unknown_protocol_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="protocol official: unknown; known are paper, strict, savos, c2f, diffvas"):
        Scores().compute("official")


def test_scores_need_nothing_but_numpy():
    heavy = {"torch", "scipy", "pydantic", "pycocotools", "PIL", "tqdm", "yaml"}
    program = f"import sys, eoras.evaluation; print(sorted(sys.modules.keys() & {heavy}))"
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout.strip() == b"[]"


# What belongs together


def scored(track_id: int = 0, video: str = "a", frames: list[int] | None = None) -> Scores:
    """A track of frames of one kind."""
    scores = Scores()
    frames = [0, 1] if frames is None else frames
    masks = stack([occluded_frame(visible=9, occluded=9, found=3)] * len(frames))
    scores.update(*masks, video=video, track_id=track_id, frame_indices=frames)
    return scores


@pytest.mark.parametrize("frames", [[0, 1, 0], [0, 0, 1, 1, 0]])
def test_a_frame_that_comes_again_is_refused_and_padding_is_not(frames: list[int]) -> None:
    cure = r"video a, track 0: expected each frame once, found frame 0 twice; pass frame_indices, each frame once"
    with pytest.raises(DataError, match=cure):
        scored(frames=frames).compute("strict")
    first, again = scored(), scored(frames=[1, 2])
    first.merge(again)
    with pytest.raises(DataError, match="found frame 1 twice"):
        first.table()
    apart = scored(frames=[2, 3, 3])
    apart.merge(scored())
    assert [apart.compute(protocol)["frames"] for protocol in ("strict", "paper")] == [4, 5]


def test_two_systems_are_compared_on_the_same_frames_alone() -> None:
    ours = scored()
    assert ours.compare(scored(), "strict")["miou_full"]["difference"] == 0
    for other in (scored(video="b"), scored(track_id=1)):
        with pytest.raises(DataError, match="video a, track 0: expected scores of both systems, found those of one"):
            ours.compare(other, "strict")
    for frames in ([0, 2], [0, 1, 2]):
        with pytest.raises(DataError, match="score both systems on the same frames"):
            ours.compare(scored(frames=frames), "strict")
    with pytest.raises(ConfigError, match="protocol best: unknown"):
        ours.compare(ours, "best")
