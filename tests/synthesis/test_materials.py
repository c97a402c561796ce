from itertools import product

import numpy as np
import pytest

from eoras.synthesis.looks.materials import random_material
from eoras.synthesis.looks.palette import hue_band
from eoras.synthesis.shading.textures import PATTERNS, share


def some_materials(split, family, count=300):
    rng = np.random.default_rng(5)
    return [random_material(rng, split, family) for _ in range(count)]


@pytest.mark.parametrize("family", ["regular", "varied"])
def test_training_and_test_share_no_colour_and_no_variant(family):
    bands = {}
    for parity, split in enumerate(("train", "test")):
        materials = some_materials(split, family)
        assert {int(material.name.split("-")[-1]) % 2 for material in materials} == {parity}
        bands[split] = {hue_band(material.colours[0]) for material in materials}
        bands[split] |= {hue_band(material.colours[1]) for material in materials}
    assert not bands["train"] & bands["test"]
    assert len(bands["train"]) == len(bands["test"]) == 12


def test_materials_of_one_name_look_alike():
    seen = {}
    for material in some_materials("train", "regular", 3000):
        other = seen.setdefault(material.name, material)
        np.testing.assert_array_equal(material.colours, other.colours)
        np.testing.assert_array_equal(material.phase, other.phase)
        assert (material.frequency, material.roughness) == (other.frequency, other.roughness)


def test_regular_materials_are_metal_or_rubber_and_mostly_plain():
    materials = some_materials("train", "regular")
    assert {material.name.split("-")[0] for material in materials} == {"metal", "rubber"}
    assert np.mean([material.pattern == "plain" for material in materials]) > 0.5


def test_the_same_numbers_give_the_same_material():
    first, second = (random_material(np.random.default_rng(9), "train", "varied") for _ in range(2))
    assert first.name == second.name
    np.testing.assert_array_equal(first.colours, second.colours)


@pytest.mark.parametrize("pattern", range(len(PATTERNS)), ids=PATTERNS)
def test_a_wide_sample_sees_the_mean_of_a_pattern(pattern):
    points = np.random.default_rng(0).uniform(-20, 20, (3000, 3))
    sharp = np.array([share(pattern, x, y, z, 0.01) for x, y, z in points])
    wide = np.array([share(pattern, x, y, z, 50.0) for x, y, z in points])
    for values in (sharp, wide):
        assert -1e-6 <= values.min() <= values.max() <= 1 + 1e-6
    if PATTERNS[pattern] != "label":  # which is one band and no more
        assert wide.std() < 0.01
        assert abs(wide.mean() - sharp.mean()) < 0.03


def test_patterns_do_not_change_abruptly_over_a_sample():
    line = np.linspace(0, 4, 400)
    for pattern, width in product(range(len(PATTERNS)), (0.3, 0.7)):
        if PATTERNS[pattern] == "label":
            continue
        values = [share(pattern, 0.3 + x, 0.17 + 0.2 * x, 0.4 + 0.1 * x, width) for x in line]
        assert np.abs(np.diff(values)).max() < 0.35, PATTERNS[pattern]
