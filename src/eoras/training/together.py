"""What the processes of a training have in common: weights, gradients, statistics; and what each has alone: chance."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from eoras.clip import Batch
from eoras.errors import DataError
from eoras.model.eoras import EoRaS
from eoras.model.memory import move
from eoras.processes import Processes

__all__ = [
    "add_gradients",
    "average_statistics",
    "draw_apart",
    "expect_same",
    "is_synchronised",
    "no_clips",
    "synchronise",
]


def synchronise(network: EoRaS, device: torch.device, processes: Processes) -> EoRaS:
    """Bring the network to its device, with the first process's weights.

    On GPUs batch normalisation takes its statistics from the clips of all processes, as published. On CPUs, where torch
    has no such layer, each process normalises its own clips.
    """
    move(network, device)
    processes.spread(list(network.state_dict().values()))
    if processes.several and device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)
    return network


def is_synchronised(network: nn.Module) -> bool:
    """Whether every process must make each forward pass, if only with a batch of no clips."""
    return any(isinstance(module, nn.SyncBatchNorm) for module in network.modules())


def no_clips(device: torch.device, clip_length: int) -> Batch:
    """The batch of a process that has nothing to pass while others have; as many frames, which may be passed apart."""
    masks = torch.zeros(2, 0, clip_length, 121, 121, dtype=torch.bool, device=device)
    return Batch(
        frames=torch.zeros(0, clip_length, 3, 128, 128, device=device),
        intrinsics=torch.zeros(0, clip_length, 3, 3, device=device),
        amodal=masks[0],
        visible=masks[1],
        given=masks[1],
        times=torch.zeros(0, clip_length, dtype=torch.int64, device=device),
        available=torch.zeros(0, clip_length, dtype=torch.bool, device=device),
        lengths=torch.zeros(0, dtype=torch.int64, device=device),
    )


def add_gradients(network: nn.Module, processes: Processes) -> None:
    """Give every process the sum of all gradients; one without clips adds nothing to it.

    One flat sum after the last pass of a step: the same gradients to the last bit everywhere, and, unlike
    ``DistributedDataParallel``, indifferent to how many passes each process makes.
    """
    if not processes.several:
        return
    gradients = []
    for parameter in (parameter for parameter in network.parameters() if parameter.requires_grad):
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        gradients.append(parameter.grad)
    processes.add_up(gradients)


def average_statistics(network: nn.Module, processes: Processes, share: float) -> None:
    """Give every process the same running statistics where each has normalised its own clips.

    Args:
        network: after the passes of a step.
        processes: all of the training.
        share: of the step's clips, that this process has passed; 0..1.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    statistics = [value for norm in norms for value in (norm.running_mean, norm.running_var) if value is not None]
    if processes.several and statistics:
        for value in statistics:
            value.mul_(share)
        processes.add_up(statistics)
        processes.spread([norm.num_batches_tracked for norm in norms if norm.num_batches_tracked is not None])


def draw_apart(seed: int, processes: Processes) -> None:
    """Let each process but the first draw random numbers of its own, which follow from the seed and its number."""
    if not processes.first:
        torch.manual_seed(int(np.random.default_rng((seed, processes.share.rank)).integers(2**63)))


def expect_same(what: str, found: Sequence[object], processes: Processes) -> None:
    """Make sure that all processes have read the same.

    Raises:
        DataError: they have not.
    """
    others = processes.gather(found)
    for rank, other in enumerate(others):
        if other != others[0]:
            raise DataError(
                f"{what}: expected the same on every machine, found {others[0]} for process 0 and {other} for process "
                f"{rank}; bring the copies into line, or put them where all machines see them"
            )
