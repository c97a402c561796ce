"""Random surroundings, of which the two splits share none, and the panoramas of others."""

from collections.abc import Callable

import numpy as np

from eoras.synthesis.looks.indoors import room, studio
from eoras.synthesis.looks.outdoors import outdoors
from eoras.synthesis.looks.panorama import load_environment
from eoras.synthesis.scene import Environment, Split

__all__ = ["load_environment", "random_environment"]

_VARIANTS = 1_000_000  # of surroundings; the even ones are for training
_KINDS: dict[str, tuple[float, Callable[[np.random.Generator, Split, str], Environment]]] = {
    "outdoors": (0.5, outdoors),
    "room": (0.35, room),
    "studio": (0.15, studio),
}


def random_environment(rng: np.random.Generator, split: Split) -> Environment:
    """Draw surroundings.

    Args:
        rng: where the numbers come from.
        split: training and test have names of different parity, and hues of different bands.

    Returns:
        an environment whose name is ``kind-variant``; all of it follows from its name.
    """
    variant = 2 * int(rng.integers(_VARIANTS // 2)) + ("train", "test").index(split)
    own = np.random.default_rng([variant])
    kind = str(own.choice(list(_KINDS), p=[share for share, _ in _KINDS.values()]))
    return _KINDS[kind][1](own, split, f"{kind}-{variant}")
