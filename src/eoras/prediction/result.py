"""What comes out: the masks of each frame, kept as runs and unfolded when they are looked at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from eoras.data.masks import Rle, decode
from eoras.geometry import Box

__all__ = ["FrameResult", "ObjectResult", "Result"]

Masks = Mapping[int, NDArray[np.bool_]]
"""Bool ``(H, W)`` of each object, by its id."""


@dataclass(frozen=True, kw_only=True)
class ObjectResult:
    """One object in one frame.

    Attributes:
        object_id: its number, from 1, as in label images; in JSON its ``track_id`` is one less.
        amodal_rle: the whole object inside the image, as runs.
        visible_rle: the seen part that was given; None where the object is hidden, or only its box was given.
        hidden: whether the object is not seen in this frame; its place is then one between its neighbours'.
        confidence: of the network in its answer, 0..1; None if the network does not tell.
    """

    object_id: int
    amodal_rle: Rle
    visible_rle: Rle | None
    hidden: bool
    confidence: float | None = None

    @property
    def amodal(self) -> NDArray[np.bool_]:
        """The whole object, seen or not, bool ``(H, W)``."""
        return decode(self.amodal_rle)

    @property
    def visible(self) -> NDArray[np.bool_]:
        """The seen part that was given, bool ``(H, W)``; empty where none was."""
        if self.visible_rle is None:
            return np.zeros((self.amodal_rle.height, self.amodal_rle.width), dtype=bool)
        return decode(self.visible_rle)

    @property
    def occluded(self) -> NDArray[np.bool_]:
        """The hidden part, bool ``(H, W)``."""
        return self.amodal & ~self.visible

    @property
    def box(self) -> Box | None:
        """The smallest box around the whole object, in pixels; None where the mask is empty."""
        return self.amodal_rle.box

    @property
    def occlusion_rate(self) -> float | None:
        """Hidden pixels over all, 0..1; None where the mask is empty, or it is not known what is seen."""
        whole = self.amodal_rle.area
        if not whole or (self.visible_rle is None and not self.hidden):
            return None
        return 1 - (self.amodal_rle.common(self.visible_rle) / whole if self.visible_rle else 0.0)


@dataclass(frozen=True, kw_only=True)
class FrameResult:
    """One frame.

    Attributes:
        frame_index: position in the video, from 0.
        height: rows of the image, in pixels.
        width: columns of the image, in pixels.
        objects: those between their first and their last visible frame, by id.
    """

    frame_index: int
    height: int
    width: int
    objects: Mapping[int, ObjectResult]

    @property
    def amodal(self) -> Masks:
        """The whole objects, by id."""
        return {key: item.amodal for key, item in self.objects.items()}

    @property
    def visible(self) -> Masks:
        """Their seen parts, by id."""
        return {key: item.visible for key, item in self.objects.items()}

    @property
    def occluded(self) -> Masks:
        """Their hidden parts, by id."""
        return {key: item.occluded for key, item in self.objects.items()}


@dataclass(frozen=True, kw_only=True)
class Result:
    """The frames of a video; ``result[3]`` is the frame with index 3 in the video, wherever the result begins.

    So are ``result[3:6]`` those with indices 3 to 5, as far as there are such; ``result[-1]`` is the last one.

    Attributes:
        frames: one after the other, without a gap.
        info: video, model and settings, fit for JSON.
        notes: what a user should know: a camera that was assumed, a video cut short.
    """

    frames: Sequence[FrameResult]
    info: Mapping[str, Any]
    notes: Sequence[str] = field(default=())

    @property
    def start(self) -> int:
        """Index of the first frame."""
        return self.frames[0].frame_index if self.frames else 0

    @property
    def object_ids(self) -> list[int]:
        """The objects of all frames."""
        return sorted({key for frame in self.frames for key in frame.objects})

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.frames)

    def __iter__(self) -> Iterator[FrameResult]:
        return iter(self.frames)

    def __reversed__(self) -> Iterator[FrameResult]:
        return reversed(self.frames)

    @overload
    def __getitem__(self, index: int) -> FrameResult: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[FrameResult]: ...
    def __getitem__(self, index: int | slice) -> FrameResult | Sequence[FrameResult]:
        """A frame by its index in the video, or those between two indices; negative ones count from the end."""
        if isinstance(index, slice):
            within = range(self.start + len(self))[index]
            return [self.frames[place - self.start] for place in within if place >= self.start]
        place = index - self.start if index >= 0 else index + len(self)
        if not 0 <= place < len(self):
            raise IndexError(f"frame {index}: there are frames {self.start} to {self.start + len(self) - 1}")
        return self.frames[place]

    def save(self, out: str | Path) -> None:
        """Write masks as images, and ``result.json``, into a new folder (see ``ResultWriter``); there is a frame.

        Raises:
            ConfigError: the folder is not empty.
            RunError: the disk is full, or the folder cannot be written.
        """
        from eoras.prediction.write import ResultWriter

        writer = ResultWriter(Path(out), self.info)
        for frame in self.frames:
            writer.add(frame)
        writer.finish(self.notes)

    @classmethod
    def load(cls, path: str | Path) -> "Result":
        """Read a saved result.

        Args:
            path: its folder, or the ``result.json`` in it.

        Raises:
            DataError: there is none, or it is damaged.
        """
        from eoras.prediction.load import load_result

        return load_result(Path(path))
