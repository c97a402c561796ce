"""A video with its whole truth, and how it is written in the layout of MOVi (formats part A)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from eoras.errors import DataError
from eoras.files import write_beside, write_folder_beside

__all__ = ["AnnotatedVideo", "Camera", "rotation_matrices", "write_instance_list", "write_video"]


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera in Kubric's convention: +x right, +y up, it looks along -z (formats 6.1).

    Attributes:
        height: rows of its images.
        width: columns of its images; pixels are square.
        positions: float ``(T, 3)``, world units.
        quaternions: float ``(T, 4)``, rotation world_from_camera as (w, x, y, z), of length 1.
        focal_length: millimetres.
        sensor_width: millimetres.
    """

    height: int
    width: int
    positions: np.ndarray
    quaternions: np.ndarray
    focal_length: float = 35.0
    sensor_width: float = 32.0

    @property
    def intrinsics(self) -> np.ndarray:
        """float64 ``(3, 3)``: camera coordinates to the unit square (u right, v down), third row (0, 0, -1)."""
        fx = self.focal_length / self.sensor_width
        fy = fx * self.width / self.height
        return np.array([[fx, 0.0, -0.5], [0.0, -fy, -0.5], [0.0, 0.0, -1.0]])

    @property
    def field_of_view(self) -> float:
        """Angle from the left border to the right one, in radians."""
        return float(2 * np.arctan(self.sensor_width / (2 * self.focal_length)))

    @property
    def world_from_camera(self) -> np.ndarray:
        """float64 ``(T, 4, 4)``: pose of each frame."""
        poses = np.tile(np.eye(4), (len(self.positions), 1, 1))
        poses[:, :3, :3] = rotation_matrices(self.quaternions)
        poses[:, :3, 3] = self.positions
        return poses

    def project(self, points: np.ndarray) -> np.ndarray:
        """Where points of the world appear.

        Args:
            points: float ``(T, ..., 3)``, world units, in front of the camera.

        Returns:
            float64 ``(T, ..., 2)``: (u, v), 0..1 over the image; the centre of pixel i lies at (i + 0.5) / width.
        """
        length = len(self.positions)
        offsets = points.reshape(length, -1, 3) - self.positions[:, None]
        # points are rows, so that the inverse rotation is the matrix on the right, untransposed
        homogeneous = offsets @ rotation_matrices(self.quaternions) @ self.intrinsics.T
        return (homogeneous[..., :2] / homogeneous[..., 2:]).reshape(*points.shape[:-1], 2)


@dataclass(frozen=True, kw_only=True)
class AnnotatedVideo:
    """A video seen by a main camera and from above, with the truth of each instance.

    Attributes:
        frames: uint8 ``(T, H, W, 3)``, RGB.
        visible: uint8 ``(T, H, W)``, labels: 0 is background, k + 1 the seen part of instance k.
        amodal: bool ``(N, T, H, W)``, seen or hidden parts inside the image.
        depth: float32 ``(T, H, W)``, distance to the camera's centre along the ray of the pixel's centre, world units.
        camera: the main camera.
        bev_frames: uint8 ``(T, h, w, 3)``, RGB, seen from above.
        bev_amodal: bool ``(N, T, h, w)``, the same instances seen from above.
        bev_camera: the camera above.
        boxes_3d: float ``(N, T, 8, 3)``, corners of the oriented boxes in world units; corner ``4 ix + 2 iy + iz`` with
            0 for the smaller and 1 for the larger end of the object's own axes (formats A.3.1).
        instances: per instance what else ``metadata.json`` is to say (formats A.3.4): plain values or arrays.
        metadata: what else its ``metadata`` is to say, such as the seed.
    """

    frames: np.ndarray
    visible: np.ndarray
    amodal: np.ndarray
    depth: np.ndarray
    camera: Camera
    bev_frames: np.ndarray
    bev_amodal: np.ndarray
    bev_camera: Camera
    boxes_3d: np.ndarray
    instances: tuple[Mapping[str, Any], ...]
    metadata: Mapping[str, Any]

    def __post_init__(self) -> None:
        count, length, height, width = self.amodal.shape
        bev = (self.bev_camera.height, self.bev_camera.width)
        assert count <= 255, "labels have 8 bits"
        assert (self.camera.height, self.camera.width) == (height, width)
        assert self.frames.shape == (length, height, width, 3)
        assert self.visible.shape == self.depth.shape == (length, height, width)
        assert self.bev_frames.shape == (length, *bev, 3)
        assert self.bev_amodal.shape == (count, length, *bev)
        assert self.boxes_3d.shape == (count, length, 8, 3)
        assert len(self.instances) == count
        assert len(self.camera.positions) == len(self.bev_camera.positions) == length

    def ordered(self) -> "AnnotatedVideo":
        """The same video without the instances that are never seen, the most visible first, as Kubric orders them."""
        pixels = np.bincount(self.visible.ravel(), minlength=len(self.amodal) + 1)[1:]
        order = [k for k in np.argsort(-pixels, kind="stable") if pixels[k]]
        labels = np.zeros(len(pixels) + 1, np.uint8)
        labels[1 + np.array(order, int)] = np.arange(1, len(order) + 1)
        return replace(
            self,
            visible=labels[self.visible],
            amodal=self.amodal[order],
            bev_amodal=self.bev_amodal[order],
            boxes_3d=self.boxes_3d[order],
            instances=tuple(self.instances[k] for k in order),
        )


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


def rotation_matrices(quaternions: np.ndarray) -> np.ndarray:
    """Matrices of rotations.

    Args:
        quaternions: float ``(..., 4)`` as (w, x, y, z), of length 1.

    Returns:
        float64 ``(..., 3, 3)``, for column vectors.
    """
    w, x, y, z = np.moveaxis(np.asarray(quaternions, np.float64), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


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
