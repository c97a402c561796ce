"""Cost of the published network on a 12-frame clip: ``python -m benchmarks.network forward|step float32|bfloat16``."""

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
_MOVI = [[1.09375, 0.0, -0.5], [0.0, -1.09375, -0.5], [0.0, 0.0, -1.0]]


def clip() -> Batch:
    """One clip of noise, with the intrinsics of MOVi."""
    return Batch(
        frames=torch.rand(1, _FRAMES, 3, 128, 128),
        intrinsics=torch.tensor(_MOVI).expand(1, _FRAMES, 3, 3),
        amodal=torch.rand(1, _FRAMES, 121, 121) > 0.5,
        visible=torch.rand(1, _FRAMES, 121, 121) > 0.5,
        available=torch.ones(1, _FRAMES, dtype=torch.bool),
        lengths=torch.tensor([_FRAMES]),
    )


def forward(
    network: EoRaS,
    dtype: torch.dtype,
    without_gradients: Callable[[], AbstractContextManager[object]] = torch.inference_mode,
) -> Callable[[], object]:
    """A forward pass in evaluation mode."""
    network.eval()
    batch = clip()

    def work() -> object:
        with without_gradients(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            return network(batch.frames, batch.intrinsics)

    return work


def step(network: EoRaS, dtype: torch.dtype) -> Callable[[], object]:
    """Forward, backward and a step of AdamW."""
    network.train()
    batch, config = clip(), TrainingConfig()
    optimizer = build_optimizer(network, config)

    def work() -> object:
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            masks = network(batch.frames, batch.intrinsics)
        total_loss(mask_losses(masks, batch, config.focal_gamma), config).backward()
        optimizer.step()
        return optimizer.zero_grad(set_to_none=True)

    return work


def main(what: str, dtype_name: str) -> None:
    """Measure one case in a process of its own, for the sake of its peak memory; print JSON."""
    torch.manual_seed(0)
    dtype = getattr(torch, dtype_name)
    work = {"forward": forward, "step": step}[what](EoRaS(ModelConfig()), dtype)
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
