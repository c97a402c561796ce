"""Masks cut out where they are: what they unfold to, and counts equal to those of whole images."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from eoras.data.crops import crop_masks
from eoras.data.masks import encode
from eoras.data.pictures import TrackTruth
from eoras.data.stacks import MaskStack, PartMasks, RepeatedMasks, RunMasks
from eoras.evaluation import BASELINES, Scores
from eoras.evaluation.ceiling import ALL_BASELINES
from eoras.evaluation.pasted import PastedScores
from eoras.evaluation.tracks import Answer, score_track
from eoras.geometry import Box, paste

SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 12), st.integers(1, 12))
WHOLE = SHAPES.flatmap(lambda shape: arrays.arrays(bool, shape))
CLIPS = SHAPES.flatmap(lambda shape: arrays.arrays(bool, (4, *shape)))


def runs(masks: np.ndarray) -> RunMasks:
    return RunMasks.of([encode(mask) for mask in masks], *masks.shape[1:])


@given(WHOLE, st.data())
def test_any_part_of_any_stack_is_that_of_the_whole_masks(masks: np.ndarray, data: st.DataObject):
    top, bottom = sorted(data.draw(st.tuples(*[st.integers(0, masks.shape[1])] * 2)))
    left, right = sorted(data.draw(st.tuples(*[st.integers(0, masks.shape[2])] * 2)))
    part = masks[:, top:bottom, left:right]
    box = PartMasks(masks).box
    kinds: list[MaskStack] = [runs(masks), PartMasks(masks), RepeatedMasks(runs(masks), np.arange(len(masks)))]
    if box is not None:
        inside = masks[:, box.top : box.bottom, box.left : box.right]
        assert np.count_nonzero(inside) == np.count_nonzero(masks)
        kinds.append(PartMasks(inside, box.top, box.left))
    for stack in kinds:
        assert stack.box == box
        assert len(stack) == len(masks)
        assert np.array_equal(stack.cut(Box(top, left, bottom, right)), part)


def test_frames_repeat_and_are_left_empty():
    masks = np.eye(3, dtype=bool)[None] & np.ones((2, 1, 1), bool)
    repeated = RepeatedMasks(runs(masks), np.array([1, -1, 1])).cut(Box(0, 0, 3, 3))
    assert np.array_equal(repeated, np.stack([masks[1], np.zeros((3, 3), bool), masks[1]]))


@settings(deadline=None)
@given(CLIPS, st.booleans(), st.data())
def test_a_track_counts_as_its_whole_images_do(clip: np.ndarray, outlines: bool, data: st.DataObject):
    amodal, visible, others, prediction = clip
    length, height, width = amodal.shape
    box = Box(*data.draw(st.sampled_from([(0, 0, height, width), (0, 0, height + 1, width + 1), (0, 0, 1, 1)])))
    truth = TrackTruth(
        video="a",
        track_id=0,
        frame_indices=torch.arange(length),
        boxes=(box,) * length,
        height=height,
        width=width,
        amodal=runs(amodal),
        visible=PartMasks(visible),
        others=runs(others),
        available=torch.ones(length, dtype=torch.bool),
    )
    system, baselines = PastedScores(), {name: PastedScores() for name in ALL_BASELINES}
    answer = Answer({"strict": runs(prediction)})
    score_track(truth, [(system, answer)], baselines, ("paper", "strict"), outlines=outlines)

    def expect(scores: PastedScores, answers: np.ndarray, protocol: str = "strict") -> None:
        whole = Scores(outlines=outlines)
        whole.update(amodal, visible, answers, video="a", track_id=0, others=others)
        assert np.array_equal(scores.table(protocol).counts, whole.table().counts)

    expect(system, prediction)
    for name, baseline in BASELINES.items():
        expect(baselines[name], np.stack([baseline(mask) for mask in visible]))
    windows = crop_masks(list(torch.from_numpy(amodal)), truth.boxes).float()
    for protocol in ("paper", "strict"):
        pasted = torch.stack([paste(window, box, height, width, protocol) for window in windows])
        expect(baselines["crop_and_paste"], pasted.numpy(), protocol)


@given(CLIPS)
def test_counts_are_those_of_plain_sums_over_whole_images(clip: np.ndarray):
    amodal, visible, others, prediction = clip
    scores = Scores()
    scores.update(amodal, visible, prediction, video="a", track_id=0, others=others)
    rows = scores.table().counts
    behind = others & ~visible
    expected = {
        "amodal": amodal,
        "visible": visible,
        "predicted": prediction,
        "overlap": amodal & prediction,
        "occluded": amodal & ~visible,
        "predicted_occluded": prediction & ~visible,
        "occluded_overlap": amodal & prediction & ~visible,
        "behind": amodal & behind,
        "predicted_behind": prediction & behind,
        "behind_overlap": amodal & prediction & behind,
    }
    for name, masks in expected.items():
        assert rows[name].tolist() == masks.sum(axis=(1, 2)).tolist()
    for name, masks in (("amodal", amodal), ("predicted", prediction)):
        assert rows[f"{name}_kept"].tolist() == [-1, *(masks[1:] & masks[:-1]).sum(axis=(1, 2))]
        assert rows[f"{name}_joined"].tolist() == [-1, *(masks[1:] | masks[:-1]).sum(axis=(1, 2))]
