"""The network against the numbers of the official code."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from golden import recipe
from golden_networks import NAMES, Golden, golden, network
from torch import Tensor

from eoras.clip import Batch
from eoras.config import TrainingConfig
from eoras.model.eoras import EoRaS, Masks
from eoras.model.official import is_discarded, official_name
from eoras.training.losses import mask_losses, total_loss

TOLERANCE = 5e-6  # probabilities; rounding alone gives about 1e-6


def largest_difference(masks: Masks, expected: dict[str, Tensor]) -> float:
    answers = {name: logits.sigmoid() for name, logits in masks._asdict().items() if logits is not None}
    assert answers.keys() == expected.keys()
    return max(float((answers[name] - expected[name]).detach().abs().max()) for name in expected)


def probabilities(masks: Masks) -> dict[str, Tensor]:
    return {name: logits.sigmoid() for name, logits in masks._asdict().items() if logits is not None}


@torch.no_grad()
def answer(built: EoRaS, run: Golden, *, skip_unseen: bool, monkeypatch: pytest.MonkeyPatch) -> Masks:
    monkeypatch.setattr(built.bev, "skip_unseen", skip_unseen)
    return built(run.frames, run.intrinsics)


@pytest.mark.parametrize("name", NAMES)
def test_masks_are_the_official_ones_whether_or_not_unseen_cells_are_skipped(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, built = golden(name), network(name)
    skipping, computing = (answer(built, run, skip_unseen=skip, monkeypatch=monkeypatch) for skip in (True, False))
    assert largest_difference(skipping, dict(run.masks)) < TOLERANCE
    assert largest_difference(computing, dict(run.masks)) < TOLERANCE
    assert 0 < largest_difference(skipping, probabilities(computing)) < 2e-6, "two ways to the same answer"
