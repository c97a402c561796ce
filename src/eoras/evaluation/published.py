"""The scorers of other papers (formats 7.7), each a pure function of the table of frames."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eoras.evaluation.counts import FrameTable
from eoras.evaluation.ious import Terms, count_frames, number, occluded_union, paper_iou, union

__all__ = ["c2f", "c2f_terms", "diffvas", "diffvas_terms", "savos", "savos_terms"]

_SMOOTH = 1e-6
_DROPPED = 1e-6  # Diffusion-VAS leaves out frames whose occluded IoU is below it


def savos_terms(table: FrameTable) -> dict[str, Terms]:
    """What the means of ``savos`` run over: images."""
    table = _savos_rows(table)
    image = _images(table)
    full, occluded = _savos_ious(table)
    return {
        name: terms.where(terms.values != 1).within(image[terms.values != 1])
        for name, terms in (("miou_full", full), ("miou_occ", occluded))
    }


def savos(table: FrameTable) -> dict[str, Any]:
    """SaVos' test on KINS_Video_Car: what is exactly 1 is left out, of the whole object, too.

    The answer is first replaced by the visible mask wherever no other object is seen. The occluded region is the part
    of the amodal mask where another object is seen. Frames whose other objects are not known, and repeated ones, are
    not scored.

    Returns:
        ``miou_full``, ``miou_occ``: the mean over the objects of each image, then over images ("in paper").
        ``per_object``: the same two, the mean over all objects and images at once. Numbers of frames of objects:
        ``frames``; ``occluded`` and ``unoccluded``, with a pixel behind another object or without; ``perfect``,
        occluded ones of IoU 1; ``missed``, occluded ones of which no pixel was found; ``left_out``, of IoU 1 and so not
        in ``miou_occ``; ``images``.
    """
    table = _savos_rows(table)
    rows, terms = table.counts, savos_terms(table)
    full, occluded = _savos_ious(table)
    return {
        **{name: images.mean for name, images in terms.items()},
        **count_frames(rows["behind"], rows["behind_overlap"], (rows["behind"] > 0) & (occluded.values == 1)),
        "left_out": number(occluded.values == 1),
        "images": len(np.unique(_images(table))),
        "per_object": {
            "miou_full": full.where(full.values != 1).mean,
            "miou_occ": occluded.where(occluded.values != 1).mean,
        },
    }


def c2f_terms(table: FrameTable) -> dict[str, Terms]:
    """What the means of ``c2f`` run over: tracks."""
    table = _seen_rows(table)
    return {name: terms.within(table.tracks) for name, terms in _c2f_ious(table).items()}


def c2f(table: FrameTable) -> dict[str, Any]:
    """C2F-Seg's test on MOViD-A: over the frames in which the object is seen, by track first; repeated ones left out.

    The IoU is that of ``paper``: empty against empty is 0, so that an unoccluded frame counts 0 in ``miou_occ``.
    Nothing is left out: a perfect answer counts 1.

    Returns:
        ``miou_full``, ``miou_occ``: the mean within each track, then over tracks. ``miou_full_post``,
        ``miou_occ_post``: the same after the answer is replaced by the visible mask wherever no other object is seen;
        over the frames whose other objects are known. Numbers of frames: ``frames``, ``occluded``, ``unoccluded``;
        ``perfect``, occluded ones of IoU 1; ``missed``, occluded ones of which no occluded pixel was found; ``tracks``.
    """
    table = _seen_rows(table)
    rows = table.counts
    ious = _c2f_ious(table)
    known = table.where(rows["behind"] >= 0)
    replaced = _replaced_ious(known)
    return {
        **{name: terms.within(table.tracks).mean for name, terms in ious.items()},
        **{f"{name}_post": terms.within(known.tracks).mean for name, terms in replaced.items()},
        **count_frames(rows["occluded"], rows["occluded_overlap"], ious["miou_occ"].values == 1),
        "tracks": len(np.unique(table.tracks)),
    }


def diffvas_terms(table: FrameTable) -> dict[str, Terms]:
    """What the means of ``diffvas`` run over: frames."""
    table = table.where(table.counts["repeated"] == 0)
    rows = table.counts
    seen_overlap = rows["amodal"] - rows["occluded"]
    answered = rows["predicted_occluded"] + rows["visible"]
    overlap = seen_overlap + rows["occluded_overlap"]
    full = paper_iou(overlap, rows["amodal"] + answered - overlap)
    occluded = Terms(_eroded_iou(rows), table.videos)
    return {"miou_full": Terms(full, table.videos), "miou_occ": occluded.where(occluded.values >= _DROPPED)}


def diffvas(table: FrameTable) -> dict[str, Any]:
    """Diffusion-VAS' test on SAIL-VOS: the answer is first united with the visible mask; repeated frames left out.

    Occluded regions are eroded by 5x5 pixels, and frames whose IoU is then below 1e-6 are left out: those without
    occlusion, and complete misses, too.

    Returns:
        ``miou_full``, ``miou_occ``: means over frames. Numbers of frames: ``frames``; ``occluded`` and ``unoccluded``,
        by what the erosion leaves; ``perfect``, occluded ones of IoU 1; ``missed``, occluded ones of which nothing was
        found, left out of ``miou_occ``; ``counted``, its denominator.
    """
    table = table.where(table.counts["repeated"] == 0)
    rows, terms = table.counts, diffvas_terms(table)
    perfect = (rows["eroded_occluded"] > 0) & (rows["eroded_overlap"] == _eroded_union(rows))
    return {
        **{name: frames.mean for name, frames in terms.items()},
        **count_frames(rows["eroded_occluded"], rows["eroded_overlap"], perfect),
        "counted": len(terms["miou_occ"].values),
    }


def _savos_rows(table: FrameTable) -> FrameTable:
    return table.where((table.counts["repeated"] == 0) & (table.counts["behind"] >= 0))


def _seen_rows(table: FrameTable) -> FrameTable:
    return table.where((table.counts["repeated"] == 0) & (table.counts["visible"] > 0))


def _images(table: FrameTable) -> NDArray[np.int64]:
    """A number for each row's image."""
    pairs = np.stack([table.videos, table.counts["frame_index"]], axis=1)
    return np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)


def _replaced(rows: NDArray[np.void]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Overlap and union of the whole object, the answer replaced by the visible mask where no other object is seen."""
    overlap = rows["amodal"] - rows["occluded"] + rows["behind_overlap"]
    return overlap, rows["amodal"] + rows["visible"] + rows["predicted_behind"] - overlap


def _savos_ious(table: FrameTable) -> tuple[Terms, Terms]:
    rows = table.counts
    overlap, whole = _replaced(rows)
    behind = rows["behind"] + rows["predicted_behind"] - rows["behind_overlap"]
    full = (overlap + _SMOOTH) / (whole + _SMOOTH)
    return Terms(full, table.videos), Terms((rows["behind_overlap"] + _SMOOTH) / (behind + _SMOOTH), table.videos)


def _c2f_ious(table: FrameTable) -> dict[str, Terms]:
    rows = table.counts
    full = paper_iou(rows["overlap"], union(rows))
    occluded = paper_iou(rows["occluded_overlap"], occluded_union(rows))
    return {"miou_full": Terms(full, table.videos), "miou_occ": Terms(occluded, table.videos)}


def _replaced_ious(table: FrameTable) -> dict[str, Terms]:
    rows = table.counts
    full = paper_iou(*_replaced(rows))
    left = rows["occluded"] + rows["predicted_behind"] - rows["behind_overlap"]
    occluded = paper_iou(rows["behind_overlap"], left)
    return {"miou_full": Terms(full, table.videos), "miou_occ": Terms(occluded, table.videos)}


def _eroded_union(rows: NDArray[np.void]) -> NDArray[np.int32]:
    return rows["eroded_occluded"] + rows["eroded_predicted"] - rows["eroded_overlap"]


def _eroded_iou(rows: NDArray[np.void]) -> NDArray[np.float32]:
    return paper_iou(rows["eroded_overlap"], _eroded_union(rows))
