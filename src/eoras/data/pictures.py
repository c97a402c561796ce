"""From the frames of a track to a clip, whatever layout they were read from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from eoras.clip import Clip, Truth
from eoras.data.crops import crop_frames, crop_masks
from eoras.data.movi_list import Track
from eoras.data.places import Place
from eoras.data.stacks import MaskStack, PartMasks
from eoras.geometry import Box

__all__ = ["Picture", "TrackMasks", "TrackTruth", "make_clip", "make_truth"]


class TrackMasks(NamedTuple):
    """The masks of one object in a whole frame.

    Attributes:
        amodal: bool ``(H, W)``.
        visible: bool ``(H, W)``.
        available: whether the frame has an amodal annotation.
    """

    amodal: Tensor
    visible: Tensor
    available: bool = True


@dataclass(frozen=True, kw_only=True)
class TrackTruth:
    """A whole track's masks without its images, for scoring.

    Attributes:
        video: name of the video.
        track_id: number of the object in the video.
        frame_indices: int64 ``(T,)``, positions in the video, as in the clip of the whole track.
        boxes: one a frame, in pixels; where the windows are cut out.
        height: rows of the whole image.
        width: columns of the whole image.
        amodal: in the whole image, one a frame.
        visible: its seen parts.
        others: the seen parts of the video's other tracks, where they are known.
        available: bool ``(T,)``, true where the frame has an amodal annotation.
    """

    video: str
    track_id: int
    frame_indices: Tensor
    boxes: tuple[Box, ...]
    height: int
    width: int
    amodal: MaskStack
    visible: MaskStack
    others: MaskStack | None
    available: Tensor

    @classmethod
    def of(cls, clip: Clip, truth: Truth) -> "TrackTruth":
        """That of a clip."""
        return cls(
            video=clip.video,
            track_id=clip.track_id,
            frame_indices=clip.frame_indices,
            boxes=clip.boxes,
            height=clip.height,
            width=clip.width,
            amodal=PartMasks(truth.amodal.numpy()),
            visible=PartMasks(truth.visible.numpy()),
            others=None if truth.others is None else PartMasks(truth.others.numpy()),
            available=clip.available,
        )

    @property
    def masks(self) -> Truth:
        """The masks, unfolded in the whole image."""
        whole = Box(0, 0, self.height, self.width)
        amodal, visible = (torch.from_numpy(masks.cut(whole)) for masks in (self.amodal, self.visible))
        others = None if self.others is None else torch.from_numpy(self.others.cut(whole))
        return Truth(amodal=amodal, visible=visible, others=others)


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


def make_truth(
    track: Track,
    places: Sequence[Place],
    read: Callable[[Place], TrackMasks],
    read_others: Callable[[Place], Tensor],
) -> TrackTruth:
    """Read the masks of each place once, and put them in the order of ``places``.

    Args:
        track: whose frames they are.
        places: one a frame of the track, repeated where a frame is.
        read: gives the masks of a place, all of one size.
        read_others: gives the seen parts of the video's other tracks, bool ``(H, W)``.
    """
    found = {place: read(place) for place in set(places)}
    others = {place: read_others(place) for place in found}
    amodal = torch.stack([found[place].amodal for place in places])
    return TrackTruth(
        video=track.video,
        track_id=track.track_id,
        frame_indices=torch.tensor([place.frame_index for place in places]),
        boxes=tuple(place.box for place in places),
        height=amodal.shape[1],
        width=amodal.shape[2],
        amodal=PartMasks(amodal.numpy()),
        visible=PartMasks(torch.stack([found[place].visible for place in places]).numpy()),
        others=PartMasks(torch.stack([others[place] for place in places]).numpy()),
        available=torch.tensor([found[place].available for place in places]),
    )


def make_clip(
    track: Track,
    places: Sequence[Place],
    read: Callable[[Place], Picture],
    intrinsics: Tensor,
    *,
    read_others: Callable[[Place], Tensor] | None,
) -> Clip:
    """Read each place once, cut its windows out, and put them in the order of ``places``.

    Args:
        track: whose frames they are.
        places: one a frame of the clip, repeated where a frame is.
        read: gives the whole frame and masks of a place, all of one size.
        intrinsics: float32 ``(T, 3, 3)``, one a place (see ``window_intrinsics``).
        read_others: gives the seen parts of the video's other tracks, bool ``(H, W)``; None: the clip does not bring
            the masks of the whole images.
    """
    pictures = {place: read(place) for place in set(places)}
    shown = [pictures[place] for place in places]
    boxes = tuple(place.box for place in places)
    amodal = [picture.amodal for picture in shown]
    visible = [picture.visible for picture in shown]
    seen = crop_masks(visible, boxes)
    truth = None
    if read_others is not None:
        others = {place: read_others(place) for place in pictures}
        others_shown = torch.stack([others[place] for place in places])
        truth = Truth(amodal=torch.stack(amodal), visible=torch.stack(visible), others=others_shown)
    return Clip(
        video=track.video,
        track_id=track.track_id,
        frame_indices=torch.tensor([place.frame_index for place in places]),
        boxes=boxes,
        height=amodal[0].shape[0],
        width=amodal[0].shape[1],
        frames=crop_frames([picture.frame for picture in shown], boxes),
        intrinsics=intrinsics,
        amodal=crop_masks(amodal, boxes),
        visible=seen,
        given=seen,
        available=torch.tensor([picture.available for picture in shown]),
        truth=truth,
    )
