"""What one number hides, by hand; and how sure a mean is."""

from collections.abc import Sequence
from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from toy_frames import area, occluded_frame, score, stack

from eoras.errors import DataError
from eoras.evaluation import Scores, significance
from eoras.evaluation.breakdown import BORDER_BINS, breakdown
from eoras.evaluation.protocols import PROTOCOLS
from eoras.evaluation.significance import compare, intervals
from eoras.evaluation.table import breakdown_table, comparison_table, confidence_line


def block(top: int, left: int, height: int = 6, width: int = 6) -> np.ndarray:
    mask = np.zeros((1, 200, 200), bool)
    mask[:, top : top + height, left : left + width] = True
    return mask


def parts(amodal: np.ndarray, prediction: np.ndarray | None = None, visible: np.ndarray | None = None) -> dict:
    scores = Scores(outlines=True)
    seen = amodal if visible is None else visible
    scores.update(amodal, seen, amodal if prediction is None else prediction, video="a", track_id=0)
    return breakdown(scores.table())


@pytest.mark.parametrize(("side", "name"), [(31, "small"), (32, "medium"), (95, "medium"), (96, "large")])
def test_frames_are_parted_by_size(side: int, name: str):
    bins = parts(block(10, 10, side, side))["by_size"]
    assert {key for key, means in bins.items() if means["frames"]} == {name}


@pytest.mark.parametrize(
    ("top", "left", "name"),
    [(0, 90, "touches"), (90, 194, "touches"), (1, 90, "1-15"), (90, 179, "1-15"), (16, 90, "16-63"), (90, 64, "64-")],
)
def test_frames_are_parted_by_the_distance_to_the_nearest_border(top: int, left: int, name: str):
    bins = parts(block(top, left))["by_border"]
    assert tuple(bins) == BORDER_BINS
    assert {key for key, means in bins.items() if means["frames"]} == {name}


def test_hidden_frames_stand_apart():
    result = breakdown(score((area(40), area(0), area(10)), occluded_frame(50, 0, 0)).table())["by_visibility"]
    assert (result["hidden"]["frames"], result["hidden"]["miou_full"]) == (1, 0.25)
    assert (result["seen"]["frames"], result["seen"]["miou_full"]) == (1, 1.0)


def test_an_outline_near_the_true_one_counts_as_found():
    assert parts(block(50, 50), block(52, 50))["averages"]["per_frame"]["outline_f"] == 1  # 200x200: 3 pixels
    assert parts(block(50, 50), block(150, 50))["averages"]["per_frame"]["outline_f"] == 0
    assert parts(block(50, 50), np.zeros((1, 200, 200), bool))["averages"]["per_frame"]["outline_f"] == 0


def test_an_outline_is_found_in_part():
    both = block(50, 50) | block(50, 150)  # half of the answer's outline is right, all of the true one is found
    assert parts(block(50, 50), both)["averages"]["per_frame"]["outline_f"] == pytest.approx(2 / 3)


def test_outlines_are_null_where_they_were_not_asked_for():
    assert breakdown(score(occluded_frame(50, 0, 0)).table())["averages"]["per_frame"]["outline_f"] is None


def test_false_completion_is_what_is_added_to_unoccluded_objects():
    frames = [occluded_frame(50, 0, 0, added=5), occluded_frame(100, 0, 0), occluded_frame(50, 10, 0, added=30)]
    result = breakdown(score(*frames).table())["false_completion"]
    assert result == {"frames": 2, "completed": 0.5, "added_px": 2.5, "added_rate": 0.05}


def test_a_trembling_answer_to_an_object_that_stands_still_is_restless():
    amodal = np.concatenate([block(50, 50)] * 3)
    trembling = np.concatenate([block(50, 50), block(50, 53), block(50, 50)])  # 18 of 54 pixels stay
    result = parts(amodal, trembling)["stability"]
    assert result == {"frames": 2, "predicted": pytest.approx(1 / 3), "truth": 1.0, "unrest": pytest.approx(2 / 3)}


def test_steps_are_counted_between_neighbours_in_time_alone():
    scores = Scores()
    amodal = np.concatenate([block(50, 50)] * 3)
    scores.update(amodal, amodal, amodal, video="a", track_id=0, frame_indices=[0, 2, 3])
    assert breakdown(scores.table())["stability"]["frames"] == 1


def test_no_step_begins_or_ends_at_a_frame_without_annotation():
    scores = Scores()
    amodal = np.concatenate([block(50, 50)] * 5)
    amodal[1] = False
    available = np.array([True, False, True, True, True])
    scores.update(amodal, amodal, amodal, video="a", track_id=0, available=available)
    assert breakdown(scores.table())["stability"] == {"frames": 2, "predicted": 1, "truth": 1, "unrest": 0}


def test_confidence_is_held_against_the_score_of_the_same_frame():
    scores = Scores()
    masks = stack([occluded_frame(*found) for found in ((40, 0, 0), (50, 50, 0), (50, 50, 50), (40, 0, 0))])
    told = [0.75, 0.25, 0.5, 0.125]  # they reach 1, 0.5, 1 and 1; the last is not annotated
    available = np.array([True, True, True, False])
    scores.update(*masks, video="a", track_id=0, confidence=told, available=available)
    masks = stack([occluded_frame(40, 0, 0)])
    scores.update(*masks, video="a", track_id=1)  # says nothing of itself
    found = breakdown(scores.table())["confidence"]
    assert found == {
        "frames": 3,
        "told": pytest.approx(0.5),
        "reached": pytest.approx(2.5 / 3),
        "error": pytest.approx(1 / 3),
        "correlation": pytest.approx(np.corrcoef(told[:3], [1, 0.5, 1])[0, 1]),
    }
    assert "33.33 points apart on average, correlation 0.87" in confidence_line(found)


@pytest.mark.parametrize("told", [95.0, -0.5, float("nan")])
def test_a_confidence_that_is_no_rate_is_refused(told: float):
    scores = Scores()
    with pytest.raises(DataError, match=r"video a, track 0: confidence must be from 0 to 1, found"):
        scores.update(*stack([occluded_frame(40, 0, 0)] * 2), video="a", track_id=0, confidence=[0.5, told])


def test_a_confidence_that_never_changes_has_no_correlation():
    scores = Scores()
    scores.update(
        *stack([occluded_frame(40, 0, 0), occluded_frame(50, 50, 0)]), video="a", track_id=0, confidence=[0.5, 0.5]
    )
    found = breakdown(scores.table())["confidence"]
    assert (found["frames"], found["correlation"]) == (2, None)
    assert confidence_line(found).endswith("correlation -")


# How sure


def systems(first: list[int], second: list[int], occluded: int = 40) -> tuple[Scores, Scores]:
    """One frame a video, of whose occluded pixels so many are found."""
    pair = Scores(outlines=True), Scores(outlines=True)
    for scores, found in zip(pair, (first, second), strict=True):
        for number, pixels in enumerate(found):
            masks = stack([occluded_frame(50, occluded, pixels)])
            scores.update(*masks, video=f"{number:03}", track_id=0, others=~masks[1])
    return pair


def test_an_interval_holds_the_mean_and_follows_from_the_seed():
    table = systems([0, 10, 20, 30, 38] * 4, [0] * 20)[0].table()
    low, high = intervals(table, "strict")["miou_occ"] or (1, 0)
    assert low < (0 + 10 + 20 + 30 + 38) / 200 < high
    assert intervals(table, "strict") == intervals(table, "strict")
    assert intervals(table, "strict") != intervals(table, "strict", seed=1)
    deviation = np.std([0, 10, 20, 30, 38]) / 40 / np.sqrt(20)
    assert (high - low) / 2 == pytest.approx(1.96 * deviation, rel=0.05)


VIDEOS = (  # occluded pixels, of 400, that are found in each frame of each track
    ((90, 140), (170,)),
    ((230,), (130, 380, 210)),
    ((310, 250), (330, 200)),
    ((390,), (360,)),
)


def drawn(videos: Sequence[int]) -> Scores:
    """Some of ``VIDEOS``, each as often as it is named."""
    scores = Scores()
    for name, number in enumerate(videos):
        for track_id, found in enumerate(VIDEOS[number]):
            masks = stack([occluded_frame(50, 400, pixels, added=5 * track_id) for pixels in found])
            scores.update(*masks, video=f"{name}", track_id=track_id, others=~masks[1])
    return scores


@pytest.fixture(scope="module")
def every_draw() -> list[Scores]:
    """All 256 ways to draw four videos of four, each as likely as the others."""
    made: dict[tuple[int, ...], Scores] = {
        videos: drawn(videos) for videos in combinations_with_replacement(range(4), 4)
    }
    return [made[tuple(sorted(videos))] for videos in product(range(4), repeat=4)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_interval_is_that_of_draws_of_whole_videos(protocol: str, every_draw: list[Scores]):
    found = intervals(drawn(range(4)).table(), protocol)
    assert list(found) == ["miou_full", "miou_occ"]
    for name, interval in found.items():
        means = [scores.compute(protocol)[name] for scores in every_draw]
        assert interval == pytest.approx(np.percentile(means, [2.5, 97.5]).tolist(), abs=1e-6)
    two = intervals(drawn((0, 3)).table(), protocol)
    for name, interval in two.items():  # a quarter of the draws are of either alone
        assert interval == pytest.approx([drawn([video]).compute(protocol)[name] for video in (0, 3)], abs=1e-6)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_video_of_many_tracks_has_no_interval(protocol: str):
    assert intervals(drawn([1]).table(), protocol) == {"miou_full": None, "miou_occ": None}


def test_draws_that_are_kept_change_nothing(monkeypatch: pytest.MonkeyPatch):
    first, second = systems([30, 10, 25] * 4, [20, 20, 5] * 4)

    def found() -> list[object]:
        one, other = first.table(), second.table()
        return [intervals(one, "strict"), intervals(other, "strict"), compare(one, other, "strict")]

    kept = found()
    monkeypatch.setattr(significance, "_FEW", 0)
    assert found() == kept


def test_a_mean_over_frames_of_one_video_has_no_interval():
    first, second = Scores(), Scores()
    for scores, found in ((first, 10), (second, 5)):
        for video, occluded in (("a", 0), ("b", 40), ("c", 0)):  # only b has an occluded frame
            masks = stack([occluded_frame(50, occluded, min(found, occluded))])
            scores.update(*masks, video=video, track_id=0)
    assert intervals(first.table(), "strict")["miou_occ"] is None
    assert intervals(first.table(), "strict")["miou_full"] is not None
    compared = compare(first.table(), second.table(), "strict")
    assert (compared["miou_occ"]["difference"], compared["miou_occ"]["interval"]) == (0.125, None)
    assert compared["miou_full"]["interval"] is not None


def test_a_difference_in_every_video_is_significant_and_none_is_not():
    better, worse = systems([30] * 12, [20] * 12)
    result = compare(better.table(), worse.table(), "strict")["miou_occ"]
    assert result["difference"] == pytest.approx(0.25)
    assert result["interval"] == pytest.approx([0.25, 0.25])
    assert result["p"] < 0.003
    same = compare(better.table(), better.table(), "strict")["miou_occ"]
    assert (same["difference"], same["p"]) == (0, 1)
    mixed = systems([30, 10] * 6, [10, 30] * 6)
    assert compare(mixed[0].table(), mixed[1].table(), "strict")["miou_occ"]["p"] > 0.9


def test_few_videos_cannot_be_significant():
    better, worse = systems([30] * 3, [20] * 3)
    assert compare(better.table(), worse.table(), "strict")["miou_occ"]["p"] == pytest.approx(2 / 2**3, abs=0.02)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_compares_its_own_means(protocol: str):
    better, worse = systems([390, 300, 250], [320, 260, 180], occluded=400)
    result = compare(better.table(), worse.table(), protocol)
    for name in ("miou_full", "miou_occ"):
        one, other = better.compute(protocol)[name], worse.compute(protocol)[name]
        assert one is not None
        assert other is not None
        assert one - other > 0.1
        assert result[name]["difference"] == pytest.approx(one - other)


def test_nothing_scored_has_neither_parts_nor_intervals():
    table = Scores().table()
    assert breakdown(table)["averages"]["per_video"] == {
        "count": 0,
        "miou_full": None,
        "miou_occ": None,
        "outline_f": None,
    }
    assert compare(table, table, "savos")["miou_occ"] == {"difference": None, "interval": None, "p": None}


def test_the_tables_are_aligned():
    scores = systems([30, 20], [20, 10])[0]
    scored = {"intervals": {"strict": intervals(scores.table(), "strict")}, "breakdown": breakdown(scores.table())}
    lines = breakdown_table(scored, ["strict"]).splitlines()
    assert lines[0].split() == ["95", "%", "interval", "full", "occ"]
    assert next(line for line in lines if line.startswith("per track")).split()[2] == "2"
    compared = {"first": "a", "second": "b", "strict": compare(scores.table(), scores.table(), "strict")}
    assert comparison_table(compared).splitlines()[1].split() == [
        "strict", "full", "0.00", "0.00", "to", "0.00", "1.0000"
    ]  # fmt: skip
