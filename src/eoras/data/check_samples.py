"""A few tracks of a data folder to look at."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from eoras.data.check_report import Sample
from eoras.data.images import read_frame
from eoras.data.masks import Rle, decode

__all__ = ["FRAMES", "read_pictures", "sample_of_runs", "spread"]

FRAMES = 24  # of a track, at most: those of KITTI can have hundreds, in large images

T = TypeVar("T")


def spread(items: Sequence[T], count: int) -> list[T]:
    """At most ``count`` of the items, from all over them."""
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[place] for place in places.tolist()]


def read_pictures(paths: Sequence[Path], height: int, width: int) -> np.ndarray:
    """Whole frames, uint8 ``(T, H, W, 3)``, RGB.

    Raises:
        DataError: one is missing, damaged or of another size.
    """
    return np.stack([read_frame(path, height, width).permute(1, 2, 0).numpy() for path in paths])


def sample_of_runs(title: str, frames: Mapping[int, tuple[Path, Rle, Rle]]) -> Sample:
    """A track whose masks are runs.

    Args:
        title: what identifies it.
        frames: by their indices, the image, visible and amodal mask of each, all of one size; at least one frame.

    Raises:
        DataError: a frame is missing, damaged or of another size.
    """
    paths, visible, amodal = zip(*frames.values(), strict=True)
    return Sample(
        title=title,
        frames=read_pictures(paths, amodal[0].height, amodal[0].width),
        visible=np.stack([decode(rle) for rle in visible]),
        amodal=np.stack([decode(rle) for rle in amodal]),
        frame_indices=list(frames),
    )
