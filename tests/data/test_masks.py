import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from eoras.data.masks import Rle, decode, encode, parse_mask, unite
from eoras.errors import DataError
from eoras.geometry import Box

MASKS = array_shapes(min_dims=2, max_dims=2, max_side=40).flatmap(lambda shape: arrays(bool, shape))


@given(MASKS)
def test_a_mask_comes_back_through_json(mask: np.ndarray) -> None:
    rle = encode(mask)
    value = json.loads(json.dumps(rle.record))
    assert parse_mask(value, len(mask), mask.shape[1], "here") == rle
    np.testing.assert_array_equal(decode(rle), mask)
    assert rle.area == mask.sum()


@given(MASKS)
def test_plain_runs_are_the_same_mask(mask: np.ndarray) -> None:
    pixels = np.concatenate([[False], mask.T.ravel(), [not mask.T.ravel()[-1]]])
    changes = np.flatnonzero(pixels[1:] != pixels[:-1])
    counts = np.diff(changes, prepend=0).tolist()
    assert parse_mask({"size": list(mask.shape), "counts": counts}, len(mask), mask.shape[1], "here") == encode(mask)


@given(array_shapes(min_dims=2, max_dims=2, max_side=40).flatmap(lambda shape: arrays(bool, (2, *shape))))
def test_common_pixels_are_those_of_both_masks(masks: np.ndarray) -> None:
    one, other = (encode(mask) for mask in masks)
    assert one.common(other) == other.common(one) == (masks[0] & masks[1]).sum()


def test_runs_of_no_pixels_have_none_in_common() -> None:
    value = {"size": [2, 4], "counts": [1, 0, 0, 2, 0, 0, 0, 1, 4]}
    mask = parse_mask(value, 2, 4, "here")
    assert decode(mask).T.ravel().tolist() == [False, True, True, True, False, False, False, False]
    assert mask.common(mask) == mask.area == 3
    assert mask.common(encode(np.ones((2, 4), dtype=bool))) == 3


@given(st.lists(st.sampled_from([0, 0, 1, 2]), max_size=12), st.booleans())
def test_runs_of_no_pixels_change_nothing(lengths: list[int], compressed: bool) -> None:
    runs = [*lengths, 24 - sum(lengths)]
    value: Any = {"size": [4, 6], "counts": runs}
    mask = parse_mask(Rle.of(coco.frPyObjects(value, 4, 6)).record if compressed else value, 4, 6, "here")
    pixels = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(6, 4).T
    assert mask == encode(pixels)


def test_the_union_is_whole_where_both_masks_came_with_a_run_of_no_pixels_at_the_same_place() -> None:
    one, other = (parse_mask({"size": [4, 5], "counts": runs}, 4, 5, "here") for runs in ([5, 0, 5, 10], [5, 0, 9, 6]))
    np.testing.assert_array_equal(decode(unite([one, other])), decode(one) | decode(other))


def test_long_runs_come_back() -> None:
    mask = np.zeros((3000, 2000), dtype=bool)
    mask[:, 700:1900] = True
    np.testing.assert_array_equal(decode(encode(mask)), mask)


def test_the_box_is_the_smallest_half_open_one() -> None:
    mask = np.zeros((7, 9), dtype=bool)
    assert encode(mask).box is None
    mask[2:5, 3:9] = True
    assert encode(mask).box == Box(2, 3, 5, 9)


@pytest.mark.parametrize("nested", [True, False])
def test_a_polygon_is_filled_and_cut_at_the_border(nested: bool) -> None:
    polygon = [2, 1, 30, 1, 30, 4, 2, 4]
    mask = decode(parse_mask([polygon] if nested else polygon, 6, 8, "here"))
    assert np.argwhere(mask).min(axis=0).tolist() == [1, 2]
    assert mask[1:4, 2:].all()
    assert mask.sum() == 18


def test_polygons_are_one_mask_together_and_none_are_an_empty_one() -> None:
    squares: Any = [[0, 0, 2, 0, 2, 2, 0, 2], [4, 4, 6, 4, 6, 6, 4, 6]]
    assert decode(parse_mask(squares, 6, 8, "here")).sum() == 8
    assert parse_mask([], 6, 8, "here").area == 0


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (7, "expected a mask, as polygons or"),
        ({"size": [6, 8]}, "expected a mask, as polygons or"),
        ({"size": [8, 6], "counts": [48]}, r"\.size: expected \[6, 8\], rows and columns of the video, found \[8, 6\]"),
        ({"size": [6, 8], "counts": [47]}, r"\.counts: expected the lengths of runs of 6 x 8 pixels"),
        ({"size": [6, 8], "counts": [-1, 49]}, r"\.counts: expected the lengths"),
        ({"size": [6, 8], "counts": [48.0]}, r"\.counts: expected the lengths"),
        ({"size": [6, 8], "counts": [True] * 48}, r"\.counts: expected the lengths"),
        ({"size": [6, 8], "counts": []}, r"\.counts: expected the lengths"),
        ({"size": [6, 8], "counts": ""}, r"\.counts: expected the lengths"),
        ({"size": [6, 8], "counts": None}, r"\.counts: expected the lengths"),
        ({"size": [6, 8], "counts": "é"}, r"\.counts: expected the lengths"),
        ({"size": [6, 8], "counts": "P"}, r"\.counts: expected the lengths"),
        ({"size": [6, 8], "counts": "o" * 40}, r"\.counts: expected the lengths"),
        ([[1, 2, 3, 4]], r"here\.0: expected a polygon"),
        ([[1, 2, 3, 4, 5, 6, 7]], r"here\.0: expected a polygon"),
        ([[1, 2, 3, 4, 5, float("nan")]], r"here\.0: expected a polygon"),
        ([[1, 2, 3, 4, 5, 1e12]], r"here\.0: expected a polygon"),
        ([[1, 2, 3, 4, 5, "6"]], r"here\.0: expected a polygon"),
        ([{"x": 1}], r"here\.0: expected a polygon"),
    ],
)
def test_what_is_no_mask_is_an_error(value: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"here.*{message}" if "here" not in message else message):
        parse_mask(value, 6, 8, "here")


def test_polygons_that_go_far_past_the_image_again_and_again_are_an_error_and_fill_no_memory() -> None:
    far: Any = [-1e6, 0, 1e6, 5, 0, 7]
    assert parse_mask([[-1e5, 1, 1e5, 1, 1e5, 4, -1e5, 4]], 6, 8, "here").area == 24
    for value in (far, [far], [[0, 0, 2, 0, 2, 2]] + [[0, 0, 9e4, 0, 9e4, 2]] * 6):
        with pytest.raises(DataError, match=r"^here: expected polygons in .* 6 x 8 pixels, found edges of .*e\+"):
            parse_mask(value, 6, 8, "here")


@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=12))
def test_any_text_is_a_mask_of_the_right_size_or_an_error(text: str) -> None:
    try:
        rle = parse_mask({"size": [6, 8], "counts": text}, 6, 8, "here")
    except DataError:
        return
    assert decode(rle).shape == (6, 8)
    assert rle.area == decode(rle).sum()
    np.testing.assert_array_equal(decode(rle), decode(Rle(6, 8, text)))


@pytest.mark.parametrize("mask", [np.full((4, 5), 3, np.uint8), np.full((4, 5), 0.4)])
def test_labels_and_probabilities_are_no_masks(mask: np.ndarray) -> None:
    with pytest.raises(ValueError, match=f"mask: expected bool, found {mask.dtype}; compare it"):
        encode(mask)
