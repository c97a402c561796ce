"""The protocols: each a pure function of the table of frames. Rates are 0..1, and None where nothing is averaged."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eoras.evaluation.counts import FrameTable

__all__ = ["OCCLUSION_BINS", "PROTOCOLS", "paper", "paper_iou", "strict"]

OCCLUSION_BINS = ("0", "0-25", "25-50", "50-75", "75-99", "100")  # per cent of the amodal area that is occluded
_LARGE = 32  # pixels; occluded regions smaller than this are mostly outline


def paper_iou(overlap: ArrayLike, union: ArrayLike) -> NDArray[np.float32]:
    """Intersection over union as the official code has it, in float32 (formats 7.1).

    Empty against empty is 0 (Q-M1). A perfect match is exactly 1 from a union of 32 pixels up, just below 1 under
    that (Q-M3).
    """
    return np.divide(overlap, np.add(union, 1e-6, dtype=np.float32), dtype=np.float32)


def paper(table: FrameTable) -> dict[str, Any]:
    """The official test (formats 7.1 to 7.4): means over all frames, padding included (Q-M8, Q-M11).

    Sums are float64 here; the official code's are float32 (Q-M15).

    Returns:
        ``miou_full``: in the whole image. ``miou_occ``: of the occluded regions, frames of IoU exactly 1 left out,
        unoccluded ones counted as 0 (formats 7.5, Q-M1, Q-M2). ``miou_crop``: in the network's window, over the frames
        where that is known. Numbers of frames: ``frames``, all; ``occluded`` and ``unoccluded``, by the truth;
        ``perfect``, left out of ``miou_occ``; ``imperfect``, its denominator; ``missed``, occluded ones of which no
        occluded pixel was found.
    """
    rows = table.counts
    full = paper_iou(rows["overlap"], _union(rows))
    occluded = paper_iou(rows["occluded_overlap"], _occluded_union(rows))
    windows = rows[rows["window_union"] >= 0]
    crop = paper_iou(windows["window_overlap"], windows["window_union"])
    perfect = occluded == 1
    return {
        "miou_full": _mean(full),
        "miou_occ": _mean(occluded[~perfect]),
        "miou_crop": _mean(crop),
        **_counts(rows, perfect),
        "imperfect": len(rows) - _count(perfect),
    }


def strict(table: FrameTable) -> dict[str, Any]:
    """What the names say (formats 7.8): means over the frames with an amodal mask, repeated ones left out.

    Returns:
        ``miou_full``: over those frames. ``miou_occ``: of the occluded regions, over the frames with an occluded pixel;
        perfect ones count as 1, missed ones as 0. ``miou_occ_32px``: over the frames with 32 occluded pixels or more.
        ``per_track``, ``per_video``: the same two, averaged within each track or video first; ``count`` of them.
        ``by_occlusion``: the same two for each of ``OCCLUSION_BINS``, lower ends included. ``false_positive_px``,
        ``false_positive_rate``: over the unoccluded frames, predicted area outside the visible mask, in pixels and
        over the amodal area. Numbers of frames: ``frames``, ``occluded``, ``occluded_32px``, ``unoccluded``, by the
        truth; ``hidden``, without a visible pixel; ``perfect``, occluded ones of IoU 1; ``missed``, occluded ones of
        which no occluded pixel was found.
    """
    table = table.where((table.counts["amodal"] > 0) & (table.counts["repeated"] == 0))
    rows = table.counts
    occluded = rows["occluded"] > 0
    full_iou = rows["overlap"] / _union(rows)
    occluded_iou = rows["occluded_overlap"] / np.maximum(_occluded_union(rows), 1)
    large = rows["occluded"] >= _LARGE
    added = rows["predicted_occluded"][~occluded]

    def means(inside: NDArray[np.bool_]) -> dict[str, float | None]:
        return {"miou_full": _mean(full_iou[inside]), "miou_occ": _mean(occluded_iou[inside & occluded])}

    def means_within(groups: NDArray[np.int64]) -> dict[str, float | None]:
        full = _means_of_groups(full_iou, groups)
        occ = _means_of_groups(occluded_iou[occluded], groups[occluded])
        return {"count": len(full), "miou_full": _mean(full), "miou_occ": _mean(occ)}

    degree = _occlusion_bin(rows["occluded"], rows["amodal"])
    return {
        **means(np.ones(len(rows), bool)),
        "miou_occ_32px": _mean(occluded_iou[large]),
        **_counts(rows, occluded & (occluded_iou == 1)),
        "occluded_32px": _count(large),
        "hidden": _count(rows["visible"] == 0),
        "false_positive_px": _mean(added),
        "false_positive_rate": _mean(added / rows["amodal"][~occluded]),
        "per_track": means_within(table.tracks),
        "per_video": means_within(table.videos),
        "by_occlusion": {
            name: {"frames": _count(degree == number), **means(degree == number)}
            for number, name in enumerate(OCCLUSION_BINS)
        },
    }


PROTOCOLS: Mapping[str, Callable[[FrameTable], dict[str, Any]]] = {"paper": paper, "strict": strict}


def _union(rows: NDArray[np.void]) -> NDArray[np.int64]:
    return rows["amodal"] + rows["predicted"] - rows["overlap"]


def _occluded_union(rows: NDArray[np.void]) -> NDArray[np.int64]:
    return rows["occluded"] + rows["predicted_occluded"] - rows["occluded_overlap"]


def _occlusion_bin(occluded: NDArray[np.int64], amodal: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers into ``OCCLUSION_BINS``; in integers, so that a quarter is a quarter."""
    return np.where(occluded == 0, 0, 1 + 4 * occluded // amodal)


def _counts(rows: NDArray[np.void], perfect: NDArray[np.bool_]) -> dict[str, int]:
    occluded = rows["occluded"] > 0
    return {
        "frames": len(rows),
        "occluded": _count(occluded),
        "unoccluded": _count(~occluded),
        "perfect": _count(perfect),
        "missed": _count(occluded & (rows["occluded_overlap"] == 0)),
    }


def _count(rows: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(rows))


def _mean(values: NDArray[Any]) -> float | None:
    return float(values.mean(dtype=np.float64)) if len(values) else None


def _means_of_groups(values: NDArray[np.float64], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    _, number = np.unique(groups, return_inverse=True)
    return np.bincount(number, values) / np.bincount(number)
