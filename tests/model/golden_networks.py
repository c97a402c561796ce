"""The golden networks: official numbers, and ours built from the same entries."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from golden import recipe
from torch import Tensor

from eoras.model.eoras import EoRaS

__all__ = ["NAMES", "Golden", "draw", "golden", "network", "published_shapes"]

FOLDER = Path(__file__).parents[1] / "golden"
NAMES = ("movi_b", "movi_d", "kitti", "random_pos", "fm_only")


@dataclass(frozen=True)
class Golden:
    """One run of the official network.

    Attributes:
        meta: options of the run, and for ``movi_b`` its loss and gradient norms.
        shapes: official entries, without ``module.``.
        frames: float32 ``(B, T, 3, 128, 128)``.
        intrinsics: float32 ``(B, T, 3, 3)``.
        masks: probabilities under our names, float32 ``(B, T, 121, 121)``.
    """

    meta: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]
    frames: Tensor
    intrinsics: Tensor
    masks: Mapping[str, Tensor]

    @property
    def camera_position(self) -> tuple[float, float, float] | None:
        """Of the tilted lattice."""
        position = self.meta["options"].get("camera_position")
        return None if position is None else tuple(position)

    def entries(self) -> dict[str, Tensor]:
        """The official entries with the values of the run."""
        return draw(self.shapes, self.meta["seed"])


@cache
def golden(name: str) -> Golden:
    """One of ``NAMES``."""
    with np.load(FOLDER / f"net_{name}.npz") as arrays:
        meta = json.loads(str(arrays["meta"]))
        names = {"full_mask": "amodal", "vis_mask": "visible", "occ_mask": "occluded"}
        masks = {ours: torch.from_numpy(arrays[theirs][:, :, 0]) for theirs, ours in names.items() if theirs in arrays}
    batch, length = meta["batch"], meta["length"]
    return Golden(
        meta=meta,
        shapes={entry: tuple(shape) for entry, shape in meta["entries"].items()},
        frames=torch.from_numpy(recipe.frames(batch, length, meta["seed"])),
        intrinsics=torch.tensor(recipe.INTRINSICS[meta["intrinsics"]]).expand(batch, length, 3, 3),
        masks=masks,
    )


@lru_cache(1)
def network(name: str) -> EoRaS:
    """Ours, of one of ``NAMES``; only the last one is kept, since each takes 300 MB."""
    run = golden(name)
    return EoRaS.from_official(run.entries(), run.camera_position)


def draw(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Tensor]:
    """Recipe values for the entries that a network reads."""
    return {
        name: torch.from_numpy(np.asarray(recipe.weight(name, shape, seed)))
        for name, shape in shapes.items()
        if recipe.is_drawn(name)
    }


def published_shapes() -> dict[str, tuple[int, ...]]:
    """Every entry of a published checkpoint, in its order, without ``module.``."""
    shapes = {}
    for line in (FOLDER / "checkpoint_entries.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, shape, _ = line.split("\t")
            shapes[name] = tuple(int(size) for size in shape.strip("()").split(",") if size.strip())
    return shapes
