"""The golden KITTI tracks, as the reader gives them under the published data options."""

import functools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from eoras.clip import Clip
from eoras.config import ViewConfig
from eoras.data import KittiTracks

__all__ = ["EXPECTED", "clips"]

GOLDEN = Path(__file__).parents[1] / "golden"
EXPECTED = json.loads((GOLDEN / "kitti_expected.json").read_text())


@functools.cache
def clips(pad_to: int | None = EXPECTED["seq_len"]) -> tuple[Clip, ...]:
    """All of them, their frames black but for the official prediction in their first channel."""
    view = ViewConfig(intrinsics="pixel", pad_to=pad_to)
    with np.load(GOLDEN / "kitti_expected.npz") as arrays:
        return tuple(_with_prediction(clip, arrays) for clip in KittiTracks(GOLDEN / "kitti", "test", view, truth=True))


def _with_prediction(clip: Clip, arrays: np.lib.npyio.NpzFile) -> Clip:
    frames = torch.zeros(len(clip), 3, 128, 128)
    name = f"{clip.video}-{clip.track_id}/prediction"
    if name in arrays:  # the official code has none of a track without annotation
        prediction = torch.from_numpy(arrays[name][:, 0]).float()
        frames[:, 0, :121, :121] = prediction[torch.arange(len(clip)).clamp(max=len(prediction) - 1)]
    return replace(clip, frames=frames)
