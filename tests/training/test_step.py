"""One step of the optimiser: the norm of its gradient, measured and held down."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from same_run import assert_same_run, log_of

from eoras.training.loop import Trainer

Start = Callable[..., Trainer]


def norms(trainer: Trainer) -> list[float]:
    """Train, and give the norm of the gradient that each step of the optimiser saw."""
    seen: list[float] = []

    def look(*_: object) -> None:
        gradients = [value.grad.flatten() for value in trainer.network.parameters() if value.grad is not None]
        seen.append(float(torch.cat(gradients).norm()))

    trainer.optimizer.register_step_pre_hook(look)
    assert trainer.train()
    return seen


def test_the_norm_of_the_gradient_is_logged_and_nothing_is_clipped_unless_told_to(start: Start, tmp_path: Path) -> None:
    seen = norms(start(tmp_path))
    assert [line["gradient_norm"] for line in log_of(tmp_path)] == pytest.approx(seen, rel=1e-5)


def test_a_larger_gradient_is_scaled_down_to_the_norm_and_logged_as_it_was(start: Start, tmp_path: Path) -> None:
    usual = norms(start(tmp_path / "usual", epochs=1))
    limit = min(usual) / 2
    clipped = norms(start(tmp_path / "clipped", epochs=1, gradient_clip=limit))
    assert clipped == pytest.approx([limit] * len(usual), rel=1e-4)
    assert log_of(tmp_path / "clipped")[0]["gradient_norm"] == pytest.approx(usual[0], rel=1e-5)


def test_a_norm_that_no_gradient_reaches_changes_nothing(start: Start, tmp_path: Path) -> None:
    for name, limit in {"usual": None, "high": 1e9}.items():
        assert start(tmp_path / name, gradient_clip=limit).train()
    assert_same_run(tmp_path / "high", tmp_path / "usual")
