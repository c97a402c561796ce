"""Where an object is while it is hidden."""

import numpy as np
from numpy.typing import NDArray

from eoras.config import ViewConfig

__all__ = ["bridge"]


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
