"""What all writers of the layout of MOVi share: label images, boxes, the list of tracks (formats part A)."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from eoras.errors import DataError
from eoras.files import write_beside

__all__ = ["check_movi_name", "label_image", "save_image", "share_box", "write_instance_list"]


def check_movi_name(name: str, where: str) -> None:
    """See that a video's name can stand in ``instance_list.npy`` (formats A.4).

    Raises:
        DataError: it holds a hyphen.
    """
    if "-" in name:
        raise DataError(
            f"{where}: a video's name must hold no '-', which parts it from the track in instance_list.npy; rename it"
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


def label_image(labels: np.ndarray) -> Image.Image:
    """An image whose pixels are the labels.

    Args:
        labels: ``(H, W)``; uint8 gives mode P and a colour for each label, uint16 grey of 16 bits.
    """
    image = Image.fromarray(labels)
    if labels.dtype == np.uint8:
        image.putpalette(_palette())
    return image


def save_image(path: Path, image: Image.Image, *, compress_level: int = 6) -> None:
    """Write a PNG, or where the name says so a TIFF.

    Args:
        path: the file.
        image: its content.
        compress_level: of a PNG, 0 to 9; 1 takes less than half the time of 6.
    """
    # through memory: Pillow's own writing into a file hides the reason when the disk is full
    buffer = BytesIO()
    if path.suffix == ".tiff":
        image.save(buffer, "TIFF")
    else:
        image.save(buffer, "PNG", compress_level=compress_level)
    path.write_bytes(buffer.getvalue())


def share_box(mask: np.ndarray) -> list[float]:
    """The box of a bool ``(H, W)``: [ymin, xmin, ymax, xmax] in 0..1, half-open; zeros where the mask is empty."""
    if not mask.any():
        return [0.0, 0.0, 0.0, 0.0]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    (height, width), (top, bottom), (left, right) = mask.shape, rows[[0, -1]], columns[[0, -1]]
    return [top / height, left / width, (bottom + 1) / height, (right + 1) / width]


def _palette() -> bytes:
    """The colours of Pascal VOC's label images: the bits of the label, dealt in turn to red, green and blue."""
    labels, channels, bits = np.ogrid[:256, :3, :3]
    return (((labels >> 3 * bits + channels) & 1) << 7 - bits).sum(axis=2).astype(np.uint8).tobytes()


def _seen_instances(path: Path) -> list[int]:
    """Indices of the instances with a box in a ``metadata.json``."""
    try:
        instances = json.loads(path.read_text())["instances"]
        return [k for k, instance in enumerate(instances) if instance["bbox_frames"]]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: expected the metadata of a MOVi video, found {error!r}; write the video again"
        ) from error
