"""The layout of MOVi: a split's folder, full of video folders (formats A.1 to A.5)."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from eoras.data.annotations import MaskTrack, MaskVideo, check_name
from eoras.data.cameras import convert_matrix, guess_intrinsics
from eoras.data.formats.format import Losses, Source
from eoras.data.formats.labels import count_lost_boxes, label_type, paint_visible
from eoras.data.images import read_frame, read_labels
from eoras.data.masks import Rle, decode, empty, encode
from eoras.data.movi_metadata import Metadata, read_metadata
from eoras.errors import DataError
from eoras.files import write_folder_beside
from eoras.movi_files import check_movi_name, label_image, save_image, share_box, write_instance_list

__all__ = ["read", "recognises", "write"]

_VIDEOS = "[!.]*/metadata.json"


def recognises(source: Source) -> bool:
    """Whether the source is a folder with ``VIDEO/metadata.json``, or one of such folders."""
    return any(any(source.path.glob(f"{above}{_VIDEOS}")) for above in ("", "[!.]*/"))


def read(source: Source) -> Iterator[MaskVideo]:
    """Give the videos of a split's folder, whether listed or not.

    A frame of an object that lies in its ``bbox_frames`` must have all files; any other without an amodal image is
    not annotated.

    Raises:
        DataError: a file is missing, damaged or inconsistent, or the folder is not that of one split.
    """
    folders = sorted(path.parent for path in source.path.glob(_VIDEOS))
    if not folders:
        raise DataError(
            f"{source.path}: expected folders VIDEO/ with metadata.json, found none; name one split, such as "
            f"{source.path / 'train'}"
        )
    for folder in sorted(folders, key=lambda folder: (len(folder.name), folder.name)):  # 2 before 10
        yield _read_video(folder)


def write(out: Path, videos: Iterable[MaskVideo]) -> Losses:
    """Write a split's folder that ``MoviTracks`` reads, with ``instance_list.npy``.

    A frame of an object that is not annotated gets no amodal image and no box, so that nobody trains on it.

    Args:
        out: the folder to make, such as ``DATA/train``.
        videos: what to write.

    Returns:
        What the layout cannot hold.

    Raises:
        DataError: a video's name holds a hyphen, an annotated frame has no image, or there are too many tracks.
        RunError: the disk is full, ``out`` cannot be written, or it exists.
    """
    losses = Losses()
    with write_folder_beside(out) as beside:
        for video in videos:
            check_movi_name(video.name, video.name)
            _write_video(beside / video.name, video, losses)
        write_instance_list(beside)
    return losses


def _read_video(folder: Path) -> MaskVideo:
    metadata = read_metadata(folder / "metadata.json")
    times = range(metadata.header.num_frames)
    shared = [_shared_frame(folder, metadata, t) for t in times]
    images = [folder / f"rgba_full_{t:05d}.png" for t in times]
    tracks = [_read_track(folder, metadata, k, shared) for k in range(len(metadata.instances))]
    return MaskVideo(
        name=check_name(folder.name, str(folder)),
        height=metadata.header.size[0],
        width=metadata.header.size[1],
        images=tuple(path if path.is_file() else None for path in images),
        tracks=tuple(track for track in tracks if any(map(track.is_annotated, times))),
        pixel_intrinsics=convert_matrix(metadata.camera.intrinsics, "kubric", "pixel", *metadata.header.size),
    )


def _shared_frame(folder: Path, metadata: Metadata, t: int) -> dict[int, Rle] | None:
    """The visible masks of a frame by label, or None where the frame has no label image."""
    path = folder / f"segmentation_full_{t:05d}.png"
    if not path.exists() and not any(t in seen.bbox_frames for seen in metadata.instances):
        return None
    labels = read_labels(path, *metadata.header.size).numpy()
    return {int(label): encode(labels == label) for label in np.unique(labels)}


def _read_track(folder: Path, metadata: Metadata, k: int, shared: list[dict[int, Rle] | None]) -> MaskTrack:
    instance = metadata.instances[k]
    nothing = empty(*metadata.header.size)
    visible: list[Rle | None] = []
    amodal: list[Rle | None] = []
    for t, seen in enumerate(shared):
        path = folder / f"segmentation_{k}_{t:05d}.png"
        known = path.exists() or t in instance.bbox_frames
        amodal.append(encode(read_labels(path, *metadata.header.size).numpy() == k + 1) if known else None)
        visible.append(None if seen is None else seen.get(k + 1, nothing if known else None))
    return MaskTrack(
        track_id=k,
        category=instance.category if isinstance(instance.category, str) else "object",
        visible=tuple(visible),
        amodal=tuple(amodal),
    )


def _write_video(folder: Path, video: MaskVideo, losses: Losses) -> None:
    dtype = label_type(video, 65535, "MOVi's layout")
    count_lost_boxes(video, losses)
    folder.mkdir()
    instances: list[dict[str, Any]] = [
        {"bboxes": [], "bbox_frames": [], "bboxes_3d": []}
        for _ in range(max((track.track_id + 1 for track in video.tracks), default=0))
    ]
    for track in video.tracks:
        instances[track.track_id]["category"] = track.category
    for t in range(video.length):
        labels = paint_visible(video, t, dtype, losses)
        _write_frame(folder, video, t, labels)
        _write_masks(folder, video, t, labels, instances, losses)
    losses["tracks are seen in no frame with an amodal mask and not listed, so nobody trains on them"] += sum(
        not instances[track.track_id]["bbox_frames"] for track in video.tracks
    )
    (folder / "metadata.json").write_text(json.dumps(_metadata(video, instances, losses)))


def _write_frame(folder: Path, video: MaskVideo, t: int, labels: np.ndarray) -> None:
    """Write what belongs to the whole frame: its image, and the labels of all objects that are seen."""
    image = video.images[t]
    if image is not None:
        picture = Image.fromarray(read_frame(image, video.height, video.width).permute(1, 2, 0).numpy())
        picture.putalpha(255)
        save_image(folder / f"rgba_full_{t:05d}.png", picture)
    elif any(track.is_annotated(t) for track in video.tracks):
        raise DataError(
            f"{video.name}: expected an image of frame {t}, which MOVi's layout needs, found none; name the images in "
            "the source, or convert to a format that does without"
        )
    if any(track.visible[t] is not None for track in video.tracks):
        save_image(folder / f"segmentation_full_{t:05d}.png", label_image(labels))


def _write_masks(
    folder: Path, video: MaskVideo, t: int, labels: np.ndarray, instances: list[dict[str, Any]], losses: Losses
) -> None:
    """Write the amodal masks of a frame, and note the boxes of the visible ones."""
    somebody = any(track.visible[t] is not None for track in video.tracks)
    for track in video.tracks:
        visible, amodal, label = track.visible[t], track.amodal[t], labels.dtype.type(track.track_id + 1)
        losses["visible masks are not annotated and read as not seen"] += int(
            visible is None and amodal is not None and somebody
        )
        losses["visible masks are empty and read as not annotated, for there is no amodal mask"] += int(
            visible is not None and not visible.area and amodal is None
        )
        if amodal is None:
            continue
        save_image(folder / f"segmentation_{track.track_id}_{t:05d}.png", label_image(decode(amodal) * label))
        if (seen := labels == label).any():
            instances[track.track_id]["bboxes"].append(share_box(seen))
            instances[track.track_id]["bbox_frames"].append(t)


def _metadata(video: MaskVideo, instances: list[dict[str, Any]], losses: Losses) -> dict[str, Any]:
    size = {"height": video.height, "width": video.width, "resolution": [video.width, video.height]}
    if not video.pixel_intrinsics:
        losses["videos tell no camera and get that of Kubric, 35 mm on 32 mm"] += 1
    matrix = video.pixel_intrinsics or guess_intrinsics(video.height, video.width)
    return {
        "metadata": {**size, "num_frames": video.length, "num_instances": len(instances)},
        "camera": {"K": convert_matrix(matrix, "pixel", "kubric", video.height, video.width)},
        "instances": instances,
    }
