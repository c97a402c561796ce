"""Writing a video with its whole truth in the layout of MOVi (formats part A)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from eoras.files import write_folder_beside
from eoras.movi_files import check_movi_name, label_image, save_image, share_box
from eoras.synthesis.video import AnnotatedVideo, Camera

__all__ = ["write_video"]


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
    check_movi_name(folder.name, str(folder))
    video = video.ordered()
    with write_folder_beside(folder) as beside:
        _write_images(beside, video)
        _write_json(beside / "metadata.json", _main_record(video))
        _write_json(beside / "metadata_bev.json", _bev_record(video))
        _write_json(
            beside / "data_ranges.json", {f"{way}_flow": {"min": 0.0, "max": 0.0} for way in ("forward", "backward")}
        )


def _write_images(folder: Path, video: AnnotatedVideo) -> None:
    """Write every image file of formats A.2 but the optional flow."""
    for t in range(len(video.frames)):
        save_image(folder / f"rgba_full_{t:05d}.png", _opaque(video.frames[t]))
        save_image(folder / f"rgba_bev_full_{t:05d}.png", _opaque(video.bev_frames[t]))
        save_image(folder / f"segmentation_full_{t:05d}.png", label_image(video.visible[t]))
        save_image(folder / f"depth_full_{t:05d}.tiff", Image.fromarray(video.depth[t].astype(np.float32)))
        for k in range(len(video.amodal)):
            label = np.uint8(k + 1)
            save_image(folder / f"segmentation_{k}_{t:05d}.png", label_image(video.amodal[k, t] * label))
            save_image(folder / f"segmentation_bev_{k}_{t:05d}.png", label_image(video.bev_amodal[k, t] * label))


def _opaque(frame: np.ndarray) -> Image.Image:
    image = Image.fromarray(frame)
    image.putalpha(255)
    return image


def _main_record(video: AnnotatedVideo) -> dict[str, Any]:
    """``metadata.json`` (formats A.3.1, A.3.4)."""
    records = []
    for k, more in enumerate(video.instances):
        seen = video.visible == k + 1
        frames = np.flatnonzero(seen.any(axis=(1, 2)))
        record = {"bboxes": [share_box(seen[t]) for t in frames], "bbox_frames": frames, "bboxes_3d": video.boxes_3d[k]}
        records.append({**more, **record, "visibility": seen.sum(axis=(1, 2))})
    return _record(video, video.camera, records)


def _bev_record(video: AnnotatedVideo) -> dict[str, Any]:
    """``metadata_bev.json``: a box for every frame, for it is looked up by frame number (formats A.3.2)."""
    frames = range(len(video.frames))
    records = [
        {"bboxes": [share_box(mask) for mask in masks], "bbox_frames": list(frames), "bboxes_3d": boxes_3d}
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


def _write_json(path: Path, record: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(record, default=lambda array: array.tolist()))
