"""Cost of the published network on a 12-frame clip: ``python -m benchmarks.network forward|step float32|bfloat16``.

A third word, ``kitti``, gives it the intrinsics of KITTI as published instead of those of MOVi: all that the bird's-eye
view then sees is that there is nothing (Q-B1).
"""

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch

from benchmarks.measure import against, matrix_product
from benchmarks.memory import peak_memory_mb
from eoras.clip import Batch
from eoras.config import ModelConfig, TrainingConfig
from eoras.model.eoras import EoRaS
from eoras.training.loop import build_optimizer
from eoras.training.losses import mask_losses, total_loss

_FRAMES = 12
INTRINSICS = {
    "movi": [[1.09375, 0.0, -0.5], [0.0, -1.09375, -0.5], [0.0, 0.0, -1.0]],
    "kitti": [[721.5, 0.0, 609.6], [0.0, 721.5, 172.9], [0.0, 0.0, 1.0]],  # in pixels
    "crop": [[2.1875, 0.0, 0.5], [0.0, 2.1875, 0.5], [0.0, 0.0, 1.0]],  # of a crop of half the image
}


def clip(camera: str = "movi") -> Batch:
    """One clip of noise, with the intrinsics of MOVi or KITTI."""
    visible = torch.rand(1, _FRAMES, 121, 121) > 0.5
    return Batch(
        frames=torch.rand(1, _FRAMES, 3, 128, 128),
        intrinsics=torch.tensor(INTRINSICS[camera]).expand(1, _FRAMES, 3, 3),
        amodal=torch.rand(1, _FRAMES, 121, 121) > 0.5,
        visible=visible,
        given=visible,
        times=torch.arange(_FRAMES)[None],
        available=torch.ones(1, _FRAMES, dtype=torch.bool),
        lengths=torch.tensor([_FRAMES]),
    )


def forward(
    network: EoRaS,
    dtype: torch.dtype,
    without_gradients: Callable[[], AbstractContextManager[object]] = torch.inference_mode,
    camera: str = "movi",
) -> Callable[[], object]:
    """A forward pass in evaluation mode."""
    network.eval()
    batch = clip(camera)
    visible = batch.given if network.config.visible_input else None

    def work() -> object:
        with without_gradients(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            return network(batch.frames, batch.intrinsics, visible=visible)

    return work


def step(network: EoRaS, dtype: torch.dtype, camera: str = "movi") -> Callable[[], object]:
    """Forward, backward and a step of AdamW; batch normalisation sees all frames at once, not ``apart``."""
    network.train()
    batch, config = clip(camera), TrainingConfig()
    optimizer = build_optimizer(network, config)

    def work() -> object:
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            masks = network(batch.frames, batch.intrinsics)
        total_loss(mask_losses(masks, batch, config), config).backward()
        optimizer.step()
        return optimizer.zero_grad(set_to_none=True)

    return work


def main(what: str, dtype_name: str, camera: str = "movi") -> None:
    """Measure one case in a process of its own, for the sake of its peak memory; print JSON."""
    torch.manual_seed(0)
    dtype = getattr(torch, dtype_name)
    work = {"forward": forward, "step": step}[what](EoRaS(ModelConfig()), dtype, camera=camera)
    for _ in range(3 if what == "step" else 1):  # AdamW's moments are there from the second step on
        work()
    peak = peak_memory_mb()
    result: dict[str, float] = {"peak_memory_mb": round(peak)}
    for name, of in {"matrix_ratio": torch.float32, "matrix_ratio_bfloat16": torch.bfloat16}.items():
        if of in (dtype, torch.float32):
            product, factor = matrix_product(of)
            result[name] = round(factor * against(work, product, repeats=9 if what == "forward" else 5), 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
