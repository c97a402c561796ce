"""What training makes small."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from eoras.clip import Batch
from eoras.config import TrainingConfig
from eoras.model.eoras import Masks

__all__ = ["confidence_loss", "dice_loss", "focal_loss", "mask_losses", "total_loss"]


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


def dice_loss(logits: Tensor, target: Tensor) -> Tensor:
    """One minus the Dice coefficient of each mask (Milletari et al., 2016), with one pixel added to both areas.

    Args:
        logits: float ``(..., h, w)``.
        target: bool, the same shape.

    Returns:
        float ``(...)``, 0..1.
    """
    probability = logits.sigmoid()
    common = (probability * target).sum((-2, -1))
    return 1 - (2 * common + 1) / (probability.sum((-2, -1)) + target.sum((-2, -1)) + 1)


def confidence_loss(confidence: Tensor, amodal: Tensor, target: Tensor) -> Tensor:
    """How far the expected intersection over union is from the true one, squared, without averaging.

    Args:
        confidence: logits, float ``(B, T)``.
        amodal: logits of the amodal mask, float ``(B, T, h, w)``; they get no gradient.
        target: bool ``(B, T, h, w)``.

    Returns:
        float ``(B, T)``.
    """
    mask = amodal > 0
    union = (mask | target).sum((-2, -1))
    iou = (mask & target).sum((-2, -1)) / union.clamp(min=1)
    return (confidence.sigmoid() - torch.where(union > 0, iou, 1)).square()


def mask_losses(masks: Masks, batch: Batch, config: TrainingConfig) -> dict[str, Tensor]:
    """The loss of each mask, and of the confidence: averaged over a clip's frames, then over clips.

    Amodal and occluded masks count only where annotated, visible ones wherever there is a frame.

    Args:
        masks: logits, float ``(B, T, h, w)`` each.
        batch: the targets.
        config: the losses' exponents and weights.

    Returns:
        A float32 scalar for each answer the network has a head for.
    """
    targets = {
        "amodal": (batch.amodal, batch.available),
        "visible": (batch.visible, batch.present),
        "occluded": (batch.amodal & ~batch.visible, batch.available),
    }
    losses = {}
    for name, (target, counted) in targets.items():
        logits: Tensor | None = getattr(masks, name)
        if logits is not None:
            by_pixel = focal_loss(logits.float(), target, config.focal_gamma)
            if name == "amodal" and config.hidden_emphasis:
                by_pixel = by_pixel * (1 + config.hidden_emphasis * (target & ~batch.visible))
            by_frame = by_pixel.mean((-2, -1))
            if config.dice_weight:
                by_frame = by_frame + config.dice_weight * dice_loss(logits.float(), target)
            losses[name] = _average(by_frame, counted)
    if masks.confidence is not None:
        by_frame = confidence_loss(masks.confidence.float(), masks.amodal, batch.amodal)
        losses["confidence"] = _average(by_frame, batch.available)
    return losses


def total_loss(losses: Mapping[str, Tensor], config: TrainingConfig) -> Tensor:
    """The weighted sum; the amodal loss has weight 1."""
    weights = {
        "amodal": 1.0,
        "visible": config.visible_weight,
        "occluded": config.occluded_weight,
        "confidence": config.confidence_weight,
    }
    return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


def _average(by_frame: Tensor, counted: Tensor) -> Tensor:
    """The average over the counted frames of each clip, ``(B, T)`` both, then over clips."""
    by_clip = torch.where(counted, by_frame, 0).sum(-1) / counted.sum(-1).clamp(min=1)
    return by_clip.sum() / max(len(by_clip), 1)  # 0, not NaN, for a batch of no clips
