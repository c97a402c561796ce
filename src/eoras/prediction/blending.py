"""Windows of time: a long track passes the network in clips that overlap, and the answers are blended."""

from dataclasses import dataclass

import torch
from torch import Tensor

from eoras.errors import ConfigError

__all__ = ["OVERLAP", "WINDOW", "Answer", "Seams", "WindowConfig"]

WINDOW, OVERLAP = 24, 8


@dataclass(frozen=True, kw_only=True)
class WindowConfig:
    """How a track is cut into clips.

    Attributes:
        length: frames of a clip.
        overlap: frames that a clip shares with the next, at most half of it, so that never three share one.
    """

    length: int = WINDOW
    overlap: int = OVERLAP

    def __post_init__(self) -> None:
        if self.length < 1 or not 0 <= 2 * self.overlap <= self.length:
            raise ConfigError(
                f"expected windows of at least one frame that overlap by at most half, found {self.length} frames that "
                f"overlap by {self.overlap}"
            )

    @property
    def stride(self) -> int:
        """Frames from the beginning of one clip to that of the next."""
        return self.length - self.overlap


@dataclass(frozen=True)
class Answer:
    """What the network says of consecutive frames.

    Attributes:
        probability: float32 ``(T, 121, 121)``, of the amodal mask in the crops' windows, 0..1.
        confidence: float32 ``(T,)``, 0..1; None if the network does not tell.
    """

    probability: Tensor
    confidence: Tensor | None = None

    def part(self, start: int, stop: int | None = None) -> "Answer":
        """Some of the frames."""
        confidence = None if self.confidence is None else self.confidence[start:stop]
        return Answer(self.probability[start:stop], confidence)

    def then(self, other: "Answer") -> "Answer":
        """These frames, and after them others."""
        confidence = None
        if self.confidence is not None and other.confidence is not None:
            confidence = torch.cat((self.confidence, other.confidence))
        return Answer(torch.cat((self.probability, other.probability)), confidence)

    def fade_into(self, other: "Answer") -> "Answer":
        """Linear weights over the same frames, from this answer to the other one."""
        length = len(self.probability)
        weight = torch.arange(1, length + 1) / (length + 1)
        confidence = None
        if self.confidence is not None and other.confidence is not None:
            confidence = torch.lerp(self.confidence, other.confidence, weight)
        return Answer(torch.lerp(self.probability, other.probability, weight[:, None, None]), confidence)


class Seams:
    """Joins the answers of a track's clips, one after the other.

    Args:
        config: how the track is cut.
    """

    def __init__(self, config: WindowConfig) -> None:
        self._config = config
        self._tail: Answer | None = None

    def join(self, answer: Answer, *, last: bool) -> Answer:
        """Take the answer of the next clip.

        Args:
            answer: of all its frames.
            last: whether no clip follows.

        Returns:
            What is settled by it: from where the clip begins up to where the next one would begin, or to the end.
        """
        if self._tail is not None:
            shared = len(self._tail.probability)
            answer = self._tail.fade_into(answer.part(0, shared)).then(answer.part(shared))
        if last:
            self._tail = None
            return answer
        self._tail = answer.part(self._config.stride)
        return answer.part(0, self._config.stride)

    @property
    def has_begun(self) -> bool:
        """Whether a clip waits for the next one to share frames with."""
        return self._tail is not None

    def rest(self) -> Answer | None:
        """What is left of the last clip, where none follows; None where nothing is."""
        tail, self._tail = self._tail, None
        return tail
