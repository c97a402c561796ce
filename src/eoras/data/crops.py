"""The windows that the network sees and answers with, cut out of whole images at a box."""

from torch import Tensor

from eoras.geometry import Box, crop
from eoras.resize import resize_image, resize_mask

__all__ = ["FRAME_SIDE", "MASK_SIDE", "crop_frame", "crop_mask"]

FRAME_SIDE = 128
MASK_SIDE = 121


def crop_frame(frame: Tensor, box: Box) -> Tensor:
    """Cut out what the network sees (formats A.7).

    Args:
        frame: uint8 ``(3, H, W)``, RGB.
        box: where to cut, in pixels; what lies outside the image is left out.

    Returns:
        float32 ``(3, 128, 128)``, 0..1.
    """
    return resize_image(crop(frame, box).float() / 255, FRAME_SIDE, FRAME_SIDE)


def crop_mask(mask: Tensor, box: Box) -> Tensor:
    """Cut out the mask that the network should answer with (formats A.7).

    Args:
        mask: bool ``(H, W)``.
        box: where to cut, in pixels; what lies outside the image is left out.

    Returns:
        bool ``(121, 121)``.
    """
    return resize_mask(crop(mask, box), MASK_SIDE, MASK_SIDE)
