"""The network against the numbers of the official code."""

from collections.abc import Mapping

import pytest
import torch
import torch.nn.functional as F
from golden import recipe
from golden_networks import NAMES, golden, network
from torch import Tensor

from eoras.clip import Batch
from eoras.config import TrainingConfig
from eoras.model.eoras import Masks
from eoras.model.official import official_name
from eoras.training.losses import mask_losses, total_loss

TOLERANCE = 5e-6  # of probabilities; rounding makes about 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_masks_are_the_official_ones_whether_or_not_unseen_cells_are_skipped(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, ours = golden(name), network(name)
    with torch.no_grad():
        skipping = probabilities(ours(run.frames, run.intrinsics))
        monkeypatch.setattr(ours.bev, "skip_unseen", False)
        computing = probabilities(ours(run.frames, run.intrinsics))
    assert distance(skipping, run.masks) < TOLERANCE
    assert distance(computing, run.masks) < TOLERANCE
    assert distance(skipping, computing) < 2e-6


def test_masks_loss_and_gradients_are_the_official_ones() -> None:
    run, ours = golden("movi_b"), network("movi_b")
    masks = ours(run.frames, run.intrinsics)
    assert distance(probabilities(masks), run.masks) < TOLERANCE

    config = TrainingConfig()
    loss = total_loss(mask_losses(masks, golden_targets(run.frames, run.intrinsics), config), config)
    assert loss.item() == pytest.approx(run.meta["loss"], abs=1e-6)

    loss.backward()
    expected = {name: norm for name, norm in run.meta["grad_norm"].items() if norm is not None}
    norms = {official_name(name): p.grad.norm().item() for name, p in ours.named_parameters() if p.grad is not None}
    assert norms == pytest.approx(expected, rel=2e-3)
    assert len(norms) == len(list(ours.parameters())), "the official null ones are all among those we dropped"
    ours.zero_grad()


def golden_targets(frames: Tensor, intrinsics: Tensor) -> Batch:
    """The targets of the golden loss, as the golden README describes them."""
    batch, length = frames.shape[:2]
    grey = torch.from_numpy(recipe.frames(batch, length, seed=1000)).mean(2)
    amodal = F.interpolate(grey, (121, 121), mode="bilinear", align_corners=True) > 0.35
    assert 0.1 < amodal.float().mean() < 0.9
    available = torch.ones(batch, length, dtype=torch.bool)
    lengths = torch.full((batch,), length)
    return Batch(
        frames=frames,
        intrinsics=intrinsics,
        amodal=amodal,
        visible=amodal.flip(-1),
        given=amodal.flip(-1),
        times=torch.arange(length).repeat(batch, 1),
        available=available,
        lengths=lengths,
    )


def probabilities(masks: Masks) -> dict[str, Tensor]:
    """Detached, for each mask there is."""
    return {name: logits.detach().sigmoid() for name, logits in masks._asdict().items() if logits is not None}


def distance(answer: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> float:
    """The largest difference of two sets of the same masks."""
    assert answer.keys() == expected.keys()
    return max(float((answer[name] - expected[name]).abs().max()) for name in expected)
