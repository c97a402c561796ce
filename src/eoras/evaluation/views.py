"""Which frames predictions are scored on: those that the network which made them saw, or the published ones."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from eoras.config import ViewConfig
from eoras.errors import DataError
from eoras.evaluation.predictions import Predictions

__all__ = ["choose_view"]


def choose_view(
    data: str | Path, predictions: Sequence[Predictions], frames: Literal["visible", "all"] | None
) -> ViewConfig:
    """The view that decides about frames, windows and padding.

    Args:
        data: the data folder, for the error.
        predictions: of the systems to score on the same frames; the first that tells a view decides.
        frames: whether fully hidden frames are scored; None: as the view says.

    Raises:
        DataError: ``frames`` is None, and two of them were made from other frames, or one from all frames and another
            tells nothing: where an object is hidden it need not have an answer.
    """
    told = [system for system in predictions if system.view is not None]
    views = [system.view for system in told if system.view is not None]
    view = views[0] if views else ViewConfig()
    if frames is not None:
        return replace(view, frames=frames)
    for system, other in zip(told, views, strict=True):
        if other.frames != view.frames:
            raise DataError(
                f"{data}: expected predictions for the same frames, found {told[0].path} for {view.frames} and "
                f"{system.path} for {other.frames}; choose with --frames"
            )
    silent = [system for system in predictions if system.view is None]
    if view.frames == "all" and silent:
        raise DataError(
            f"{data}: expected predictions for the same frames, found {told[0].path} for all and {silent[0].path}, "
            "which does not tell; choose with --frames, of which visible leaves out where an object is fully hidden"
        )
    return view
