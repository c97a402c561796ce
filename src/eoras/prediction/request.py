"""What a user asks for."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from eoras.errors import ConfigError
from eoras.prediction.camera import ASSUMED_FOV, Camera

__all__ = ["Request", "some"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks for.

    Attributes:
        camera: of the video.
        objects: numbers of those to complete; None: all.
        start: index of the first frame.
        end: index of the frame to stop before; None: to the last one.
        union: whether amodal masks contain the visible ones.
    """

    camera: Camera
    objects: frozenset[int] | None
    start: int
    end: int | None
    union: bool

    def __post_init__(self) -> None:
        if self.start < 0 or (self.end is not None and self.end <= self.start):
            raise ConfigError(
                f"expected a start from 0 and an end after it, found {self.start} and {self.end}; frames count from 0"
            )

    def describe(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        camera: dict[str, Any] = {key: value for key, value in asdict(self.camera).items() if value is not None}
        return {
            "camera": camera or {"fov": ASSUMED_FOV, "assumed": True},
            "objects": None if self.objects is None else sorted(self.objects),
            "start": self.start,
            "end": self.end,
            "union": self.union,
        }

    def choose(self, known: Mapping[int, Any]) -> list[int]:
        """The ids to complete.

        Raises:
            ConfigError: one of them is not known.
        """
        unknown = (self.objects or set()) - known.keys()
        if unknown:
            raise ConfigError(
                f"objects: expected some of {some(known)}, found {some(unknown)}; an object's number is "
                "that of label images, track_id + 1"
            )
        return [key for key in known if self.objects is None or key in self.objects]


def some(ids: Collection[int]) -> str:
    """The first of many ids."""
    shown = ", ".join(map(str, sorted(ids)[:8]))
    return f"{shown} and {len(ids) - 8} more" if len(ids) > 8 else shown or "none"
