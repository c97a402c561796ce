import json
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HEIGHT, WIDTH = 48, 64


def left_of(t: int) -> int:
    """First column of the moving object in frame ``t``; it is 12 rows by 10 columns and starts at row 16."""
    return 4 + 2 * t


@pytest.fixture
def write_video() -> Callable[..., Path]:
    """A writer of MOVi videos of two objects: index 0 slides to the right, index 1 stands still at its side."""

    def write(folder: Path, num_frames: int = 6, hidden: Collection[int] = ()) -> Path:
        folder.mkdir(parents=True)
        random = np.random.default_rng(num_frames)
        for t in range(num_frames):
            moving, standing = np.zeros((2, HEIGHT, WIDTH), dtype=np.uint8)
            moving[16:28, left_of(t) : left_of(t) + 10] = 1
            standing[34:44, 8:20] = 2
            visible = standing if t in hidden else np.maximum(moving, standing)
            for name, pixels in (("0", moving), ("1", standing), ("full", visible)):
                Image.fromarray(pixels).save(folder / f"segmentation_{name}_{t:05d}.png")
            frame = random.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=np.uint8)
            Image.fromarray(frame).save(folder / f"rgba_full_{t:05d}.png")
        (folder / "metadata.json").write_text(json.dumps(metadata(num_frames, hidden)))
        return folder

    return write


def metadata(num_frames: int, hidden: Collection[int]) -> dict[str, object]:
    seen = [t for t in range(num_frames) if t not in hidden]
    boxes = [[16 / HEIGHT, left_of(t) / WIDTH, 28 / HEIGHT, (left_of(t) + 10) / WIDTH] for t in seen]
    standing = [[34 / HEIGHT, 8 / WIDTH, 44 / HEIGHT, 20 / WIDTH]] * num_frames
    return {
        "metadata": {"num_frames": num_frames, "height": HEIGHT, "width": WIDTH},
        "camera": {"K": [[1.09375, 0, -0.5], [0, -1.4583, -0.5], [0, 0, -1]]},
        "instances": [
            {"bboxes": boxes, "bbox_frames": seen},
            {"bboxes": standing, "bbox_frames": list(range(num_frames))},
        ],
    }


@pytest.fixture
def write_split(write_video: Callable[..., Path]) -> Callable[..., Path]:
    """A writer of a data folder whose ``train`` split holds the one video ``5``; gives the folder."""

    def write(root: Path, num_frames: int = 6, hidden: Collection[int] = ()) -> Path:
        write_video(root / "train" / "5", num_frames, hidden)
        np.save(root / "train" / "instance_list.npy", np.array(["5-0", "5-1"]))
        return root

    return write
