"""One step of the optimiser."""

import math
from collections.abc import Sequence

import torch
from torch.optim import Optimizer

from eoras.clip import Batch
from eoras.config import TrainingConfig
from eoras.errors import RunError
from eoras.model.eoras import EoRaS, Masks
from eoras.model.precision import autocast, exact_convolutions
from eoras.processes import Processes
from eoras.training.losses import mask_losses, total_loss
from eoras.training.together import add_gradients, average_statistics

__all__ = ["take_step"]


def take_step(
    network: EoRaS,
    optimizer: Optimizer,
    batches: Sequence[Batch],
    config: TrainingConfig,
    where: str,
    *,
    clips: int,
    processes: Processes,
) -> dict[str, float]:
    """Change the weights once, after the gradient of several batches, on all processes alike.

    Args:
        network: in training mode.
        optimizer: of the network's parameters, without gradients; left without gradients.
        batches: on the network's device; this process's share of the step, which may be none.
        config: the losses' weights, the precision and the norm at which gradients are clipped.
        where: what to call this loss in a message.
        clips: of the step, on all processes.
        processes: all of the training.

    Returns:
        The losses, averaged over clips, the norm of their gradient before it is clipped, and the learning rate.

    Raises:
        RunError: the loss or its gradient is not finite; the weights are as they were.
    """
    heads = {*network.config.mask_heads, *(["confidence"] if network.config.confidence else [])}
    names = [name for name in Masks._fields if name in heads]
    device = next(network.parameters()).device
    sums = {name: torch.zeros((), dtype=torch.float64, device=device) for name in (*names, "loss")}
    for batch in batches:
        share = len(batch.lengths) / clips
        given = batch.given if network.config.visible_input else None
        # SyncBatchNorm gathers float32 statistics of bfloat16 clips, and of no clips those of their own type. So
        # attention over no clips, too, has float32, and none of the kernels that are for bfloat16 alone.
        dtype = config.dtype if share > 0 else "float32"
        with exact_convolutions():
            with autocast(device, dtype):
                masks = network(batch.frames, batch.intrinsics, visible=given, times=batch.times)
            losses = mask_losses(masks, batch, config)
            losses["loss"] = total_loss(losses, config)
            (losses["loss"] * share).backward()
        for name, loss in losses.items():
            sums[name] += loss.detach().double() * share
    totals = dict(zip(sums, processes.sum(torch.stack(list(sums.values())).tolist()), strict=True))
    add_gradients(network, processes)
    average_statistics(network, processes, sum(len(batch.lengths) for batch in batches) / clips)
    norm = float(torch.nn.utils.clip_grad_norm_(network.parameters(), config.gradient_clip or math.inf))
    if not (math.isfinite(totals["loss"]) and math.isfinite(norm)):
        raise RunError(
            f"{where} is {totals['loss']}, the norm of its gradient {norm:g}; nothing of it was saved. "
            "Lower the learning rate (--set training.learning_rate=...) and --resume"
        )
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return {**totals, "gradient_norm": norm, "learning_rate": optimizer.param_groups[0]["lr"]}
