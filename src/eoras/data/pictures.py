"""From the frames of a track to a clip, whatever layout they were read from."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from eoras.clip import Clip, Truth
from eoras.data.crops import crop_frames, crop_masks
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
    pictures = {place: read(place) for place in set(places)}
    shown = [pictures[place] for place in places]
    boxes = tuple(place.box for place in places)
    amodal = [picture.amodal for picture in shown]
    visible = [picture.visible for picture in shown]
    return Clip(
        video=track.video,
        track_id=track.track_id,
        frame_indices=torch.tensor([place.frame_index for place in places]),
        boxes=boxes,
        height=amodal[0].shape[0],
        width=amodal[0].shape[1],
        frames=crop_frames([picture.frame for picture in shown], boxes),
        intrinsics=intrinsics.float().repeat(len(places), 1, 1),
        amodal=crop_masks(amodal, boxes),
        visible=crop_masks(visible, boxes),
        available=torch.tensor([picture.available for picture in shown]),
        truth=Truth(amodal=torch.stack(amodal), visible=torch.stack(visible)) if truth else None,
    )
