"""The golden MOVi instances as tests here need them: read with nothing but Pillow."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from eoras.clip import Clip, Truth
from eoras.evaluation import Scores
from eoras.geometry import Box, paste

__all__ = ["EXPECTED", "Instance", "instances"]

GOLDEN = Path(__file__).parents[1] / "golden"
EXPECTED = json.loads((GOLDEN / "movi_expected.json").read_text())


@dataclass(frozen=True)
class Instance:
    """One golden track.

    Attributes:
        name: ``<video>-<object>``.
        clip: as a reader gives it, its frames left black but for the official prediction in their first channel.
        prediction: float32 ``(T, 121, 121)``, probabilities.
        pasted: bool ``(T, H, W)``, the official paste of them.
    """

    name: str
    clip: Clip
    prediction: torch.Tensor
    pasted: np.ndarray

    def scores(self) -> Scores:
        """The prediction pasted and counted under ``paper``."""
        clip = self.clip
        assert clip.truth is not None
        frames = zip(self.prediction, clip.boxes, strict=True)
        pasted = torch.stack([paste(window, box, clip.height, clip.width, "paper") for window, box in frames])
        assert np.array_equal(pasted.numpy(), self.pasted)
        scores = Scores()
        windows = (clip.amodal, self.prediction > 0.5)
        scores.update(
            clip.truth.amodal, clip.truth.visible, pasted, video=clip.video, track_id=clip.track_id, window=windows
        )
        return scores


@functools.cache
def instances() -> tuple[Instance, ...]:
    """All of them."""
    with np.load(GOLDEN / "movi_expected.npz") as arrays:
        return tuple(_instance(row["instance"], arrays) for row in EXPECTED["rows"])


def _instance(name: str, arrays: np.lib.npyio.NpzFile) -> Instance:
    video, number = name.split("-")
    folder = GOLDEN / "movi" / "test" / video
    indices = json.loads((folder / "metadata.json").read_text())["instances"][int(number)]["bbox_frames"]
    label = int(number) + 1
    amodal = np.stack([_labels(folder / f"segmentation_{number}_{i:05d}.png") == label for i in indices])
    visible = np.stack([_labels(folder / f"segmentation_full_{i:05d}.png") == label for i in indices])
    height, width = amodal.shape[1:]
    length = len(indices)
    prediction = torch.from_numpy(arrays[f"{name}/prediction"][:, 0]).float()
    frames = torch.zeros(length, 3, 128, 128)
    frames[:, 0, :121, :121] = prediction
    seen = _unpack(arrays[f"{name}/visible"], (length, 121, 121))
    clip = Clip(
        video=video,
        track_id=int(number),
        frame_indices=torch.tensor(indices),
        boxes=tuple(Box(r0, c0, r1 + 1, c1 + 1) for r0, r1, c0, c1 in arrays[f"{name}/box"].tolist()),
        height=height,
        width=width,
        frames=frames,
        intrinsics=torch.from_numpy(arrays[f"{name}/intrinsics"]),
        amodal=_unpack(arrays[f"{name}/amodal"], (length, 121, 121)),
        visible=seen,
        given=seen,
        available=torch.ones(length, dtype=torch.bool),
        truth=Truth(amodal=torch.from_numpy(amodal), visible=torch.from_numpy(visible)),
    )
    return Instance(name, clip, prediction, _unpack(arrays[f"{name}/pasted"], (length, height, width)).numpy())


def _labels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def _unpack(bits: np.ndarray, shape: tuple[int, int, int]) -> torch.Tensor:
    return torch.from_numpy(np.unpackbits(bits, count=int(np.prod(shape))).astype(bool).reshape(shape))
