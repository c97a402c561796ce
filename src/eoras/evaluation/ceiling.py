"""The answers of all baselines, and the most that a network of this kind can reach: the truth through its window."""

from collections.abc import Sequence

import numpy as np
import torch

from eoras.clip import Truth
from eoras.data.crops import crop_masks
from eoras.evaluation.baselines import BASELINES
from eoras.evaluation.counts import Masks
from eoras.geometry import Box, Protocol, paste

__all__ = ["ALL_BASELINES", "baseline_answers", "crop_and_paste"]

ALL_BASELINES = (*BASELINES, "crop_and_paste")


def crop_and_paste(truth: Truth, boxes: Sequence[Box], protocol: Protocol) -> Masks:
    """The true amodal masks cut out as the network's target and pasted back (formats 7.2, 7.8).

    Args:
        truth: the masks of a clip.
        boxes: one a frame, in pixels.
        protocol: how they are pasted.

    Returns:
        bool ``(T, H, W)``.
    """
    windows = crop_masks(list(truth.amodal), boxes).float()
    height, width = truth.amodal.shape[1:]
    frames = zip(windows, boxes, strict=True)
    return torch.stack([paste(window, box, height, width, protocol) for window, box in frames]).numpy()


def baseline_answers(
    name: str, truth: Truth, boxes: Sequence[Box], pastes: Sequence[Protocol]
) -> dict[Protocol, Masks]:
    """What a baseline answers, for each way to paste.

    Args:
        name: one of ``ALL_BASELINES``.
        truth: the masks of a clip.
        boxes: one a frame, in pixels.
        pastes: the ways; those that need no pasting answer once, for all.

    Returns:
        bool ``(T, H, W)`` each.
    """
    if name == "crop_and_paste":
        return {protocol: crop_and_paste(truth, boxes, protocol) for protocol in pastes}
    return {"strict": np.stack([BASELINES[name](mask) for mask in truth.visible.numpy()])}
