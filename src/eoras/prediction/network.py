"""The one place where a network is asked: clips in, probabilities out, fewer at a time where memory is short."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from eoras.errors import RunError
from eoras.model.asking import evaluating
from eoras.model.eoras import EoRaS
from eoras.model.memory import is_out_of_memory, lighter
from eoras.model.precision import autocast, exact_convolutions
from eoras.prediction.blending import Answer

__all__ = ["Asker", "Question"]


@dataclass(frozen=True, kw_only=True)
class Question:
    """Consecutive frames of one object, cut out for the network.

    Attributes:
        object_id: of the object.
        times: int64 ``(T,)``, positions of the frames in the video.
        frames: float32 ``(T, 3, 128, 128)``, RGB in 0..1.
        intrinsics: float32 ``(T, 3, 3)``, in the convention of the network's view.
        visible: bool ``(T, 121, 121)``, the seen part in the same windows.
    """

    object_id: int
    times: Tensor
    frames: Tensor
    intrinsics: Tensor
    visible: Tensor


class Asker:
    """Asks a network.

    Args:
        network: on ``device``; in evaluation mode while it is asked.
        device: what it runs on.
        dtype: ``bfloat16`` for automatic mixed precision.
        batch_size: clips of one call, at most; halved for good when the device's memory does not hold them.
        say: is told when that happens.
    """

    def __init__(
        self, network: EoRaS, device: torch.device, dtype: str, batch_size: int, say: Callable[[str], None]
    ) -> None:
        self.batch_size = batch_size
        self._network = network
        self._device = device
        self._dtype = dtype
        self._say = say

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer to each question.

        Raises:
            RunError: not even one clip fits into memory, or the network answers with something that is not a number.
        """
        answers: list[Answer] = []
        while len(answers) < len(questions):
            batch = questions[len(answers) : len(answers) + self.batch_size]
            try:
                answers += self._call(batch)
                continue
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self._halve(len(batch))  # here no error holds what the call has made
        return answers

    def _call(self, questions: Sequence[Question]) -> list[Answer]:
        """Ask the network once."""

        def side_by_side(name: str) -> Tensor:
            return pad_sequence([getattr(question, name) for question in questions], batch_first=True).to(self._device)

        lengths = [len(question.times) for question in questions]
        with evaluating(self._network), exact_convolutions(), autocast(self._device, self._dtype):
            masks = self._network(
                side_by_side("frames"),
                side_by_side("intrinsics"),
                lengths=torch.tensor(lengths, device=self._device) if len(set(lengths)) > 1 else None,
                visible=side_by_side("visible") if self._network.config.visible_input else None,
                times=side_by_side("times"),
            )
        probability = masks.amodal.float().sigmoid().cpu()
        confidence = [None] * len(lengths) if masks.confidence is None else masks.confidence.float().sigmoid().cpu()
        answers = [
            Answer(clip[:length].clone(), None if trust is None else trust[:length].clone())
            for clip, trust, length in zip(probability, confidence, lengths, strict=True)
        ]
        for question, answer in zip(questions, answers, strict=True):
            if answer.probability.isnan().any():
                raise RunError(f"object {question.object_id}: the network answers with NaN; its weights are broken")
        return answers

    def _halve(self, tried: int) -> None:
        if tried == 1:
            raise RunError(
                f"{self._device}: its memory does not hold the network and one clip; "
                f"{lighter(self._device, self._dtype)}, or from Python shorter clips: "
                "AmodalPredictor.from_pretrained(window=8, overlap=4)"
            )
        if self._device.type == "cuda":
            torch.cuda.empty_cache()  # CUDA's libraries cannot have what torch keeps
        self.batch_size = tried // 2
        self._say(f"{self._device}: out of memory with {tried} clips at once; going on with {self.batch_size}")
