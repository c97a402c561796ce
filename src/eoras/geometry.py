"""Boxes in the image, windows cut out at them and pasted back, and intrinsics in their three conventions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "NEIGHBOURS",
    "Box",
    "Convention",
    "Paste",
    "convert_intrinsics",
    "crop",
    "enlarge",
    "enlarge_alike",
    "intrinsics_of_windows",
    "paste",
    "paste_inside",
]

Paste = Literal["paper", "strict"]
"""How a window gets back into the image: as the official code does it, or truly."""

Convention = Literal["kubric", "pixel", "unit"]
"""What a camera matrix of a whole image leads to, and where its axes point (formats 6.1)."""

NEIGHBOURS = 12  # frames before and after, over which windows have one size
_SMALLEST = 4  # windows have at least this part of the image's shorter side


@dataclass(frozen=True)
class Box:
    """Pixels ``top <= row < bottom`` and ``left <= column < right``.

    A box may reach past the image; the one that ``enlarge`` gives with ``boxes="paper"`` does so by one pixel at the
    bottom and right borders, and the ``paper`` protocol pastes it at that size (Q-M4).
    """

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows of the box."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns of the box."""
        return self.right - self.left

    def clip(self, height: int, width: int) -> "Box":
        """The part inside an image of ``height`` rows and ``width`` columns."""
        return Box(max(self.top, 0), max(self.left, 0), min(self.bottom, height), min(self.right, width))


def enlarge(box: Box, factor: float, height: int, width: int, boxes: Literal["paper", "round"]) -> Box:
    """Grow a box about its centre and keep it in the image; each axis for itself, so crops get stretched (Q-D4).

    Args:
        box: the visible box, in pixels, inside the image.
        factor: side of the result over side of ``box``.
        height: rows of the image.
        width: columns of the image.
        boxes: ``paper``: integer halves, the last row and column included, one pixel past the image where the box
            reaches its border (formats A.6). ``round``: half-open and inside the image.

    Returns:
        A box with at least one pixel inside the image. Under ``paper``, ``Box(R0, C0, R1 + 1, C1 + 1)`` in the words
        of formats A.6.
    """
    row = min((box.top + box.bottom) // 2, height - 1)  # a box of no pixels may lie on the far border
    column = min((box.left + box.right) // 2, width - 1)
    rows, columns = int(box.height * factor), int(box.width * factor)
    top, left = row - rows // 2, column - columns // 2
    if boxes == "paper":
        inside = Box(top, left, row + rows // 2, column + columns // 2).clip(height, width)
        return Box(inside.top, inside.left, inside.bottom + 1, inside.right + 1)
    return Box(top, left, top + max(rows, 1), left + max(columns, 1)).clip(height, width)


def enlarge_alike(boxes: Sequence[Box], factor: float, height: int, width: int) -> list[Box]:
    """Square windows about boxes, alike in size over time: an object that goes into hiding keeps its place.

    The side of a window is ``factor`` times the longest side of the boxes of its frame and the 12 before and after, and
    at least a quarter of the image's shorter side. A window that would leave the image is moved into it; where it is
    larger than the image, it is cut.

    Args:
        boxes: the visible box of each frame of a track, in order, in pixels, inside the image.
        factor: side of the windows over the longest side of the boxes.
        height: rows of the image.
        width: columns of the image.

    Returns:
        One a frame, inside the image.
    """
    longest = [max(box.height, box.width) for box in boxes]
    windows = []
    for frame, box in enumerate(boxes):
        near = longest[max(frame - NEIGHBOURS, 0) : frame + NEIGHBOURS + 1]
        side = max(round(factor * max(near)), min(height, width) // _SMALLEST, 1)
        rows, columns = min(side, height), min(side, width)
        top = min(max((box.top + box.bottom - rows) // 2, 0), height - rows)
        left = min(max((box.left + box.right - columns) // 2, 0), width - columns)
        windows.append(Box(top, left, top + rows, left + columns))
    return windows


def crop(image: Tensor, box: Box) -> Tensor:
    """Cut ``(..., H, W)`` to the part of ``box`` inside it: a view ``(..., h, w)``."""
    box = box.clip(*image.shape[-2:])
    return image[..., box.top : box.bottom, box.left : box.right]


def paste(probability: Tensor, box: Box, height: int, width: int, protocol: Paste) -> Tensor:
    """Put a window's mask back into the image; outside its box everything is background (Q-M6).

    Args:
        probability: float ``(h, w)``, 0..1.
        box: where the window was cut out, in pixels.
        height: rows of the image.
        width: columns of the image.
        protocol: ``paper`` resizes with aligned corners to the size of ``box`` even where it passes the image, and
            cuts the excess (formats 7.2, Q-M4, Q-M5); ``strict`` resizes to the part inside, pixel centres at halves.

    Returns:
        bool ``(height, width)``, true above probability 0.5.
    """
    inside = box.clip(height, width)
    mask = torch.zeros(height, width, dtype=torch.bool, device=probability.device)
    pasted = paste_inside(probability, box, height, width, protocol)
    mask[inside.top : inside.bottom, inside.left : inside.right] = pasted
    return mask


def paste_inside(probability: Tensor, box: Box, height: int, width: int, protocol: Paste) -> Tensor:
    """The part of ``paste`` that lies in the box.

    Args:
        probability: float ``(h, w)``, 0..1.
        box: where the window was cut out, in pixels.
        height: rows of the image.
        width: columns of the image.
        protocol: as ``paste`` has it.

    Returns:
        bool, of the size of the part of ``box`` inside the image.
    """
    inside = box.clip(height, width)
    target = box if protocol == "paper" else inside
    size = (target.height, target.width)
    window = F.interpolate(probability[None, None], size, mode="bilinear", align_corners=protocol == "paper")[0, 0]
    top, left = inside.top - target.top, inside.left - target.left
    return window[top : top + inside.height, left : left + inside.width] > 0.5


def convert_intrinsics(matrix: Tensor, source: Convention, target: Convention, height: int, width: int) -> Tensor:
    """Take an intrinsics matrix from one convention to another (formats 6.1).

    Args:
        matrix: float ``(..., 3, 3)``.
        source: convention of ``matrix``: ``kubric``, ``pixel`` or ``unit``.
        target: convention of the result; for ``crop``, which differs from window to window, see
            ``intrinsics_of_windows``.
        height: rows of the whole image, in pixels.
        width: columns of the whole image, in pixels.

    Returns:
        float ``(..., 3, 3)``; ``matrix`` itself where the conventions are the same.

    Raises:
        ValueError: a convention is none of these.
    """
    for convention in (source, target):
        if convention not in get_args(Convention):
            raise ValueError(
                f"expected one of {', '.join(get_args(Convention))}, found {convention!r}; for windows, of 'crop', see "
                "intrinsics_of_windows"
            )
    if source == target:
        return matrix
    factors = {  # of a unit matrix, element by element
        "unit": torch.ones(1, 1),
        "kubric": torch.tensor([[1.0, -1.0, -1.0]]),  # y and z of the camera point the other way
        "pixel": torch.tensor([[float(width)], [float(height)], [1.0]]),
    }
    return matrix / factors[source].to(matrix) * factors[target].to(matrix)


def intrinsics_of_windows(unit: Tensor, windows: Sequence[Box], height: int, width: int) -> Tensor:
    """The camera matrix of each window, to the unit square of the window (0 at its first edge, 1 at its last).

    Args:
        unit: float ``(3, 3)``, to the unit square of the whole image.
        windows: in pixels; only their part inside the image is looked at.
        height: rows of the whole image, in pixels.
        width: columns of the whole image, in pixels.

    Returns:
        float ``(T, 3, 3)``.
    """
    inside = [box.clip(height, width) for box in windows]
    scale = torch.tensor([[width / box.width, height / box.height, 1.0] for box in inside])
    shift = torch.tensor([[-box.left / box.width, -box.top / box.height, 0.0] for box in inside])
    window_from_unit = torch.diag_embed(scale)
    window_from_unit[..., 2] += shift
    return window_from_unit.to(unit) @ unit
