"""Score a network on whole tracks, beside the baselines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor
from tqdm import tqdm

from eoras.clip import Clip, Truth
from eoras.config import ViewConfig
from eoras.data.augment import flip as mirror
from eoras.data.pictures import TrackTruth
from eoras.data.reading import Tracks, read_in_order
from eoras.data.stacks import MaskStack, PartMasks
from eoras.errors import ConfigError, DataError, RunError
from eoras.evaluation.ceiling import ALL_BASELINES, check_baselines
from eoras.evaluation.counts import Masks
from eoras.evaluation.pasted import PastedScores, paste_of
from eoras.evaluation.protocols import check_protocol
from eoras.evaluation.saved import PredictionsWriter
from eoras.evaluation.summary import describe
from eoras.evaluation.tracks import Answer, score_track
from eoras.geometry import Paste, paste
from eoras.model.asking import evaluating
from eoras.model.eoras import EoRaS
from eoras.model.memory import enough_memory, lighter, move
from eoras.model.precision import autocast, exact_convolutions
from eoras.processes import Processes

__all__ = ["Answered", "Evaluation", "Stopped", "answer", "evaluate"]

Scored = Mapping[str, dict[str, Any]]  # by protocol


class Stopped(Exception):  # noqa: N818 (it is no error)
    """Scoring was asked to stop."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a network and the baselines score on the same frames.

    Attributes:
        network: what each protocol gives for the network (see ``eoras.evaluation.protocols``).
        baselines: the same for each baseline.
        videos: videos read.
        tracks: tracks read.
        union: whether the answer was united with the given visible mask.
        details: ``intervals`` and ``breakdown`` of the network's scores (see ``eoras.evaluation.summary``).
        counted: the tables of frames that all of it was computed from: by baseline, and the ``network``'s.
    """

    network: Scored
    baselines: Mapping[str, Scored]
    videos: int
    tracks: int
    union: bool
    details: Mapping[str, Any] = field(default_factory=dict)
    counted: Mapping[str, PastedScores] = field(default_factory=dict)

    @property
    def systems(self) -> dict[str, Scored]:
        """The rows of a table: the network, and the baselines."""
        return {"network": self.network, **self.baselines}

    def to_json(self) -> dict[str, Any]:
        """Plain values: each protocol's scores of the network, those of the ``baselines``, and what was evaluated."""
        evaluated = {"videos": self.videos, "tracks": self.tracks, "union": self.union}
        baselines = {name: dict(scored) for name, scored in self.baselines.items()}
        return {**self.network, **self.details, "baselines": baselines, "evaluated": evaluated}


def evaluate(
    network: EoRaS,
    tracks: Tracks,
    *,
    device: torch.device | str,
    dtype: Literal["float32", "bfloat16"] = "float32",
    union: bool = False,
    flip: bool = False,
    seen_only: bool = False,
    protocols: Sequence[str] = ("paper", "strict"),
    baselines: Sequence[str] = ALL_BASELINES,
    outlines: bool = False,
    writer: PredictionsWriter | None = None,
    num_workers: int = 0,
    progress: bool = False,
    processes: Processes | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """Score a network: each track a batch of its own, whole, so that nothing else can change its answer.

    Answers are pasted and counted on the CPU, so that the same probabilities score the same on any device. Several
    processes take neighbouring tracks each, none of them twice, and put their counts together at the end.

    Args:
        network: moved to ``device``; in evaluation mode meanwhile.
        tracks: clips with their truth, such as ``open_tracks(..., network.config.view, truth=True)``.
        device: what the network runs on.
        dtype: ``bfloat16`` for automatic mixed precision.
        union: unite the answer with the given visible mask (the paper's "PP", Table 6).
        flip: average the probability with that of the mirrored clip.
        seen_only: score no frame in which the object is fully hidden; the network is shown it all the same.
        protocols: names in ``PROTOCOLS``: how answers are pasted and scored.
        baselines: names in ``ALL_BASELINES`` to score beside the network.
        outlines: whether to compare outlines, too (formats 7.10).
        writer: what also gets the answers, to save them.
        num_workers: processes that read ahead.
        progress: show a bar on standard error, where that is a terminal.
        processes: all that score together; each gets the scores of all. None: this one alone.
        stopping: asked before each track whether to stop.

    Raises:
        Stopped: ``stopping`` said so, in one of the processes.
        ConfigError: the tracks were read with another view than the network's, but for ``frames``, or an argument is
            none of the values it may have.
        DataError: a clip cannot be read, or has no truth.
        RunError: the network answers with something that is not a number, the device's memory does not hold a track, or
            another process has ended.
    """
    for protocol in protocols:
        check_protocol(protocol)
    check_baselines(baselines)
    _expect_own_view(network, tracks)
    processes = processes or Processes()
    own = _Some(tracks, processes.share.block_of(range(len(tracks))))
    ways: list[Paste] = [paste_of(protocol) for protocol in protocols]
    pastes = tuple(dict.fromkeys(ways))
    answered = PastedScores()
    compared = {name: PastedScores() for name in baselines}
    seen: set[tuple[str, int]] = set()
    with evaluating(move(network, device)):
        clips = read_in_order(own, num_workers)
        for clip in tqdm(clips, total=len(own), unit="track", disable=None if progress and processes.first else True):
            if stopping():
                break
            seen.add((clip.video, clip.track_id))
            probability, confidence = answer(network, clip, device, dtype)
            if flip:
                mirrored = answer(network, mirror(clip, network.config.view), device, dtype)
                probability = (probability + mirrored.probability.flip(-1)) / 2
                if confidence is not None and mirrored.confidence is not None:
                    confidence = (confidence + mirrored.confidence) / 2
            answers: dict[Paste, Masks] = {way: _paste_all(clip, probability, way, union) for way in pastes}
            if writer is not None:
                writer.add(clip, answers)
            masks: dict[Paste, MaskStack] = {way: PartMasks(answer) for way, answer in answers.items()}
            told = None if confidence is None or union else confidence.numpy()  # it is of the network's own answer
            system = (answered, Answer(masks, _window(clip, probability, union), told))
            truth = TrackTruth.of(clip, _truth(clip))
            if seen_only:
                truth = replace(truth, available=truth.available & _truth(clip).visible.flatten(1).any(1))
            score_track(truth, [system], compared, pastes, outlines=outlines)
    if processes.any(stopping()):
        raise Stopped
    for part in (answered, *compared.values(), *([] if writer is None else [writer])):
        _join(part, processes)
    seen = set().union(*processes.gather(seen))
    return Evaluation(
        network={protocol: answered.compute(protocol) for protocol in protocols},
        baselines={name: {p: scores.compute(p) for p in protocols} for name, scores in compared.items()},
        videos=len({video for video, _ in seen}),
        tracks=len(seen),
        union=union,
        details=describe(answered, protocols),
        counted={"network": answered, **compared},
    )


def _expect_own_view(network: EoRaS, tracks: Tracks) -> None:
    """See that tracks that tell their view are what the network is shown, or other frames of that.

    Raises:
        ConfigError: they are not.
    """
    shown = network.config.view
    view = getattr(tracks, "view", shown)
    names = (item.name for item in fields(ViewConfig) if item.name != "frames")
    if wrong := [name for name in names if getattr(view, name) != getattr(shown, name)]:
        expected, found = (", ".join(f"{name}={getattr(each, name)}" for name in wrong) for each in (shown, view))
        raise ConfigError(
            f"tracks: expected the view that the network was trained with, {expected}, found {found}; read them with "
            "open_tracks(..., network.config.view)"
        )


class _Some:
    """The tracks of these numbers."""

    def __init__(self, tracks: Tracks, numbers: Sequence[int]) -> None:
        self._tracks = tracks
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> Clip:
        return self._tracks[self._numbers[index]]


class _Mergeable(Protocol):
    def merge(self, other: Any, /) -> None: ...


def _join(part: _Mergeable, processes: Processes) -> None:
    """Add what the other processes have."""
    for rank, other in enumerate(processes.gather(part)):
        if rank != processes.share.rank:
            part.merge(other)


class Answered(NamedTuple):
    """What a network answers for a clip, on the CPU.

    ``probability`` of the amodal mask in the clip's windows, float32 ``(T, 121, 121)``, 0..1. ``confidence`` in it,
    float32 ``(T,)``, 0..1; None if the network does not tell.
    """

    probability: Tensor
    confidence: Tensor | None


def answer(network: EoRaS, clip: Clip, device: torch.device | str, dtype: str = "float32") -> Answered:
    """Ask a network about a clip.

    A compiled network answers as it was before: it would be compiled anew for each length of a track.

    Args:
        network: on ``device``, in evaluation mode.
        clip: a whole track.
        device: what the network runs on.
        dtype: ``float32``, or ``bfloat16`` for automatic mixed precision.

    Raises:
        ConfigError: ``dtype`` is neither.
        RunError: the network answers with something that is not a number, or the device's memory does not hold the
            track.
    """
    where = f"video {clip.video}, track {clip.track_id}"
    lacking = f"{where}: the memory of {device} does not hold the network and {len(clip)} frames at once"
    with enough_memory(lacking, lighter(device, dtype)):
        frames, intrinsics, given, times = (
            values[None].to(device) for values in (clip.frames, clip.intrinsics, clip.given, clip.frame_indices)
        )
        visible = given if network.config.visible_input else None
        with exact_convolutions(), autocast(device, dtype):
            masks = network.forward(frames, intrinsics, visible=visible, times=times)
        probability = masks.amodal[0].float().sigmoid().cpu()
        confidence = None if masks.confidence is None else masks.confidence[0].float().sigmoid().cpu()
    if probability.isnan().any() or (confidence is not None and confidence.isnan().any()):
        raise RunError(f"{where}: the network answers with NaN; its weights are broken")
    return Answered(probability, confidence)


def _paste_all(clip: Clip, probability: Tensor, protocol: Paste, union: bool) -> Masks:
    truth = _truth(clip)
    frames = zip(probability, clip.boxes, strict=True)
    pasted = torch.stack([paste(window, box, clip.height, clip.width, protocol) for window, box in frames])
    return (pasted | truth.visible if union else pasted).numpy()


def _window(clip: Clip, probability: Tensor, union: bool) -> tuple[Masks, Masks]:
    """Amodal mask and answer in the network's window."""
    window = probability > 0.5
    return clip.amodal.numpy(), (window | clip.visible if union else window).numpy()


def _truth(clip: Clip) -> Truth:
    if clip.truth is None:
        raise DataError(f"video {clip.video}, track {clip.track_id}: no masks of the whole image; read with truth=True")
    return clip.truth
