"""The visible mask as a fourth input channel (the paper's "SG")."""

import pytest
import torch
from small_networks import clips, small_network
from torch import Tensor

from eoras.model.eoras import EoRaS
from eoras.model.weights import fill


def masks(batch: int, length: int, seed: int = 0) -> Tensor:
    return torch.rand(batch, length, 121, 121, generator=torch.Generator().manual_seed(seed)) > 0.5


@torch.no_grad()
@pytest.mark.parametrize("given", [torch.zeros(2, 2, 121, 121), torch.ones(2, 2, 121, 121), masks(2, 2)])
def test_weights_for_rgb_give_the_same_answer_whatever_the_mask(given: Tensor) -> None:
    rgb = small_network()
    network = EoRaS(small_network(visible_input=True).config).eval()
    fill(network, rgb.state_dict(), "here")
    frames, intrinsics = clips(2, 2)
    answer, expected = network(frames, intrinsics, visible=given), rgb(frames, intrinsics)
    torch.testing.assert_close(answer.amodal, expected.amodal, rtol=0, atol=1e-5)
    torch.testing.assert_close(answer.visible, expected.visible, rtol=0, atol=1e-5)


def test_a_new_network_starts_without_regard_to_the_mask() -> None:
    network = EoRaS(small_network(visible_input=True).config)
    assert network.backbone.conv1.weight.shape[1] == 4
    assert not network.backbone.conv1.weight[:, 3].any()
    assert network.backbone.conv1.weight[:, :3].any()


@torch.no_grad()
def test_a_trained_network_regards_the_mask_of_each_frame() -> None:
    network = small_network(visible_input=True)
    frames, intrinsics = clips(1, 2)
    given = masks(1, 2)
    other = given.clone()
    other[:, 1] = ~other[:, 1]
    alike = (given.float(), given.byte() * 255, given.long())
    answers = [network(frames, intrinsics, visible=visible).amodal for visible in (given, other, *alike)]
    assert (answers[0] - answers[1]).abs().max() > 1e-2
    for answer in answers[2:]:
        assert torch.equal(answers[0], answer), "bool, float or integers are all the same"


@torch.no_grad()
def test_the_mask_lies_over_the_crop() -> None:
    network = small_network(visible_input=True)
    seen: list[Tensor] = []
    network.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    frames, intrinsics = clips(1, 2)
    given = torch.zeros(1, 2, 121, 121, dtype=torch.bool)
    given[0, 0, :, :60] = True
    given[0, 1, :60] = True
    network(frames, intrinsics, visible=given)
    (images,) = seen
    assert torch.equal(images[:, :3], frames[0])
    left, top = images[:, 3]
    assert (left[:, :62] == 1).all()
    assert (left[:, 66:] == 0).all()
    assert torch.equal(top, left.T)


def test_a_network_that_takes_the_mask_must_have_it() -> None:
    with pytest.raises(ValueError, match="visible_input=True"):
        small_network(visible_input=True)(*clips(1, 1))


def test_a_network_that_takes_no_mask_must_not_have_it() -> None:
    with pytest.raises(ValueError, match="visible_input=False"):
        small_network()(*clips(1, 1), visible=masks(1, 1))
