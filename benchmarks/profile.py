"""Where the time goes: ``python -m benchmarks.profile [float32|bfloat16]``, a table by module for forward and step.

Each operation counts for the module whose call it belongs to, its backward pass included. There, calls that overlap, as
those of the slots do, count for the first by name. Keys and values that are computed once for all steps, and what the
network does between its modules, stand in a row of their own. Floating-point operations are those of matrix products,
convolutions and attention.
"""

import sys
import time
from collections import defaultdict
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from torch.utils.module_tracker import ModuleTracker

from benchmarks.network import forward, step
from eoras.config import ModelConfig
from eoras.model.eoras import EoRaS


class _Clock(TorchDispatchMode):
    """Seconds and floating-point operations by the module that ``tracker`` says an operation belongs to."""

    def __init__(self, tracker: ModuleTracker) -> None:
        super().__init__()
        self.tracker = tracker
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.flop: defaultdict[str, int] = defaultdict(int)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        began = time.perf_counter()
        result = func(*args, **(kwargs or {}))
        seconds = time.perf_counter() - began
        module = _module(self.tracker.parents)
        self.seconds[module] += seconds
        if count := flop_registry.get(func.overloadpacket):
            self.flop[module] += count(*args, **(kwargs or {}), out_val=result)
        return result


def main(dtype_name: str = "float32") -> None:
    """Print a table for a forward pass and one for a training step, of a 12-frame clip with MOVi intrinsics."""
    torch.manual_seed(0)
    network, dtype = EoRaS(ModelConfig()), getattr(torch, dtype_name)
    for what in ("forward", "step"):
        network.requires_grad_(what == "step")  # module calls are tracked by hooks on gradients where there are any
        work = forward(network, dtype, torch.no_grad) if what == "forward" else step(network, dtype)
        work()
        tracker = ModuleTracker()
        clock = _Clock(tracker)
        with tracker, clock:
            work()
        print(f"{what}, {dtype_name}\n{_table(clock)}\n")


def _module(calls: set[str]) -> str:
    """The part of the network among the calls that an operation lies in; all heads are one."""
    parts = sorted({call.split(".")[1] for call in calls if "." in call})
    return parts[0] if parts else "between the modules" if "EoRaS" in calls else "losses and optimiser"


def _table(clock: _Clock) -> str:
    total = sum(clock.seconds.values())
    rows = [f"{'module':22} {'seconds':>8} {'share':>6} {'GFLOP':>7} {'GFLOP/s':>8}"]
    order = sorted(clock.seconds, key=lambda name: -clock.seconds[name])
    figures = [(name, clock.seconds[name], clock.flop[name] / 1e9) for name in order]
    for name, taken, done in [*figures, ("all", total, sum(clock.flop.values()) / 1e9)]:
        rows.append(f"{name:22} {taken:8.3f} {taken / total:6.1%} {done:7.1f} {done / taken:8.0f}")
    return "\n".join(rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
