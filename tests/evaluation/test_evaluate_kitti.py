"""Scoring KITTI: the official numbers, and padded copies that only ``paper`` counts."""

from pathlib import Path

import pytest
import torch
from golden_kitti import EXPECTED, clips
from test_evaluate import Echo
from written_kitti import write_kitti_split

from eoras.clip import Clip
from eoras.config import ModelConfig, ViewConfig
from eoras.data import KittiTracks
from eoras.evaluation import Scores
from eoras.evaluation.evaluate import evaluate
from eoras.geometry import paste
from eoras.training.losses import focal_loss


def scores(clip: Clip) -> Scores:
    """The prediction pasted and counted under ``paper``."""
    prediction = clip.frames[:, 0, :121, :121]
    frames = zip(prediction, clip.boxes, strict=True)
    pasted = torch.stack([paste(window, box, clip.height, clip.width, "paper") for window, box in frames])
    assert clip.truth is not None
    result = Scores()
    result.update(
        clip.truth.amodal,
        clip.truth.visible,
        pasted,
        video=clip.video,
        track_id=clip.track_id,
        frame_indices=clip.frame_indices,
        available=clip.available,
        window=(clip.amodal, prediction > 0.5),
    )
    return result


@pytest.mark.parametrize("number", range(len(EXPECTED["rows"])), ids=lambda n: EXPECTED["rows"][n]["instance"])
def test_paper_gives_the_official_sums_of_each_track(number: int) -> None:
    clip, official = clips()[number], EXPECTED["rows"][number]
    assert official["instance"] == f"{clip.video}-{clip.track_id}"
    result = scores(clip).compute("paper")
    if not official["scored"]:
        assert (result["frames"], result["miou_full"]) == (0, None)
        return
    assert result["frames"] == official["frames"]
    assert result["imperfect"] == official["num_occ"]
    assert result["miou_crop"] * result["frames"] == pytest.approx(official["sum_iou_crop"], abs=1e-6)
    assert result["miou_full"] * result["frames"] == pytest.approx(official["sum_iou_full"], abs=1e-6)
    assert result["miou_occ"] * result["imperfect"] == pytest.approx(official["sum_iou_occ"], abs=1e-6)


def test_the_golden_predictions_get_the_official_scores() -> None:
    result = evaluate(Echo(), clips(), device="cpu").network["paper"]
    for name in ("miou_crop", "miou_full", "miou_occ"):
        assert result[name] == pytest.approx(EXPECTED[name], abs=1e-6)
    rows = [row for row in EXPECTED["rows"] if row["scored"]]
    assert result["frames"] == sum(row["frames"] for row in rows)
    assert result["imperfect"] == sum(row["num_occ"] for row in rows)


@pytest.mark.parametrize("number", [n for n, row in enumerate(EXPECTED["rows"]) if row["scored"]])
def test_the_loss_of_the_annotated_frames_is_the_official_one(number: int) -> None:
    clip = clips()[number]
    logits = clip.frames[:, 0, :121, :121].double().logit()
    loss = focal_loss(logits, clip.amodal, gamma=2)[clip.available].mean()
    assert float(loss) == pytest.approx(EXPECTED["rows"][number]["focal"], abs=1e-6)


def test_copies_of_an_annotated_last_frame_are_scored_by_paper_and_never_by_strict(tmp_path: Path) -> None:
    root = write_kitti_split(tmp_path, "test")  # frames 1 to 12, of which 4, 8 and 12 are annotated

    def frames_scored(pad_to: int | None) -> dict[str, int]:
        network = Echo()
        network.config = ModelConfig(view=ViewConfig(pad_to=pad_to))
        tracks = KittiTracks(root, "test", network.config.view, truth=True)
        result = evaluate(network, tracks, device="cpu", baselines=["visible_mask"])
        baseline = result.baselines["visible_mask"]
        assert all(baseline[protocol]["frames"] == result.network[protocol]["frames"] for protocol in baseline)
        return {protocol: scored["frames"] for protocol, scored in result.network.items()}

    assert frames_scored(None) == frames_scored(8) == {"paper": 3, "strict": 3}
    assert frames_scored(20) == {"paper": 3 + 8, "strict": 3}


def test_strict_scores_the_same_with_and_without_padding() -> None:
    padded, whole = (evaluate(Echo(), clips(pad_to), device="cpu").network["strict"] for pad_to in (9, None))
    assert padded == whole
