"""Position codes, attention and update layers, against PyTorch's own and the textbook."""

import math

import pytest
import torch
from torch import Tensor, nn

from eoras.model.slots import Attention, UpdateLayer, Updater, sine_cosine

WIDTH = 12


@pytest.mark.parametrize(("length", "width"), [(256, 512), (8, 512), (5, 6)])
def test_position_codes_are_those_of_the_textbook(length: int, width: int) -> None:
    codes = sine_cosine(torch.arange(length), width)
    assert codes.shape == (length, width)
    assert codes.dtype == torch.float32
    for position in {0, 1, length // 2, length - 1}:
        for channel in {0, 1, width // 2, width - 1}:
            angle = position / 10000 ** (2 * (channel // 2) / width)
            expected = math.cos(angle) if channel % 2 else math.sin(angle)
            assert codes[position, channel].item() == pytest.approx(expected, abs=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("num_heads", [1, 3, 4])
def test_attention_is_that_of_pytorch(num_heads: int) -> None:
    ours = Attention(WIDTH, num_heads, dropout=0.1).eval()
    reference = as_pytorch(ours)
    tokens, position = randn(2, 5, WIDTH), randn(5, WIDTH)
    memory, memory_position = randn(2, 7, WIDTH), randn(7, WIDTH)
    to_memory = ours.read(ours.queries(tokens), ours.keys_values(memory, memory_position))
    assert_close(to_memory, reference(tokens, memory + memory_position, memory)[0])
    at = tokens + position
    assert_close(ours.to_itself(tokens, position), reference(at, at, tokens)[0])


@torch.no_grad()
def test_attention_takes_any_number_of_leading_dimensions() -> None:
    ours = Attention(WIDTH, 3, dropout=0.0)
    tokens, memory, position = randn(2, 3, 5, WIDTH), randn(2, 3, 7, WIDTH), randn(7, WIDTH)
    together = ours.read(ours.queries(tokens), ours.keys_values(memory, position))
    alone = ours.read(ours.queries(tokens[1, 2]), ours.keys_values(memory[1, 2], position))
    assert_close(together[1, 2], alone)


@torch.no_grad()
def test_a_stack_of_layers_reads_its_memory_as_a_decoder_with_normalisation_after_does() -> None:
    updater = Updater(WIDTH, feedforward=20, num_heads=3, num_layers=2, dropout=0.1).eval()
    for parameter in updater.parameters():
        parameter.copy_(parameter + 0.2 * randn(*parameter.shape))
    tokens, position = randn(2, 5, WIDTH), randn(5, WIDTH)
    memory, memory_position = randn(2, 7, WIDTH), randn(7, WIDTH)
    expected = tokens
    for layer in updater.layers:
        expected = decoder_layer(layer, expected, position, memory, memory_position)
    assert_close(updater(tokens, position, updater.read_memory(memory, memory_position)), expected)
    assert (expected - tokens).abs().mean() > 0.1


def decoder_layer(
    layer: UpdateLayer, tokens: Tensor, position: Tensor, memory: Tensor, memory_position: Tensor
) -> Tensor:
    """A decoder layer of DETR, written out."""
    at = tokens + position
    x = layer.norm1(tokens + as_pytorch(layer.self_attention)(at, at, tokens)[0])
    x = layer.norm2(x + as_pytorch(layer.cross_attention)(x + position, memory + memory_position, memory)[0])
    return layer.norm3(x + layer.linear2(layer.linear1(x).relu()))


def as_pytorch(ours: Attention) -> nn.MultiheadAttention:
    """PyTorch's attention with the same weights; biases that would otherwise be zero are drawn first."""
    for linear in (ours.project, ours.out):
        if not linear.bias.any():
            linear.bias.copy_(randn(*linear.bias.shape))
    reference = nn.MultiheadAttention(WIDTH, ours.num_heads, batch_first=True).eval()
    reference.load_state_dict(
        {
            "in_proj_weight": ours.project.weight,
            "in_proj_bias": ours.project.bias,
            "out_proj.weight": ours.out.weight,
            "out_proj.bias": ours.out.bias,
        }
    )
    return reference


def randn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def assert_close(ours: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(ours, other, rtol=0, atol=1e-5)
