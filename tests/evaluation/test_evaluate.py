"""Evaluating: the golden predictions through it, what the network is given, and what goes wrong."""

import json
import sys
from dataclasses import replace

import pytest
import torch
from golden_movi import EXPECTED, instances
from torch import Tensor, nn

from eoras.clip import Clip, Truth
from eoras.config import ModelConfig
from eoras.data.reading import read_in_order
from eoras.errors import DataError, RunError
from eoras.evaluation import Scores
from eoras.evaluation.evaluate import Evaluation, evaluate
from eoras.evaluation.table import table
from eoras.geometry import Box, paste
from eoras.model.eoras import EoRaS, Masks
from eoras.training.losses import focal_loss

HALVES = Box(4, 4, 24, 24)
forking = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # Python 3.12 and newer


class Echo(EoRaS):
    """Answers with the probabilities in the first channel of its frames, and remembers how it was called.

    Where it is to be ``sure``, the one in the upper left corner is its confidence, too.
    """

    def __init__(self, *, visible_input: bool = False, sure: bool = False) -> None:
        nn.Module.__init__(self)
        self.sure = sure
        self.config = ModelConfig(visible_input=visible_input)
        self.calls: list[dict[str, object]] = []

    def forward(
        self,
        frames: Tensor,
        intrinsics: Tensor,
        lengths: Tensor | None = None,
        visible: Tensor | None = None,
        times: Tensor | None = None,
    ) -> Masks:
        assert intrinsics.shape == (*frames.shape[:2], 3, 3)
        self.calls.append(
            {
                "frames": frames,
                "intrinsics": intrinsics,
                "lengths": lengths,
                "times": times,
                "visible": visible,
                "training": self.training,
                "gradients": torch.is_grad_enabled(),
                "autocast": torch.is_autocast_enabled("cpu"),
            }
        )
        logits = frames[:, :, 0, :121, :121].logit()
        return Masks(amodal=logits, confidence=logits[:, :, 0, 0] if self.sure else None)


class Tracks:
    """Clips, of which one cannot be read."""

    def __init__(self, clips: list[Clip], broken: int | None = None) -> None:
        self.clips = clips
        self.broken = broken

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> Clip:
        if index == self.broken:
            raise DataError("test/7/rgba_full_00003.png: expected a whole image, found half of one; copy it again")
        return self.clips[index]


def clip(track_id: int = 0, length: int = 2, probability: float = 1.0) -> Clip:
    """An object of 20x20 pixels whose upper half is seen, in a window around it; the answer is ``probability``."""
    amodal, visible = torch.zeros(2, length, 32, 32, dtype=torch.bool)
    amodal[:, 4:24, 4:24] = True
    visible[:, 4:14, 4:24] = True
    window = torch.zeros(length, 121, 121, dtype=torch.bool)
    window[:, :60] = True
    frames = torch.zeros(length, 3, 128, 128)
    frames[:, 0] = probability
    return Clip(
        video="a",
        track_id=track_id,
        frame_indices=torch.arange(length),
        boxes=(HALVES,) * length,
        height=32,
        width=32,
        frames=frames,
        intrinsics=torch.eye(3).expand(length, 3, 3),
        amodal=torch.ones_like(window),
        visible=window,
        given=window,
        available=torch.ones(length, dtype=torch.bool),
        truth=Truth(amodal=amodal, visible=visible),
    )


def golden() -> list[Clip]:
    return [instance.clip for instance in instances()]


# The official numbers


@pytest.mark.parametrize("num_workers", [0, pytest.param(2, marks=forking)])
def test_the_golden_predictions_get_the_official_scores(num_workers: int):
    result = evaluate(Echo(), golden(), device="cpu", num_workers=num_workers).network["paper"]
    for name in ("miou_crop", "miou_full", "miou_occ"):
        assert result[name] == pytest.approx(EXPECTED[name], abs=1e-6)
    assert result["frames"] == sum(row["frames"] for row in EXPECTED["rows"])
    assert result["imperfect"] == sum(row["num_occ"] for row in EXPECTED["rows"])


@pytest.mark.parametrize("number", range(len(EXPECTED["rows"])), ids=lambda n: EXPECTED["rows"][n]["instance"])
def test_the_loss_of_a_track_is_the_official_one(number: int):
    instance = instances()[number]
    loss = focal_loss(instance.prediction.double().logit(), instance.clip.amodal, gamma=2).mean()
    assert float(loss) == pytest.approx(EXPECTED["rows"][number]["focal"], abs=1e-6)


def test_strict_pastes_and_scores_as_strict():
    expected = Scores()
    for instance in instances():
        c, truth = instance.clip, instance.clip.truth
        assert truth is not None
        frames = zip(instance.prediction, c.boxes, strict=True)
        pasted = torch.stack([paste(window, box, c.height, c.width, "strict") for window, box in frames])
        expected.update(truth.amodal, truth.visible, pasted, video=c.video, track_id=c.track_id)
    result = evaluate(Echo(), golden(), device="cpu", protocols=["strict"])
    assert result.network == {"strict": expected.compute("strict")}


# By hand


def test_the_network_and_the_baselines_are_scored_on_the_same_frames():
    result = evaluate(Echo(), [clip(0), clip(1, length=3)], device="cpu")
    assert (result.videos, result.tracks, result.union) == (1, 2, False)
    for protocol in ("paper", "strict"):
        scored = [
            result.network[protocol],
            *(result.baselines[name][protocol] for name in ("visible_mask", "convex_hull")),
        ]
        assert [scores["frames"] for scores in scored] == [5, 5, 5]
        assert [scores["miou_full"] for scores in scored] == pytest.approx([1, 0.5, 0.5])
    assert result.network["strict"]["miou_occ"] == 1
    assert result.network["paper"]["miou_occ"] is None
    assert result.baselines["visible_mask"]["strict"]["miou_occ"] == 0


def test_the_hull_of_an_l_is_scored_as_a_filled_triangle():
    visible = torch.zeros(1, 32, 32, dtype=torch.bool)
    visible[:, 4:9, 4] = visible[:, 8, 4:9] = True  # hull: a right triangle of 5 + 4 + 3 + 2 + 1 pixels
    amodal = torch.zeros_like(visible)
    amodal[:, 4:9, 4:9] = True
    track = replace(clip(length=1), truth=Truth(amodal=amodal, visible=visible))
    result = evaluate(Echo(), [track], device="cpu").baselines["convex_hull"]["strict"]
    assert (result["miou_full"], result["miou_occ"]) == (15 / 25, 6 / 16)


def test_an_empty_answer_united_with_the_visible_mask_scores_as_the_visible_mask():
    track = clip(probability=0.0)
    apart = evaluate(Echo(), [track], device="cpu")
    united = evaluate(Echo(), [track], device="cpu", union=True)
    assert apart.network["strict"]["miou_full"] == 0
    assert united.network["strict"] == united.baselines["visible_mask"]["strict"]
    assert united.network["paper"]["miou_crop"] == pytest.approx(60 / 121)
    assert united.to_json()["evaluated"]["union"] is True


def test_only_what_is_asked_for_is_scored():
    result = evaluate(Echo(), [clip()], device="cpu", protocols=["strict"], baselines=["convex_hull"])
    assert list(result.network) == ["strict"]
    assert list(result.baselines) == ["convex_hull"]
    assert list(result.baselines["convex_hull"]) == ["strict"]


# What the network is given


def test_each_track_is_a_batch_of_its_own_whole_and_without_gradients():
    network = Echo()
    tracks = [clip(0, length=2), clip(1, length=5)]
    evaluate(network, tracks, device="cpu")
    for call, track in zip(network.calls, tracks, strict=True):
        assert isinstance(call["frames"], Tensor)
        assert isinstance(call["times"], Tensor)
        assert torch.equal(call["frames"], track.frames[None])
        assert torch.equal(call["times"], track.frame_indices[None])
        assert (call["lengths"], call["training"], call["gradients"]) == (None, False, False)


def test_flipping_averages_the_answers_for_the_clip_and_its_mirror_image():
    """Of the mirrored clip, too, ``Echo`` answers with the first 121 of 128 columns: here with those from 7 on."""
    network, track = Echo(), clip()
    columns = torch.tensor([0.9] * 40 + [0.2] * 20 + [0.6] * 20 + [0.1] * 48)
    matrix = torch.tensor([[1.1, 0.0, -0.4], [0.0, -1.1, -0.5], [0.0, 0.0, -1.0]])
    average = torch.zeros(2, 121, 121, dtype=torch.bool)
    average[:, :, :40] = True  # 0.9 and 0.9 or 0.2
    average[:, :, 60:73] = True  # 0.6 and 0.6; then come 0.6 and 0.1
    track = replace(
        track,
        boxes=(Box(0, 0, 121, 121),) * 2,
        height=121,
        width=121,
        frames=columns.expand(2, 3, 128, 128),
        intrinsics=matrix.expand(2, 3, 3),
        truth=Truth(amodal=average, visible=average),
    )
    assert evaluate(network, [track], device="cpu").network["strict"]["miou_full"] < 1
    assert len(network.calls) == 1
    both = evaluate(network, [track], device="cpu", flip=True).network
    assert (both["strict"]["miou_full"], both["paper"]["miou_full"]) == (1, 1)
    plain, mirrored = network.calls[1:]
    for call, frames, middle in ((plain, track.frames, -0.4), (mirrored, track.frames.flip(-1), -0.6)):
        assert isinstance(call["frames"], Tensor)
        assert isinstance(call["intrinsics"], Tensor)
        assert torch.equal(call["frames"], frames[None])
        expected = torch.tensor([[1.1, 0.0, middle], [0.0, -1.1, -0.5], [0.0, 0.0, -1.0]])
        torch.testing.assert_close(call["intrinsics"], expected.expand(1, 2, 3, 3))


def test_the_confidence_is_held_against_the_iou_that_was_reached_and_averaged_with_the_mirrored_clips():
    track = clip(length=2, probability=0.75)
    track.frames[:, :, :, -1] = 0.25  # the corner of the mirrored frame
    plain, flipped = (
        evaluate(Echo(sure=True), [track], device="cpu", flip=flip).details["breakdown"] for flip in (False, True)
    )
    assert plain["confidence"] | {"error": None} == {
        "frames": 2,
        "told": pytest.approx(0.75),
        "reached": plain["averages"]["per_frame"]["miou_full"],
        "error": None,
        "correlation": None,
    }
    assert plain["confidence"]["error"] == pytest.approx(plain["confidence"]["reached"] - 0.75)
    assert flipped["confidence"]["told"] == pytest.approx(0.5)
    united = evaluate(Echo(sure=True), [track], device="cpu", union=True)
    for silent in (evaluate(Echo(), [track], device="cpu"), united):
        assert silent.details["breakdown"]["confidence"]["frames"] == 0


@pytest.mark.parametrize("training", [True, False])
def test_the_network_comes_back_in_the_mode_it_was_in(training: bool):
    network = Echo().train(training)
    evaluate(network, [clip()], device="cpu")
    with pytest.raises(DataError):
        evaluate(network, Tracks([clip()], broken=0), device="cpu")
    assert network.training is training
    assert torch.is_grad_enabled()


def test_the_given_mask_goes_to_a_network_that_takes_one():
    network, track = Echo(visible_input=True), clip()
    track = replace(track, given=~track.visible)
    evaluate(network, [track], device="cpu")
    given = network.calls[0]["visible"]
    assert isinstance(given, Tensor)
    assert torch.equal(given, track.given[None])


def test_a_network_that_takes_no_mask_is_given_none():
    network = Echo(visible_input=False)
    evaluate(network, [clip()], device="cpu")
    assert network.calls[0]["visible"] is None


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_bfloat16_is_automatic_mixed_precision(dtype):
    network = Echo()
    evaluate(network, [clip()], device="cpu", dtype=dtype)
    assert network.calls[0]["autocast"] is (dtype == "bfloat16")


# Reading


@pytest.mark.parametrize("num_workers", [0, pytest.param(2, marks=forking)])
def test_clips_come_in_order_and_leave_the_random_state_alone(num_workers: int):
    before = torch.get_rng_state()
    tracks = list(read_in_order([clip(number) for number in range(7)], num_workers))
    assert [track.track_id for track in tracks] == list(range(7))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("num_workers", [0, pytest.param(2, marks=forking)])
def test_a_data_error_comes_out_as_it_was_raised(num_workers: int):
    tracks = Tracks([clip(number) for number in range(4)], broken=2)
    with pytest.raises(DataError) as caught:
        evaluate(Echo(), tracks, device="cpu", num_workers=num_workers)
    assert str(caught.value) == "test/7/rgba_full_00003.png: expected a whole image, found half of one; copy it again"


# Bad input


def test_an_answer_that_is_not_a_number_is_an_error_that_names_the_track():
    with pytest.raises(RunError, match="video a, track 5: the network answers with NaN"):
        evaluate(Echo(), [clip(5, probability=float("nan"))], device="cpu")


def test_clips_without_truth_are_refused():
    with pytest.raises(DataError, match="video a, track 0: no masks of the whole image; read with truth=True"):
        evaluate(Echo(), [replace(clip(), truth=None)], device="cpu")


def test_no_tracks_at_all_score_nothing():
    result = evaluate(Echo(), [], device="cpu")
    assert result.network["strict"]["miou_full"] is None
    assert table(result.systems, ["paper", "strict"]).splitlines()[1].split() == ["network", "-", "-", "-", "-"]


# What is shown


def test_the_json_holds_protocols_baselines_and_what_was_evaluated():
    values = evaluate(Echo(), golden(), device="cpu").to_json()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert list(values) == ["paper", "strict", "intervals", "breakdown", "baselines", "evaluated"]
    assert values["paper"]["miou_full"] == pytest.approx(EXPECTED["miou_full"], abs=1e-6)
    assert values["baselines"]["visible_mask"]["strict"]["miou_full"] > 0
    assert values["evaluated"] == {"videos": 2, "tracks": 7, "union": False}


def test_the_table_is_aligned_and_in_per_cent():
    counts = {"frames": 1200, "occluded": 60, "unoccluded": 40, "perfect": 5, "missed": 0}
    network = {"miou_full": 0.79219, "miou_occ": 0.4789, **counts}
    visible = {"miou_full": 1.0, "miou_occ": None, **counts}
    evaluation = Evaluation(
        network={"paper": network, "strict": visible},
        baselines={"visible_mask": {"paper": visible, "strict": visible}},
        videos=1,
        tracks=1,
        union=False,
    )
    assert table(evaluation.systems, ["paper", "strict"]).splitlines() == [
        "mIoU, %       paper full  paper occ  strict full  strict occ",
        "network            79.22      47.89       100.00           -",
        "visible mask      100.00          -       100.00           -",
        "",
        "network     paper  strict",
        "frames       1200    1200",
        "occluded       60      60",
        "unoccluded     40      40",
        "perfect         5       5",
        "missed          0       0",
    ]


def test_the_bar_is_shown_only_on_a_terminal_and_where_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    evaluate(Echo(), [clip()], device="cpu", progress=True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    evaluate(Echo(), [clip()], device="cpu")
    assert capsys.readouterr() == ("", "")
    evaluate(Echo(), [clip()], device="cpu", progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "1/1" in shown.err
