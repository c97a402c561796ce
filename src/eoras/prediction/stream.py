"""From observed frames to results: one a frame, in order, in bounded memory."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor

from eoras.config import ViewConfig
from eoras.data.crops import MASK_SIDE, crop_frames, crop_masks
from eoras.data.masks import Rle, decode, encode, unite
from eoras.data.places import window_intrinsics
from eoras.geometry import Box, paste
from eoras.prediction.blending import Answer, Seams, WindowConfig
from eoras.prediction.network import Asker, Question
from eoras.prediction.observe import Observed, Seen
from eoras.prediction.result import FrameResult, ObjectResult

__all__ = ["Streamer", "first_needed"]


def first_needed(start: int, done: int, windows: WindowConfig) -> int:
    """Where to begin with a track of which some results are there already, so that the others come out the same.

    Args:
        start: first frame of the track.
        done: position of the first frame whose result is wanted.
        windows: how the track is cut into clips.

    Returns:
        The first frame of the first clip that reaches past ``done``.
    """
    return start + max((done - start - windows.length) // windows.stride + 1, 0) * windows.stride


class Streamer:
    """Gives the results of a video's frames.

    A result is there at the latest ``windows.length - 1`` frames after its frame was taken.

    Args:
        asker: of the network.
        view: what it is shown.
        windows: how tracks are cut into clips.
        pixel_intrinsics: float ``(3, 3)``, to pixels of the whole image.
        union: unite amodal masks with the visible ones.
        done: frames before this one get no result.
    """

    def __init__(
        self,
        asker: Asker,
        view: ViewConfig,
        windows: WindowConfig,
        pixel_intrinsics: Tensor,
        *,
        union: bool = True,
        done: int = 0,
    ) -> None:
        self._asker = asker
        self._view = view
        self._windows = windows
        self._intrinsics = pixel_intrinsics
        self._union = union
        self._done = done
        self._tracks: dict[int, _Track] = {}
        self._pending: dict[int, _Pending] = {}

    def run(self, frames: Iterable[Observed]) -> Iterator[FrameResult]:
        """Give the results of all frames, in their order."""
        for frame in frames:
            yield from self._take(frame)
        yield from self._end(list(self._tracks))

    def _take(self, frame: Observed) -> Iterator[FrameResult]:
        index, objects = frame.frame_index, frame.objects
        new = [key for key, seen in objects.items() if key in self._tracks and self._tracks[key].start != seen.start]
        yield from self._end([key for key in self._tracks if key not in objects] + new)
        height, width = frame.pixels.shape[:2]
        self._pending[index] = _Pending(index, height, width, objects)
        for object_id, seen in objects.items():
            if object_id not in self._tracks:
                begin = first_needed(seen.start, self._done, self._windows)
                self._tracks[object_id] = _Track(object_id, seen.start, begin, Seams(self._windows))
        wanted = {key: seen for key, seen in objects.items() if index >= self._tracks[key].begin}
        for object_id, crop in zip(wanted, self._cut(frame, list(wanted.values())), strict=True):
            self._tracks[object_id].crops.append(crop)
        due = [track for key in wanted if len((track := self._tracks[key]).crops) == self._windows.length]
        self._settle(due, last=False)
        yield from self._ready()

    def _end(self, object_ids: list[int]) -> Iterator[FrameResult]:
        """Ask what is left of tracks that have ended."""
        ended = [self._tracks.pop(object_id) for object_id in object_ids]
        self._settle([track for track in ended if track.has_news(self._windows.overlap)], last=True)
        for track in ended:
            if (rest := track.seams.rest()) is not None:
                self._assign(track, rest)
        yield from self._ready()

    def _cut(self, frame: Observed, objects: list[Seen]) -> list["_Crop"]:
        """Cut out what the network sees."""
        if not objects:
            return []
        boxes = [seen.window for seen in objects]
        pixels = torch.from_numpy(np.require(frame.pixels, requirements=["C", "W"])).permute(2, 0, 1)
        crops = crop_frames([pixels] * len(boxes), boxes)
        intrinsics = window_intrinsics(self._intrinsics, "pixel", boxes, self._view, *frame.pixels.shape[:2])
        visible = [_cut_mask(seen.visible, seen.window) for seen in objects]
        times = [frame.frame_index] * len(objects)
        return [_Crop(*parts) for parts in zip(times, crops, intrinsics, visible, strict=True)]

    def _settle(self, tracks: list["_Track"], *, last: bool) -> None:
        """Ask the network about the clips that are complete, and hand out what is settled by its answers."""
        for track, answer in zip(tracks, self._asker.ask([track.question() for track in tracks]), strict=True):
            joined = track.seams.join(answer, last=last)
            self._assign(track, joined)
            del track.crops[: self._windows.stride]

    def _assign(self, track: "_Track", answer: Answer) -> None:
        for number in range(len(answer.probability)):
            if frame := self._pending.get(track.settled + number):
                frame.answers[track.object_id] = answer.part(number, number + 1)
        track.settled += len(answer.probability)

    def _ready(self) -> Iterator[FrameResult]:
        """The results of the oldest frames, as far as all their objects are settled."""
        for index, frame in list(self._pending.items()):
            if index >= self._done and not frame.is_settled:
                break
            del self._pending[index]
            if index >= self._done:
                yield frame.result(self._union)


@dataclass
class _Crop:
    """One frame of one object, cut out: its position, then as in ``Question``."""

    time: int
    frame: Tensor
    intrinsics: Tensor
    visible: Tensor


@dataclass
class _Track:
    """An object on its way through the network."""

    object_id: int
    start: int
    begin: int
    seams: Seams
    crops: list[_Crop] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settled = self.begin  # the first frame whose answer is not yet settled

    def has_news(self, overlap: int) -> bool:
        """Whether there are frames that no clip has had."""
        return len(self.crops) > (overlap if self.seams.has_begun else 0)

    def question(self) -> Question:
        """The frames that have come together."""
        return Question(
            object_id=self.object_id,
            times=torch.tensor([crop.time for crop in self.crops]),
            frames=torch.stack([crop.frame for crop in self.crops]),
            intrinsics=torch.stack([crop.intrinsics for crop in self.crops]),
            visible=torch.stack([crop.visible for crop in self.crops]),
        )


@dataclass
class _Pending:
    """A frame that waits for the answers of its objects."""

    frame_index: int
    height: int
    width: int
    objects: Mapping[int, Seen]
    answers: dict[int, Answer] = field(default_factory=dict)

    @property
    def is_settled(self) -> bool:
        return len(self.answers) == len(self.objects)

    def result(self, union: bool) -> FrameResult:
        make = partial(_object_result, height=self.height, width=self.width, union=union)
        objects = {key: make(key, seen, self.answers[key]) for key, seen in sorted(self.objects.items())}
        return FrameResult(frame_index=self.frame_index, height=self.height, width=self.width, objects=objects)


def _object_result(object_id: int, seen: Seen, answer: Answer, *, height: int, width: int, union: bool) -> ObjectResult:
    amodal = encode(paste(answer.probability[0], seen.window, height, width, "strict").numpy())
    if union and seen.visible is not None:
        amodal = unite([amodal, seen.visible])
    confidence = None if answer.confidence is None else float(answer.confidence[0])
    return ObjectResult(
        object_id=object_id,
        amodal_rle=amodal,
        visible_rle=seen.visible,
        hidden=seen.hidden,
        confidence=confidence,
    )


def _cut_mask(visible: Rle | None, window: Box) -> Tensor:
    if visible is None:
        return torch.zeros(MASK_SIDE, MASK_SIDE, dtype=torch.bool)
    return crop_masks([torch.from_numpy(decode(visible))], [window])[0]
