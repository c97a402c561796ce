"""The baselines: the hull against exact geometry, its edge cases, and what it must contain."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from eoras.evaluation import convex_hull, visible_mask


def drawn(text: str) -> np.ndarray:
    return np.array([[letter != "." for letter in line] for line in text.split()])


def in_a_triangle_of(points: list[tuple[int, int]], pixel: tuple[int, int]) -> bool:
    """Whether a pixel's centre lies in a triangle (flat ones included) of the points: Caratheodory, in integers."""

    def side(a: tuple[int, int], b: tuple[int, int]) -> int:
        return (b[0] - a[0]) * (pixel[1] - a[1]) - (b[1] - a[1]) * (pixel[0] - a[0])

    for triangle in combinations_with_replacement(points, 3):
        a, b, c = triangle
        sides = (side(a, b), side(b, c), side(c, a))
        within = all(min(p[i] for p in triangle) <= pixel[i] <= max(p[i] for p in triangle) for i in (0, 1))
        if within and (min(sides) >= 0 or max(sides) <= 0):
            return True
    return False


@given(arrays.array_shapes(min_dims=2, max_dims=2, max_side=8), st.data())
def test_the_hull_is_what_triangles_of_the_pixels_cover(shape: tuple[int, int], data: st.DataObject):
    pixels = st.tuples(*(st.integers(0, side - 1) for side in shape))
    points = data.draw(st.lists(pixels, max_size=6, unique=True))
    visible = np.zeros(shape, bool)
    for point in points:
        visible[point] = True
    expected = [[in_a_triangle_of(points, (row, column)) for column in range(shape[1])] for row in range(shape[0])]
    assert np.array_equal(convex_hull(visible), expected)


MASKS = arrays.arrays(bool, arrays.array_shapes(min_dims=2, max_dims=2, max_side=40))


@given(MASKS)
def test_the_hull_contains_the_mask_and_is_its_own_hull(visible: np.ndarray):
    hull = convex_hull(visible)
    assert hull.shape == visible.shape
    assert hull[visible].all()
    assert np.array_equal(convex_hull(hull), hull)


@given(MASKS)
def test_the_hull_turns_and_mirrors_with_the_mask(visible: np.ndarray):
    hull = convex_hull(visible)
    assert np.array_equal(convex_hull(visible[::-1]), hull[::-1])
    assert np.array_equal(convex_hull(visible[:, ::-1]), hull[:, ::-1])
    assert np.array_equal(convex_hull(visible.T), hull.T)


@pytest.mark.parametrize(
    ("visible", "hull"),
    [
        pytest.param("....  ....", "....  ....", id="nothing"),
        pytest.param(".... .#.. ....", ".... .#.. ....", id="one-pixel"),
        pytest.param("#..#", "####", id="a-row"),
        pytest.param("# . . #", "# # # #", id="a-column"),
        pytest.param("#.. ... ..#", "#.. .#. ..#", id="a-diagonal"),
        pytest.param("#.. ... .#.", "#.. ... .#.", id="a-line-between-pixel-centres"),
        pytest.param("#...# ..... ..#..", "##### .###. ..#..", id="a-triangle"),
        pytest.param("##### #.... #....", "##### ###.. #....", id="an-angle"),
    ],
)  # fmt: skip
def test_the_hull_of_small_masks(visible: str, hull: str):
    assert np.array_equal(convex_hull(drawn(visible)), drawn(hull))


def test_the_hull_of_a_mask_without_pixels_or_columns_is_empty():
    assert convex_hull(np.zeros((0, 5), bool)).shape == (0, 5)
    assert convex_hull(np.zeros((5, 0), bool)).shape == (5, 0)


def test_the_visible_mask_answers_with_itself():
    visible = drawn(".#. ##. ...")
    assert np.array_equal(visible_mask(visible), visible)


@pytest.mark.parametrize("labels", [np.full((4, 5), 3, np.uint8), np.full((4, 5), 0.4)])
def test_labels_and_probabilities_have_no_hull(labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match=f"visible: expected bool, found {labels.dtype}; compare it"):
        convex_hull(labels)
