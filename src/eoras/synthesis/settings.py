"""What scenes are made of and how: frozen dataclasses, read from YAML."""

from collections.abc import Iterable
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from eoras.config_files import load, shipped_configs
from eoras.synthesis.things.shapes import REGULAR_SHAPES
from eoras.synthesis.things.varied import FAMILIES

__all__ = [
    "AboveConfig",
    "CameraConfig",
    "Family",
    "ObjectsConfig",
    "SceneConfig",
    "SpawnConfig",
    "load_scene_config",
    "shipped_presets",
]

Family = Literal["regular", "varied"]

_PRESETS = "synthesis/presets"
_MOST_OBJECTS = 250  # labels have 8 bits


def _ascending(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError(f"the smaller number comes first, found {list(pair)}")
    return pair


_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Interval = Annotated[tuple[_Finite, _Finite], AfterValidator(_ascending)]
_Counts = Annotated[
    tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(le=_MOST_OBJECTS)]], AfterValidator(_ascending)
]
_Lengths = Annotated[tuple[_Positive, _Positive], AfterValidator(_ascending)]
_Size = Annotated[float, Field(ge=0.02, allow_inf_nan=False)]  # or the thinnest of models has no inertia to MuJoCo
_Sizes = Annotated[tuple[_Size, _Size], AfterValidator(_ascending)]
_Point = tuple[_Finite, _Finite, _Finite]
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ObjectsConfig:
    """What lies in a scene.

    Attributes:
        family: ``regular`` (11 shapes in plain colours) or ``varied`` (everyday-like things, each another).
        folder: models to use instead of a family: OBJ, GLB and PLY files, or folders like Google Scanned Objects'.
        static: fewest and most objects that lie still.
        thrown: fewest and most objects that are thrown at the middle.
        scale: shortest and longest of the objects' longest sides, world units, at least 0.02.
        held_out_shapes: shapes, families or models that only the test split shows, and nothing else then. With 0 both
            splits show all regular shapes and families; of a folder a tenth is held out.
    """

    family: Family = "regular"
    folder: Path | None = None
    static: _Counts = (10, 20)
    thrown: _Counts = (0, 0)
    scale: _Sizes = (0.7, 1.4)
    held_out_shapes: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _check(self) -> "ObjectsConfig":
        if self.static[1] + self.thrown[1] > _MOST_OBJECTS:
            raise ValueError(f"at most {_MOST_OBJECTS} objects, found static up to {self.static[1]}")
        known = len(REGULAR_SHAPES if self.family == "regular" else FAMILIES)
        if self.folder is None and self.held_out_shapes >= known:
            raise ValueError(f"held_out_shapes must be below {known}, for some are needed to train on")
        return self


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class SpawnConfig:
    """Where objects begin. Their boxes lie within these regions, and apart from one another.

    Attributes:
        static_low: smallest x, y, z of the static ones, world units; they fall from there and settle.
        static_high: largest x, y, z.
        settle_seconds: the longest that they may take to come to rest; at least 0.1, after which it is first looked.
        arena: world units from the z axis; what has rolled out of it is taken away.
        thrown_low: smallest x, y, z of the thrown ones.
        thrown_high: largest x, y, z.
        speed: world units a second; each thrown one's velocity would take it, in a second, to a point of the square
            of this half side about the origin.
        upward: world units a second, least and most.
    """

    static_low: _Point = (-7.0, -7.0, 0.0)
    static_high: _Point = (7.0, 7.0, 10.0)
    settle_seconds: Annotated[float, Field(ge=0.1, allow_inf_nan=False)] = 15.0
    arena: _Positive = 9.0
    thrown_low: _Point = (-5.0, -5.0, 1.0)
    thrown_high: _Point = (5.0, 5.0, 5.0)
    speed: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 4.0
    upward: _Interval = (0.0, 0.0)

    @model_validator(mode="after")
    def _check(self) -> "SpawnConfig":
        for name, low, high in (
            ("static", self.static_low, self.static_high),
            ("thrown", self.thrown_low, self.thrown_high),
        ):
            if low[2] < 0 or any(a >= b for a, b in zip(low, high, strict=True)):
                raise ValueError(f"{name}_low must be below {name}_high and not below the ground, found {low}, {high}")
        return self


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class CameraConfig:
    """The main camera and its way. Of each interval a clip draws one number.

    Attributes:
        path: ``orbit`` (on a circle about the z axis), ``linear`` or ``fixed``.
        radius: distance from the z axis at the start, world units.
        height: above the ground at the start, world units.
        azimuth: of the start, degrees from the x axis to the y axis.
        arc: of an orbit, degrees from the first to the last frame.
        direction: of an orbit, seen from above.
        travel: of a linear way, world units from the first to the last frame, in any horizontal direction.
        aim: where the camera looks, world units.
        sway: world units; the aim swings to one side, to the other and back within the clip, so far at most.
        focal_length: millimetres.
        sensor_width: millimetres.
    """

    path: Literal["fixed", "linear", "orbit"] = "orbit"
    radius: _Lengths = (11.3267, 11.3267)
    height: _Lengths = (2.5, 2.5)
    azimuth: _Interval = (-41.5158, -41.5158)
    arc: _Interval = (20.0, 60.0)
    direction: Literal["left", "right", "either"] = "either"
    travel: _Interval = (1.0, 4.0)
    aim: _Point = (0.0, 0.0, 0.0)
    sway: _Interval = (0.0, 0.0)
    focal_length: _Positive = 35.0
    sensor_width: _Positive = 32.0


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class AboveConfig:
    """The camera above, which looks straight down on the origin; x is right and y is up in its images.

    Attributes:
        height: above the ground, world units.
        field_of_view: degrees, from its left border to its right one.
    """

    height: _Positive = 22.0
    field_of_view: Annotated[float, Field(gt=0, lt=180)] = 49.13


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class SceneConfig:
    """A kind of scenes.

    Attributes:
        name: what the metadata call it.
        objects: what lies in them.
        spawn: where the objects begin.
        camera: the main camera.
        above: the camera above.
        backgrounds: folder of panoramas (HDR, EXR, PNG, JPEG) to use instead of made-up ones; a tenth is held out for
            the test split.
        height: rows of the images.
        width: columns of the images.
        frames: of a clip.
        fps: frames a second.
    """

    name: str = "own"
    objects: ObjectsConfig = field(default_factory=ObjectsConfig)
    spawn: SpawnConfig = field(default_factory=SpawnConfig)
    camera: CameraConfig = field(default_factory=CameraConfig)
    above: AboveConfig = field(default_factory=AboveConfig)
    backgrounds: Path | None = None
    height: Annotated[int, Field(ge=16, le=4096)] = 256
    width: Annotated[int, Field(ge=16, le=4096)] = 256
    frames: Annotated[int, Field(ge=1)] = 24
    fps: Annotated[int, Field(ge=1, le=240)] = 12


def shipped_presets() -> list[str]:
    """Names of the presets inside the package."""
    return shipped_configs(_PRESETS)


def load_scene_config(name: str, overrides: Iterable[str] = ()) -> SceneConfig:
    """Read a preset, or a YAML file that may say ``base: PRESET``; see ``eoras.config_files.load``.

    Raises:
        ConfigError: no such preset, no valid YAML, an unknown key or a value out of range.
    """
    return load(SceneConfig, name, overrides, shipped=_PRESETS)
