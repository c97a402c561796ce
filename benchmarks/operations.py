"""What the published network's forward pass of a 12-frame clip is made of: ``python -m benchmarks.operations``."""

import json
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.network import forward
from eoras.config import ModelConfig
from eoras.model.eoras import EoRaS


class _Counter(TorchDispatchMode):
    """Counts dispatched operations that are not views."""

    number = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.number += not func.is_view
        return func(*args, **(kwargs or {}))


def gflop(config: ModelConfig) -> float:
    """Arithmetic of a forward pass of a 12-frame clip, in GFLOP: a multiplication and an addition are two."""
    camera = "crop" if config.view.intrinsics == "crop" else "movi"
    work = forward(EoRaS(config).requires_grad_(False), torch.float32, torch.no_grad, camera)
    with FlopCounterMode(display=False) as flops:
        work()
    return flops.get_total_flops() / 1e9


def main() -> None:
    """Count operations and arithmetic; print JSON."""
    work = forward(EoRaS(ModelConfig()).requires_grad_(False), torch.float32, torch.no_grad)
    with _Counter() as counter:
        work()
    print(json.dumps({"operations": counter.number, "gflop": round(gflop(ModelConfig()), 1)}))


if __name__ == "__main__":
    main()
