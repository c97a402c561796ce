"""Memory of predicting a long video: ``python -m benchmarks.prediction [SHORT LONG]``, 500 and 10,000 frames.

Five objects cross 1280x720 frames that are made as they are asked for; masks and results take the way of a user's: runs
of all masks first, then images and ``result.json`` on disk. The network is the one that comes with the package.
"""

import json
import sys
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from subprocess import PIPE, run
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.memory import peak_memory_mb
from eoras.data.masks import Rle, encode
from eoras.prediction.predictor import AmodalPredictor

_HEIGHT, _WIDTH, _OBJECTS, _PERIOD = 720, 1280, 5, 400


def frames(length: int) -> Iterator[np.ndarray]:
    """Noise that is rolled on, as different from frame to frame as that costs little."""
    noise = np.random.default_rng(0).integers(0, 256, (_HEIGHT, _WIDTH, 3), dtype=np.uint8)
    for t in range(length):
        yield np.roll(noise, t, axis=1)


@lru_cache(maxsize=_OBJECTS * _PERIOD)
def mask(t: int, k: int) -> Rle:
    """A disk with a wavy border on its way through the image and back; hidden for a moment now and then."""
    rows, columns = np.ogrid[:_HEIGHT, :_WIDTH]
    row, column = 100 + 130 * k, 150 + abs(t - _PERIOD // 2) * 5
    radius = (90 + 8 * np.sin(rows / 3 + t)) * (t % 50 > 4)
    return encode((rows - row) ** 2 + (columns - column) ** 2 < radius**2)


def masks(length: int) -> Iterator[dict[int, Rle]]:
    """Those of each frame."""
    return ({k: mask((t + 37 * k) % _PERIOD, k) for k in range(_OBJECTS)} for t in range(length))


def measure(length: int) -> dict[str, float | str]:
    """Predict a video of some length in this process."""
    model = AmodalPredictor.from_pretrained(device="cpu")
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        model.write(Path(folder) / "out", frames(length), masks(length), end=length)
        seconds = time.perf_counter() - began
    return {"model": model.name, "seconds": round(seconds, 1), "peak_memory_mb": round(peak_memory_mb())}


def main(short: int = 500, long: int = 10_000) -> None:
    """Measure two lengths, each in a process of its own, for the sake of its peak memory; print JSON."""
    results = []
    for length in (short, long):
        command = [sys.executable, "-m", "benchmarks.prediction", str(length)]
        results.append(json.loads(run(command, check=True, stdout=PIPE, text=True).stdout))
    growth = results[1]["peak_memory_mb"] - results[0]["peak_memory_mb"]
    print(json.dumps({**results[1], "frames": long, "growth_mb": growth}))


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    if len(numbers) == 1:
        print(json.dumps(measure(numbers[0])))
    else:
        main(*numbers)
