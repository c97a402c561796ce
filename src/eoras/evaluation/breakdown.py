"""What one number hides: scores by occlusion, size and place, outlines, steadiness, false completion (formats 7.11)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eoras.evaluation.counts import CONFIDENCE_STEPS, FrameTable
from eoras.evaluation.ious import Terms, mean, number
from eoras.evaluation.protocols import OCCLUSION_BINS, occlusion_bin, strict_rows, strict_terms

__all__ = ["BORDER_BINS", "SIZE_BINS", "breakdown", "outline_f"]

SIZE_BINS = ("small", "medium", "large")  # amodal area below 32x32 pixels, below 96x96, from there on
BORDER_BINS = ("touches", "1-15", "16-63", "64-")  # pixels between the amodal mask and the image's border
_SIZES = (32**2, 96**2)
_DISTANCES = (1, 16, 64)


def breakdown(table: FrameTable) -> dict[str, Any]:
    """Part the frames that ``strict`` scores (formats 7.11).

    Returns:
        ``averages``: means by ``per_frame``, ``per_track`` and ``per_video``. ``by_occlusion``, ``by_size``,
        ``by_border``, ``by_visibility`` (``seen``, ``hidden``): means of each bin. Each with ``frames`` (or ``count``),
        ``miou_full``, ``miou_occ`` and ``outline_f``, None where nothing is averaged. ``false_completion``,
        ``stability`` and ``confidence`` as their functions say.
    """
    frames = strict_rows(table)
    rows = frames.counts
    terms = strict_terms(table)
    occluded = rows["occluded"] > 0
    outlines = Terms(outline_f(rows), frames.videos)
    compared = rows["outline"] >= 0

    def means(inside: NDArray[np.bool_]) -> dict[str, Any]:
        return {
            "frames": number(inside),
            "miou_full": terms["miou_full"].where(inside).mean,
            "miou_occ": terms["miou_occ"].where(inside[occluded]).mean,
            "outline_f": outlines.where(inside & compared).mean,
        }

    def means_within(groups: NDArray[np.int64]) -> dict[str, Any]:
        return {
            "count": len(np.unique(groups)),
            "miou_full": terms["miou_full"].within(groups).mean,
            "miou_occ": terms["miou_occ"].within(groups[occluded]).mean,
            "outline_f": outlines.where(compared).within(groups[compared]).mean,
        }

    def parted(names: tuple[str, ...], places: NDArray[Any]) -> dict[str, Any]:
        return {name: means(places == place) for place, name in enumerate(names)}

    return {
        "averages": {
            "per_frame": means(np.ones(len(rows), bool)),
            "per_track": means_within(frames.tracks),
            "per_video": means_within(frames.videos),
        },
        "by_occlusion": parted(OCCLUSION_BINS, occlusion_bin(rows)),
        "by_size": parted(SIZE_BINS, np.digitize(rows["amodal"], _SIZES)),
        "by_border": parted(BORDER_BINS, np.digitize(rows["border"], _DISTANCES)),
        "by_visibility": parted(("seen", "hidden"), (rows["visible"] == 0).astype(int)),
        "false_completion": _false_completion(rows),
        "stability": _stability(rows),
        "confidence": _confidence(rows, terms["miou_full"].values),
    }


def outline_f(rows: NDArray[np.void]) -> NDArray[np.float64]:
    """Boundary F-measure of each frame (formats 7.10); without a meaning where outlines were not compared."""
    recall = rows["outline_found"] / np.maximum(rows["outline"], 1)
    precision = rows["outline_right"] / np.maximum(rows["predicted_outline"], 1)
    both = np.maximum(recall + precision, np.finfo(float).tiny)
    neither = (rows["outline"] == 0) & (rows["predicted_outline"] == 0)
    return np.where(neither, 1.0, 2 * recall * precision / both)


def _false_completion(rows: NDArray[np.void]) -> dict[str, Any]:
    """What is added to objects that are not occluded.

    Returns:
        ``frames``: unoccluded ones. ``completed``: share of them to which a pixel was added. ``added_px``,
        ``added_rate``: mean area added, in pixels and over the amodal area.
    """
    rows = rows[rows["occluded"] == 0]
    added = rows["predicted_occluded"]
    return {
        "frames": len(rows),
        "completed": mean(added > 0),
        "added_px": mean(added),
        "added_rate": mean(added / rows["amodal"]),
    }


def _stability(rows: NDArray[np.void]) -> dict[str, Any]:
    """How steady the answer is from one frame to the next.

    Returns:
        ``frames``: those that follow another annotated one of their track. ``predicted``, ``truth``: mean IoU of the
        mask with that of the frame before. ``unrest``: mean of how much lower it is for the answer than for the truth,
        0 where it is not lower.
    """
    rows = rows[rows["predicted_joined"] >= 0]
    predicted = np.where(rows["predicted_joined"], rows["predicted_kept"] / np.maximum(rows["predicted_joined"], 1), 1)
    truth = rows["amodal_kept"] / np.maximum(rows["amodal_joined"], 1)
    return {
        "frames": len(rows),
        "predicted": mean(predicted),
        "truth": mean(truth),
        "unrest": mean(np.maximum(truth - predicted, 0)),
    }


def _confidence(rows: NDArray[np.void], ious: NDArray[Any]) -> dict[str, Any]:
    """How near the network's confidence comes to the intersection over union that its answer reaches.

    Args:
        rows: of the frames.
        ious: what ``strict`` gives each of them.

    Returns:
        ``frames``: those in which the network tells it. ``told``, ``reached``: means of the confidence and of the IoU.
        ``error``: mean of how far they are apart. ``correlation``: Pearson's; None where one of them never changes.
    """
    tells = rows["confidence"] >= 0
    told, reached = rows["confidence"][tells] / CONFIDENCE_STEPS, ious[tells]
    changes = len(told) > 0 and np.ptp(told) > 0 and np.ptp(reached) > 0
    return {
        "frames": len(told),
        "told": mean(told),
        "reached": mean(reached),
        "error": mean(np.abs(told - reached)),
        "correlation": float(np.corrcoef(told, reached)[0, 1]) if changes else None,
    }
