"""What a network answers on a few tracks, drawn beside the truth."""

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from eoras.clip import Clip
from eoras.data.open import VideoTracks
from eoras.draw import TrackPicture, contact_sheet
from eoras.evaluation.evaluate import answer
from eoras.model.asking import evaluating
from eoras.model.eoras import EoRaS

__all__ = ["draw_predictions"]

_TRACKS, _COLUMNS, _SIDE = 4, 2, 128


def draw_predictions(network: EoRaS, tracks: VideoTracks, device: torch.device, dtype: str = "float32") -> Image.Image:
    """A contact sheet of the windows of a few tracks, the same ones each time, evenly spread over the list.

    Args:
        network: on ``device``.
        tracks: whole tracks.
        device: what the network runs on.
        dtype: ``bfloat16`` for automatic mixed precision.

    Raises:
        DataError: a clip cannot be read.
        RunError: the network answers with something that is not a number.
    """
    count = min(_TRACKS, len(tracks))
    chosen = [index * len(tracks) // count for index in range(count)]
    with evaluating(network):
        rows = [_picture(network, tracks[index], device, dtype) for index in chosen]
    return contact_sheet(rows, columns=_COLUMNS, side=_SIDE)


def _picture(network: EoRaS, clip: Clip, device: torch.device, dtype: str) -> TrackPicture:
    return TrackPicture(
        title=f"video {clip.video}, track {clip.track_id}",
        frame_indices=clip.frame_indices.tolist(),
        frames=_bytes(F.interpolate(clip.frames, clip.amodal.shape[-2:], mode="bilinear")),
        visible=clip.visible.numpy(),
        amodal=clip.amodal.numpy(),
        predicted=(answer(network, clip, device, dtype).probability > 0.5).numpy(),
    )


def _bytes(frames: Tensor) -> np.ndarray:
    """From float ``(T, 3, h, w)``, 0..1, to uint8 ``(T, h, w, 3)``."""
    return (frames * 255).round().byte().permute(0, 2, 3, 1).numpy()
