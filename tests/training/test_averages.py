"""Averages of weights: what they are, what is kept of them, and that nothing else changes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from same_run import assert_same, assert_same_run, checkpoints, log_of
from torch import Tensor

from eoras.config import ModelConfig
from eoras.evaluation.evaluate import evaluate
from eoras.model.eoras import EoRaS
from eoras.training.averages import Averages
from eoras.training.loop import Trainer
from eoras.training.start import resume

Start = Callable[..., Trainer]

CPU = torch.device("cpu")


def weights(network: EoRaS) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def trained_weights(run: Path, name: str) -> dict[str, Tensor]:
    state = torch.load(run / "checkpoints" / name / "training.pt", weights_only=True)
    return dict(state["averages"]["trained"])


def test_averages_follow_the_weights_and_at_first_more_quickly(small: ModelConfig) -> None:
    torch.manual_seed(0)
    network = EoRaS(small)
    averages = Averages(network, decay=0.25)
    expected = weights(network)
    for update in (1, 2, 3):
        with torch.no_grad():
            for value in network.state_dict().values():
                value.add_(1)  # weights, statistics and counts
        averages.update(network)
        decay = min(0.25, (1 + update) / (10 + update))  # 2/11, 0.25, 0.25
        for name, value in network.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * value if value.is_floating_point() else value
    for name, value in averages.network.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-5)
    assert all(not value.requires_grad for value in averages.network.parameters())


def test_averages_are_what_is_validated_and_saved_and_training_does_not_see_them(start: Start, tmp_path: Path) -> None:
    usual, averaged = tmp_path / "usual", tmp_path / "averaged"
    options = {"validation": "test", "epochs": 1}
    assert start(usual, **options).train()
    trainer = start(averaged, **options, average=0.9)
    assert trainer.train()
    averages = trainer.averages
    assert averages is not None

    (newest,) = checkpoints(averaged)[-1:]
    for folder in (averaged / "best", averaged / "checkpoints" / newest):
        assert_same(weights(EoRaS.from_pretrained(folder)), weights(averages.network))
    assert trainer.validation is not None
    score = evaluate(averages.network, trainer.validation, device=CPU).network["strict"]["miou_full"]
    assert score == log_of(averaged)[-1]["validation/strict/miou_full"]
    trained = weights(EoRaS.from_pretrained(usual / "checkpoints" / newest))
    assert_same(trained_weights(averaged, newest), trained)
    assert log_of(usual)[:-1] == log_of(averaged)[:-1]
    assert not torch.equal(trained["slots"], averages.network.slots)


def test_a_resumed_run_has_the_averages_of_an_unbroken_one(start: Start, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    options = {"average": 0.9, "validation": "test", "save_steps": 1, "keep": 9}
    assert start(whole, **options).train()
    shutil.copytree(whole, broken)
    for later in checkpoints(whole)[1:]:  # all but that of the first step
        shutil.rmtree(broken / "checkpoints" / later)
    assert resume(broken, CPU).train()
    assert_same_run(broken, whole)


@pytest.mark.parametrize("before", ["null", "0.9"])
def test_averages_can_begin_or_end_when_a_run_goes_on(start: Start, tmp_path: Path, before: str) -> None:
    usual, other = tmp_path / "usual", tmp_path / "other"
    after = "0.9" if before == "null" else "null"
    assert start(usual, epochs=2).train()
    assert start(other, epochs=1, average=None if before == "null" else 0.9).train()
    trainer = resume(other, CPU, overrides=["training.epochs=2", f"training.average={after}"])
    begun = weights(trainer.network)
    if trainer.averages is not None:
        assert_same(weights(trainer.averages.network), begun)
    assert trainer.train()
    assert_same(weights(trainer.network), weights(EoRaS.from_pretrained(usual)))
    assert (trainer.averages is None) == (after == "null")
