"""Cost of training steps on a GPU: ``python -m benchmarks.gpu [CONFIG ...]``; prints a line of JSON for each way."""

import json
import sys
import time
from dataclasses import replace

import torch

from benchmarks.network import INTRINSICS
from eoras.clip import Batch
from eoras.config import Config
from eoras.config_files import load_config, shipped_configs
from eoras.model.eoras import EoRaS
from eoras.processes import Processes
from eoras.training.loop import build_optimizer
from eoras.training.prepare import prepare
from eoras.training.step import take_step

_WAYS = {"float32": {}, "bfloat16": {"dtype": "bfloat16"}, "bfloat16, compiled": {"dtype": "bfloat16", "compile": True}}
_WARM, _STEPS = 5, 10


def main() -> None:
    """Measure each configuration, all shipped ones if none is named, with its own batch."""
    for name in sys.argv[1:] or shipped_configs():
        config = load_config(name)
        for way, changes in _WAYS.items():
            changed = replace(config, training=replace(config.training, **changes))
            try:
                result = _measure(changed)
            except RuntimeError as error:  # of compilers, whatever it is
                result = {"failed": str(error).splitlines()[0]}
            print(json.dumps({"config": name, "way": way, "gpu": torch.cuda.get_device_name(), **result}), flush=True)


def _measure(config: Config) -> dict[str, float]:
    torch.manual_seed(0)
    network = EoRaS(config.model).cuda().train()
    prepare(network, config.training)
    optimizer, batch = build_optimizer(network, config.training), _batch(config)
    clips = config.training.batch_size
    torch.cuda.reset_peak_memory_stats()

    def work(steps: int) -> float:
        began = time.perf_counter()
        for _ in range(steps):
            take_step(network, optimizer, [batch], config.training, "this", clips=clips, processes=Processes())
        torch.cuda.synchronize()
        return time.perf_counter() - began

    warm = work(_WARM)
    return {
        "clips": clips,
        "frames": clips * config.training.clip_length,
        "ms_a_step": round(1000 * work(_STEPS) / _STEPS, 1),
        "seconds_of_first_steps": round(warm, 1),
        "peak_memory_mb": round(torch.cuda.max_memory_allocated() / 2**20),
    }


def _batch(config: Config) -> Batch:
    """Clips of noise."""
    shape = (config.training.batch_size, config.training.clip_length)
    camera = {"kubric": "movi", "pixel": "kitti"}.get(config.model.view.intrinsics, "crop")
    visible = torch.rand(*shape, 121, 121) > 0.5
    return Batch(
        frames=torch.rand(*shape, 3, 128, 128),
        intrinsics=torch.tensor(INTRINSICS[camera]).expand(*shape, 3, 3),
        amodal=visible | (torch.rand(*shape, 121, 121) > 0.5),
        visible=visible,
        given=visible,
        times=torch.arange(shape[1]).expand(shape),
        available=torch.ones(shape, dtype=torch.bool),
        lengths=torch.full(shape[:1], shape[1]),
    ).to("cuda")


if __name__ == "__main__":
    main()
