"""Erosion and outlines: against SciPy, and by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from eoras.evaluation.outlines import Outlines, erode, outline_reach

MASKS = arrays.arrays(bool, st.tuples(st.just(2), st.integers(1, 9), st.integers(1, 9)))


@given(MASKS, st.integers(0, 3))
def test_erosion_is_that_of_a_square_with_mask_all_around_the_image(masks: np.ndarray, reach: int):
    square = np.ones((2 * reach + 1, 2 * reach + 1), bool)
    expected = [ndimage.binary_erosion(mask, square, border_value=True) for mask in masks]
    assert np.array_equal(erode(masks, reach), expected)


@given(MASKS, st.randoms(use_true_random=False), st.integers(1, 5))
def test_near_means_within_a_disc(masks: np.ndarray, chance, reach: int):
    shuffled = masks.reshape(-1).copy()
    chance.shuffle(shuffled)
    other = shuffled.reshape(masks.shape)

    def outline(mask: np.ndarray) -> np.ndarray:
        return mask & ~np.asarray(ndimage.binary_erosion(mask, border_value=True), bool)  # the default is a cross

    def near(mask: np.ndarray, lines: np.ndarray) -> int:
        if not lines.any():
            return 0
        return int(np.count_nonzero(mask & (np.asarray(ndimage.distance_transform_edt(~lines)) <= reach)))

    for index, (truth, answer) in enumerate(zip(map(outline, masks), map(outline, other), strict=True)):
        expected = [truth.sum(), near(truth, answer), answer.sum(), near(answer, truth)]
        assert Outlines(masks, reach).compare(other)[:, index].tolist() == expected


def test_the_reach_is_that_of_davis():
    assert (outline_reach(256, 256), outline_reach(480, 854)) == (3, 8)
