"""What training makes small."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from eoras.clip import Batch
from eoras.config import TrainingConfig
from eoras.model.eoras import Masks

__all__ = ["focal_loss", "mask_losses", "total_loss"]


def focal_loss(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    """The published focal loss, without averaging (formats 7.9).

    Args:
        logits: float, any shape.
        target: bool, the same shape.
        gamma: exponent; 0 is cross entropy.

    Returns:
        float, the same shape: ``-(1 - q)**gamma * log(q + 1e-6)`` with ``q`` the probability of the truth.
    """
    margin = torch.where(target, logits, -logits)
    weight = torch.exp(gamma * F.logsigmoid(-margin))  # of 1 - q, a power below 1 would have no gradient at q = 1
    return -weight * torch.log(margin.sigmoid() + 1e-6)


def mask_losses(masks: Masks, batch: Batch, gamma: float) -> dict[str, Tensor]:
    """The focal loss of each mask: averaged over a clip's frames, then over clips.

    Amodal and occluded masks count only where annotated, visible ones wherever there is a frame.

    Args:
        masks: logits, float ``(B, T, h, w)`` each.
        batch: the targets.
        gamma: exponent of the focal loss.

    Returns:
        A float32 scalar for each mask the network has a head for.
    """
    targets = {
        "amodal": (batch.amodal, batch.available),
        "visible": (batch.visible, batch.present),
        "occluded": (batch.amodal & ~batch.visible, batch.available),
    }
    losses = {}
    for name, logits in masks._asdict().items():
        if logits is not None:
            target, counted = targets[name]
            by_frame = focal_loss(logits.float(), target, gamma).mean((-2, -1))
            by_clip = torch.where(counted, by_frame, 0).sum(-1) / counted.sum(-1).clamp(min=1)
            losses[name] = by_clip.sum() / max(len(by_clip), 1)  # 0, not NaN, for a batch of no clips
    return losses


def total_loss(losses: Mapping[str, Tensor], config: TrainingConfig) -> Tensor:
    """The weighted sum; the amodal loss has weight 1."""
    weights = {"amodal": 1.0, "visible": config.visible_weight, "occluded": config.occluded_weight}
    return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
