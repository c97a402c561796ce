"""The most that a network of this kind can reach: the truth through its window."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch

from eoras.data.crops import crop_masks
from eoras.data.pictures import TrackTruth
from eoras.data.stacks import MaskStack, PartMasks
from eoras.errors import ConfigError
from eoras.evaluation.baselines import BASELINES
from eoras.geometry import Box, Paste, paste_inside

__all__ = ["ALL_BASELINES", "check_baselines", "crop_and_paste"]

ALL_BASELINES = (*BASELINES, "crop_and_paste")


def check_baselines(names: Iterable[str]) -> None:
    """See that there are baselines of these names.

    Raises:
        ConfigError: there is none of one of them.
    """
    for name in names:
        if name not in ALL_BASELINES:
            raise ConfigError(f"baseline {name}: unknown; known are {', '.join(ALL_BASELINES)}")


def crop_and_paste(truth: TrackTruth, pastes: Sequence[Paste]) -> Mapping[Paste, MaskStack]:
    """The true amodal masks cut out as the network's target and pasted back (formats 7.2, 7.8).

    Args:
        truth: of a track.
        pastes: the ways to paste.

    Returns:
        The masks for each way.
    """
    inside = [box.clip(truth.height, truth.width) for box in truth.boxes]
    top, left = min(box.top for box in inside), min(box.left for box in inside)
    part = Box(top, left, max(box.bottom for box in inside), max(box.right for box in inside))
    moved = [Box(box.top - top, box.left - left, box.bottom - top, box.right - left) for box in inside]
    windows = crop_masks(list(torch.from_numpy(truth.amodal.cut(part))), moved).float()
    pasted = {}
    for paste in pastes:
        masks = np.zeros((len(windows), part.height, part.width), bool)
        for mask, window, box, place in zip(masks, windows, truth.boxes, moved, strict=True):
            answer = paste_inside(window, box, truth.height, truth.width, paste)
            mask[place.top : place.bottom, place.left : place.right] = answer.numpy()
        pasted[paste] = PartMasks(masks, top, left)
    return pasted
