"""Options beyond the paper: each alone, with the published default unchanged."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from small_networks import SMALL, clips, small_network
from torch import Tensor
from torch.testing import assert_close

from eoras.config import ModelConfig, ViewConfig
from eoras.model.bev import BirdsEyeView, bilinear_taps
from eoras.model.eoras import EoRaS, Masks
from eoras.model.heads import ConfidenceHead, SkipHead
from eoras.model.weights import fill

OPTIONS = [
    {"backbone": "lite0"},
    {"normalise": True},
    {"bev": False},
    {"decoder": "skip"},
    {"temporal": "clip"},
    {"confidence": True},
    {"backbone": "lite0", "normalise": True, "bev": False, "decoder": "skip", "temporal": "clip", "confidence": True},
]


def network_of(**options: Any) -> EoRaS:
    """``SMALL`` with options, drawn from one seed, in evaluation mode."""
    torch.manual_seed(0)
    return EoRaS(replace(SMALL, **options)).eval()


def filled(masks: Masks) -> dict[str, Tensor]:
    return {name: logits for name, logits in masks._asdict().items() if logits is not None}


def test_by_default_all_options_are_off() -> None:
    off = {"backbone": "resnet", "normalise": False, "bev": True, "decoder": "plain", "temporal": "walk"}
    assert replace(ModelConfig(), **off, confidence=False, visible_skip=False) == ModelConfig()


@torch.no_grad()
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_clip_has_the_masks_it_has_alone_when_others_are_longer(options: dict[str, Any]) -> None:
    network = network_of(**options)
    frames, intrinsics = clips(2, 4)
    times = torch.tensor([[0, 1, 4, 9], [3, 4, 0, 0]])
    frames[1, 2:], intrinsics[1, 2:] = 0, 0
    together = filled(network(frames, intrinsics, torch.tensor([4, 2]), times=times))
    alone = filled(network(frames[1:, :2], intrinsics[1:, :2], times=times[1:, :2]))
    assert together["amodal"].shape == (2, 4, 121, 121)
    for name, logits in alone.items():
        assert_close(together[name][1:, :2], logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_parameter_learns_from_the_masks(options: dict[str, Any]) -> None:
    network = network_of(**options).train()
    frames, intrinsics = clips(1, 3)
    sum(logits.square().mean() for logits in filled(network(frames, intrinsics)).values()).backward()  # type: ignore[union-attr]  # a sum of tensors is one
    idle = [name for name, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    assert idle == []


@torch.no_grad()
def test_frames_of_a_clip_see_each_other_and_their_times() -> None:
    network = network_of(temporal="clip")
    frames, intrinsics = clips(1, 3)
    before = network(frames, intrinsics).amodal
    assert_close(network(frames, intrinsics, times=torch.tensor([[5, 6, 7]])).amodal, before)
    assert (network(frames, intrinsics, times=torch.tensor([[0, 1, 9]])).amodal - before).abs().max() > 1e-4
    frames[0, 2] = 0.5
    changed = (network(frames, intrinsics).amodal[:, 0] - before[:, 0]).abs().max()
    assert changed > 1e-5
    far = torch.tensor([[0, 1, 400]])
    alone = network(frames[:, :2], intrinsics[:, :2]).amodal
    assert (network(frames, intrinsics, times=far).amodal[:, :2] - alone).abs().max() < changed / 10


@torch.no_grad()
def test_a_long_clip_is_rewritten_some_frames_at_a_time_with_the_same_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    network = network_of(temporal="clip", bev=False)
    frames, intrinsics = clips(2, 5)
    arguments = (frames, intrinsics, torch.tensor([5, 3]))
    sizes: list[int] = []
    network.front_from_slots.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    whole = network(*arguments).amodal
    monkeypatch.setattr("eoras.model.eoras._REWRITTEN", 2)
    parts = network(*arguments).amodal
    assert sizes == [2 * 5, 2 * 2, 2 * 2, 2 * 1]
    assert_close(parts[0], whole[0], rtol=0, atol=1e-6)
    assert_close(parts[1, :3], whole[1, :3], rtol=0, atol=1e-6)
    network.train()(*arguments)
    assert sizes[4:] == [2 * 5], "training keeps its random numbers"


@torch.no_grad()
def test_frames_in_another_order_have_their_masks_in_that_order() -> None:
    network = network_of(temporal="clip")
    frames, intrinsics = clips(1, 3)
    order = [0, 2, 1]
    masks = network(frames, intrinsics, times=torch.tensor([[0, 1, 5]])).amodal
    others = network(frames[:, order], intrinsics[:, order], times=torch.tensor([[0, 5, 1]])).amodal
    assert_close(others, masks[:, order], rtol=1e-4, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("backbone", ["resnet", "lite0"])
def test_normalised_images_are_those_that_a_network_without_sees_after_scaling(backbone: Any) -> None:
    plain, normalising = network_of(backbone=backbone), network_of(backbone=backbone, normalise=True)
    frames, intrinsics = clips(1, 2)
    scaled = (frames - normalising.mean) / normalising.std
    assert_close(normalising(frames, intrinsics).amodal, plain(scaled, intrinsics).amodal)
    assert (normalising(frames, intrinsics).amodal - plain(frames, intrinsics).amodal).abs().max() > 1e-4


@torch.no_grad()
def test_without_a_birds_eye_view_the_camera_does_not_matter() -> None:
    frames, intrinsics = clips(1, 2)
    blind, seeing = network_of(bev=False), small_network()
    assert torch.equal(blind(frames, intrinsics).amodal, blind(frames, 2 * intrinsics).amodal)
    other = intrinsics * torch.tensor([[2.0], [2.0], [1.0]])
    assert (seeing(frames, intrinsics).amodal - seeing(frames, other).amodal).abs().max() > 1e-5
    assert not [name for name in blind.state_dict() if "bev" in name]


def test_weights_from_before_an_option_fill_the_parts_that_did_not_change() -> None:
    weights = network_of().state_dict()
    for same in ({"normalise": True}, {"view": ViewConfig(intrinsics="crop", windows="track")}):
        fill(EoRaS(replace(SMALL, **same)), weights, "before")


@torch.no_grad()
def test_confidence_looks_inside_the_mask_and_gives_it_no_gradient() -> None:
    head = ConfidenceHead(8)
    features = torch.rand(2, 8, 16, 16)
    left = torch.full((2, 121, 121), -9.0)
    left[:, :, :60] = 9
    outside = features.clone()
    outside[:, :, :, 8:] = outside[:, :, :, 8:].flip(-1)  # the mean over all cells stays
    assert_close(head(features, left), head(outside, left), rtol=1e-3, atol=1e-3)
    inside = features.clone()
    inside[..., :8] *= 2
    assert (head(features, left) - head(inside, left)).abs().max() > 1e-3
    with torch.enable_grad():
        judged = [value.clone().requires_grad_() for value in (features, left)]
        head(*judged).sum().backward()
    assert [value.grad for value in judged] == [None, None]


def test_a_crop_camera_reads_the_cell_in_which_a_point_is_seen() -> None:
    centres = torch.eye(3)[None]  # x / z and y / z are places in the crop, 0 to 1
    points = torch.tensor([[[(3 + 0.5) / 16, (7 + 0.5) / 16, 1.0]]]).expand(1, 1, 5, 3) * 4
    taps = bilinear_taps(points, centres, align_corners=False)
    cells = taps.index[taps.weight > 1e-5] // 5
    assert cells.tolist() == [7 * 16 + 3] * 5
    assert_close(taps.weight.sum(), torch.tensor(5.0))


def test_the_networks_camera_follows_its_view() -> None:
    def corners(intrinsics: Any) -> bool:
        bev = EoRaS(replace(SMALL, view=ViewConfig(intrinsics=intrinsics))).bev
        assert isinstance(bev, BirdsEyeView)
        return bev.align_corners

    assert [corners(name) for name in ("kubric", "pixel", "unit", "crop")] == [True, True, True, False]


SEEING = [
    {"visible_input": True},
    {"visible_input": True, "visible_skip": True},
    {"visible_input": True, "visible_skip": True, "decoder": "skip"},
]


@torch.no_grad()
@pytest.mark.parametrize("options", SEEING, ids=str)
def test_past_the_backbone_the_given_mask_counts_before_anything_is_learned(options: dict[str, Any]) -> None:
    network = network_of(bev=False, **options)
    frames, intrinsics = clips(1, 2)
    visible = torch.zeros(1, 2, 121, 121)
    nothing = network(frames, intrinsics, visible=visible).amodal
    visible[..., 40:48, 80:88] = 1
    change = (network(frames, intrinsics, visible=visible).amodal - nothing).abs()
    assert bool(change.any()) == ("visible_skip" in options)  # the stem's fourth channel begins at zero
    if "visible_skip" in options:
        camera = torch.eye(3).expand(2, 3, 3)
        tokens = [network.encode(frames[0], camera, mask).front[0] for mask in (visible[0], torch.zeros(2, 121, 121))]
        touched = (tokens[0] != tokens[1]).any(-1).nonzero().flatten()
        assert [divmod(int(token), 16) for token in touched] == [(5, 10), (5, 11), (6, 10), (6, 11)]
    if options.get("decoder") == "skip":
        near = change[..., 36:52, 76:92]
        assert near.max() == change.max()
        assert near.mean() > 10 * change.mean()


@pytest.mark.parametrize("options", SEEING, ids=str)
def test_every_parameter_that_sees_the_given_mask_learns(options: dict[str, Any]) -> None:
    network = network_of(**options).train()
    frames, intrinsics = clips(1, 3)
    masks = network(frames, intrinsics, visible=torch.rand(1, 3, 121, 121) > 0.5)
    sum(logits.square().mean() for logits in filled(masks).values()).backward()  # type: ignore[union-attr]  # a sum of tensors is one
    assert [name for name, value in network.named_parameters() if value.grad is None or not value.grad.any()] == []
    of_mask = [(network.backbone.conv1.weight, 1)]
    if options.get("decoder") == "skip":
        heads = [head for head in network.heads.values() if isinstance(head, SkipHead)]
        of_mask += [(layer.weight, 4) for head in heads for layer in (head.lateral2, head.to_logits)]
        assert len(of_mask) == 1 + 2 * len(network.heads)
    for weight, channels in of_mask:
        assert weight.grad is not None
        assert all(channel.any() for channel in weight.grad[:, -channels:].unbind(1))


def test_a_mask_that_is_not_given_cannot_go_past_the_backbone() -> None:
    with pytest.raises(ValueError, match="visible_skip needs visible_input: true"):
        ModelConfig(visible_skip=True)


@torch.no_grad()
def test_a_skip_heads_mask_lies_where_the_features_do() -> None:
    total = torch.zeros(8, 8)
    for seed in range(8):  # one network drawn at random may answer beside the place, eight together do not
        torch.manual_seed(seed)
        network = EoRaS(replace(SMALL, decoder="skip", bev=False)).eval()
        frames = torch.zeros(1, 1, 3, 128, 128)
        base = network(frames, torch.eye(3)[None, None]).amodal[0, 0]
        frames[..., 32:48, 96:112] = 1
        change = (network(frames, torch.eye(3)[None, None]).amodal[0, 0] - base).abs()
        blocks = F.avg_pool2d(change[None, None], 15)[0, 0]
        total += blocks / blocks.max()
    assert divmod(int(total.argmax()), total.shape[1]) == (2, 6)
