"""The lift to a bird's-eye view."""

import math

import pytest
import torch
import torch.nn.functional as F
from golden import recipe
from small_networks import intrinsics, small_network
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from eoras.model.bev import BirdsEyeView, bilinear_taps, lattice

POSITION = (8.48113, -7.50764, 1.5)
KUBRIC = torch.tensor(recipe.INTRINSICS["movi"])
UNIT = torch.tensor(recipe.INTRINSICS["unit"])
KITTI = torch.tensor(recipe.INTRINSICS["kitti"])


@pytest.mark.parametrize("cells", [32, 64])
def test_the_lattice_holds_the_centres_of_cells_before_the_camera(cells: int) -> None:
    points = lattice(cells, None)
    assert points.shape == (cells, cells, 5, 3)
    depth, width, height = points[:, 0, 0, 2], points[0, :, 0, 0], points[0, 0, :, 1]
    torch.testing.assert_close(depth, torch.arange(cells) * 20 / cells + 10 / cells)
    torch.testing.assert_close(width, torch.arange(cells) * 20 / cells + 10 / cells - 10)
    assert height.tolist() == [-3, -2, -1, 0, 1]
    assert torch.equal(points[..., 2], depth[:, None, None].expand(cells, cells, 5))
    assert torch.equal(points[..., 0], width[:, None].expand(cells, cells, 5))
    assert torch.equal(points[..., 1], height.expand(cells, cells, 5))


def test_the_published_lattice_begins_at_a_depth_of_0_15625() -> None:
    assert lattice(64, None)[0, 0, 0].tolist() == [-9.84375, -3, 0.15625]


def test_a_camera_position_turns_the_lattice_about_x_by_its_elevation() -> None:
    angle = math.atan(POSITION[2] / math.hypot(*POSITION[:2]))
    about_x = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    turned = lattice(32, None) @ torch.linalg.matrix_exp(angle * about_x).T
    torch.testing.assert_close(lattice(32, POSITION), turned)
    assert lattice(32, POSITION)[-1, 0, 3, 1] < -2, "what is ahead comes up, y being down"


def test_a_kubric_matrix_mirrors_left_and_right() -> None:
    right = torch.tensor([2.0, 0.0, 10.0])
    assert place(right, KUBRIC) == pytest.approx((0.28125, 0.5))
    assert place(right, UNIT) == pytest.approx((0.68, 0.5))


def test_down_is_down_in_either_convention() -> None:
    below = torch.tensor([0.0, 2.0, 10.0])
    assert place(below, KUBRIC) == pytest.approx((0.5, 0.71875))
    assert place(below, UNIT) == pytest.approx((0.5, 0.74))


def test_about_half_of_the_lattice_is_seen_on_movi() -> None:
    points = lattice(64, None)
    weight = bilinear_taps(points, KUBRIC[None]).weight
    assert inside(points, KUBRIC).float().mean().item() == pytest.approx(0.44, abs=0.005)
    assert (weight != 0).any(-1).float().mean().item() == pytest.approx(0.52, abs=0.005), "cells, edges included"


def test_weights_of_a_sample_in_the_image_add_up_to_one() -> None:
    points = lattice(64, None)
    total = bilinear_taps(points, KUBRIC[None]).weight.view(-1, 4).sum(-1)
    seen = inside(points, KUBRIC)
    torch.testing.assert_close(total[seen], torch.ones(int(seen.sum())))
    assert (total[~seen] < 1).all()


@pytest.mark.parametrize("camera", [torch.zeros(3, 3), torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 0, -2]])])
def test_points_that_project_nowhere_are_outside(camera: Tensor) -> None:
    points = torch.tensor([2.0, 0.0, 1.0]).expand(1, 1, 5, 3)
    taps = bilinear_taps(points, torch.stack((camera, UNIT)))
    assert not taps.weight[0].any()
    assert ((taps.index >= 0) & (taps.index < 2 * 256 * 5)).all()


def test_mixed_precision_does_not_move_the_points() -> None:
    exact = bilinear_taps(lattice(32, POSITION), KUBRIC[None])
    with torch.autocast("cpu", torch.bfloat16):
        mixed = bilinear_taps(lattice(32, POSITION), KUBRIC[None])
    assert torch.equal(mixed.index, exact.index)
    assert torch.equal(mixed.weight, exact.weight)


@torch.no_grad()
@pytest.mark.parametrize("skip_unseen", [True, False])
@pytest.mark.parametrize("camera_position", [None, POSITION])
@pytest.mark.parametrize("kind", ["movi", "unit", "kitti"])
@pytest.mark.parametrize("channels", [(12,), (12, 8)])
def test_the_view_is_what_sampling_first_and_convolving_after_gives(
    channels: tuple[int, ...], kind: str, camera_position: tuple[float, float, float] | None, skip_unseen: bool
) -> None:
    bev = small_network(bev_channels=channels, camera_position=camera_position).bev
    assert bev is not None
    bev.skip_unseen = skip_unseen
    features, cameras = torch.randn(3, 16, 16, 16, generator=torch.Generator().manual_seed(1)), three(kind)
    view, expected = bev(features, cameras), plainly(bev, features, cameras)
    assert view.shape == (3, channels[-1], 16, 16)
    assert expected.std() > 0.05
    torch.testing.assert_close(view, expected, rtol=0, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("skip_unseen", [True, False])
def test_with_kitti_matrices_the_view_does_not_depend_on_the_image(skip_unseen: bool) -> None:
    bev = small_network().bev
    assert bev is not None
    bev.skip_unseen = skip_unseen
    assert not bilinear_taps(bev.points, KITTI[None]).weight.any()
    first, second = (torch.randn(3, 16, 16, 16, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    assert torch.equal(bev(first, three("kitti")), bev(second, three("kitti")))
    assert not torch.equal(bev(first, three("movi")), bev(second, three("movi")))


@torch.no_grad()
@pytest.mark.parametrize(("kind", "share"), [("movi", 0.4), ("kitti", 0.05)])
def test_skipping_what_nobody_sees_saves_its_arithmetic(kind: str, share: float) -> None:
    bev = BirdsEyeView(16, (128, 64), None)
    features = torch.randn(3, 16, 16, 16)

    def operations() -> int:
        with FlopCounterMode(display=False) as count:
            bev(features, three(kind))
        return count.get_total_flops()

    skipping = operations()
    bev.skip_unseen = False
    assert 0 < skipping < share * operations()


@pytest.mark.parametrize("kind", ["movi", "kitti"])
def test_training_gives_the_same_view_gradients_and_statistics_whether_or_not_it_skips(kind: str) -> None:
    # in float64: where all cells are alike, normalisation divides what rounding left of their differences by nothing
    features = torch.randn(3, 16, 16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    results = []
    for skip_unseen in (True, False):
        bev = small_network().train().double().bev
        assert bev is not None
        bev.skip_unseen = skip_unseen
        view = bev(features, three(kind).double())
        (view * view.detach().roll(1, 0)).sum().backward()
        grads = {name: p.grad for name, p in bev.named_parameters()}
        results.append({"view": view.detach(), **grads, **dict(bev.named_buffers())})
    for name, value in results[1].items():
        torch.testing.assert_close(results[0][name], value, rtol=1e-9, atol=1e-6, msg=lambda t, n=name: f"{n}: {t}")


def three(kind: str) -> Tensor:
    return intrinsics(1, 3, kind=kind)[0]


def inside(points: Tensor, camera: Tensor) -> Tensor:
    """Which of the points lie in the image, its edges included."""
    projected = points.flatten(0, -2) @ camera.T
    unit = projected[:, :2] / projected[:, 2:]
    return ((unit >= 0) & (unit <= 1)).all(-1)


def place(point: Tensor, camera: Tensor) -> tuple[float, float]:
    """Where a point is read in the map, 0..1: (u, v)."""
    taps = bilinear_taps(point.expand(1, 1, 5, 3), camera[None])
    assert taps.weight.shape == (1, 20)
    index, weight = taps.index[0, :4] // 5, taps.weight[0, :4]
    row, column = index // 16, index % 16
    return float((column * weight).sum() / 15), float((row * weight).sum() / 15)


def plainly(bev: BirdsEyeView, features: Tensor, cameras: Tensor) -> Tensor:
    """The same with ``grid_sample`` on all points of all channels, and layer after layer as the paper has them."""
    cells = bev.cells
    camera_points = bev.points.reshape(1, -1, 3) @ cameras.transpose(1, 2)
    unit = camera_points[..., :2] / camera_points[..., 2:]
    grid = (2 * (unit - 0.5)).view(len(features), cells * cells, 5, 2)
    sampled = F.grid_sample(features, grid, padding_mode="zeros", align_corners=True)
    x = sampled.view(*features.shape[:2], cells, cells, 5).permute(0, 1, 4, 2, 3).flatten(1, 2)
    for stage in bev.stages:
        for conv, norm in ((stage.conv1, stage.norm1), (stage.conv2, stage.norm2), (stage.down, stage.norm3)):
            x = nn.functional.leaky_relu(norm(conv(x)), 0.01)
    return x
