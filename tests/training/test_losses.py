"""Losses: the published formula, and which frames count for how much."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from eoras.clip import Batch
from eoras.config import TrainingConfig
from eoras.model.eoras import Masks
from eoras.training.losses import confidence_loss, dice_loss, focal_loss, mask_losses, total_loss

GAMMAS = [0, 0.5, 1, 2, 5]


def batch(lengths: list[int], available: list[list[bool]] | None = None) -> Batch:
    """Clips of up to three frames whose windows hold random targets; the visible mask is a part of the amodal one."""
    random = torch.Generator().manual_seed(0)
    shape = (len(lengths), 3, 9, 9)
    amodal = torch.rand(shape, generator=random) > 0.4
    visible = amodal & (torch.rand(shape, generator=random) > 0.4)
    made = Batch(
        frames=torch.zeros(*shape[:2], 3, 1, 1),
        intrinsics=torch.eye(3).expand(*shape[:2], 3, 3),
        amodal=amodal,
        visible=visible,
        given=visible,
        times=torch.arange(3).repeat(len(lengths), 1),
        available=torch.ones(shape[:2], dtype=torch.bool),
        lengths=torch.tensor(lengths),
    )
    annotated = made.present if available is None else torch.tensor(available)
    return replace(made, available=annotated)


def logits(clips: int = 2) -> Masks:
    """Random answers of three heads."""
    random = torch.Generator().manual_seed(1)
    return Masks(*(3 * torch.randn(clips, 3, 9, 9, generator=random) for _ in range(3)))


def changed(masks: Masks, clip: int, frame: int) -> Masks:
    """Other answers in one frame."""
    copies = [mask.clone() for mask in masks if mask is not None]
    for copy in copies:
        copy[clip, frame] += 5
    return Masks(*copies)


def by_frame(masks: Masks, targets: Batch) -> dict[str, Tensor]:
    """The published loss of each frame by each mask, float64 ``(B, T)``, from probabilities."""
    truths = {"amodal": targets.amodal, "visible": targets.visible, "occluded": targets.amodal & ~targets.visible}
    return {
        name: published(getattr(masks, name).double().sigmoid(), truth.double(), 2).mean((-2, -1))
        for name, truth in truths.items()
    }


def published(p: Tensor, g: Tensor, gamma: float) -> Tensor:
    """Formats 7.9, word for word."""
    q = p * g + (1 - p) * (1 - g)
    return -((1 - q) ** gamma) * torch.log(q + 1e-6)


# The formula


@pytest.mark.parametrize("gamma", GAMMAS)
def test_the_loss_from_logits_is_the_published_one_from_probabilities(gamma: float) -> None:
    random = torch.Generator().manual_seed(0)
    p = torch.rand(10_000, generator=random, dtype=torch.float64).clamp(1e-6, 1 - 1e-6)
    target = torch.rand(10_000, generator=random) > 0.5
    ours = focal_loss(p.logit().float(), target, gamma)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours.double(), published(p, target.double(), gamma), rtol=1e-6, atol=1e-6)


def test_gamma_0_is_cross_entropy() -> None:
    answers, target = torch.linspace(-3, 3, 100), torch.arange(100) % 2 == 0
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(answers, target.float(), reduction="none")
    torch.testing.assert_close(focal_loss(answers, target, 0), entropy, rtol=0, atol=3e-5)  # 1e-6 over the least q


@pytest.mark.parametrize("gamma", GAMMAS)
def test_logits_however_large_have_a_finite_loss_and_a_gradient_that_never_points_away(gamma: float) -> None:
    sizes = [0.0, 1.0, 10.0, 17.0, 20.0, 50.0, 90.0, 104.0, 1e3, 1e30]
    answers = torch.tensor([*sizes, *(-size for size in sizes)]).repeat(2).requires_grad_()
    target = torch.arange(4 * len(sizes)) < 2 * len(sizes)
    loss = focal_loss(answers, target, gamma)
    loss.sum().backward()
    assert loss.isfinite().all()
    assert answers.grad is not None
    assert answers.grad.isfinite().all()
    assert (answers.grad * torch.where(target, -1, 1) > -1e-6).all()  # the formula's log(1 + 1e-6) is above 0
    assert (answers.grad != 0).sum() > len(sizes)


# What counts


def test_the_mean_is_over_a_clips_frames_and_then_over_clips() -> None:
    targets = batch([3, 1])
    losses, expected = mask_losses(logits(), targets, TrainingConfig()), by_frame(logits(), targets)
    assert set(losses) == {"amodal", "visible", "occluded"}
    for name, frames in expected.items():
        mean = (frames[0].mean() + frames[1, 0]) / 2
        assert losses[name].item() == pytest.approx(mean.item(), abs=1e-6)
        assert losses[name].item() != pytest.approx(frames[targets.present].mean().item(), abs=1e-3)


def test_a_frame_without_annotation_counts_for_the_visible_mask_alone() -> None:
    targets = batch([3, 3], [[True, False, True], [True, True, True]])
    before = mask_losses(logits(), targets, TrainingConfig())
    after = mask_losses(changed(logits(), clip=0, frame=1), targets, TrainingConfig())
    assert after["amodal"] == before["amodal"]
    assert after["occluded"] == before["occluded"]
    assert after["visible"] > before["visible"] + 0.01
    expected = by_frame(logits(), targets)
    annotated = (expected["amodal"][0, [0, 2]].mean() + expected["amodal"][1].mean()) / 2
    assert before["amodal"].item() == pytest.approx(annotated.item(), abs=1e-6)
    assert before["visible"].item() == pytest.approx(expected["visible"].mean().item(), abs=1e-6)


def test_a_clip_without_any_annotation_contributes_nothing() -> None:
    targets = batch([3, 3], [[False] * 3, [True] * 3])
    answers = Masks(*(mask.requires_grad_() for mask in logits() if mask is not None))
    losses, expected = mask_losses(answers, targets, TrainingConfig()), by_frame(logits(), targets)
    for name in ("amodal", "occluded"):
        assert losses[name].item() == pytest.approx(expected[name][1].mean().item() / 2, abs=1e-6)
    (losses["amodal"] + losses["occluded"]).backward()
    assert answers.amodal.grad is not None
    assert (answers.amodal.grad[0] == 0).all()
    assert (answers.amodal.grad[1] != 0).any()


@pytest.mark.parametrize("frame", [1, 2])
def test_padding_never_counts(frame: int) -> None:
    targets = batch([3, 1])
    answers = changed(logits(), clip=1, frame=frame)
    for name, loss in mask_losses(answers, targets, TrainingConfig()).items():
        assert loss == mask_losses(logits(), targets, TrainingConfig())[name]
    learning = [answer.requires_grad_() for answer in answers if answer is not None]
    assert len(learning) == 3
    sum(mask_losses(answers, targets, TrainingConfig()).values(), torch.zeros(())).backward()
    for answer in learning:
        assert answer.grad is not None
        assert (answer.grad[1, frame] == 0).all()
        assert (answer.grad[1, 0] != 0).all()


def test_the_occluded_target_is_amodal_and_not_visible() -> None:
    targets = batch([3, 3])
    truth = torch.where(targets.amodal & ~targets.visible, 30.0, -30.0)
    wrong = torch.where(targets.amodal, 30.0, -30.0)
    right = mask_losses(Masks(amodal=wrong, visible=truth, occluded=truth), targets, TrainingConfig())
    assert right["occluded"] < 1e-5
    assert right["amodal"] < 1e-5
    assert right["visible"] > 1
    assert mask_losses(Masks(amodal=wrong, occluded=wrong), targets, TrainingConfig())["occluded"] > 1


def test_only_masks_with_a_head_have_a_loss() -> None:
    assert list(mask_losses(Masks(amodal=logits().amodal), batch([3, 3]), TrainingConfig())) == ["amodal"]


def test_answers_in_half_precision_have_a_loss_in_full_precision() -> None:
    answers = Masks(amodal=logits().amodal.bfloat16())
    loss = mask_losses(answers, batch([3, 3]), TrainingConfig())["amodal"]
    assert loss.dtype == torch.float32
    assert loss == mask_losses(Masks(amodal=answers.amodal.float()), batch([3, 3]), TrainingConfig())["amodal"]


def test_the_total_is_weighted_and_the_amodal_loss_has_weight_1() -> None:
    losses = {"amodal": torch.tensor(1.0), "visible": torch.tensor(10.0), "occluded": torch.tensor(100.0)}
    assert total_loss(losses, TrainingConfig()) == 11
    assert total_loss(losses, TrainingConfig(visible_weight=0.5, occluded_weight=2)) == 206
    assert total_loss({"amodal": torch.tensor(1.0)}, TrainingConfig()) == 1


def test_dice_is_0_for_the_truth_1_for_its_opposite_and_counts_areas() -> None:
    target = torch.zeros(1, 10, 10, dtype=torch.bool)
    target[0, :, :4] = True
    sure = torch.where(target, 50.0, -50.0)
    assert dice_loss(sure, target).item() == pytest.approx(0)
    assert dice_loss(-sure, target).item() == pytest.approx(1 - 1 / 101)
    assert dice_loss(torch.full((1, 10, 10), 50.0), target).item() == pytest.approx(1 - 81 / 141)


def test_confidence_is_judged_by_the_intersection_over_union_and_moves_the_mask_in_no_way() -> None:
    target = torch.zeros(1, 3, 10, 10, dtype=torch.bool)
    target[0, :2, :, :4] = True
    amodal = torch.full((1, 3, 10, 10), -1.0)
    amodal[0, 0, :, :2] = 1  # an intersection over union of a half; then 0; then 1, for there is nothing to find
    amodal.requires_grad_()
    confidence = torch.zeros(1, 3, requires_grad=True)
    loss = confidence_loss(confidence, amodal, target)
    assert loss.tolist() == [pytest.approx([0.0, 0.25, 0.25])]
    loss.sum().backward()
    assert amodal.grad is None
    assert confidence.grad is not None
    assert confidence.grad.sign().tolist() == [[0, 1, -1]]


def test_emphasis_counts_hidden_pixels_of_the_amodal_mask_more_and_nothing_else() -> None:
    targets = batch([3, 3])
    before = mask_losses(logits(), targets, TrainingConfig())
    after = mask_losses(logits(), targets, TrainingConfig(hidden_emphasis=2.0))
    hidden = targets.amodal & ~targets.visible
    more = focal_loss(logits().amodal, targets.amodal, 2) * hidden
    torch.testing.assert_close(after["amodal"], before["amodal"] + 2 * more.mean())
    assert after["visible"] == before["visible"]
    assert after["occluded"] == before["occluded"]


def test_dice_is_added_to_every_mask_with_its_weight() -> None:
    targets = batch([3, 3])
    before = mask_losses(logits(), targets, TrainingConfig())
    after = mask_losses(logits(), targets, TrainingConfig(dice_weight=0.5))
    truths = {"amodal": targets.amodal, "visible": targets.visible, "occluded": targets.amodal & ~targets.visible}
    for name, target in truths.items():
        dice = dice_loss(getattr(logits(), name), target).mean()
        torch.testing.assert_close(after[name], before[name] + 0.5 * dice)
