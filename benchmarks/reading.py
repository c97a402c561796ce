"""Cost of reading a training clip, against decoding its 36 images alone: ``python -m benchmarks.reading``."""

import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.measure import against
from eoras.config import ViewConfig
from eoras.data.movi import MoviTracks
from eoras.data.windows import TrainingOrder
from eoras.synthesis.generate import generate
from eoras.synthesis.settings import load_scene_config


def main() -> None:
    """Measure on videos of 256x256 pixels, 24 frames and 8 objects, shuffled, in one process; print JSON."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        config = load_scene_config("movi_b", ["objects.static=[8, 8]"])
        generate(root, config, train_videos=4, test_videos=0, seed=0, workers=2)
        tracks = MoviTracks(root, "train", ViewConfig(), clip_length=12)
        draws = list(TrainingOrder(len(tracks), seed=0))
        files = [_files(root / "train", tracks, draw.track) for draw in draws]
        ratio = against(
            lambda: [tracks[draw] for draw in draws],
            lambda: [np.asarray(Image.open(path)) for clip in files for path in clip],
            repeats=3,
        )
    print(json.dumps({"decode_ratio": round(ratio, 2)}))


def _files(split: Path, tracks: MoviTracks, index: int) -> list[Path]:
    """The 36 images of a clip of the track."""
    track = tracks.tracks[index]
    kinds = ("rgba_full", "segmentation_full", f"segmentation_{track.track_id}")
    return [split / track.video / f"{kind}_{frame:05d}.png" for kind in kinds for frame in range(12)]


if __name__ == "__main__":
    main()
