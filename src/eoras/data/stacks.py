"""The masks of a clip, unfolded only in the part of the image that is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from eoras.data.masks import Rle, empty, read_runs
from eoras.geometry import Box

__all__ = ["MaskStack", "PartMasks", "RepeatedMasks", "RunMasks", "around"]

Masks = NDArray[np.bool_]


class MaskStack(Protocol):
    """Masks of one size, one a frame; ``len`` is the number of frames."""

    def __len__(self) -> int: ...

    @property
    def box(self) -> Box | None:
        """The smallest box around the masks of all frames; None where they are empty."""
        ...

    def cut(self, box: Box) -> Masks:
        """The part of the masks inside a box of the image, bool ``(T, box.height, box.width)``, rows in order."""
        ...


@dataclass(frozen=True)
class PartMasks:
    """Pixels of a part of the image; outside it the masks are empty.

    Attributes:
        masks: bool ``(T, h, w)``.
        top: row of the image where they begin.
        left: column of the image where they begin.
    """

    masks: Masks
    top: int = 0
    left: int = 0

    def __len__(self) -> int:
        return len(self.masks)

    @property
    def box(self) -> Box | None:
        """The smallest box around all."""
        ever: Masks = np.logical_or.reduce(self.masks, axis=0)
        rows, columns = (np.flatnonzero(np.logical_or.reduce(ever, axis=axis)).tolist() for axis in (1, 0))
        if not rows:
            return None
        return Box(self.top + rows[0], self.left + columns[0], self.top + rows[-1] + 1, self.left + columns[-1] + 1)

    def cut(self, box: Box) -> Masks:
        """The part inside a box."""
        height, width = self.masks.shape[1:]
        own = Box(self.top, self.left, self.top + height, self.left + width)
        top, bottom = max(box.top, own.top), min(box.bottom, own.bottom)
        left, right = max(box.left, own.left), min(box.right, own.right)
        part = np.zeros((len(self), box.height, box.width), bool)
        if top < bottom and left < right:
            part[:, top - box.top : bottom - box.top, left - box.left : right - box.left] = self.masks[
                :, top - own.top : bottom - own.top, left - own.left : right - own.left
            ]
        return part


@dataclass(frozen=True)
class RunMasks:
    """Runs of pixels, column by column. Frames follow each other: frame t begins at pixel ``t * height * width``.

    Attributes:
        length: number of frames.
        height: rows of the image.
        width: columns of the image.
        starts: int64 ``(N,)``, first pixel of each run, ascending.
        stops: int64 ``(N,)``, the pixel after the last of each run; a run has pixels, and lies in one frame.
    """

    length: int
    height: int
    width: int
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    @classmethod
    def read(cls, texts: Sequence[str], height: int, width: int) -> "RunMasks | None":
        """Read COCO's texts, one a frame; None if one of them is no mask of that size."""
        if not texts or not height * width:
            none = np.zeros(0, np.int64)
            return cls(len(texts), height, width, none, none)
        read = read_runs(texts)
        if read is None:
            return None
        runs, begins = read
        if runs.min() < 0 or (np.add.reduceat(runs, begins) != height * width).any():
            return None
        places = np.arange(len(runs)) - np.repeat(begins, np.diff(begins, append=len(runs)))
        ends = np.cumsum(runs)
        mask = (places % 2 == 1) & (runs > 0)
        return cls(len(texts), height, width, (ends - runs)[mask], ends[mask])

    @classmethod
    def of(cls, masks: Sequence[Rle | None], height: int, width: int) -> "RunMasks":
        """Masks that are known to be of that size; None is an empty one."""
        nothing = empty(height, width).counts
        read = cls.read([nothing if mask is None else mask.counts for mask in masks], height, width)
        assert read is not None
        return read

    def __len__(self) -> int:
        return self.length

    @property
    def box(self) -> Box | None:
        """The smallest box around all."""
        if not len(self.starts):
            return None
        first, last = self.starts, self.stops - 1
        columns, end_columns = first // self.height, last // self.height
        top, bottom = int((first % self.height).min()), int((last % self.height).max()) + 1
        if (columns < end_columns).any():  # a run that goes on in the next column meets both borders
            top, bottom = 0, self.height
        return Box(top, int((columns % self.width).min()), bottom, int((end_columns % self.width).max()) + 1)

    def cut(self, box: Box) -> Masks:
        """The part inside a box."""
        image, part = self.height * self.width, self.height * box.width
        frames = self.starts // image
        before = frames * image + box.left * self.height
        bounds = np.clip(np.stack([self.starts, self.stops]) - before, 0, part) + frames * part
        runs = np.diff(bounds.T.ravel(), prepend=0, append=len(self) * part)
        pixels = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(len(self), box.width, self.height)
        return np.ascontiguousarray(pixels[:, :, box.top : box.bottom].swapaxes(1, 2))


@dataclass(frozen=True)
class RepeatedMasks:
    """Frames of other masks, in any order.

    Attributes:
        masks: the others.
        frames: int64 ``(T,)``, which of them each is; -1 for an empty one.
    """

    masks: MaskStack
    frames: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def box(self) -> Box | None:
        """A box around all."""
        return self.masks.box

    def cut(self, box: Box) -> Masks:
        """The part inside a box."""
        part = np.zeros((len(self), box.height, box.width), bool)
        kept = self.frames >= 0
        part[kept] = self.masks.cut(box)[self.frames[kept]]
        return part


def around(stacks: Sequence[MaskStack], margin: int, height: int, width: int) -> Box:
    """The smallest box around all masks, and a margin inside the image.

    Args:
        stacks: the masks.
        margin: in pixels.
        height: rows of the image.
        width: columns of the image.

    Returns:
        A box of no pixels where all masks are empty.
    """
    boxes = [box for stack in stacks if (box := stack.box) is not None]
    if not boxes:
        return Box(0, 0, 0, 0)
    top, left = min(box.top for box in boxes), min(box.left for box in boxes)
    bottom, right = max(box.bottom for box in boxes), max(box.right for box in boxes)
    return Box(top - margin, left - margin, bottom + margin, right + margin).clip(height, width)
