"""Small folders in the layout of KINS_Video_Car: a car that drives to the right behind a post."""

import pickle
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask

__all__ = ["HEIGHT", "WIDTH", "edit_pickle", "encode", "write_kitti_split"]

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
    folder = root / "Kitti" / "raw_video" / video[:10] / video
    (root / "Kitti" / "calib").mkdir(parents=True, exist_ok=True)
    (root / "Kitti" / "calib" / f"{int(video[8:10])}.txt").write_text(CALIBRATION)
    folder.mkdir(parents=True)
    (root / "car_data").mkdir(exist_ok=True)
    random = np.random.default_rng(len(video))
    for t in range(max(frames) + 1):
        pixels = random.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{t:010d}.png")
    visible: dict[int, Any] = {}
    amodal: dict[int, Any] = {}
    for track_id in track_ids:
        visible[track_id], amodal[track_id] = {}, {}
        for t in frames:
            whole, seen, nothing = np.zeros((3, HEIGHT, WIDTH), bool)
            whole[12:24, 10 + 2 * t : 34 + 2 * t] = True
            seen[12:24, 10 + 2 * t : 26 + 2 * t] = True
            visible[track_id][t] = {
                "VM": encode(seen),
                "VM_bbox": (12, 23, 10 + 2 * t, 25 + 2 * t),
                "loss_mask": encode(nothing),
            }
            amodal[track_id][t] = {"FM": encode(whole if t in annotated else nothing)}
    for name, tracks in (("data", visible), ("data_full_mask", amodal)):
        (root / "car_data" / f"{split}_{name}.pkl").write_bytes(pickle.dumps({video: tracks}))
    return root


def edit_pickle(path: Path, change: Any) -> None:
    """Change what a pickle of one video holds: ``change`` is given its tracks."""
    content = pickle.loads(path.read_bytes())
    change(next(iter(content.values())))
    path.write_bytes(pickle.dumps(content))
