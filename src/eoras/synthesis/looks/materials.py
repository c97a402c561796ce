"""Random materials, of which the two splits share neither colours nor patterns."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from eoras.synthesis.looks.palette import linear_rgb, random_hue
from eoras.synthesis.scene import Material, Split
from eoras.synthesis.settings import Family

__all__ = ["random_material"]

_VARIANTS = 100_000  # of each pattern; the even ones are for training


@dataclass(frozen=True, kw_only=True)
class _Look:
    """A kind of surface: its pattern, ranges of what is drawn, and how it shines.

    Attributes:
        pattern: one of ``textures.PATTERNS``.
        frequency: range, periods a world unit.
        second: how the second colour comes about: another hue, the same one darker, or nearly white.
        roughness: range.
        specular: of what is no metal.
        hues: range, where not every hue will do.
        saturation: range.
        value: range.
    """

    pattern: str
    frequency: tuple[float, float] = (1.0, 1.0)
    second: Literal["other", "darker", "pale"] = "darker"
    roughness: tuple[float, float] = (0.35, 0.8)
    specular: float = 0.4
    hues: tuple[float, float] = (0.0, 1.0)
    saturation: tuple[float, float] = (0.45, 0.95)
    value: tuple[float, float] = (0.45, 0.95)


_REGULAR = (
    *(_Look(pattern="plain", saturation=(0.8, 1.0), value=(0.8, 1.0)) for _ in range(7)),
    _Look(pattern="stripes", frequency=(2, 4), saturation=(0.8, 1.0), value=(0.8, 1.0)),
    _Look(pattern="checks", frequency=(1.5, 3), saturation=(0.8, 1.0), value=(0.8, 1.0)),
    _Look(pattern="marble", frequency=(0.8, 1.6), saturation=(0.8, 1.0), value=(0.8, 1.0)),
)
_VARIED = (
    _Look(pattern="plain"),
    _Look(pattern="plain", roughness=(0.15, 0.3), specular=0.7),
    _Look(pattern="stripes", frequency=(2, 6), second="other"),
    _Look(pattern="hoops", frequency=(1.5, 5), second="pale"),
    _Look(pattern="checks", frequency=(2, 5), second="pale"),
    _Look(pattern="tiles", frequency=(2, 4), second="pale", roughness=(0.2, 0.4), specular=0.6),
    _Look(pattern="dots", frequency=(2.5, 5), second="other"),
    _Look(pattern="zigzag", frequency=(2, 4), second="pale"),
    _Look(pattern="plaid", frequency=(2, 4), second="other", roughness=(0.8, 1.0), specular=0.1),
    _Look(pattern="marble", frequency=(1, 2.5), second="darker", roughness=(0.15, 0.35), specular=0.6),
    _Look(pattern="granite", frequency=(2, 5), second="darker", saturation=(0.1, 0.4)),
    _Look(pattern="wood", frequency=(2.5, 5), hues=(0.0, 1 / 8), saturation=(0.45, 0.7), value=(0.5, 0.85)),
    _Look(pattern="wood", frequency=(2.5, 5), hues=(0.0, 1 / 8), saturation=(0.45, 0.7), value=(0.5, 0.85)),
    _Look(pattern="label", frequency=(0.9, 1.4), second="pale", roughness=(0.25, 0.5), specular=0.6),
    _Look(pattern="label", frequency=(0.9, 1.4), second="other", roughness=(0.25, 0.5), specular=0.6),
)
_METAL_SHARE = {"regular": 0.5, "varied": 0.15}


def random_material(rng: np.random.Generator, split: Split, family: Family) -> Material:
    """Draw a material.

    Args:
        rng: where the numbers come from.
        split: which of the two disjoint sets of hues and variants of patterns it comes from.
        family: ``regular`` looks like KuBasic, of strong colours, metal or rubber, mostly plain; ``varied`` like things
            about the house.

    Returns:
        a material whose name is ``finish-pattern-variant``: materials of one name look alike, and training and test
        have variants of different parity, hence different names, hues, frequencies and phases.
    """
    variant = 2 * int(rng.integers(_VARIANTS // 2)) + ("train", "test").index(split)
    looks = _REGULAR if family == "regular" else _VARIED
    own = np.random.default_rng([variant, len(looks)])
    look = looks[own.integers(len(looks))]
    hue = random_hue(own, split, *look.hues)
    first = linear_rgb(hue, own.uniform(*look.saturation), own.uniform(*look.value))
    metal = look.pattern == "plain" and own.uniform() < _METAL_SHARE[family]
    finish, roughness, specular = _finish(own, look, family, metal)
    return Material(
        name=f"{finish}-{look.pattern}-{variant}",
        pattern=look.pattern,
        colours=np.stack([first, _second_colour(own, split, look, first)]),
        frequency=float(own.uniform(*look.frequency)),
        phase=_phase(own, look.pattern),
        roughness=roughness,
        metallic=float(metal),
        specular=specular,
    )


def _finish(own: np.random.Generator, look: _Look, family: Family, metal: bool) -> tuple[str, float, float]:
    """Name, roughness, specular."""
    if metal:
        return "metal", 0.2 if family == "regular" else float(own.uniform(0.15, 0.45)), 0.5
    if family == "regular":
        return "rubber", 0.7, 0.33
    roughness = float(own.uniform(*look.roughness))
    return "glossy" if roughness < 0.35 else "matt", roughness, look.specular


def _second_colour(own: np.random.Generator, split: Split, look: _Look, first: np.ndarray) -> np.ndarray:
    if look.second == "darker":
        return first * np.float32(own.uniform(0.12, 0.35))
    if look.second == "pale":
        return linear_rgb(random_hue(own, split), own.uniform(0.06, 0.15), own.uniform(0.85, 0.97))
    return linear_rgb(random_hue(own, split), own.uniform(0.5, 0.9), own.uniform(0.3, 0.95))


def _phase(own: np.random.Generator, pattern: str) -> np.ndarray:
    """Where the pattern lies; wood's rings and a label's band stay about the middle."""
    reach = {"wood": 0.15, "label": 0.03}.get(pattern, 50.0)
    return own.uniform(-reach, reach, 3).astype(np.float32)
