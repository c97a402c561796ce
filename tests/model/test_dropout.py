"""Dropout: which numbers stay, and what attention makes of it."""

import pytest
import torch

from eoras.model.dropout import Dropout, attend


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_the_share_that_stays_is_scaled_so_that_the_mean_stays(probability: float) -> None:
    torch.manual_seed(0)
    x = torch.ones(1_000_001, requires_grad=True)  # not a multiple of four
    y = Dropout(probability)(x)
    assert y.detach().unique().tolist() == pytest.approx([0, 1 / (1 - probability)])
    assert y.mean().item() == pytest.approx(1, abs=5e-3)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach()), "gradients pass where numbers stay"  # type: ignore[arg-type]  # it has one


def test_neighbours_are_dropped_independently() -> None:
    torch.manual_seed(0)
    dropped = (Dropout(0.5)(torch.ones(400_000)) == 0).float()
    for distance in (1, 2, 3, 4, 8):
        both = (dropped[distance:] * dropped[:-distance]).mean().item()
        assert both == pytest.approx(0.25, abs=5e-3), distance


def test_the_seed_decides_and_each_call_draws_anew() -> None:
    draws = []
    for _ in range(2):
        torch.manual_seed(3)
        draws.append([Dropout(0.3)(torch.ones(64)), Dropout(0.3)(torch.ones(64))])
    assert torch.equal(draws[0][0], draws[1][0])
    assert torch.equal(draws[0][1], draws[1][1])
    assert not torch.equal(*draws[0])


def test_evaluation_drops_nothing() -> None:
    x = torch.randn(8)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_attention_with_dropout_is_attention_on_average() -> None:
    torch.manual_seed(0)
    queries, keys, values = (torch.randn(2, 3, n, 8) for n in (5, 7, 7))
    plain = attend(queries, keys, values, Dropout(0.2).eval())
    torch.testing.assert_close(
        plain, torch.nn.functional.scaled_dot_product_attention(queries, keys, values), rtol=0, atol=1e-6
    )
    dropout = Dropout(0.2)
    mean = torch.stack([attend(queries, keys, values, dropout) for _ in range(4000)]).mean(0)
    torch.testing.assert_close(mean, plain, rtol=0, atol=0.05)


def test_a_probability_next_to_zero_still_keeps_nearly_all() -> None:
    assert (Dropout(1e-5)(torch.ones(10_000)) > 0).float().mean() > 0.99


@pytest.mark.parametrize("masked", [False, True])
def test_attention_and_its_gradients_are_the_textbooks_for_the_numbers_that_stay(masked: bool) -> None:
    torch.manual_seed(0)
    queries, keys, values = (torch.randn(2, 3, n, 4, dtype=torch.float64, requires_grad=True) for n in (5, 7, 7))
    present = torch.arange(7) < 6 if masked else None
    random, dropout = torch.get_rng_state(), Dropout(0.3)
    ours = attend(queries, keys, values, dropout, present)
    torch.set_rng_state(random)
    stays = dropout(torch.ones(2, 3, 5, 7, dtype=torch.float64))
    scores = queries @ keys.transpose(-2, -1) / 2
    weights = (scores if present is None else scores.masked_fill(~present, -torch.inf)).softmax(-1)
    assert_same_gradients(ours, (weights * stays) @ values, queries, keys, values)


def test_dropout_of_relu_is_dropout_after_relu() -> None:
    x = torch.randn(101, dtype=torch.float64, requires_grad=True)
    random, dropout = torch.get_rng_state(), Dropout(0.3)
    ours = dropout.of_relu(x)
    torch.set_rng_state(random)
    assert_same_gradients(ours, dropout(x.relu()), x)
    assert torch.equal(dropout.eval().of_relu(x), x.relu())


def test_nothing_of_the_size_of_the_weights_is_kept_for_the_gradient() -> None:
    kept: list[int] = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.untyped_storage().nbytes())
        return tensor

    queries, keys, values = (torch.randn(128, 4, requires_grad=True) for _ in range(3))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        attend(queries, keys, values, Dropout(0.1))
    assert max(kept) == 128 * 128 / 8, "one bit a weight"


def assert_same_gradients(ours: torch.Tensor, other: torch.Tensor, *inputs: torch.Tensor) -> None:
    """The same answer in float64, and the same gradient for each of the inputs."""
    torch.testing.assert_close(ours, other, rtol=0, atol=1e-12)
    weight = torch.randn_like(ours)
    for got, expected in zip(
        torch.autograd.grad(ours, inputs, weight), torch.autograd.grad(other, inputs, weight), strict=True
    ):
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-10)
