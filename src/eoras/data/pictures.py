"""From the frames of a track to a clip, whatever layout they were read from."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from eoras.clip import Clip, Truth
from eoras.data.crops import crop_frame, crop_mask
from eoras.data.movi_list import Track
from eoras.geometry import Box

__all__ = ["Picture", "Place", "make_clip"]


class Place(NamedTuple):
    """Where a track is looked at.

    Attributes:
        frame_index: position in the video, from 0.
        box: where the windows are cut out, in pixels.
    """

    frame_index: int
    box: Box


class Picture(NamedTuple):
    """A whole frame and the masks of one object in it.

    Attributes:
        frame: uint8 ``(3, H, W)``, RGB.
        amodal: bool ``(H, W)``.
        visible: bool ``(H, W)``.
        available: whether the frame has an amodal annotation.
    """

    frame: Tensor
    amodal: Tensor
    visible: Tensor
    available: bool = True


class _Windows(NamedTuple):
    frame: Tensor
    amodal: Tensor
    visible: Tensor
    whole_amodal: Tensor
    whole_visible: Tensor
    available: Tensor


def make_clip(
    track: Track, places: Sequence[Place], read: Callable[[Place], Picture], intrinsics: Tensor, *, truth: bool
) -> Clip:
    """Read each place once, cut its windows out, and put them in the order of ``places``.

    Args:
        track: whose frames they are.
        places: one a frame of the clip, repeated where a frame is.
        read: gives the whole frame and masks of a place, all of one size.
        intrinsics: float ``(3, 3)``, the same in every frame.
        truth: whether the clip brings the masks of the whole images.
    """
    windows = {place: _cut_out(read(place), place.box) for place in set(places)}
    shown = [windows[place] for place in places]

    def stack(name: str) -> Tensor:
        return torch.stack([getattr(window, name) for window in shown])

    height, width = shown[0].whole_amodal.shape
    return Clip(
        video=track.video,
        track_id=track.track_id,
        frame_indices=torch.tensor([place.frame_index for place in places]),
        boxes=tuple(place.box for place in places),
        height=height,
        width=width,
        frames=stack("frame"),
        intrinsics=intrinsics.float().repeat(len(places), 1, 1),
        amodal=stack("amodal"),
        visible=stack("visible"),
        available=stack("available"),
        truth=Truth(amodal=stack("whole_amodal"), visible=stack("whole_visible")) if truth else None,
    )


def _cut_out(picture: Picture, box: Box) -> _Windows:
    return _Windows(
        frame=crop_frame(picture.frame, box),
        amodal=crop_mask(picture.amodal, box),
        visible=crop_mask(picture.visible, box),
        whole_amodal=picture.amodal,
        whole_visible=picture.visible,
        available=torch.tensor(picture.available),
    )
