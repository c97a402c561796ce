"""The protocols: each a pure function of the table of frames. Rates are 0..1, and None where nothing is averaged."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eoras.errors import ConfigError
from eoras.evaluation.counts import FrameTable
from eoras.evaluation.ious import Terms, count_frames, mean, number, occluded_union, paper_iou, union
from eoras.evaluation.published import c2f, c2f_terms, diffvas, diffvas_terms, savos, savos_terms

__all__ = ["OCCLUSION_BINS", "PROTOCOLS", "TERMS", "check_protocol", "occlusion_bin", "paper", "strict", "strict_rows"]

OCCLUSION_BINS = ("0", "0-25", "25-50", "50-75", "75-99", "100")  # per cent of the amodal area that is occluded
_LARGE = 32  # pixels; occluded regions smaller than this are mostly outline


def paper_terms(table: FrameTable) -> dict[str, Terms]:
    """What the means of ``paper`` run over."""
    rows = table.counts
    full = Terms(paper_iou(rows["overlap"], union(rows)), table.videos)
    occluded = Terms(paper_iou(rows["occluded_overlap"], occluded_union(rows)), table.videos)
    return {"miou_full": full, "miou_occ": occluded.where(occluded.values != 1)}


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
    rows, terms = table.counts, paper_terms(table)
    known = rows["window_union"] >= 0
    crop = Terms(paper_iou(rows["window_overlap"], rows["window_union"]), table.videos).where(known)
    perfect = paper_iou(rows["occluded_overlap"], occluded_union(rows)) == 1
    return {
        "miou_full": terms["miou_full"].mean,
        "miou_occ": terms["miou_occ"].mean,
        "miou_crop": crop.mean,
        **count_frames(rows["occluded"], rows["occluded_overlap"], perfect),
        "imperfect": len(rows) - number(perfect),
    }


def strict_rows(table: FrameTable) -> FrameTable:
    """The frames that ``strict`` scores: those with an amodal mask, repeated ones left out."""
    return table.where((table.counts["amodal"] > 0) & (table.counts["repeated"] == 0))


def strict_terms(table: FrameTable) -> dict[str, Terms]:
    """What the means of ``strict`` run over."""
    table = strict_rows(table)
    rows = table.counts
    full = Terms(rows["overlap"] / union(rows), table.videos)
    occluded = Terms(rows["occluded_overlap"] / np.maximum(occluded_union(rows), 1), table.videos)
    return {"miou_full": full, "miou_occ": occluded.where(rows["occluded"] > 0)}


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
    table = strict_rows(table)
    rows, terms = table.counts, strict_terms(table)
    full, occ = terms["miou_full"], terms["miou_occ"]
    occluded = rows["occluded"] > 0
    large = rows["occluded"] >= _LARGE
    added = rows["predicted_occluded"][~occluded]

    def means_within(groups: NDArray[np.int64]) -> dict[str, float | None]:
        by_group = full.within(groups)
        return {
            "count": len(by_group.values),
            "miou_full": by_group.mean,
            "miou_occ": occ.within(groups[occluded]).mean,
        }

    degree = occlusion_bin(rows)
    return {
        "miou_full": full.mean,
        "miou_occ": occ.mean,
        "miou_occ_32px": occ.where(large[occluded]).mean,
        **count_frames(rows["occluded"], rows["occluded_overlap"], occluded & (_occluded_iou(rows) == 1)),
        "occluded_32px": number(large),
        "hidden": number(rows["visible"] == 0),
        "false_positive_px": mean(added),
        "false_positive_rate": mean(added / rows["amodal"][~occluded]),
        "per_track": means_within(table.tracks),
        "per_video": means_within(table.videos),
        "by_occlusion": {
            name: {
                "frames": number(degree == place),
                "miou_full": full.where(degree == place).mean,
                "miou_occ": occ.where(degree[occluded] == place).mean,
            }
            for place, name in enumerate(OCCLUSION_BINS)
        },
    }


PROTOCOLS: Mapping[str, Callable[[FrameTable], dict[str, Any]]] = {
    "paper": paper,
    "strict": strict,
    "savos": savos,
    "c2f": c2f,
    "diffvas": diffvas,
}

TERMS: Mapping[str, Callable[[FrameTable], dict[str, Terms]]] = {
    "paper": paper_terms,
    "strict": strict_terms,
    "savos": savos_terms,
    "c2f": c2f_terms,
    "diffvas": diffvas_terms,
}


def occlusion_bin(rows: NDArray[np.void]) -> NDArray[np.int64]:
    """Numbers into ``OCCLUSION_BINS``; in integers, so that a quarter is a quarter."""
    return np.where(rows["occluded"] == 0, 0, 1 + 4 * rows["occluded"] // rows["amodal"])


def _occluded_iou(rows: NDArray[np.void]) -> NDArray[np.float64]:
    return rows["occluded_overlap"] / np.maximum(occluded_union(rows), 1)


def check_protocol(name: str) -> None:
    """See that there is a protocol of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in PROTOCOLS:
        raise ConfigError(f"protocol {name}: unknown; known are {', '.join(PROTOCOLS)}")
