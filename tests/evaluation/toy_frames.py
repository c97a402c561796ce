"""Frames of which every area is chosen: pixels in reading order."""

from collections.abc import Sequence

import numpy as np

from eoras.evaluation import Scores

__all__ = ["SIDE", "Frame", "area", "occluded_frame", "score", "stack"]

SIDE = 24

Frame = tuple[np.ndarray, np.ndarray, np.ndarray]  # amodal, visible, prediction


def area(pixels: int, skip: int = 0) -> np.ndarray:
    """One mask of ``pixels`` pixels, after the first ``skip`` in reading order."""
    mask = np.zeros(SIDE * SIDE, bool)
    mask[skip : skip + pixels] = True
    return mask.reshape(1, SIDE, SIDE)


def occluded_frame(visible: int, occluded: int, found: int, added: int = 0) -> Frame:
    """A frame whose visible part is found whole, ``found`` of the occluded pixels, and ``added`` ones beyond them."""
    amodal = area(visible + occluded)
    return amodal, area(visible), area(visible + found) | area(added, skip=visible + occluded)


def stack(frames: Sequence[Frame]) -> tuple[np.ndarray, ...]:
    """The frames of one clip: amodal, visible and predicted masks."""
    return tuple(np.concatenate(masks) for masks in zip(*frames, strict=True))


def score(*frames: Frame, outlines: bool = False) -> Scores:
    """Scores of one track with the frames ``(amodal, visible, prediction)``; others are seen wherever it is not."""
    scores = Scores(outlines=outlines)
    amodal, visible, prediction = stack(frames)
    scores.update(amodal, visible, prediction, video="a", track_id=0, others=~visible)
    return scores
