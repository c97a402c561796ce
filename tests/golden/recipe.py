"""Deterministic weights and inputs behind the golden tensors in this folder.

A network whose parameters bear the names of the published EoRaS checkpoints is filled entry by entry, so that two
independent implementations can be compared without exchanging 300 MB of weights.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["INTRINSICS", "frames", "is_drawn", "weight"]

INTRINSICS = {
    # Kubric: normalised to the unit square, camera looks along -z
    "movi": [[1.09375, 0.0, -0.5], [0.0, -1.09375, -0.5], [0.0, 0.0, -1.0]],
    # KITTI: pixels
    "kitti": [[721.5377, 0.0, 609.5593], [0.0, 721.5377, 172.854], [0.0, 0.0, 1.0]],
    # a camera that looks along +z, normalised
    "unit": [[0.9, 0.0, 0.5], [0.0, 1.2, 0.5], [0.0, 0.0, 1.0]],
}


def weight(key: str, shape: tuple[int, ...], seed: int = 0) -> NDArray[np.float32 | np.int64]:
    """Value of one checkpoint entry; ``key`` carries no ``module.`` prefix."""
    generator = np.random.Generator(np.random.PCG64([zlib.crc32(key.encode()), seed]))
    noise = generator.standard_normal(shape)
    leaf = key.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    if leaf == "running_var":
        value = 1 + 0.1 * np.abs(noise)
    elif leaf == "running_mean" or "bias" in leaf:
        value = 0.1 * noise
    elif len(shape) == 1:  # scales of normalisations
        value = 1 + 0.1 * noise
    elif key.startswith(("slot.", "slot_pos.", "fea_pos.", "bev_pos.")):
        value = noise
    elif "deconv" in key:  # (in, out, rows, columns), stride 2
        value = noise / np.sqrt(shape[0] * shape[2] * shape[3] / 4)
    else:
        value = noise / np.sqrt(np.prod(shape[1:]))
    return value.astype(np.float32)


def is_drawn(key: str) -> bool:
    """False for what the network computes itself: fixed position codes, mean and deviation of images."""
    return key not in ("feature_extractor.mean", "feature_extractor.std", "slot_pos", "fea_pos", "bev_pos")


def frames(batch: int, length: int, seed: int = 0) -> NDArray[np.float32]:
    """Crops of objects, float32 ``(batch, length, 3, 128, 128)`` in 0..1: smooth blobs with some noise."""
    generator = np.random.Generator(np.random.PCG64([7, seed]))
    y, x = np.mgrid[0:128, 0:128] / 127.0
    clip = np.empty((batch, length, 3, 128, 128))
    for image in clip.reshape(-1, 128, 128):
        row, column, size = generator.uniform(0.2, 0.8, 3)
        blob = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (0.1 * size))
        image[:] = blob + 0.1 * generator.uniform(size=(128, 128))
    return np.clip(clip, 0, 1).astype(np.float32)
