"""Scoring a whole track, in the part of the image where the truth or any answer has a pixel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eoras.data.pictures import TrackTruth
from eoras.data.stacks import MaskStack, around
from eoras.evaluation.baselines import BASELINES
from eoras.evaluation.ceiling import crop_and_paste
from eoras.evaluation.counting import Counter, Part, margin
from eoras.evaluation.counts import Masks
from eoras.evaluation.pasted import PastedScores
from eoras.geometry import Paste

__all__ = ["Answer", "score_track"]


@dataclass(frozen=True)
class Answer:
    """What a system answers for a track.

    Attributes:
        masks: in the whole image, one a frame, for each way to paste.
        window: amodal mask and answer in the network's window, bool ``(T, h, w)`` each.
        confidence: of the network in its answer, float32 ``(T,)``, 0..1; None if it does not tell.
    """

    masks: Mapping[Paste, MaskStack]
    window: tuple[Masks, Masks] | None = None
    confidence: NDArray[np.float32] | None = None


def score_track(
    truth: TrackTruth,
    systems: Sequence[tuple[PastedScores, Answer]],
    baselines: Mapping[str, PastedScores],
    pastes: Sequence[Paste],
    *,
    outlines: bool,
) -> None:
    """Count a track's frames for each system and baseline.

    Args:
        truth: of the track.
        systems: where to add the counts of each system, and what it answers.
        baselines: where to add those of each baseline, by its name in ``ALL_BASELINES``.
        pastes: the ways to paste.
        outlines: whether to compare outlines, too (formats 7.10).
    """
    systems = list(systems)
    if "crop_and_paste" in baselines:
        systems.append((baselines["crop_and_paste"], Answer(crop_and_paste(truth, pastes))))
    height, width = truth.height, truth.width
    stacks = [truth.amodal, truth.visible, *(masks for _, answer in systems for masks in answer.masks.values())]
    box = around(stacks, margin(height, width), height, width)
    visible = truth.visible.cut(box)
    available = truth.available.numpy()
    counter = Counter(
        truth.frame_indices.numpy(),
        truth.amodal.cut(box),
        visible,
        Part(box.top, box.left, height, width),
        available=available,
        others=None if truth.others is None else truth.others.cut(box),
        outlines=outlines,
    )
    for scores, answer in systems:
        for paste, masks in answer.masks.items():
            rows = counter.count(masks.cut(box), answer.window, answer.confidence)
            scores.add(paste, truth.video, truth.track_id, rows[available])
    for name, scores in baselines.items():
        if name in BASELINES:  # never pasted: one answer for all
            scores.add("strict", truth.video, truth.track_id, counter.count(BASELINES[name](visible))[available])
