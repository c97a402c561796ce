"""Score a network on whole tracks, beside the baselines."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from eoras.clip import Clip, Truth
from eoras.data.reading import Tracks, read_in_order
from eoras.errors import DataError, RunError
from eoras.evaluation.baselines import BASELINES
from eoras.evaluation.counts import Masks
from eoras.evaluation.scores import Scores
from eoras.geometry import Protocol, paste
from eoras.model.eoras import EoRaS

__all__ = ["Evaluation", "answer", "evaluate", "evaluating"]

Scored = Mapping[str, dict[str, Any]]  # by protocol


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a network and the baselines score on the same frames.

    Attributes:
        network: what each protocol gives for the network (see ``eoras.evaluation.protocols``).
        baselines: the same for each baseline.
        videos: videos read.
        tracks: tracks read.
        union: whether the answer was united with the given visible mask.
    """

    network: Scored
    baselines: Mapping[str, Scored]
    videos: int
    tracks: int
    union: bool

    def to_json(self) -> dict[str, Any]:
        """Plain values: each protocol's scores of the network, those of the ``baselines``, and what was evaluated."""
        evaluated = {"videos": self.videos, "tracks": self.tracks, "union": self.union}
        baselines = {name: dict(scored) for name, scored in self.baselines.items()}
        return {**self.network, "baselines": baselines, "evaluated": evaluated}


def evaluate(
    network: EoRaS,
    tracks: Tracks,
    *,
    device: torch.device | str,
    dtype: Literal["float32", "bfloat16"] = "float32",
    union: bool = False,
    protocols: Sequence[Protocol] = ("paper", "strict"),
    baselines: Sequence[str] = tuple(BASELINES),
    num_workers: int = 0,
    progress: bool = False,
) -> Evaluation:
    """Score a network: each track a batch of its own, whole, so that nothing else can change its answer.

    Answers are pasted and counted on the CPU, so that the same probabilities score the same on any device.

    Args:
        network: moved to ``device``; in evaluation mode meanwhile.
        tracks: clips with their truth, such as ``MoviTracks(..., truth=True)``.
        device: what the network runs on.
        dtype: ``bfloat16`` for automatic mixed precision.
        union: unite the answer with the given visible mask (the paper's "PP", Table 6).
        protocols: how answers are pasted and scored.
        baselines: names in ``BASELINES`` to score beside the network.
        num_workers: processes that read ahead.
        progress: show a bar on standard error, where that is a terminal.

    Raises:
        DataError: a clip cannot be read, or has no truth.
        RunError: the network answers with something that is not a number.
    """
    answered: dict[Protocol, Scores] = {protocol: Scores() for protocol in protocols}
    compared = {name: Scores() for name in baselines}
    seen: set[tuple[str, int]] = set()
    with evaluating(network.to(device)):
        clips = read_in_order(tracks, num_workers)
        for clip in tqdm(clips, total=len(tracks), unit="track", disable=None if progress else True):
            seen.add((clip.video, clip.track_id))
            probability = answer(network, clip, device, dtype)
            for protocol, scores in answered.items():
                _add_answer(scores, clip, probability, protocol, union)
            for name, scores in compared.items():
                _add(scores, clip, np.stack([BASELINES[name](mask) for mask in _truth(clip).visible.numpy()]))
    return Evaluation(
        network={protocol: scores.compute(protocol) for protocol, scores in answered.items()},
        baselines={name: {p: scores.compute(p) for p in protocols} for name, scores in compared.items()},
        videos=len({video for video, _ in seen}),
        tracks=len(seen),
        union=union,
    )


@contextmanager
def evaluating(network: EoRaS) -> Iterator[None]:
    """Evaluation mode and no gradients inside; the mode it had before, after."""
    training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        network.train(training)


def answer(network: EoRaS, clip: Clip, device: torch.device | str, dtype: str = "float32") -> Tensor:
    """The probability of the amodal mask in the clip's windows.

    Args:
        network: on ``device``, in evaluation mode.
        clip: a whole track.
        device: what the network runs on.
        dtype: ``bfloat16`` for automatic mixed precision.

    Returns:
        float32 ``(T, 121, 121)`` on the CPU, 0..1.

    Raises:
        RunError: the network answers with something that is not a number.
    """
    visible = clip.visible[None].to(device) if network.config.visible_input else None
    with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=dtype == "bfloat16"):
        masks = network(clip.frames[None].to(device), clip.intrinsics[None].to(device), visible=visible)
    probability = masks.amodal[0].float().sigmoid().cpu()
    if probability.isnan().any():
        raise RunError(
            f"video {clip.video}, track {clip.track_id}: the network answers with NaN; its weights are broken"
        )
    return probability


def _add_answer(scores: Scores, clip: Clip, probability: Tensor, protocol: Protocol, union: bool) -> None:
    frames = zip(probability, clip.boxes, strict=True)
    pasted = torch.stack([paste(window, box, clip.height, clip.width, protocol) for window, box in frames])
    window = probability > 0.5
    if union:
        pasted |= _truth(clip).visible
        window |= clip.visible
    _add(scores, clip, pasted.numpy(), (clip.amodal.numpy(), window.numpy()))


def _add(scores: Scores, clip: Clip, prediction: Masks, window: tuple[Masks, Masks] | None = None) -> None:
    scores.update(
        _truth(clip).amodal,
        _truth(clip).visible,
        prediction,
        video=clip.video,
        track_id=clip.track_id,
        frame_indices=clip.frame_indices,
        available=clip.available,
        window=window,
    )


def _truth(clip: Clip) -> Truth:
    if clip.truth is None:
        raise DataError(f"video {clip.video}, track {clip.track_id}: no masks of the whole image; read with truth=True")
    return clip.truth
