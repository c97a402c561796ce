"""Dropout: which numbers stay, and what attention makes of it."""

from collections.abc import Callable

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


@pytest.mark.parametrize("bias", [None, torch.tensor([0, -0.5, 1, 2, -torch.inf, 0, -torch.inf]).double()])
def test_attention_has_the_gradients_of_the_weights_it_does_not_keep(bias: torch.Tensor | None) -> None:

    def gradients(answer: Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]) -> list[torch.Tensor]:
        torch.manual_seed(1)
        given = [torch.randn(2, 3, n, 8, dtype=torch.float64, requires_grad=True) for n in (5, 7, 7)]
        torch.manual_seed(2)
        out = answer(*given)
        return [out, *torch.autograd.grad(out.square().sum(), given)]

    def plain(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        scores = queries @ keys.transpose(-2, -1) / 8**0.5
        scores = scores if bias is None else scores + bias
        return Dropout(0.3)(scores.softmax(-1)) @ values

    ours = gradients(lambda queries, keys, values: attend(queries, keys, values, Dropout(0.3), bias))
    for found, expected in zip(ours, gradients(plain), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_dropout_of_the_relu_has_the_gradients_of_both_apart() -> None:
    x = torch.randn(1001, dtype=torch.float64, requires_grad=True)
    dropout, results = Dropout(0.3), []
    for of_relu in (dropout.of_relu, lambda x: dropout(torch.relu(x))):
        torch.manual_seed(2)
        y = of_relu(x)
        results.append((y, *torch.autograd.grad(y.square().sum(), x)))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=1e-12)
