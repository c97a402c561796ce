"""The loop: what it trains on, how large its steps are, and what it does when a step goes wrong."""

import math
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from same_run import assert_same_run, checkpoints, log_of
from torch import Tensor

from eoras.config import AugmentConfig, ModelConfig, TrainingConfig
from eoras.data import Draw, MoviTracks
from eoras.data.augment import flip
from eoras.errors import RunError
from eoras.training.loop import Trainer
from eoras.training.losses import total_loss
from eoras.training.start import resume

Start = Callable[..., Trainer]

CPU = torch.device("cpu")
forking = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # Python 3.12 and newer


def weights(trainer: Trainer) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in trainer.network.state_dict().items()}


def record_draws(monkeypatch: pytest.MonkeyPatch) -> list[Draw]:
    """The clips that are read from now on, in order."""
    draws: list[Draw] = []
    read = MoviTracks.__getitem__

    def read_and_record(tracks: MoviTracks, key: int | Draw) -> object:
        assert isinstance(key, Draw)
        draws.append(key)
        return read(tracks, key)

    monkeypatch.setattr(MoviTracks, "__getitem__", read_and_record)
    return draws


# What is trained on


def test_an_epoch_uses_every_clip_once_and_the_next_one_in_another_order(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = record_draws(monkeypatch)
    trainer = start(tmp_path)
    assert trainer.train()
    count = len(trainer.training)
    epochs = [draws[:count], draws[count:]]
    for epoch in epochs:
        assert sorted(draw.track for draw in epoch) == list(range(count))
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize(("batch_size", "accumulate"), [(1, 4), (4, 1), (3, 2)])
def test_a_step_takes_batch_size_times_accumulate_clips_and_the_last_one_what_is_left(
    start: Start, tmp_path: Path, batch_size: int, accumulate: int
) -> None:
    trainer = start(tmp_path, epochs=1, batch_size=batch_size, accumulate=accumulate)
    sizes: list[int] = []
    trainer.network.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    assert trainer.train()
    count = len(trainer.training)
    assert sum(sizes) == count
    assert set(sizes[:-1]) <= {batch_size}
    assert len(log_of(tmp_path)) == math.ceil(count / (batch_size * accumulate))


def test_what_augmentation_makes_of_the_clips_is_what_the_network_is_given(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = record_draws(monkeypatch)
    trainer = start(tmp_path, epochs=1, batch_size=1, accumulate=1, augment=AugmentConfig(flip=1))
    seen: list[tuple[Tensor, Tensor]] = []
    trainer.network.register_forward_pre_hook(lambda _, inputs: seen.append((inputs[0], inputs[1])))
    assert trainer.train()
    assert len(seen) == len(trainer.training)
    for (frames, intrinsics), draw in zip(seen, list(draws), strict=True):
        clip = trainer.training[draw]
        mirrored = flip(clip, trainer.training.view)
        assert torch.equal(frames[0], mirrored.frames)
        assert torch.equal(intrinsics[0], mirrored.intrinsics)
        assert not torch.equal(frames[0], clip.frames)


# What a run depends on


@forking
def test_the_same_seed_gives_the_same_run_with_any_number_of_reading_processes(start: Start, tmp_path: Path) -> None:
    for name, values in {"one": {}, "again": {}, "readers": {"workers": 2}, "other": {"seed": 7}}.items():
        assert start(tmp_path / name, epochs=1, **values).train()
    assert_same_run(tmp_path / "again", tmp_path / "one")
    assert_same_run(tmp_path / "readers", tmp_path / "one")
    losses = [[line["loss"] for line in log_of(tmp_path / name)] for name in ("one", "other")]
    assert all(a != b for a, b in zip(*losses, strict=True))


@forking
def test_a_run_on_augmented_clips_is_the_same_with_any_number_of_reading_processes_and_after_a_stop(
    start: Start, small: ModelConfig, tmp_path: Path
) -> None:
    often = AugmentConfig(cover=0.5, zoom=0.5, flip=0.5, degrade=0.5, damage=0.5)
    options = {"model": replace(small, visible_input=True), "epochs": 1, "augment": often, "save_steps": 1, "keep": 1}
    assert start(tmp_path / "whole", **options).train()
    assert start(tmp_path / "readers", **options, workers=2).train()
    trainer = start(tmp_path / "stopped", **options)
    trainer.optimizer.register_step_post_hook(lambda *_: signal.raise_signal(signal.SIGTERM))
    assert not trainer.train()
    assert trainer.place.step == 1
    assert resume(tmp_path / "stopped", CPU).train()
    assert_same_run(tmp_path / "readers", tmp_path / "whole")
    assert_same_run(tmp_path / "stopped", tmp_path / "whole")


def test_accumulated_batches_have_the_gradient_of_one_large_batch(start: Start, tmp_path: Path) -> None:
    seen = {}
    for batch_size, accumulate in ((3, 1), (1, 3), (2, 2), (1, 1)):  # of the three clips, 2 and 2 makes 2 and 1
        trainer = start(tmp_path / f"{batch_size}{accumulate}", batch_size=batch_size, accumulate=accumulate, epochs=1)
        del trainer.training.tracks[3:]
        seen[batch_size, accumulate] = gradients(frozen(trainer))[0]
    assert (seen[3, 1].abs() > 1e-3).sum() > 100
    for parts in ((1, 3), (2, 2)):
        torch.testing.assert_close(seen[parts], seen[3, 1], rtol=0, atol=1e-6)
    assert (seen[1, 1] - seen[3, 1]).abs().max() > 1e-3


def test_gradients_of_one_step_do_not_run_on_into_the_next(start: Start, tmp_path: Path) -> None:
    trainer = frozen(start(tmp_path, clip_length=4, learning_rate=1e-30, weight_decay=0))
    del trainer.training.tracks[1:]
    first, second = gradients(trainer)
    assert (first.abs() > 1e-3).sum() > 100
    assert torch.equal(first, second)


def frozen(trainer: Trainer) -> Trainer:
    """The same, its norms and dropout for good in evaluation mode, so that clips do not change each other's answers."""
    trainer.network.eval()
    trainer.network.train = lambda mode=True: trainer.network  # noqa: ARG005 (the signature is torch's)
    return trainer


def gradients(trainer: Trainer) -> list[Tensor]:
    """Train, and give the gradients that each step of the optimiser saw, float ``(parameters,)``."""
    seen: list[Tensor] = []

    def look(*_: object) -> None:
        values = (value.grad for value in trainer.network.parameters())
        seen.append(torch.cat([value.flatten() for value in values if value is not None]))

    trainer.optimizer.register_step_pre_hook(look)
    assert trainer.train()
    return seen


def test_the_learning_rate_decays_after_each_epoch(start: Start, tmp_path: Path) -> None:
    assert start(tmp_path, epochs=3, learning_rate=1e-3, decay=0.5, batch_size=8).train()
    assert [line["learning_rate"] for line in log_of(tmp_path)] == [1e-3, 5e-4, 2.5e-4]
    (newest,) = [name for name in checkpoints(tmp_path) if name.startswith("0003")]
    state = torch.load(tmp_path / "checkpoints" / newest / "training.pt", weights_only=True)
    assert state["optimizer"]["param_groups"][0]["lr"] == 2.5e-4


def test_a_resumed_run_takes_the_learning_rate_and_weight_decay_of_its_overrides(start: Start, tmp_path: Path) -> None:
    assert start(tmp_path, epochs=1).train()
    values = {"epochs": 2, "learning_rate": 0.5, "decay": 0.1, "weight_decay": 0.25}
    trainer = resume(tmp_path, CPU, overrides=[f"training.{name}={value}" for name, value in values.items()])
    assert trainer.train()
    assert [line["learning_rate"] for line in log_of(tmp_path)[-2:]] == [pytest.approx(0.05)] * 2
    assert trainer.optimizer.param_groups[0]["weight_decay"] == 0.25


# What the network is given and asked for


def test_a_network_that_takes_the_visible_mask_is_given_it(start: Start, small: ModelConfig, tmp_path: Path) -> None:
    trainer = start(tmp_path, epochs=1, model=replace(small, visible_input=True))
    (extra,) = [value[:, 3:] for name, value in weights(trainer).items() if name == "backbone.conv1.weight"]
    assert (extra == 0).all()
    assert trainer.train()
    assert (weights(trainer)["backbone.conv1.weight"][:, 3:] != 0).any()


def test_the_occluded_head_learns_only_if_its_loss_has_a_weight(
    start: Start, small: ModelConfig, tmp_path: Path
) -> None:
    for weight in (0, 1):
        model = replace(small, mask_heads=("amodal", "occluded"))
        trainer = start(tmp_path / str(weight), epochs=1, model=model, occluded_weight=weight, weight_decay=0)
        before = weights(trainer)
        assert trainer.train()
        learnt = {name for name, value in weights(trainer).items() if not torch.equal(value, before[name])}
        assert any(name.startswith("heads.amodal.") for name in learnt)
        assert any(name.startswith("heads.occluded.") for name in learnt) is bool(weight)
        line = log_of(tmp_path / str(weight))[0]
        assert line["loss"] == pytest.approx(line["amodal"] + weight * line["occluded"])


def test_bfloat16_keeps_weights_and_losses_in_full_precision(start: Start, tmp_path: Path) -> None:
    trainer = start(tmp_path / "half", epochs=1, dtype="bfloat16")
    assert trainer.train()
    assert {value.dtype for value in trainer.network.parameters()} == {torch.float32}
    assert start(tmp_path / "full", epochs=1).train()
    half, full = (log_of(tmp_path / name)[0]["loss"] for name in ("half", "full"))
    assert half == pytest.approx(full, rel=0.05)
    assert half != full


def test_training_makes_the_loss_small(start: Start, tmp_path: Path) -> None:
    trainer = start(tmp_path, epochs=12, learning_rate=5e-3)
    del trainer.training.tracks[1:]
    assert trainer.train()
    losses = [line["loss"] for line in log_of(tmp_path)]
    assert losses[-1] < 0.7 * losses[0]


# What goes wrong


def test_a_loss_that_is_not_finite_ends_the_run_and_nothing_of_its_step_is_saved(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert start(whole, keep=9, save_steps=1).train()
    trainer, batches = start(broken, keep=9, save_steps=1), iter(range(100))

    def total(losses: dict[str, Tensor], config: TrainingConfig) -> Tensor:
        return total_loss(losses, config) * (float("nan") if next(batches) == 7 else 1)  # the second batch of step 4

    monkeypatch.setattr("eoras.training.step.total_loss", total)
    with pytest.raises(RunError, match=r"broken: the loss of step 4 is nan.*learning_rate.*--resume"):
        trainer.train()
    assert [line["step"] for line in log_of(broken)] == [1, 2, 3]
    assert checkpoints(broken) == ["0000-00000004", "0001-00000000", "0001-00000004"]
    assert resume(broken, CPU).train()
    assert_same_run(broken, whole)


def test_a_learning_rate_far_too_high_ends_the_run(start: Start, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"the loss of step 2 is (nan|inf)"):
        start(tmp_path, learning_rate=1e30).train()
    assert len(log_of(tmp_path)) == 1
    assert not (tmp_path / "checkpoints").exists()


def test_weights_that_answer_with_nan_are_not_saved_at_the_end_of_an_epoch(start: Start, tmp_path: Path) -> None:
    trainer = start(tmp_path, learning_rate=1e30, batch_size=16, validation="test")
    with pytest.raises(RunError, match=r"the network answers with NaN"):
        trainer.train()
    assert not (tmp_path / "checkpoints").exists()
    assert not (tmp_path / "best").exists()
