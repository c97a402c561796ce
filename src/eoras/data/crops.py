"""The windows that the network sees and answers with, cut out of whole images at a box."""

from collections.abc import Sequence

import torch
from torch import Tensor

from eoras.geometry import Box, crop
from eoras.resize import resize_images, resize_mask

__all__ = ["FRAME_SIDE", "MASK_SIDE", "crop_frames", "crop_masks"]

FRAME_SIDE = 128
MASK_SIDE = 121
_TOGETHER = 16  # frames of one resize, so that memory does not grow with the track


def crop_frames(frames: Sequence[Tensor], boxes: Sequence[Box]) -> Tensor:
    """Cut out what the network sees, for all frames of a clip together (formats A.7).

    Frames stay bytes up to here. The windows cannot: blurring and sampling give values between those of a byte.

    Args:
        frames: uint8 ``(3, H, W)`` each, RGB, all on one device.
        boxes: where to cut each, in pixels; what lies outside the image is left out.

    Returns:
        float32 ``(T, 3, 128, 128)``, 0..1, on the frames' device.

    Raises:
        ValueError: a frame is not uint8.
    """
    _expect(frames, torch.uint8, "frames")
    windows = [crop(frame, box) for frame, box in zip(frames, boxes, strict=True)]
    device = windows[0].device if windows else None
    shown = torch.empty(len(windows), 3, FRAME_SIDE, FRAME_SIDE, device=device)
    for start in range(0, len(windows), _TOGETHER):
        some = slice(start, start + _TOGETHER)
        torch.div(resize_images(windows[some], FRAME_SIDE, FRAME_SIDE), 255, out=shown[some])
    return shown


def crop_masks(masks: Sequence[Tensor], boxes: Sequence[Box]) -> Tensor:
    """Cut out the masks that the network should answer with (formats A.7).

    Args:
        masks: bool ``(H, W)`` each.
        boxes: where to cut each, in pixels; what lies outside the image is left out.

    Returns:
        bool ``(T, 121, 121)``.

    Raises:
        ValueError: a mask is not bool.
    """
    _expect(masks, torch.bool, "masks")
    windows = [crop(mask, box) for mask, box in zip(masks, boxes, strict=True)]
    return torch.stack([resize_mask(window, MASK_SIDE, MASK_SIDE) for window in windows])


def _expect(images: Sequence[Tensor], dtype: torch.dtype, name: str) -> None:
    for image in images:
        if image.dtype != dtype:
            raise ValueError(f"{name}: expected {dtype}, found {image.dtype}; convert them")
