"""Which objects a split may show, and picking one of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eoras.errors import DataError
from eoras.synthesis.looks.materials import random_material
from eoras.synthesis.scene import Material, Mesh, Split
from eoras.synthesis.settings import ObjectsConfig
from eoras.synthesis.things.assets import find_assets, load_asset
from eoras.synthesis.things.shapes import REGULAR_SHAPES, regular_shape
from eoras.synthesis.things.varied import FAMILIES, varied_object

__all__ = ["Thing", "part_of_split", "pick"]

_HOLDING_OUT = 2  # beside the numbers of the splits: what is drawn for all videos of a seed
_SEEDS = {"train": (0, 900_000), "test": (900_000, 1_000_000)}  # of varied objects


@dataclass(frozen=True, kw_only=True)
class Thing:
    """An object that has been picked, not yet at its place.

    Attributes:
        asset_id: its name.
        mesh: its surface, longest side 1, centred on the origin.
        material: what it is made of.
        record: what the metadata say of it.
    """

    asset_id: str
    mesh: Mesh
    material: Material
    record: dict[str, Any]


def pick(config: ObjectsConfig, seed: int, split: Split, rng: np.random.Generator, looks: np.random.Generator) -> Thing:
    """Pick an object that the split may show.

    Args:
        config: what there is.
        seed: of the whole set; it says which are held out.
        split: where the object is to be shown.
        rng: says which it is.
        looks: says what it is made of.

    Raises:
        DataError: the folder holds too few models, or the model is damaged.
    """
    if config.folder is not None:
        return _model(config.folder, config.held_out_shapes, seed, split, rng, looks)
    known = REGULAR_SHAPES if config.family == "regular" else FAMILIES
    kinds = part_of_split(known, seed, split, config.held_out_shapes) if config.held_out_shapes else known
    kind = str(rng.choice(kinds))
    if config.family == "regular":
        material = random_material(looks, split, "regular")
        return Thing(asset_id=kind, mesh=regular_shape(kind), material=material, record={"shape": kind})
    number = int(rng.integers(*_SEEDS[split]))
    mesh, material = varied_object(kind, number), random_material(looks, split, "varied")
    return Thing(asset_id=f"{kind}_{number:06d}", mesh=mesh, material=material, record={"category": kind})


def part_of_split(names: list[str] | tuple[str, ...], seed: int, split: Split, held_out: int) -> list[str]:
    """The names that a split may show: ``held_out`` of them are the test split's, the others the training split's."""
    order = np.random.default_rng([seed, _HOLDING_OUT]).permutation(len(names))
    chosen = order[:held_out] if split == "test" else order[held_out:]
    return [names[k] for k in sorted(chosen)]


def _model(
    folder: Path, held_out: int, seed: int, split: Split, rng: np.random.Generator, looks: np.random.Generator
) -> Thing:
    assets = find_assets(folder)
    held_out = held_out or -(-len(assets) // 10)
    if len(assets) <= held_out:
        raise DataError(
            f"{folder}: expected more than {held_out} models, for so many are held out for the test split, "
            f"found {len(assets)}; add some or lower objects.held_out_shapes"
        )
    name = str(rng.choice(part_of_split(sorted(assets), seed, split, held_out)))
    mesh, material = load_asset(assets[name])
    material = material or random_material(looks, split, "varied")
    return Thing(asset_id=name, mesh=mesh, material=material, record={"category": "model"})
