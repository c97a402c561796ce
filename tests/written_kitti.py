"""Small folders in the layout of KINS_Video_Car: a car that drives to the right behind a post."""

import pickle
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask

__all__ = ["HEIGHT", "WIDTH", "edit_pickle", "encode", "write_kitti_split", "write_kitti_video"]

HEIGHT, WIDTH = 40, 96
CALIBRATION = """\
P0: 7 0 3 0 0 7 2 0 0 0 1 0
P1: 7 0 3 0 0 7 2 0 0 0 1 0
P2: 72 0 48 4.5 0 70 20 0.2 0 0 1 0.003
P3: 7 0 3 0 0 7 2 0 0 0 1 0
R0_rect: 1 0 0 0 1 0 0 0 1
Tr_velo_to_cam: 1 0 0 0 0 1 0 0 0 0 1 0
"""


def encode(pixels: np.ndarray) -> dict[str, Any]:
    """COCO's compressed form of a mask."""
    return {**mask.encode(np.asfortranarray(pixels, dtype=np.uint8))}


def write_kitti_split(
    root: Path,
    split: str,
    *,
    video: str = "2011_09_26_drive_0001_sync_02",
    track_ids: Sequence[int] = (7,),
    frames: Sequence[int] = range(1, 13),
    annotated: Collection[int] = (4, 8, 12),
) -> Path:
    """Write the split's pickles, and the video with the calibration of its day; gives the root."""
    random = np.random.default_rng(len(video))
    images = random.integers(0, 256, (max(frames) + 1, HEIGHT, WIDTH, 3), dtype=np.uint8)
    visible, amodal = np.zeros((2, len(images), HEIGHT, WIDTH), bool)
    for t in frames:
        amodal[t, 12:24, 10 + 2 * t : 34 + 2 * t] = t in annotated
        visible[t, 12:24, 10 + 2 * t : 26 + 2 * t] = True
    tracks = {track_id: {t: (visible[t], amodal[t]) for t in frames} for track_id in track_ids}
    return write_kitti_video(root, split, video, images, tracks)


def write_kitti_video(
    root: Path,
    split: str,
    video: str,
    images: np.ndarray,
    tracks: Mapping[int, Mapping[int, tuple[np.ndarray, np.ndarray]]],
) -> Path:
    """Write a split of one video with the calibration of its day; gives the root.

    ``images`` are uint8 ``(T, H, W, 3)``; ``tracks`` hold a visible and an amodal mask a frame.
    """
    folder = root / "Kitti" / "raw_video" / video[:10] / video
    (root / "Kitti" / "calib").mkdir(parents=True, exist_ok=True)
    (root / "Kitti" / "calib" / f"{int(video[8:10])}.txt").write_text(CALIBRATION)
    folder.mkdir(parents=True)
    (root / "car_data").mkdir(exist_ok=True)
    for t, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{t:010d}.png")
    nothing = encode(np.zeros(images.shape[1:3], bool))
    visible = {
        track_id: {
            t: {"VM": encode(seen), "VM_bbox": _bounds(seen), "loss_mask": nothing} for t, (seen, _) in frames.items()
        }
        for track_id, frames in tracks.items()
    }
    amodal = {
        track_id: {t: {"FM": encode(whole)} for t, (_, whole) in frames.items()} for track_id, frames in tracks.items()
    }
    for name, content in (("data", visible), ("data_full_mask", amodal)):
        (root / "car_data" / f"{split}_{name}.pkl").write_bytes(pickle.dumps({video: content}))
    return root


def _bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    """First row, last row, first column, last column of a mask; zeros where it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])) if len(rows) else (0, 0, 0, 0)


def edit_pickle(path: Path, change: Any) -> None:
    """Change what a pickle of one video holds: ``change`` is given its tracks."""
    content = pickle.loads(path.read_bytes())
    change(next(iter(content.values())))
    path.write_bytes(pickle.dumps(content))
