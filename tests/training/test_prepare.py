"""What is done to a network before it is trained leaves alone what it learns."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from same_run import assert_same_run, log_of
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from eoras.config import ModelConfig, TrainingConfig
from eoras.config_files import load_config
from eoras.errors import ConfigError
from eoras.evaluation.evaluate import evaluate
from eoras.model.eoras import EoRaS, Masks
from eoras.training.averages import Averages
from eoras.training.loop import Trainer
from eoras.training.prepare import prepare

Start = Callable[..., Trainer]


def networks(config: ModelConfig, normalise_frames: Literal["together", "apart"] = "together") -> tuple[EoRaS, EoRaS]:
    """Two of the same weights, one of which keeps less."""
    pair = []
    for again in (False, True):
        training = TrainingConfig(checkpoint_activations=again, normalise_frames=normalise_frames)
        torch.manual_seed(0)
        network = EoRaS(config).train()
        prepare(network, training)
        pair.append(network)
    return pair[0], pair[1]


def answer(network: EoRaS, intrinsics: Tensor, dtype: torch.dtype = torch.float32) -> Masks:
    random = torch.Generator().manual_seed(1)
    frames = torch.rand(2, 3, 3, 128, 128, generator=random)
    torch.manual_seed(2)  # of the dropout
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        return network(frames, intrinsics.expand(2, 3, 3, 3))


@pytest.fixture
def intrinsics() -> Tensor:
    return torch.tensor([[1.09375, 0.0, -0.5], [0.0, -1.09375, -0.5], [0.0, 0.0, -1.0]])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("skip_unseen", "normalise_frames"), [(True, "together"), (False, "together"), (True, "apart")]
)
def test_computing_again_changes_no_gradient_no_statistic_and_no_random_number(
    small: ModelConfig, intrinsics: Tensor, dtype: str, skip_unseen: bool, normalise_frames: Any
) -> None:
    pair = networks(replace(small, num_layers=2), normalise_frames)
    drawn = []
    for network in pair:
        assert network.bev is not None
        network.bev.skip_unseen = skip_unseen
        masks = answer(network, intrinsics, getattr(torch, dtype))
        assert masks.visible is not None
        (masks.amodal.square().mean() + masks.visible.mean()).backward()
        drawn.append(torch.rand(3))
    usual, forgetful = ({name: value.grad for name, value in network.named_parameters()} for network in pair)
    for name, gradient in usual.items():
        assert gradient is not None
        assert (gradient != 0).any()
        again = forgetful[name]
        assert again is not None
        assert torch.equal(gradient, again), name
    for name, value in pair[0].state_dict().items():  # running statistics among them
        assert torch.equal(value, pair[1].state_dict()[name]), name
    assert pair[1].backbone.norm1.num_batches_tracked == {"together": 1, "apart": 3}[normalise_frames]
    assert torch.equal(*drawn)


@torch.no_grad()
@pytest.mark.parametrize("skip_unseen", [True, False])
def test_frames_apart_are_normalised_as_if_one_frame_of_each_clip_came_after_the_other(
    small: ModelConfig, intrinsics: Tensor, skip_unseen: bool
) -> None:
    apart, together = (networks(small, how)[0] for how in ("apart", "together"))
    frames, camera = torch.rand(2, 3, 3, 128, 128), intrinsics.expand(2, 3, 3, 3)
    for network in (apart, together):
        assert network.bev is not None
        network.bev.skip_unseen = skip_unseen
    whole = together.encode(frames.flatten(0, 1), camera.flatten(0, 1), clip_length=3)
    found = apart.encode(frames.flatten(0, 1), camera.flatten(0, 1), clip_length=3)
    assert not torch.allclose(found.front, whole.front, atol=1e-3)
    assert together.backbone.norm1.num_batches_tracked == 1
    one_by_one, _ = networks(small)
    assert one_by_one.bev is not None
    one_by_one.bev.skip_unseen = skip_unseen
    for t in range(3):
        alone = one_by_one.encode(frames[:, t], camera[:, t])
        assert found.of_bev is not None
        assert alone.of_bev is not None
        assert torch.equal(found.front.unflatten(0, (2, 3))[:, t], alone.front)
        assert torch.equal(found.of_bev[0].keys.unflatten(0, (2, 3))[:, t], alone.of_bev[0].keys)
    for name, value in one_by_one.state_dict().items():  # running statistics and counts among them
        assert torch.equal(apart.state_dict()[name], value), name
    together.load_state_dict(apart.state_dict())
    assert torch.equal(apart.eval()(frames, camera).amodal, together.eval()(frames, camera).amodal)


def test_computing_again_keeps_less(small: ModelConfig, intrinsics: Tensor) -> None:
    kept = []
    for network in networks(small):
        sizes: dict[int, int] = {}

        def look(value: Tensor, sizes: dict[int, int] = sizes) -> Tensor:
            sizes[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
            return value

        with saved_tensors_hooks(look, lambda value: value):
            answer(network, intrinsics)
        kept.append(sum(sizes.values()))
    assert kept[1] < 0.5 * kept[0]


def test_without_gradients_there_is_nothing_to_compute_again(small: ModelConfig, intrinsics: Tensor) -> None:
    usual, forgetful = networks(small)
    with torch.inference_mode():
        assert torch.equal(answer(usual.eval(), intrinsics).amodal, answer(forgetful.eval(), intrinsics).amodal)


def test_a_run_that_computes_again_is_the_same_run(start: Start, tmp_path: Path) -> None:
    for name, again in {"usual": False, "again": True}.items():
        assert start(tmp_path / name, checkpoint_activations=again, validation="test", average=0.5).train()
    assert_same_run(tmp_path / "again", tmp_path / "usual")


def test_averages_of_a_prepared_network_are_its_own(small: ModelConfig, intrinsics: Tensor) -> None:
    _, forgetful = networks(small)
    averages = Averages(forgetful, 0.9)
    with torch.no_grad():
        before = answer(averages.network, intrinsics).amodal
        for value in forgetful.parameters():
            value.zero_()
        assert torch.equal(answer(averages.network, intrinsics).amodal, before)


def test_compiling_without_a_compiler_says_what_is_missing(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ConfigError, match=r"compile needs a C\+\+ compiler, found no no-such-compiler"):
        start(tmp_path / "run", compile=True)
    assert not (tmp_path / "run").exists()


def test_compiling_what_is_computed_again_is_refused() -> None:
    with pytest.raises(ConfigError, match="compile and checkpoint_activations do not go together"):
        load_config("tiny", ["training.compile=true", "training.checkpoint_activations=true"])


def test_a_compiled_network_is_validated_as_it_was_before(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each length of a track would be compiled anew."""
    trainer = start(tmp_path, validation="test")
    monkeypatch.setattr(trainer.network, "_compiled_call_impl", lambda *_, **__: pytest.fail("compiled"))
    assert trainer.validation is not None
    assert evaluate(trainer.network, trainer.validation, device="cpu").tracks == 2


@pytest.mark.slow  # a minute of compiling
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns of what it does itself
def test_a_compiled_network_learns_the_same(start: Start, small: ModelConfig, tmp_path: Path) -> None:
    model = replace(small, dropout=0.0)  # which draws its numbers in another order
    losses = []
    for name, compiled in {"usual": False, "compiled": True}.items():
        assert start(tmp_path / name, model=model, compile=compiled, epochs=1, clip_length=2).train()
        losses.append([line["loss"] for line in log_of(tmp_path / name)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
