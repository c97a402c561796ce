"""One step of the optimiser: the norm of its gradient, measured and held down, and the rates of its groups."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from same_run import assert_same_run, log_of

from eoras.clip import collate
from eoras.config import AugmentConfig, ModelConfig, TrainingConfig
from eoras.errors import ConfigError
from eoras.model.eoras import EoRaS, Masks
from eoras.processes import Processes
from eoras.training.epochs import read_epoch
from eoras.training.loop import Trainer, build_optimizer
from eoras.training.losses import focal_loss
from eoras.training.start import begin, resume
from eoras.training.step import take_step
from eoras.training.together import no_clips

Start = Callable[..., Trainer]
CPU = torch.device("cpu")


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


@pytest.mark.parametrize("clips", [0, 2])
def test_a_pass_of_no_clips_keeps_full_precision(
    start: Start, small: ModelConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clips: int
) -> None:
    """Else several GPUs would gather statistics of two types."""
    trainer = start(tmp_path, model=replace(small, bev=False), dtype="bfloat16")
    batch = no_clips(CPU, 2) if clips == 0 else collate([trainer.training[0]] * clips)
    forward, seen = EoRaS.forward, list[bool]()

    def look(network: EoRaS, *inputs: Any, **named: Any) -> Masks:
        seen.append(torch.is_autocast_enabled("cpu"))
        return forward(network, *inputs, **named)

    monkeypatch.setattr(EoRaS, "forward", look)
    trainer.network.train()
    config = trainer.run.config.training
    take_step(trainer.network, trainer.optimizer, [batch], config, "it", clips=2, processes=Processes())
    assert seen == [clips > 0]


def test_the_network_is_shown_the_given_mask_and_learns_the_true_one(
    start: Start, small: ModelConfig, tmp_path: Path
) -> None:
    heads = ("amodal", "visible", "occluded")
    trainer = start(tmp_path, model=replace(small, visible_input=True, mask_heads=heads))
    batch = collate([trainer.training[number] for number in (0, 3)])
    batch = replace(batch, given=~batch.visible)
    shown: list[torch.Tensor] = []
    answers: list[Masks] = []

    def look(_: object, __: object, named: dict[str, torch.Tensor], masks: Masks) -> None:
        shown.append(named["visible"])
        answers.append(masks)

    trainer.network.register_forward_hook(look, with_kwargs=True)
    trainer.network.train()
    config = trainer.run.config.training
    losses = take_step(trainer.network, trainer.optimizer, [batch], config, "it", clips=2, processes=Processes())
    (visible,), (masks,) = shown, answers
    assert torch.equal(visible, batch.given)
    targets = {"amodal": batch.amodal, "visible": batch.visible, "occluded": batch.amodal & ~batch.visible}
    assert all(target.any() for target in targets.values())
    for name, target in targets.items():
        expected = focal_loss(getattr(masks, name).detach(), target, config.focal_gamma).mean()
        assert losses[name] == pytest.approx(float(expected), rel=1e-5), name


def test_neither_a_step_nor_an_evaluation_convolves_in_tf32_and_the_setting_comes_back(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    trainer, seen = start(tmp_path, epochs=1, validation="test"), set[bool]()

    def look(*_: object) -> None:
        seen.add(torch.backends.cudnn.allow_tf32)

    trainer.network.backbone.conv1.register_forward_hook(look)
    trainer.network.backbone.conv1.weight.register_hook(look)
    assert trainer.train()
    assert seen == {False}
    assert torch.backends.cudnn.allow_tf32


def test_the_backbone_learns_at_a_rate_of_its_own_which_may_change_when_a_run_goes_on(
    start: Start, tmp_path: Path
) -> None:
    first = start(tmp_path / "first", epochs=1)
    assert first.train()
    assert first.run.data is not None
    training = replace(first.run.config.training, backbone_rate=0.0)
    config = replace(first.run.config, training=training)
    with pytest.raises(ConfigError, match="leaves the backbone as it begins, with random weights"):
        begin(tmp_path / "run", config, first.run.data, CPU)
    trainer = begin(tmp_path / "run", config, first.run.data, CPU, init=str(tmp_path / "first"))
    before = copy.deepcopy(trainer.network.state_dict())
    assert trainer.train()
    changed = [name for name, value in trainer.network.named_parameters() if not torch.equal(value, before[name])]
    inside = {name.split(".")[1] for name in changed if name.startswith("backbone.")}
    assert inside == {"pyramid"}, "which no published weights bring"
    assert not trainer.network.backbone.conv1.weight.requires_grad, "saves half of a step"
    after = trainer.network.state_dict()
    assert torch.equal(after["backbone.norm1.running_mean"], before["backbone.norm1.running_mean"])
    again = resume(tmp_path / "run", CPU, overrides=["training.backbone_rate=1", "training.epochs=2"])
    assert again.train()
    assert not torch.equal(again.network.state_dict()["backbone.conv1.weight"], before["backbone.conv1.weight"])


def test_an_optimiser_is_ready_for_any_loop_and_thaws_nothing(small: ModelConfig) -> None:
    network = EoRaS(small)
    network.front_tokens.requires_grad_(False)
    optimizer = build_optimizer(network, TrainingConfig(learning_rate=1e-3, backbone_rate=0.125))
    rates = {id(value): group["lr"] for group in optimizer.param_groups for value in group["params"]}
    backbone, pyramid = network.backbone.conv1.weight, next(network.backbone.pyramid.parameters())
    assert (rates[id(backbone)], rates[id(pyramid)], rates[id(network.slots)]) == (1.25e-4, 1e-3, 1e-3)
    frozen = {"front_tokens.weight", "front_tokens.bias"}
    assert {name for name, value in network.named_parameters() if not value.requires_grad} == frozen
    for _ in range(2):  # a second one finds what the first has left
        build_optimizer(network, TrainingConfig(backbone_rate=0))
        still = {name for name, value in network.named_parameters() if not value.requires_grad} - frozen
        assert "backbone.conv1.weight" in still
        assert all(name.startswith("backbone.") and "pyramid" not in name for name in still)


@pytest.mark.parametrize("augment", [AugmentConfig(), AugmentConfig(flip=1.0, degrade=0.5)])
def test_an_epoch_that_is_read_alone_is_that_of_a_run(start: Start, tmp_path: Path, augment: AugmentConfig) -> None:
    trainer = start(tmp_path, epochs=2, batch_size=2, passes_per_epoch=2, augment=augment)
    seen: list[torch.Tensor] = []
    trainer.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    assert trainer.train()
    config = trainer.run.config.training
    read = [batch.frames for epoch in range(2) for batch in read_epoch(trainer.training, config, epoch)]
    assert len(read) == len(seen) == 2 * 7
    for ours, theirs in zip(read, seen, strict=True):
        assert torch.equal(ours, theirs)
