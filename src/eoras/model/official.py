"""The published checkpoints: the names of their entries, and what their shapes say of the network."""

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

from eoras.config import MaskName, ModelConfig
from eoras.errors import CheckpointError

__all__ = ["infer_config", "is_discarded", "official_name", "parameter_names", "without_prefix"]

# Image statistics and fixed position codes are computed, not read; conv6 and conv7 are convolutions whose result the
# official network throws away.
_DISCARDED = re.compile(r"feature_extractor\.(mean|std|conv[67]\.(weight|bias))|(slot|fea|bev)_pos")
_BUFFER = re.compile(r"feature_extractor\.(mean|std)|.+\.(running_mean|running_var|num_batches_tracked)")

_BEV_LAYERS = {"conv1": (0, "layer.0"), "norm1": (0, "layer.1"), "conv2": (0, "layer.3"), "norm2": (0, "layer.4")}
_BEV_LAYERS |= {"down": (1, "Down.0"), "norm3": (1, "Down.1")}

_OURS_TO_OFFICIAL = (
    (r"^slots$", "slot.weight"),
    (r"^front_position$", "fea_pos.weight"),
    (r"^(bev|slot)_position$", r"\1_pos.weight"),
    (r"^front_tokens\.", "fea_fc."),
    (r"^bev_tokens\.", "bev_fc."),
    *(
        (rf"^bev\.stages\.{stage}\.{ours}\.", f"bev_generator.conv.layers.{2 * stage + half}.{official}.")
        for stage in (0, 1)
        for ours, (half, official) in _BEV_LAYERS.items()
    ),
    (r"^backbone\.pyramid\.lateral_coarse\.", "feature_extractor.latlayer1."),
    (r"^backbone\.pyramid\.lateral_middle\.", "feature_extractor.latlayer2."),
    (r"^backbone\.pyramid\.lateral_fine\.", "feature_extractor.latlayer3."),
    (r"^backbone\.pyramid\.smooth_middle\.", "feature_extractor.toplayer1."),
    (r"^backbone\.pyramid\.smooth_fine\.", "feature_extractor.toplayer2."),
    (r"^backbone\.(.*)\bnorm(\d)\.", r"feature_extractor.\1bn\2."),
    (r"^backbone\.", "feature_extractor."),
    (r"^slots_from_bev\.", "slot_update_bev."),
    (r"^slots_from_front\.", "slot_update_feature."),
    (r"^front_from_slots\.", "feature_update."),
    (r"\.self_attention\.", ".self_attn."),
    (r"\.cross_attention\.", ".multihead_attn."),
    (r"\.project\.", ".in_proj_"),
    (r"\.out\.", ".out_proj."),
    (r"^heads\.amodal\.", "dec_fm."),
    (r"^heads\.visible\.", "dec_vm."),
    (r"^heads\.occluded\.", "dec_occ."),
)


def official_name(name: str) -> str:
    """The published name, without ``module.``, of one of our network's entries."""
    for pattern, official in _OURS_TO_OFFICIAL:
        name = re.sub(pattern, official, name)
    return name


def is_discarded(name: str) -> bool:
    """Whether the published entry plays no part in the network's answer, or is computed instead of read."""
    return _DISCARDED.fullmatch(name) is not None


def without_prefix(entries: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same entries without the ``module.`` that distributed training puts before their names."""
    return {name.removeprefix("module."): value for name, value in entries.items()}


def parameter_names(entries: Iterable[str]) -> list[str]:
    """The published names in the order in which the official optimiser numbers them: its ``model.parameters()``."""
    return [name for name in entries if not _BUFFER.fullmatch(name)]


def infer_config(
    entries: Mapping[str, Tensor], camera_position: tuple[float, float, float] | None, num_heads: int
) -> ModelConfig:
    """What the shapes of the entries say of the network; tilt and attention heads cannot be read off them.

    Raises:
        CheckpointError: the entries are not those of an EoRaS network.
    """
    slots = entries.get("slot.weight")
    if slots is None or slots.ndim != 2 or not slots.numel() or slots.shape[1] % num_heads:
        found = "no such entry" if slots is None else f"shape {tuple(slots.shape)}"
        raise CheckpointError(
            f"published checkpoint: expected an entry slot.weight of shape (slots, width), the width a multiple of "
            f"{num_heads} attention heads, found {found} among {len(entries)} entries; is it an EoRaS checkpoint?"
        )
    layers = [int(match[1]) for name in entries if (match := re.match(r"feature_update\.layers\.(\d+)\.", name))]
    heads: dict[MaskName, str] = {"amodal": "dec_fm.", "visible": "dec_vm.", "occluded": "dec_occ."}
    return ModelConfig(
        camera_position=camera_position,
        width=slots.shape[1],
        num_slots=slots.shape[0],
        num_layers=max(layers, default=0) + 1,
        num_heads=num_heads,
        position_code="learned" if any(name.endswith("_pos.weight") for name in entries) else "sincos",
        mask_heads=tuple(
            ours
            for ours, official in heads.items()
            if ours == "amodal" or any(name.startswith(official) for name in entries)
        ),
    )
