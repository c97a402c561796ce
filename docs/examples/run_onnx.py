"""Complete an object in a folder of frames, with numpy, Pillow and onnxruntime alone.

Usage: python run_onnx.py EXPORTED FRAMES MASKS OUT. A mask is black where the object is not seen; the names of frames
and masks sort alike. Frames without a mask are left out. The camera is taken to see 60 degrees from left to right.
"""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image


def box_around(seen: np.ndarray, factor: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the seen part ``(H, W)``, enlarged, inside the image."""
    ends = []
    for axis, length in enumerate(seen.shape[::-1]):
        places = np.flatnonzero(seen.any(axis=axis))
        middle, half = (places[0] + places[-1] + 1) / 2, (places[-1] + 1 - places[0]) / 2
        ends.append((max(round(middle - factor * half), 0), min(round(middle + factor * half), length)))
    return ends[0][0], ends[1][0], ends[0][1], ends[1][1]


def camera(size: tuple[int, int], box: tuple[int, int, int, int], convention: str) -> np.ndarray:
    """Intrinsics of an image of ``size`` (width, height), in the convention that the network was trained with."""
    (width, height), (left, top, right, bottom), focal = size, box, 0.5 / math.tan(math.radians(60 / 2))
    unit = np.array([[focal, 0, 0.5], [0, focal * width / height, 0.5], [0, 0, 1]])
    pixel, crop = np.diag([width, height, 1]), np.diag([1 / (right - left), 1 / (bottom - top), 1])
    to_crop = crop @ np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]]) @ pixel
    return {"unit": unit, "kubric": unit * [1, -1, -1], "pixel": pixel @ unit, "crop": to_crop @ unit}[convention]


def answer(
    run: dict, temporal: str, first_slots: np.ndarray, shown: dict[str, np.ndarray], times: np.ndarray
) -> np.ndarray:
    """Logits of the amodal mask in each frame's window: encode, let slots read the frames, decode.

    ``times`` are the frames' positions in the video, int64, of which some may be left out.
    """
    found = run["encode"](shown)
    memories = {name: found.pop(name) for name in list(found) if name.endswith("_memory")}
    count = len(found["front"])
    if temporal == "clip":  # each frame has slots of its own
        slots = run["step"]({"slots": np.stack([first_slots] * count), **memories})["slots_after"]
        return run["decode"]({**found, "clip_slots": slots, "times": times})["amodal_logits"]
    slots, states = np.stack([first_slots] * 2), []
    for step in range(count):
        read = [step, count - 1 - step]  # one walk goes forward, the other back
        slots = run["step"]({"slots": slots, **{name: value[read] for name, value in memories.items()}})["slots_after"]
        states.append(slots)
    forth, back = np.stack(states, axis=1)
    return run["decode"]({**found, "forth": forth, "back": back[::-1]})["amodal_logits"]


def load(path: Path, outputs: dict) -> Callable:
    """A graph as a function, from arrays by name to arrays by name."""
    session = InferenceSession(path)
    return lambda inputs: dict(zip(outputs, session.run(list(outputs), inputs), strict=True))


def main(exported: Path, frames: Path, masks: Path, out: Path) -> None:
    """Write a mask for each frame."""
    about = json.loads((exported / "graphs.json").read_text())
    run = {name: load(exported / graph["file"], graph["outputs"]) for name, graph in about["graphs"].items()}
    view, bilinear, nearest = about["model"]["view"], Image.Resampling.BILINEAR, Image.Resampling.NEAREST
    found, times, shown = [], [], {"frames": [], "intrinsics": [], "visible": []}
    pairs = zip(sorted(frames.iterdir()), sorted(masks.iterdir()), strict=True)
    for index, (path, mask_path) in enumerate(pairs):
        image, seen = Image.open(path).convert("RGB"), np.asarray(Image.open(mask_path).convert("L")) > 0
        if not seen.any():
            continue
        box = box_around(seen, view["enlarge"])
        shown["frames"].append(np.asarray(image.resize((128, 128), bilinear, box)).transpose(2, 0, 1) / 255)
        shown["intrinsics"].append(camera(image.size, box, view["intrinsics"]))
        shown["visible"].append(np.asarray(Image.fromarray(seen).resize((121, 121), nearest, box)))
        found.append((path.stem, image.size, box))
        times.append(index)
    inputs = {name: np.stack(shown[name]).astype(np.float32) for name in about["graphs"]["encode"]["inputs"]}
    out.mkdir(exist_ok=True)
    first_slots = np.load(exported / "slots.npy")
    answers = answer(run, about["model"]["temporal"], first_slots, inputs, np.array(times))
    for (name, size, box), logits in zip(found, answers, strict=True):
        window = Image.fromarray(logits).resize((box[2] - box[0], box[3] - box[1]), bilinear)
        mask = Image.new("L", size)
        mask.paste(Image.fromarray(np.asarray(window) > 0), box)
        mask.save(out / f"{name}.png")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
