"""Where an object is looked at in each frame: windows about its visible boxes, bridged where it is hidden."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eoras.config import ViewConfig
from eoras.geometry import Box, convert_intrinsics, enlarge

__all__ = ["NEIGHBOURS", "bridge", "window_intrinsics", "windows_about"]

NEIGHBOURS = 12  # frames before and after whose boxes may have a say in a window


def bridge(frames: NDArray[np.int32], boxes: NDArray[np.int32], view: ViewConfig) -> tuple[int, NDArray[np.int32]]:
    """The visible box of each frame from the first to the last in which the object is seen.

    Args:
        frames: int32 ``(N,)``, where it is seen, ascending, at least one.
        boxes: int32 ``(N, 4)``, its boxes there.
        view: what the network is shown; it says how fractions become pixels.

    Returns:
        The first frame, and int32 ``(T, 4)``, one box a frame from there; where the object is hidden its sides lie
        between those of the neighbours.
    """
    first = int(frames[0])
    between = np.stack([np.interp(np.arange(first, frames[-1] + 1), frames, side) for side in boxes.T], axis=-1)
    return first, (between if view.boxes == "paper" else between.round()).astype(np.int32)


def windows_about(boxes: Sequence[Box], view: ViewConfig, height: int, width: int) -> list[Box]:
    """Where to cut out what the network sees.

    Args:
        boxes: the visible box in consecutive frames, in pixels.
        view: what the network is shown.
        height: rows of the image.
        width: columns of the image.

    Returns:
        One window a frame. Boxes more than ``NEIGHBOURS`` frames away do not change it.
    """
    return [enlarge(box.clip(height, width), view.enlarge, height, width, view.boxes) for box in boxes]


def window_intrinsics(
    pixel_intrinsics: Tensor, windows: Sequence[Box], view: ViewConfig, size: tuple[int, int]
) -> Tensor:
    """The camera of each window, in the convention that the network was trained with.

    Args:
        pixel_intrinsics: float ``(3, 3)``, to pixels of the whole image.
        windows: in pixels.
        view: what the network is shown.
        size: rows and columns of the image.

    Returns:
        float32 ``(T, 3, 3)``.
    """
    matrix = convert_intrinsics(pixel_intrinsics, "pixel", view.intrinsics, *size)
    return matrix.to(torch.float32).repeat(len(windows), 1, 1)
