"""One object's masks in the predictions of a system, whatever form they have; what is wrong with them is counted."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import numpy as np

from eoras.data.stacks import MaskStack, PartMasks
from eoras.evaluation.counts import Masks
from eoras.geometry import Paste

__all__ = ["DAMAGED", "SIZE", "TWICE", "Entry", "Problems", "UnusableMaskError", "collect", "counting", "read_each"]

SIZE = "masks of another size than the video"
DAMAGED = "masks that cannot be read"
TWICE = "entries of an object that has one already; the first is scored"

Problems = Counter[str]
"""What is wrong with predictions: a sentence to how often."""


class UnusableMaskError(Exception):
    """A mask that cannot be scored; says why, in the words of ``Problems``."""


class Entry(Protocol):
    """The masks of one object through one video."""

    def read(self, frames: Sequence[int], height: int, width: int, paste: Paste, problems: Problems) -> MaskStack:
        """The masks of some frames; an empty one where there is none, or one that cannot be scored.

        Args:
            frames: positions in the video, from 0, each once.
            height: rows that masks must have, in pixels.
            width: columns that they must have, in pixels.
            paste: how they were pasted.
            problems: where to count what is wrong, once for each frame.
        """
        ...


def read_each(
    read: Callable[[int], Masks | None], frames: Sequence[int], height: int, width: int, problems: Problems
) -> MaskStack:
    """Read masks one by one, for ``Entry.read``.

    Args:
        read: gives the mask of a frame, bool ``(height, width)``, or None where there is none; an
            ``UnusableMaskError`` says why it cannot be scored.
        frames: positions in the video, from 0.
        height: rows of the masks, in pixels.
        width: columns of the masks, in pixels.
        problems: where to count what is wrong.
    """
    masks = np.zeros((len(frames), height, width), bool)
    for place, frame in enumerate(frames):
        with counting(problems):
            mask = read(frame)
            if mask is None:
                raise UnusableMaskError("frames without a mask")
            masks[place] = mask
    return PartMasks(masks)


@contextmanager
def counting(problems: Problems) -> Iterator[None]:
    """Count a mask that cannot be scored, and go on."""
    try:
        yield
    except UnusableMaskError as error:
        problems[f"{error}; they count as missed"] += 1


def collect(
    entries: dict[tuple[str, int], Entry],
    problems: Problems,
    video: str,
    found: Iterator[tuple[str, Entry]],
    shift: int,
) -> None:
    """Add the objects of a video.

    Args:
        entries: where to add them.
        problems: where to count names that are none.
        video: its name.
        found: the objects by name, which is ``track_id + shift``.
        shift: 1 where objects count from 1.
    """
    for name, entry in found:
        if not re.fullmatch(r"\d{1,9}", name, re.ASCII) or int(name) < shift:
            problems["objects whose name is no number; left out"] += 1
        elif (video, int(name) - shift) in entries:
            problems[TWICE] += 1
        else:
            entries[video, int(name) - shift] = entry
