"""What the formats of label images share: one object a pixel, and what they cannot hold."""

import numpy as np

from eoras.data.annotations import MaskVideo
from eoras.data.formats.format import Losses
from eoras.data.masks import decode
from eoras.errors import DataError

__all__ = ["count_lost_boxes", "label_type", "paint_visible"]


def label_type(video: MaskVideo, highest: int, layout: str) -> type[np.uint8] | type[np.uint16]:
    """The smallest number that holds the video's labels.

    Args:
        video: whose ``track_id + 1`` are the labels.
        highest: label of the layout.
        layout: its name, for the error.

    Raises:
        DataError: a label lies outside 1 to ``highest``.
    """
    for track in video.tracks:
        if not 0 <= track.track_id < highest:
            raise DataError(
                f"{video.name}: expected a track_id of 0 to {highest - 1}, as {layout} holds, found {track.track_id}; "
                "number the tracks anew"
            )
    return np.uint8 if all(track.track_id < 255 for track in video.tracks) else np.uint16


def paint_visible(video: MaskVideo, frame_index: int, dtype: type[np.integer], losses: Losses) -> np.ndarray:
    """The visible masks of a frame in one image ``(H, W)``: ``track_id + 1``, or 0 for the background.

    Where two overlap the later one is painted over the earlier, and ``losses`` says so.
    """
    labels = np.zeros((video.height, video.width), dtype=dtype)
    for track in video.tracks:
        rle = track.visible[frame_index]
        if rle is None or not rle.area:
            continue
        mask = decode(rle)
        losses["visible masks overlap one before them and are painted over it"] += int(labels[mask].any())
        labels[mask] = track.track_id + 1
    return labels


def count_lost_boxes(video: MaskVideo, losses: Losses) -> None:
    """Count the amodal boxes that are not those of the masks: label images hold no others."""
    for track in video.tracks:
        for box, rle in zip(track.amodal_boxes, track.amodal, strict=False):
            losses["amodal boxes differ from their masks' and are left out"] += int(
                box is not None and box != (rle and rle.box)
            )
