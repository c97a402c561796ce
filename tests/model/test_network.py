"""Properties of the whole network, on small ones with random weights, and the size of the published one."""

import math
from typing import Any

import pytest
import torch
from golden_networks import golden, published_shapes
from small_networks import clips, small_network
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode

from eoras.config import MaskName, ModelConfig
from eoras.model.eoras import EoRaS, Masks
from eoras.model.official import is_discarded, parameter_names


@torch.no_grad()
@pytest.mark.parametrize("padding", ["zeros", "noise"])
@pytest.mark.parametrize("skip_unseen", [True, False])
def test_clips_padded_to_one_length_have_the_masks_they_have_alone(padding: str, skip_unseen: bool) -> None:
    network = small_network()
    assert network.bev is not None
    network.bev.skip_unseen = skip_unseen
    lengths = torch.tensor([2, 5, 1, 4])
    frames, intrinsics = clips(4, 5)
    present = (torch.arange(5) < lengths[:, None])[:, :, None, None]
    if padding == "zeros":  # as ``collate`` pads; a matrix of zeros projects nowhere
        frames, intrinsics = frames * present[..., None], intrinsics * present
    together = network(frames, intrinsics, lengths)
    for clip, length in enumerate(lengths.tolist()):
        alone = network(frames[clip : clip + 1, :length], intrinsics[clip : clip + 1, :length])
        for ours, other in zip(both(together), both(alone), strict=True):
            assert_close(ours[clip, :length], other[0])
    unaware = network(frames, intrinsics)
    assert (unaware.amodal[0, :2] - together.amodal[0, :2]).abs().max() > 1e-2, "else the padding proves nothing"


@torch.no_grad()
def test_a_clip_without_padding_may_say_its_length_or_not() -> None:
    network = small_network()
    frames, intrinsics = clips(2, 3)
    assert torch.equal(network(frames, intrinsics).amodal, network(frames, intrinsics, torch.tensor([3, 3])).amodal)


@torch.no_grad()
@pytest.mark.parametrize("padding", [0, 2])
def test_reversing_time_swaps_the_two_halves_of_the_features(padding: int) -> None:
    network = small_network()
    frames, intrinsics = clips(1, 4 + padding)
    order = torch.arange(4 + padding)
    order[:4] = order[:4].flip(0)
    forth, back = halves(network, frames, intrinsics, torch.tensor([4]))
    forth_reversed, back_reversed = halves(network, frames[:, order], intrinsics[:, order], torch.tensor([4]))
    assert_close(forth_reversed[order][:4], back[:4])
    assert_close(back_reversed[order][:4], forth[:4])
    assert (forth[:4] - back[:4]).abs().mean() > 0.05, "else any order would pass"


@torch.no_grad()
def test_slots_remember_the_frames_before_and_foresee_those_after() -> None:
    network = small_network()
    frames, intrinsics = clips(1, 4)
    other = frames.clone()
    other[:, 1] = other[:, 1].flip(-1)
    forth, back = halves(network, frames, intrinsics)
    forth_other, back_other = halves(network, other, intrinsics)
    assert_close(forth_other[0], forth[0])
    assert_close(back_other[2:], back[2:])
    for later in (2, 3):
        assert (forth_other[later] - forth[later]).abs().max() > 1e-2
    assert (back_other[0] - back[0]).abs().max() > 1e-2


@torch.no_grad()
@pytest.mark.parametrize("position_code", ["sincos", "learned"])
def test_permuting_slots_together_with_their_positions_does_nothing(position_code: str) -> None:
    network = small_network(position_code=position_code)
    frames, intrinsics = clips(1, 3)
    before = network(frames, intrinsics)
    order = torch.tensor([2, 0, 3, 1])
    network.slots.copy_(network.slots[order])
    without_positions = network(frames, intrinsics)
    network.slot_position.copy_(network.slot_position[order])
    for ours, other in zip(both(network(frames, intrinsics)), both(before), strict=True):
        assert_close(ours, other)
    assert (without_positions.amodal - before.amodal).abs().max() > 1e-2, "positions do matter"


@torch.no_grad()
@pytest.mark.parametrize("skip_unseen", [True, False])
def test_frames_pass_both_views_together_as_they_would_one_by_one(skip_unseen: bool) -> None:
    network = small_network()
    assert network.bev is not None
    network.bev.skip_unseen = skip_unseen
    frames, intrinsics = (values.flatten(0, 1) for values in clips(2, 3))
    assert network.bev is not None
    front = network.backbone(frames).front
    bev = network.bev(front, intrinsics)
    for frame in range(len(frames)):
        alone = network.backbone(frames[frame : frame + 1]).front
        assert_close(front[frame], alone[0])
        assert_close(bev[frame], network.bev(alone, intrinsics[frame : frame + 1])[0])
    assert (front[0] - front[1]).abs().max() > 0.1
    assert (bev[0] - bev[1]).abs().max() > 0.1


@torch.no_grad()
@pytest.mark.parametrize(
    "heads",
    [
        ("amodal",),
        ("amodal", "visible"),
        ("amodal", "occluded"),
        ("amodal", "visible", "occluded"),
        ("occluded", "amodal"),
    ],
)
def test_there_are_logits_for_each_mask_with_a_head_and_none_for_others(heads: tuple[MaskName, ...]) -> None:
    frames, intrinsics = clips(2, 1)
    masks = small_network(mask_heads=heads)(frames, intrinsics)
    given = {name: logits for name, logits in masks._asdict().items() if logits is not None}
    assert given.keys() == set(heads)
    complete = small_network(mask_heads=("amodal", "visible", "occluded"))(frames, intrinsics)._asdict()
    for name, logits in given.items():
        assert logits.shape == (2, 1, 121, 121)
        assert logits.dtype == torch.float32
        assert_close(logits, complete[name])
    assert len({float(logits.sum()) for logits in given.values()}) == len(heads), "each head has weights of its own"


@torch.no_grad()
@pytest.mark.parametrize("change", [{"num_slots": 1}, {"num_layers": 1}, {"num_heads": 4}, {"bev_channels": (8,)}])
def test_each_size_changes_the_answer_but_not_its_shape(change: dict[str, Any]) -> None:
    frames, intrinsics = clips(1, 2)
    masks, others = small_network()(frames, intrinsics), small_network(**change)(frames, intrinsics)
    assert others.amodal.shape == masks.amodal.shape == (1, 2, 121, 121)
    assert (others.amodal - masks.amodal).abs().max() > 1e-2


def test_every_parameter_learns() -> None:
    network = small_network(position_code="learned", mask_heads=("amodal", "visible", "occluded"), visible_input=True)
    network.train()
    frames, intrinsics = clips(2, 2)
    masks = network(frames, intrinsics, torch.tensor([2, 1]), torch.rand(2, 2, 121, 121) > 0.5)
    torch.stack([logits for logits in masks if logits is not None]).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_padding_of_zeros_leaves_gradients_finite() -> None:
    network = small_network()
    frames, intrinsics = clips(1, 3)
    intrinsics[:, 2] = 0
    masks = network(frames, intrinsics, torch.tensor([2]))
    masks.amodal[:, :2].mean().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


@torch.no_grad()
def test_dropout_acts_in_training_only() -> None:
    frames, intrinsics = clips(1, 2)
    network = small_network(dropout=0.5)
    assert torch.equal(network(frames, intrinsics).amodal, network(frames, intrinsics).amodal)
    for norm in network.modules():
        norm.train(not isinstance(norm, torch.nn.BatchNorm2d))
    assert not torch.equal(network(frames, intrinsics).amodal, network(frames, intrinsics).amodal)


@torch.no_grad()
@pytest.mark.parametrize("skip_unseen", [True, False])
def test_mixed_precision_stays_near_full_precision(skip_unseen: bool) -> None:
    network = small_network()
    assert network.bev is not None
    network.bev.skip_unseen = skip_unseen
    frames, intrinsics = clips(1, 3)
    exact = network(frames, intrinsics)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = network(frames, intrinsics)
    assert rounded.amodal.dtype == torch.bfloat16
    assert (rounded.amodal.float().sigmoid() - exact.amodal.sigmoid()).abs().max() < 0.03


def test_parameters_are_the_published_ones_without_codes_and_discarded_convolutions() -> None:
    shapes = published_shapes()
    sizes = {name: math.prod(shapes[name]) for name in parameter_names(shapes)}
    assert sum(sizes.values()) == 78_019_266
    discarded = {name for name in sizes if is_discarded(name)}
    convolutions = {f"feature_extractor.conv{n}.{part}" for n in (6, 7) for part in ("weight", "bias")}
    assert discarded == convolutions | {"slot_pos", "fea_pos", "bev_pos"}
    with torch.device("meta"):
        network = EoRaS(ModelConfig())
    assert sum(p.numel() for p in network.parameters()) == 78_019_266 - sum(sizes[name] for name in discarded)


class CountOperations(TorchDispatchMode):
    """Counts what is dispatched and is not a view."""

    number = 0

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.number += not func.is_view
        return func(*args, **(kwargs or {}))


def test_the_published_network_takes_at_most_1500_operations_for_twelve_frames() -> None:
    network = EoRaS(ModelConfig()).eval()
    intrinsics = golden("movi_b").intrinsics[:1, :1].expand(1, 12, 3, 3)
    with torch.no_grad(), CountOperations() as count:
        network(torch.rand(1, 12, 3, 128, 128), intrinsics)
    assert 300 < count.number <= 1500


def test_every_tensor_is_made_where_the_data_is() -> None:
    network = small_network(visible_input=True).to("meta")
    frames, intrinsics = (values.to("meta") for values in clips(2, 3))
    visible = torch.zeros(2, 3, 121, 121, dtype=torch.bool, device="meta")
    masks = network(frames, intrinsics, torch.tensor([3, 2]), visible)
    assert masks.amodal.device.type == "meta"
    assert masks.amodal.shape == (2, 3, 121, 121)


@pytest.mark.gpu
@torch.no_grad()
@pytest.mark.parametrize("skip_unseen", [True, False])
def test_masks_of_a_gpu_are_those_of_the_cpu(skip_unseen: bool) -> None:
    network = small_network()
    assert network.bev is not None
    network.bev.skip_unseen = skip_unseen
    frames, intrinsics = clips(2, 3)
    lengths = torch.tensor([3, 2])
    expected = network(frames, intrinsics, lengths)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        masks = network.cuda()(frames.cuda(), intrinsics.cuda(), lengths)
    assert_close(masks.amodal[0].cpu(), expected.amodal[0], 1e-4)
    assert_close(masks.amodal[1, :2].cpu(), expected.amodal[1, :2], 1e-4)


def both(masks: Masks) -> tuple[Tensor, Tensor]:
    assert masks.visible is not None
    return masks.amodal, masks.visible


def halves(network: EoRaS, frames: Tensor, intrinsics: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, ...]:
    """What the mask heads are given for one clip, from either direction of time: float ``(T, D, 16, 16)`` each."""
    features: list[Tensor] = []
    handle = network.heads["amodal"].register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    network(frames, intrinsics, lengths)
    handle.remove()
    return features[0].chunk(2, dim=1)


def assert_close(ours: Tensor, other: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(ours, other, rtol=0, atol=tolerance)


@pytest.mark.parametrize("normalise", [False, True])
def test_frames_that_are_bytes_are_refused(normalise: bool) -> None:
    network = small_network(normalise=normalise)
    frames, intrinsics = clips(1, 2)
    with pytest.raises(ValueError, match=r"frames: expected floating-point numbers in 0\.\.1, found torch\.uint8"):
        network((frames * 255).byte(), intrinsics)
