import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from eoras.geometry import (
    Box,
    Convention,
    Paste,
    convert_intrinsics,
    crop,
    enlarge,
    enlarge_alike,
    intrinsics_of_windows,
    paste,
)

GOLDEN = Path(__file__).parent / "golden"

# formats A.6, 256 x 256, factor 2: visible box, official position (R0, R1, C0, C1), shape cut out, shape pasted back
CROPS = [
    ((100, 100, 101, 101), (99, 101, 99, 101), (3, 3), (3, 3)),
    ((100, 100, 103, 105), (98, 104, 97, 107), (7, 11), (7, 11)),
    ((10, 20, 60, 80), (0, 85, 0, 110), (86, 111), (86, 111)),
    ((200, 200, 256, 256), (172, 256, 172, 256), (84, 84), (85, 85)),
    ((0, 0, 256, 256), (0, 256, 0, 256), (256, 256), (257, 257)),
    ((0, 100, 40, 141), (0, 60, 79, 161), (61, 83), (61, 83)),
]


@st.composite
def boxes_in_images(draw: st.DrawFn, smallest: int = 1) -> tuple[Box, int, int]:
    """A box inside an image, the image's height and its width."""
    height, width = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    top, left = draw(st.integers(0, height - smallest)), draw(st.integers(0, width - smallest))
    bottom, right = draw(st.integers(top + smallest, height)), draw(st.integers(left + smallest, width))
    return Box(top, left, bottom, right), height, width


@pytest.mark.parametrize(("visible", "position", "cut", "pasted"), CROPS)
def test_paper_boxes_are_the_official_positions(
    visible: tuple[int, ...], position: tuple[int, ...], cut: tuple[int, int], pasted: tuple[int, int]
) -> None:
    box = enlarge(Box(*visible), 2.0, 256, 256, "paper")
    assert (box.top, box.bottom - 1, box.left, box.right - 1) == position
    assert crop(torch.zeros(3, 256, 256), box).shape == (3, *cut)
    assert (box.height, box.width) == pasted


@given(boxes_in_images(), st.floats(1, 4))
def test_round_boxes_lie_inside_and_hold_the_visible_box(sample: tuple[Box, int, int], factor: float) -> None:
    box, height, width = sample
    grown = enlarge(box, factor, height, width, "round")
    assert grown == grown.clip(height, width)
    assert grown.top <= box.top < box.bottom <= grown.bottom
    assert grown.left <= box.left < box.right <= grown.right


@given(boxes_in_images(), st.sampled_from(["paper", "round"]))
def test_even_a_box_of_no_pixels_gives_a_crop(sample: tuple[Box, int, int], boxes: Literal["paper", "round"]) -> None:
    box, height, width = sample
    for empty in (Box(box.top, box.left, box.top, box.left), Box(box.bottom, box.right, box.bottom, box.right)):
        assert crop(torch.zeros(height, width), enlarge(empty, 2.0, height, width, boxes)).numel() > 0


@given(boxes_in_images(), st.sampled_from(["paper", "strict"]), st.integers(0, 2**32 - 1))
def test_crop_then_paste_is_the_identity_inside_the_box(
    sample: tuple[Box, int, int], protocol: Paste, seed: int
) -> None:
    box, height, width = sample
    mask = torch.rand(height, width, generator=torch.Generator().manual_seed(seed)) < 0.5
    pasted = paste(crop(mask, box).float(), box, height, width, protocol)
    assert torch.equal(crop(pasted, box), crop(mask, box))
    assert pasted.sum() == crop(mask, box).sum()


@pytest.mark.parametrize("instance", ["0-0", "0-1", "0-2", "7-0", "7-1", "7-2", "7-3"])
def test_the_paper_protocol_pastes_as_the_official_test(instance: str) -> None:
    with np.load(GOLDEN / "movi_expected.npz") as golden:
        positions, predictions, packed = (golden[f"{instance}/{name}"] for name in ("box", "prediction", "pasted"))
    video = instance.split("-")[0]
    size = json.loads((GOLDEN / "movi" / "test" / video / "metadata.json").read_text())["metadata"]
    height, width = size["height"], size["width"]
    expected = np.unpackbits(packed, count=len(positions) * height * width).reshape(-1, height, width)
    assert expected.any()
    for (top, bottom, left, right), prediction, mask in zip(positions.tolist(), predictions, expected, strict=True):
        window = torch.from_numpy(prediction[0]).float()
        ours = paste(window, Box(top, left, bottom + 1, right + 1), height, width, "paper")
        np.testing.assert_array_equal(ours.numpy(), mask)


def test_at_the_border_paper_loses_the_last_row_and_strict_keeps_it() -> None:
    box = enlarge(Box(200, 200, 256, 256), 2.0, 256, 256, "paper")
    window = torch.zeros(121, 121)
    window[-1] = 1
    assert not paste(window, box, 256, 256, "paper").any()
    strict = paste(window, box, 256, 256, "strict")
    assert strict[255, 172:].all()
    assert strict.sum() == 84


@pytest.mark.parametrize("protocol", ["paper", "strict"])
def test_outside_its_box_everything_is_background(protocol: Paste) -> None:
    pasted = paste(torch.ones(121, 121), Box(3, 5, 20, 9), 32, 24, protocol)
    assert pasted[3:20, 5:9].all()
    assert pasted.sum() == 17 * 4


@pytest.mark.parametrize("protocol", ["paper", "strict"])
@pytest.mark.parametrize("box", [Box(-4, -6, 21, 15), Box(-3, 2, 40, 30), Box(5, -9, 19, 31)])
def test_a_box_that_begins_before_the_image_is_pasted_where_it_lies(protocol: Paste, box: Box) -> None:
    window = torch.rand(121, 121, generator=torch.Generator().manual_seed(0))
    seen = paste(window, box, 32, 24, protocol)
    inside = box.clip(32, 24)
    if protocol == "strict":  # which fits the window to what lies inside
        assert torch.equal(seen, paste(window, inside, 32, 24, protocol))
        return
    moved = Box(box.top + 10, box.left + 10, box.bottom + 10, box.right + 10)
    assert torch.equal(seen, paste(window, moved, 60, 60, protocol)[10:42, 10:34])


# formats 6.1: camera position, its quaternion (w, x, y, z), a point in the world, (u, v) in the unit square
PROJECTIONS = [
    ((8.48113, -7.50764, 2.5), (0.710847, 0.571060, 0.257149, 0.320095), (1, 0, 0), (0.566706, 0.516241)),
    ((8.48113, -7.50764, 2.5), (0.710847, 0.571060, 0.257149, 0.320095), (0, 1, 0), (0.566873, 0.487241)),
    ((8.48113, -7.50764, 1.5), (0.685771, 0.600942, 0.270605, 0.308804), (0, 0, 1), (0.5, 0.403997)),
    ((8.48113, -7.50764, 1.5), (0.685771, 0.600942, 0.270605, 0.308804), (1, 0, 0), (0.567860, 0.510064)),
    ((0, -10, 0), (0.707107, 0.707107, 0, 0), (1, 0, 0), (0.609375, 0.5)),
    ((0, -10, 0), (0.707107, 0.707107, 0, 0), (0, 0, 1), (0.5, 0.390625)),
]
KUBRIC = torch.tensor([[1.09375, 0, -0.5], [0, -1.09375, -0.5], [0, 0, -1]], dtype=torch.float64)


def rotation(w: float, x: float, y: float, z: float) -> Tensor:
    """The matrix of a unit quaternion."""
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize(("position", "quaternion", "point", "expected"), PROJECTIONS)
def test_a_known_point_projects_to_the_same_place_in_each_convention(
    position: tuple[float, ...], quaternion: tuple[float, ...], point: tuple[float, ...], expected: tuple[float, float]
) -> None:
    kubric_point = rotation(*quaternion).T @ (torch.tensor(point) - torch.tensor(position)).double()
    opencv_point = kubric_point * torch.tensor([1, -1, -1])
    views: list[tuple[Convention, Tensor, tuple[int, int]]] = [
        ("kubric", kubric_point, (1, 1)),
        ("unit", opencv_point, (1, 1)),
        ("pixel", opencv_point, (640, 480)),
    ]
    for convention, seen, scale in views:
        projected = convert_intrinsics(KUBRIC, "kubric", convention, height=480, width=640) @ seen
        assert projected[2] > 0
        place = projected[:2] / projected[2] / torch.tensor(scale)
        torch.testing.assert_close(place, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=2e-6)


@pytest.mark.parametrize("source", ["kubric", "pixel", "unit"])
@pytest.mark.parametrize("target", ["kubric", "pixel", "unit"])
def test_converted_intrinsics_convert_back(source: Convention, target: Convention) -> None:
    matrices = torch.rand(5, 3, 3, generator=torch.Generator().manual_seed(0))
    there = convert_intrinsics(matrices, source, target, height=375, width=1242)
    assert (source == target) == torch.equal(there, matrices)
    torch.testing.assert_close(convert_intrinsics(there, target, source, height=375, width=1242), matrices)


def test_windows_alike_keep_their_size_while_an_object_hides() -> None:
    boxes = [Box(40, 40, 60, 80), Box(40, 40, 60, 50), Box(40, 44, 44, 50)]
    windows = enlarge_alike(boxes, 2.0, height=200, width=300)
    assert [(box.height, box.width) for box in windows] == [(80, 80)] * 3
    assert windows[0] == Box(10, 20, 90, 100)  # about the centre of the visible box


def test_windows_alike_follow_the_size_of_near_frames_alone() -> None:
    boxes = [Box(40, 40, 60, 80)] + [Box(40, 40, 50, 65)] * 20
    sides = [box.height for box in enlarge_alike(boxes, 2.0, height=200, width=300)]
    assert sides == [80] * 13 + [50] * 8


def test_windows_alike_of_small_objects_are_a_quarter_of_the_image() -> None:
    assert enlarge_alike([Box(100, 100, 101, 101)], 2.0, height=200, width=300) == [Box(75, 75, 125, 125)]


@given(st.integers(1, 60), st.integers(1, 60), st.floats(1, 4), st.data())
def test_windows_alike_lie_in_the_image_and_hold_the_visible_box(
    height: int, width: int, factor: float, data: st.DataObject
) -> None:
    boxes = []
    for _ in range(data.draw(st.integers(1, 5))):
        top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
        bottom, right = data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width))
        boxes.append(Box(top, left, bottom, right))
    for box, window in zip(boxes, enlarge_alike(boxes, factor, height, width), strict=True):
        assert window.clip(height, width) == window
        assert window.top <= box.top < box.bottom <= window.bottom
        assert window.left <= box.left < box.right <= window.right


def test_the_camera_of_a_window_projects_known_points_to_their_place_in_it() -> None:
    pixel = torch.tensor([[500.0, 0.0, 160.0], [0.0, 400.0, 120.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    unit = convert_intrinsics(pixel, "pixel", "unit", height=240, width=320)
    windows = [Box(60, 80, 180, 240), Box(0, 0, 240, 320), Box(200, 300, 300, 400)]
    points = torch.tensor([[0.1, -0.05, 2.0], [-0.3, 0.2, 4.0]], dtype=torch.float64)
    matrices = intrinsics_of_windows(unit, windows, height=240, width=320)
    for matrix, window in zip(matrices, windows, strict=True):
        inside = window.clip(240, 320)
        for x, y, z in points.tolist():
            column, row = 500 * x / z + 160, 400 * y / z + 120
            expected = torch.tensor([(column - inside.left) / inside.width, (row - inside.top) / inside.height])
            projected = matrix @ torch.tensor([x, y, z], dtype=torch.float64)
            torch.testing.assert_close(projected[:2] / projected[2], expected.double())


def test_a_matrix_of_windows_is_no_convention_of_the_whole_image() -> None:
    for source, target in (("unit", "crop"), ("crop", "crop"), ("opencv", "unit")):
        with pytest.raises(ValueError, match=r"kubric, pixel, unit, found '.*see intrinsics_of_windows"):
            convert_intrinsics(KUBRIC, source, target, 48, 64)  # type: ignore[arg-type]  # what a user may try
