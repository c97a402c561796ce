"""Where a person points in a video, instead of giving masks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eoras.errors import ConfigError

__all__ = ["DEFAULT_TRACKER", "Prompt", "Prompts"]

DEFAULT_TRACKER = "facebook/sam2.1-hiera-tiny"


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """One object, shown in one frame by a click on it or by a box around its seen part.

    Attributes:
        frame: index of the frame, from 0.
        click: x and y of a point on the object, in pixels.
        box: left, top, right and bottom, in pixels.
    """

    frame: int
    click: tuple[float, float] | None = None
    box: tuple[float, float, float, float] | None = None

    def __post_init__(self) -> None:
        if (self.click is None) == (self.box is None):
            raise ConfigError(f"expected a click or a box, found {self.click} and {self.box}; give one of them")
        if self.frame < 0 or not all(map(math.isfinite, self.numbers)):
            raise ConfigError(f"{self}: expected a frame from 0 and finite numbers; frames count from 0")
        if self.box is not None and not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise ConfigError(
                f"{self}: expected left < right and top < bottom, found an empty box; give "
                "FRAME,LEFT,TOP,RIGHT,BOTTOM in pixels"
            )

    @classmethod
    def parse(cls, kind: str, text: str) -> "Prompt":
        """Read numbers as the command line has them.

        Args:
            kind: ``click`` or ``box``.
            text: such as ``0,320,240`` or ``0,100,80,300,200``.

        Raises:
            ConfigError: it is something else.
        """
        form = "FRAME,X,Y" if kind == "click" else "FRAME,LEFT,TOP,RIGHT,BOTTOM"
        first, *rest = text.split(",")
        try:
            frame, numbers = int(first), tuple(map(float, rest))
        except ValueError:
            frame, numbers = 0, ()
        if len(numbers) != form.count(","):
            raise ConfigError(f"--{kind} {text}: expected {form}, numbers and commas alone; write it so")
        place: dict[str, Any] = {kind: numbers}
        return cls(frame=frame, **place)

    @property
    def numbers(self) -> tuple[float, ...]:
        """Those of the click or the box."""
        return self.click or self.box or ()

    def __str__(self) -> str:
        return f"{'box' if self.click is None else 'click'} {self.frame},{','.join(f'{n:g}' for n in self.numbers)}"


@dataclass(frozen=True)
class Prompts:
    """What a tracker is to follow, in the place of masks; the objects get the ids 1, 2, ... in this order.

    Attributes:
        objects: at least one.
        tracker: weights of SAM 2 as ``transformers`` keeps them: a local folder, or a name on the Hugging Face hub.
    """

    objects: tuple[Prompt, ...]
    tracker: str = field(default=DEFAULT_TRACKER, kw_only=True)

    def __post_init__(self) -> None:
        if not self.objects:
            raise ConfigError("expected at least one click or box, found none; show an object")

    @property
    def by_id(self) -> Mapping[int, Prompt]:
        """The objects by their ids."""
        return dict(enumerate(self.objects, start=1))

    def describe(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {"tracker": self.tracker, "prompts": [str(prompt) for prompt in self.objects]}
