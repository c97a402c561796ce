"""Convolutions on tiles against PyTorch's own."""

import pytest
import torch
from small_networks import small_network
from torch import Tensor, nn

from eoras.model.heads import MaskHead
from eoras.model.seen import SeenCells
from eoras.model.winograd import DOUBLE, STRIDE_1, STRIDE_2, Algorithm

SIZES = [(4, 4), (5, 7), (1, 9), (6, 3), (16, 13)]


@pytest.mark.parametrize("algorithm", [STRIDE_1, STRIDE_2, DOUBLE])
def test_the_matrices_of_an_algorithm_fit_each_other(algorithm: Algorithm) -> None:
    products = len(algorithm.inputs)
    assert len(algorithm.weights) == products
    assert {len(row) for row in algorithm.weights} == {3}
    assert {len(row) for row in algorithm.outputs} == {products}


@torch.no_grad()
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", ["stride 1", "stride 2", "transposed"])
def test_in_float64_the_answer_is_exact_whatever_the_size(kind: str, size: tuple[int, int]) -> None:
    conv, maps = layer(kind, 6, 5).double(), torch.randn(3, 6, *size, generator=seeded(), dtype=torch.float64)
    torch.testing.assert_close(SeenCells.all(maps).convolve(conv).dense(), conv(maps), rtol=0, atol=1e-10)


@torch.no_grad()
@pytest.mark.parametrize(("kind", "bound"), [("stride 1", 3e-5), ("stride 2", 5e-6), ("transposed", 1e-5)])
def test_in_float32_rounding_stays_small_beside_outputs_of_unit_size(kind: str, bound: float) -> None:
    conv, maps = layer(kind, 256, 32), torch.randn(1, 256, 32, 32, generator=seeded())
    expected = conv.double()(maps.double())
    error = SeenCells.all(maps).convolve(conv.float()).dense() - expected
    assert error.abs().max() < bound * expected.std()


@pytest.mark.parametrize("kind", ["stride 1", "stride 2", "transposed"])
@pytest.mark.parametrize("numbers_at_once", [1, 400, 2**23])
def test_gradients_are_exact(kind: str, numbers_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eoras.model.winograd._NUMBERS_AT_ONCE", numbers_at_once)
    conv = layer(kind, 4, 5).double()
    results: list[list[Tensor | None]] = []
    for on_tiles in (True, False):
        conv.zero_grad()
        maps = torch.randn(2, 4, 9, 6, generator=seeded(), dtype=torch.float64).requires_grad_()
        answer = SeenCells.all(maps).convolve(conv).dense() if on_tiles else conv(maps)
        (answer * answer.detach().roll(1, -1)).sum().backward()
        results.append([maps.grad, *(p.grad for p in conv.parameters())])
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)


@torch.no_grad()
def test_autocast_does_not_round_the_weights_before_they_are_transformed() -> None:
    conv, maps = layer("stride 1", 64, 64), torch.randn(1, 64, 16, 16, generator=seeded())
    cells = SeenCells.all(maps.bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        mixed = cells.convolve(conv).dense()
    torch.testing.assert_close(mixed, cells.convolve(conv).dense(), rtol=0, atol=0)


def test_a_mask_head_on_tiles_gives_the_same_logits_and_gradients() -> None:
    torch.manual_seed(0)
    head = MaskHead(16).double()
    results: list[list[Tensor | None]] = []
    for on_tiles in (True, False):
        head.zero_grad()
        features = torch.randn(2, 16, 16, 16, generator=seeded(), dtype=torch.float64).requires_grad_()
        logits = head(features, on_tiles)
        logits.square().sum().backward()
        results.append([logits.detach(), features.grad, *(p.grad for p in head.parameters())])
    for ours, expected in zip(*results, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


def test_one_switch_turns_tiles_off_in_the_whole_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network = small_network()
    monkeypatch.setattr(network.bev, "skip_unseen", False)
    monkeypatch.delattr(SeenCells, "convolve")
    with torch.no_grad():
        assert network(torch.rand(1, 1, 3, 128, 128), torch.eye(3).expand(1, 1, 3, 3)).amodal.shape == (1, 1, 121, 121)


def layer(kind: str, inside: int, outside: int) -> nn.Conv2d | nn.ConvTranspose2d:
    torch.manual_seed(0)
    if kind == "transposed":
        return nn.ConvTranspose2d(inside, outside, 3, stride=2, padding=1)
    return nn.Conv2d(inside, outside, 3, stride=int(kind[-1]), padding=1)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)
