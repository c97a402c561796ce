"""Convolutions on the cells that see something, against dense ones."""

import pytest
import torch
from torch import Tensor, nn

from eoras.model import seen
from eoras.model.seen import SeenCells


@torch.no_grad()
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("rows_at_once", [7, 1024])
def test_a_convolution_gives_what_it_gives_on_the_whole_map(
    share: float, stride: int, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "_ROWS_AT_ONCE", rows_at_once)
    maps = random_cells(share)
    first = nn.Conv2d(5, 6, 3, stride=stride, padding=1)
    second = nn.Conv2d(6, 4, 3, padding=1, bias=False)
    torch.testing.assert_close(maps.convolve(first).dense(), first(maps.dense()), rtol=0, atol=1e-6)
    twice = maps.convolve(first).activate().convolve(second)
    expected = second(nn.functional.leaky_relu(first(maps.dense())))
    torch.testing.assert_close(twice.dense(), expected, rtol=0, atol=1e-6)


@torch.no_grad()
def test_a_layer_that_treats_cells_alike_gives_what_it_gives_on_the_whole_map() -> None:
    maps = random_cells(0.3)
    norm = nn.BatchNorm2d(5).eval()
    norm.running_mean = torch.randn(5)
    for layer in (norm, nn.Conv2d(5, 3, 1)):
        torch.testing.assert_close(maps.pointwise(layer).dense(), layer(maps.dense()), rtol=0, atol=1e-6)


@torch.no_grad()
def test_only_windows_with_something_in_them_are_kept() -> None:
    mask = torch.zeros(1, 32, 32, dtype=torch.bool)
    mask[0, 16, 16] = True
    maps = SeenCells.where(mask, torch.randn(2, 5)).convolve(nn.Conv2d(5, 6, 3, padding=1))
    around, border = 9, 4 * 31
    assert len(maps.rows) == around + border + 1


def test_cells_lie_where_they_were_seen() -> None:
    mask = torch.tensor([[[True, False], [False, True]]])
    maps = SeenCells.where(mask, torch.tensor([[1.0], [2.0], [9.0]]))
    assert maps.dense().tolist() == [[[[1, 9], [9, 2]]]]


def random_cells(share: float) -> SeenCells:
    """Two maps of 5 channels, 12x12 cells, of which about ``share`` differ from the rest."""
    random = torch.Generator().manual_seed(0)
    mask = torch.rand(2, 12, 12, generator=random) < share
    rows: Tensor = torch.randn(int(mask.sum()) + 1, 5, generator=random)
    return SeenCells.where(mask, rows)
