"""Where a track is looked at: the windows of its frames, and the camera of each."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from eoras.config import ViewConfig
from eoras.geometry import Box, Convention, convert_intrinsics, enlarge, enlarge_alike, intrinsics_of_windows

__all__ = ["Place", "boxes_between", "places_of", "window_intrinsics", "windows_about"]


class Place(NamedTuple):
    """Where a track is looked at.

    Attributes:
        frame_index: position in the video, from 0.
        box: where the windows are cut out, in pixels.
    """

    frame_index: int
    box: Box


def boxes_between(frames: ArrayLike, seen: ArrayLike, boxes: ArrayLike, view: ViewConfig) -> list[Box]:
    """The visible box of each frame; where the object is hidden its sides lie between those of the neighbours.

    Args:
        frames: int ``(T,)``, positions in the video.
        seen: int ``(N,)``, where the object is seen, ascending, at least one.
        boxes: ``(N, 4)``, its boxes there, in pixels: top, left, bottom and right.
        view: what the network is shown; it says how fractions become whole pixels (formats A.6, A.10).
    """
    wanted, known = np.asarray(frames), np.asarray(seen)
    between = np.stack([np.interp(wanted, known, side) for side in np.asarray(boxes).T], axis=-1)
    whole = (between if view.boxes == "paper" else between.round()).astype(np.int32)
    return [Box(*corners) for corners in whole.tolist()]


def places_of(
    frame_indices: Sequence[int], boxes: Sequence[Box], view: ViewConfig, height: int, width: int
) -> list[Place]:
    """Look at all frames of a track; see ``windows_about``.

    Args:
        frame_indices: positions in the video, ascending.
        boxes: the visible box in each, in whole pixels.
        view: what the network is shown.
        height: rows of the image.
        width: columns of the image.
    """
    windows = windows_about(boxes, view, height, width)
    return [Place(*place) for place in zip(frame_indices, windows, strict=True)]


def windows_about(boxes: Sequence[Box], view: ViewConfig, height: int, width: int) -> list[Box]:
    """Where to cut out what the network sees.

    Args:
        boxes: the visible box in each of a track's frames, in whole pixels.
        view: what the network is shown.
        height: rows of the image.
        width: columns of the image.

    Returns:
        One window a frame. Boxes more than ``NEIGHBOURS`` frames away do not change it.
    """
    if view.windows == "track":
        return enlarge_alike(boxes, view.enlarge, height, width)
    return [enlarge(box, view.enlarge, height, width, view.boxes) for box in boxes]


def window_intrinsics(
    matrix: Tensor, source: Convention, windows: Sequence[Box], view: ViewConfig, height: int, width: int
) -> Tensor:
    """The camera matrix of each window, in the convention of the view.

    Args:
        matrix: float ``(3, 3)``, of the whole image, the same in every frame.
        source: its convention: ``kubric``, ``pixel`` or ``unit``.
        windows: in pixels.
        view: what the network is shown.
        height: rows of the image.
        width: columns of the image.

    Returns:
        float32 ``(T, 3, 3)``.
    """
    if view.intrinsics != "crop":
        return convert_intrinsics(matrix, source, view.intrinsics, height, width).float().repeat(len(windows), 1, 1)
    unit = convert_intrinsics(matrix, source, "unit", height, width)
    return intrinsics_of_windows(unit, windows, height, width).float()
