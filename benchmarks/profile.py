"""Where the time goes: ``python -m benchmarks.profile [float32|bfloat16]``, a table by module for forward and step.

Each operation counts for the module whose call it belongs to, its backward pass included; keys and values that are
computed once for all steps, and what the network does between its modules, stand in a row of their own. Floating-point
operations are those of matrix products, convolutions and attention.
"""

import sys
import time
from collections import defaultdict
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.network import forward, step
from eoras.config import ModelConfig
from eoras.model.eoras import EoRaS

_BETWEEN, _OUTSIDE = "between the modules", "losses and optimiser"


class _Clock(TorchDispatchMode):
    """Seconds of operations by the module that ``flops`` says they belong to."""

    def __init__(self, flops: FlopCounterMode) -> None:
        super().__init__()
        self.flops = flops
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        began = time.perf_counter()
        result = func(*args, **(kwargs or {}))
        self.seconds[_module(self.flops.mod_tracker.parents)] += time.perf_counter() - began
        return result


def main(dtype_name: str = "float32") -> None:
    """Print a table for a forward pass and one for a training step, of a 12-frame clip with MOVi intrinsics."""
    torch.manual_seed(0)
    network, dtype = EoRaS(ModelConfig()), getattr(torch, dtype_name)
    for what in ("forward", "step"):
        network.requires_grad_(what == "step")  # module calls are counted by hooks on gradients where there are any
        work = forward(network, dtype, torch.no_grad) if what == "forward" else step(network, dtype)
        work()
        flops = FlopCounterMode(display=False)
        clock = _Clock(flops)
        with clock, flops:
            work()
        print(f"{what}, {dtype_name}\n{_table(clock.seconds, _gflop(flops))}\n")


def _module(calls: set[str]) -> str:
    """The part of the network among the calls that an operation lies in."""
    parts = [".".join(call.split(".")[1:3]) for call in calls if call.count(".") and "heads" in call]
    parts += [call.split(".")[1] for call in calls if call.count(".") and "heads" not in call]
    return parts[0] if parts else _BETWEEN if "EoRaS" in calls else _OUTSIDE


def _gflop(flops: FlopCounterMode) -> dict[str, float]:
    """10^9 floating-point operations of each part; a part contains its own parts, so only whole ones are read."""
    whole = {call: sum(counts.values()) / 1e9 for call, counts in flops.get_flop_counts().items()}
    parts = {_module({call}): gflop for call, gflop in whole.items() if call.count(".") == 1 + ("heads" in call)}
    between = whole["EoRaS"] - sum(parts.values())
    return {**parts, _BETWEEN: between, _OUTSIDE: whole["Global"] - whole["EoRaS"]}


def _table(seconds: dict[str, float], gflop: dict[str, float]) -> str:
    total = sum(seconds.values())
    rows = [f"{'module':22} {'seconds':>8} {'share':>6} {'GFLOP':>7} {'GFLOP/s':>8}"]
    order = sorted(seconds, key=lambda name: -seconds[name])
    figures = [(name, seconds[name], gflop.get(name, 0)) for name in order]
    for name, taken, done in [*figures, ("all", total, sum(gflop.values()))]:
        rows.append(f"{name:22} {taken:8.3f} {taken / total:6.1%} {done:7.1f} {done / taken:8.0f}")
    return "\n".join(rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
