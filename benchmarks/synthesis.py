"""Cost of making a video, by stage: ``python -m benchmarks.synthesis``."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from benchmarks.memory import peak_memory_mb
from eoras.synthesis.annotate import annotate
from eoras.synthesis.compose import compose
from eoras.synthesis.render import render
from eoras.synthesis.settings import load_scene_config
from eoras.synthesis.write import write_video

_VIDEOS = 6

T = TypeVar("T")


def main() -> None:
    """Measure videos of 24 frames, 256x256 pixels and 8 objects, with both cameras, in one process; print JSON."""
    config = load_scene_config("movi_b", ["objects.static=[8, 8]"])
    render(compose(config, seed=1, index=0, split="train"))  # compiles, or loads what was compiled before
    stages: dict[str, list[float]] = {}

    def timed(stage: str, work: Callable[[], T]) -> T:
        began = time.process_time()
        result = work()
        stages.setdefault(f"cpu_seconds_{stage}", []).append(time.process_time() - began)
        return result

    with tempfile.TemporaryDirectory() as folder:
        for index in range(_VIDEOS):
            scene = timed("compose", lambda index=index: compose(config, seed=0, index=index, split="train"))
            video = timed("render", lambda scene=scene: render(scene))
            timed("write", lambda index=index, video=video: write_video(Path(folder) / str(index), video))
            timed("labels_alone", lambda scene=scene: annotate(scene))
    figures = {name: statistics.median(seconds) for name, seconds in stages.items()}
    total = sum(seconds for name, seconds in figures.items() if not name.endswith("alone"))
    rounded = {name: round(seconds, 2) for name, seconds in {**figures, "cpu_seconds": total}.items()}
    print(json.dumps({**rounded, "peak_memory_mb": round(peak_memory_mb())}))


if __name__ == "__main__":
    main()
