"""One step of the optimiser."""

import math
from collections.abc import Sequence

import torch
from torch.optim import Optimizer

from eoras.clip import Batch
from eoras.config import TrainingConfig
from eoras.errors import RunError
from eoras.model.eoras import EoRaS
from eoras.training.losses import mask_losses, total_loss

__all__ = ["take_step"]


def take_step(
    network: EoRaS, optimizer: Optimizer, batches: Sequence[Batch], config: TrainingConfig, where: str
) -> dict[str, float]:
    """Change the weights once, after the gradient of several batches.

    Args:
        network: in training mode.
        optimizer: of the network's parameters, without gradients; left without gradients.
        batches: on the network's device.
        config: the losses' weights, the precision and the norm at which gradients are clipped.
        where: what to call this loss in a message.

    Returns:
        The losses, averaged over clips, the norm of their gradient before it is clipped, and the learning rate.

    Raises:
        RunError: the loss or its gradient is not finite; the weights are as they were.
    """
    clips = sum(len(batch.lengths) for batch in batches)
    sums: dict[str, float] = {}
    for batch in batches:
        share = len(batch.lengths) / clips
        visible = batch.visible if network.config.visible_input else None
        with torch.autocast(batch.frames.device.type, torch.bfloat16, enabled=config.dtype == "bfloat16"):
            masks = network(batch.frames, batch.intrinsics, visible=visible)
        losses = mask_losses(masks, batch, config.focal_gamma)
        losses["loss"] = total_loss(losses, config)
        (losses["loss"] * share).backward()
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + float(loss.detach()) * share
    norm = float(torch.nn.utils.clip_grad_norm_(network.parameters(), config.gradient_clip or math.inf))
    if not (math.isfinite(sums["loss"]) and math.isfinite(norm)):
        raise RunError(
            f"{where} is {sums['loss']}, the norm of its gradient {norm:g}; nothing of it was saved. "
            "Lower the learning rate (--set training.learning_rate=...) and --resume"
        )
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return {**sums, "gradient_norm": norm, "learning_rate": optimizer.param_groups[0]["lr"]}
