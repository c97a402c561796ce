"""Writing a video with its whole truth in the layout of MOVi (formats part A)."""

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from eoras.errors import DataError
from eoras.files import write_beside, write_folder_beside
from eoras.synthesis.video import AnnotatedVideo, Camera

__all__ = ["write_instance_list", "write_video"]


def write_video(folder: Path, video: AnnotatedVideo) -> None:
    """Write a video as a folder that the official loader reads (formats A.1 to A.3), without optical flow.

    Instances are written in the order of ``AnnotatedVideo.ordered``. The folder appears when it is complete.

    Args:
        folder: the folder to make; its name is the name of the video.
        video: what to write.

    Raises:
        DataError: the video's name holds a hyphen.
        RunError: the disk is full, ``folder`` cannot be written, or it exists.
    """
    if "-" in folder.name:
        raise DataError(
            f"{folder}: a video's name must hold no '-', which parts it from the track in instance_list.npy"
        )
    video = video.ordered()
    with write_folder_beside(folder) as beside:
        _write_images(beside, video)
        _write_json(beside / "metadata.json", _main_record(video))
        _write_json(beside / "metadata_bev.json", _bev_record(video))
        _write_json(
            beside / "data_ranges.json", {f"{way}_flow": {"min": 0.0, "max": 0.0} for way in ("forward", "backward")}
        )


def write_instance_list(split_folder: Path) -> None:
    """Write ``instance_list.npy``: each instance of each video in the folder that is seen at least once (formats A.4).

    Args:
        split_folder: ``train`` or ``test``, full of video folders.

    Raises:
        DataError: a video's ``metadata.json`` is damaged.
        RunError: the disk is full, or the folder cannot be written.
    """
    videos = {path.parent.name: path for path in split_folder.glob("[!.]*/metadata.json")}
    names = sorted(videos, key=lambda name: (len(name), name))  # 2 before 10
    entries = [f"{name}-{k}" for name in names for k in _seen_instances(videos[name])]
    with write_beside(split_folder / "instance_list.npy") as beside, beside.open("wb") as file:
        np.save(file, np.array(entries, dtype=np.str_))


def _write_images(folder: Path, video: AnnotatedVideo) -> None:
    """Write every image file of formats A.2 but the optional flow."""
    for t in range(len(video.frames)):
        _save(folder / f"rgba_full_{t:05d}.png", _opaque(video.frames[t]))
        _save(folder / f"rgba_bev_full_{t:05d}.png", _opaque(video.bev_frames[t]))
        _save(folder / f"segmentation_full_{t:05d}.png", _palette_image(video.visible[t]))
        _save(folder / f"depth_full_{t:05d}.tiff", Image.fromarray(video.depth[t].astype(np.float32)))
        for k in range(len(video.amodal)):
            label = np.uint8(k + 1)
            _save(folder / f"segmentation_{k}_{t:05d}.png", _palette_image(video.amodal[k, t] * label))
            _save(folder / f"segmentation_bev_{k}_{t:05d}.png", _palette_image(video.bev_amodal[k, t] * label))


def _opaque(frame: np.ndarray) -> Image.Image:
    image = Image.fromarray(frame)
    image.putalpha(255)
    return image


def _palette_image(labels: np.ndarray) -> Image.Image:
    """An image of mode P whose pixels are the labels; each label gets another colour."""
    image = Image.fromarray(labels)
    image.putpalette(_palette())
    return image


def _palette() -> bytes:
    """The colours of Pascal VOC's label images: the bits of the label, dealt in turn to red, green and blue."""
    labels, channels, bits = np.ogrid[:256, :3, :3]
    return (((labels >> 3 * bits + channels) & 1) << 7 - bits).sum(axis=2).astype(np.uint8).tobytes()


def _save(path: Path, image: Image.Image) -> None:
    # through memory: Pillow's own writing into a file hides the reason when the disk is full
    buffer = BytesIO()
    image.save(buffer, "TIFF" if path.suffix == ".tiff" else "PNG")
    path.write_bytes(buffer.getvalue())


def _main_record(video: AnnotatedVideo) -> dict[str, Any]:
    """``metadata.json`` (formats A.3.1, A.3.4)."""
    records = []
    for k, more in enumerate(video.instances):
        seen = video.visible == k + 1
        frames = np.flatnonzero(seen.any(axis=(1, 2)))
        record = {"bboxes": [_box(seen[t]) for t in frames], "bbox_frames": frames, "bboxes_3d": video.boxes_3d[k]}
        records.append({**more, **record, "visibility": seen.sum(axis=(1, 2))})
    return _record(video, video.camera, records)


def _bev_record(video: AnnotatedVideo) -> dict[str, Any]:
    """``metadata_bev.json``: a box for every frame, for it is looked up by frame number (formats A.3.2)."""
    frames = range(len(video.frames))
    records = [
        {"bboxes": [_box(mask) for mask in masks], "bbox_frames": list(frames), "bboxes_3d": boxes_3d}
        for masks, boxes_3d in zip(video.bev_amodal, video.boxes_3d, strict=True)
    ]
    return _record(video, video.bev_camera, records)


def _record(video: AnnotatedVideo, camera: Camera, instances: list[dict[str, Any]]) -> dict[str, Any]:
    size = {"height": camera.height, "width": camera.width, "resolution": [camera.width, camera.height]}
    return {
        "metadata": {**video.metadata, **size, "num_frames": len(video.frames), "num_instances": len(instances)},
        "camera": {
            "K": camera.intrinsics,
            "R": camera.world_from_camera[-1],
            "focal_length": camera.focal_length,
            "sensor_width": camera.sensor_width,
            "field_of_view": camera.field_of_view,
            "positions": camera.positions,
            "quaternions": camera.quaternions,
        },
        "instances": instances,
    }


def _box(mask: np.ndarray) -> list[float]:
    """[ymin, xmin, ymax, xmax] in 0..1, half-open; zeros where the mask is empty."""
    if not mask.any():
        return [0.0, 0.0, 0.0, 0.0]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    (height, width), (top, bottom), (left, right) = mask.shape, rows[[0, -1]], columns[[0, -1]]
    return [top / height, left / width, (bottom + 1) / height, (right + 1) / width]


def _write_json(path: Path, record: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(record, default=lambda array: array.tolist()))


def _seen_instances(path: Path) -> list[int]:
    """Indices of the instances with a box in a ``metadata.json``."""
    try:
        instances = json.loads(path.read_text())["instances"]
        return [k for k, instance in enumerate(instances) if instance["bbox_frames"]]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: expected the metadata of a MOVi video, found {error!r}; write the video again"
        ) from error
