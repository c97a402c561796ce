"""Cost of reading a training clip, against decoding its 36 images alone: ``python -m benchmarks.reading``."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.measure import against
from eoras.config import TrainingConfig, ViewConfig
from eoras.data.caching import build_cache
from eoras.data.movi import MoviTracks
from eoras.data.windows import Draw, TrainingOrder
from eoras.movi_files import write_instance_list
from eoras.synthesis.generate import generate
from eoras.synthesis.settings import load_scene_config

_MADE, _COPIES = 4, 8  # videos, and how often each is there under other names
_CLIPS = 128  # those of the first shuffling window, so that each frame is met for the first time and then again
_DECODED = 32  # of these, for the yardstick


def main() -> None:
    """Measure on videos of 256x256 pixels, 24 frames and 8 objects, shuffled, in one process; print JSON."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        _make_videos(root)
        tracks = _open(root)
        order = TrainingOrder([track.video for track in tracks.tracks], 0, TrainingConfig().shuffle_videos)
        draws = list(order)[:_CLIPS]
        files = [path for draw in draws[:_DECODED] for path in _files(root / "train", tracks, draw)]
        ratios = {"decode_ratio": _ratio(root, draws, files)}
        build_cache(root)
        ratios["decode_ratio_cache"] = _ratio(root, draws, files)
    print(json.dumps(ratios))


def _make_videos(root: Path) -> None:
    config = load_scene_config("movi_b", ["objects.static=[8, 8]"])
    generate(root, [config], train_videos=_MADE, test_videos=0, seed=0, workers=2)
    for index in range(_MADE, _MADE * _COPIES):
        original = root / "train" / str(index % _MADE)
        shutil.copytree(original, root / "train" / str(index), copy_function=os.link)
    write_instance_list(root / "train")


def _open(root: Path) -> MoviTracks:
    """As a worker does in each epoch: nothing is kept from before."""
    return MoviTracks(root, "train", ViewConfig(), clip_length=TrainingConfig().clip_length)


def _ratio(root: Path, draws: list[Draw], files: list[Path]) -> float:
    def read() -> None:
        tracks = _open(root)
        for draw in draws:
            tracks[draw]

    ratio = against(read, lambda: [np.asarray(Image.open(path)) for path in files], repeats=3)
    return round(ratio * _DECODED / _CLIPS, 2)


def _files(split: Path, tracks: MoviTracks, draw: Draw) -> list[Path]:
    """The 36 images of a clip of the track."""
    track = tracks.tracks[draw.track]
    kinds = ("rgba_full", "segmentation_full", f"segmentation_{track.track_id}")
    return [split / track.video / f"{kind}_{frame:05d}.png" for kind in kinds for frame in range(12)]


if __name__ == "__main__":
    main()
