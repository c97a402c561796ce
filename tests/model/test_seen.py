"""Layers on the cells that see something, against those on whole maps."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from eoras.model.seen import SeenCells


@torch.no_grad()
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_gives_what_it_gives_on_the_whole_map(share: float, stride: int) -> None:
    maps = random_cells(share, torch.float64)
    first = nn.Conv2d(5, 6, 3, stride=stride, padding=1).double()
    second = nn.Conv2d(6, 4, 3, padding=1).double()
    torch.testing.assert_close(maps.convolve(first).dense(), first(maps.dense()), rtol=0, atol=1e-10)
    twice = maps.convolve(first).activate().convolve(second)
    expected = second(nn.functional.leaky_relu(first(maps.dense())))
    torch.testing.assert_close(twice.dense(), expected, rtol=0, atol=1e-10)


@torch.no_grad()
def test_a_layer_that_treats_cells_alike_gives_what_it_gives_on_the_whole_map() -> None:
    maps = random_cells(0.3)
    norm, mix = nn.BatchNorm2d(5).eval(), nn.Conv2d(5, 3, 1)
    norm.running_mean = torch.randn(5)
    torch.testing.assert_close(maps.normalise(norm).dense(), norm(maps.dense()), rtol=0, atol=1e-6)
    torch.testing.assert_close(maps.mix(mix).dense(), mix(maps.dense()), rtol=0, atol=1e-6)


@pytest.mark.parametrize("share", [0.02, 0.5, 1.0])
@pytest.mark.parametrize("stride", [1, 2])
def test_training_gives_the_answer_gradients_and_statistics_of_whole_maps(share: float, stride: int) -> None:
    torch.manual_seed(1)
    layers = nn.ModuleList([nn.BatchNorm2d(5), nn.Conv2d(5, 6, 3, stride=stride, padding=1), nn.BatchNorm2d(6)])
    layers.double()
    before, conv, after = layers
    assert isinstance(before, nn.BatchNorm2d)
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(after, nn.BatchNorm2d)

    def on_cells(maps: SeenCells) -> Tensor:
        return maps.normalise(before).activate().convolve(conv).normalise(after).activate().dense()

    def on_maps(maps: SeenCells) -> Tensor:
        x = maps.rows[maps.index].permute(0, 3, 1, 2)
        for layer in (before, conv, after):
            x = layer(x) if layer is conv else nn.functional.leaky_relu(layer(x))
        return x

    cells, maps = (training_results(layers, way, share) for way in (on_cells, on_maps))
    assert cells.keys() == maps.keys()
    for name, value in maps.items():
        assert value.abs().max() > 0, name
        torch.testing.assert_close(cells[name], value, rtol=1e-9, atol=1e-9, msg=lambda text, name=name: name + text)


def test_in_mixed_precision_the_gradient_of_the_constant_does_not_stall() -> None:
    exact, mixed = (random_cells(0.1, dtype, size=64) for dtype in (torch.float32, torch.bfloat16))
    torch.manual_seed(1)
    conv = nn.Conv2d(5, 6, 3, padding=1)
    grads = []
    for maps in (exact, mixed):
        rows = maps.rows.requires_grad_()
        SeenCells(rows, maps.index).convolve(conv).dense().sum().backward()
        assert rows.grad is not None
        grads.append(rows.grad[-1].float())
    assert (grads[1] - grads[0]).norm() < 0.02 * grads[0].norm()  # a sum in bfloat16 would end at 256 of 7,400 cells


@torch.no_grad()
def test_tiles_that_read_the_same_are_computed_once() -> None:
    mask = torch.zeros(3, 32, 32, dtype=torch.bool)
    mask[1, 17, 17] = True
    conv = nn.Conv2d(5, 6, 3, padding=1)
    maps = SeenCells.where(mask, torch.randn(2, 5)).convolve(conv)
    corners, edges, inside, around_the_cell = 4, 4, 1, 1
    assert len(maps.rows) == 16 * (corners + edges + inside + around_the_cell)
    mask[1, 16, 16] = True
    assert len(SeenCells.where(mask, torch.randn(3, 5)).convolve(conv).rows) == 16 * (corners + edges + inside + 4)


def test_cells_lie_where_they_were_seen() -> None:
    mask = torch.tensor([[[True, False], [False, True]]])
    maps = SeenCells.where(mask, torch.tensor([[1.0], [2.0], [9.0]]))
    assert maps.dense().tolist() == [[[[1, 9], [9, 2]]]]


def training_results(layers: nn.ModuleList, way: Callable[[SeenCells], Tensor], share: float) -> dict[str, Tensor]:
    """The answer, every gradient and every running statistic after one step of training from the same state."""
    layers.zero_grad()
    state = {name: value.clone() for name, value in layers.state_dict().items()}
    maps = random_cells(share, torch.float64)
    rows = maps.rows.requires_grad_()
    answer = way(SeenCells(rows, maps.index))
    weight = torch.randn(answer.shape, generator=torch.Generator().manual_seed(2))
    (answer * weight).sum().backward()
    assert rows.grad is not None
    grads = {f"gradient of {name}": p.grad for name, p in layers.named_parameters() if p.grad is not None}
    statistics = {name: value.clone() for name, value in layers.state_dict().items() if "running" in name}
    layers.load_state_dict(state)
    return {"answer": answer.detach(), "gradient of rows": rows.grad, **grads, **statistics}


def random_cells(share: float, dtype: torch.dtype = torch.float32, size: int = 12) -> SeenCells:
    """Two maps of 5 channels, ``size`` cells a side, of which about ``share`` differ from the rest."""
    random = torch.Generator().manual_seed(0)
    mask = torch.rand(2, size, size, generator=random) < share
    rows = torch.randn(int(mask.sum()) + 1, 5, generator=random)
    return SeenCells.where(mask, rows.to(dtype))


def test_the_layers_of_a_mask_head_sort_no_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tensor, "unique", lambda *_, **__: pytest.fail("every cell has a row of its own"))
    first, second = (nn.ConvTranspose2d(4, 4, 3, stride=2, padding=1) for _ in range(2))
    features = torch.rand(2, 4, 6, 5)
    cells = SeenCells.all(features).convolve(first).convolve(second)
    torch.testing.assert_close(cells.dense(), second(first(features)))
