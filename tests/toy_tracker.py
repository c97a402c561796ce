"""A SAM 2 of the true classes, drawn at random, small enough to follow objects quickly."""

from pathlib import Path
from typing import Any

import torch
from transformers import Sam2VideoConfig, Sam2VideoModel

__all__ = ["REACH", "SIDE", "save_toy_tracker"]

SIDE = 64  # pixels of the square that it sees
REACH = 4  # frames whose memory it looks at again


def save_toy_tracker(folder: Path, *, sees: bool = True) -> None:
    """Write a model folder.

    Args:
        folder: the folder to make.
        sees: whether it finds an object wherever it looks, or nowhere.
    """
    width = 128  # memories have 64 channels, and the pointers to objects must be cut into several of them
    backbone: dict[str, Any] = {
        "hidden_size": 8,
        "num_attention_heads": 1,
        "image_size": [SIDE, SIDE],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 24, 32],
        "num_attention_heads_per_stage": [1, 1, 1, 1],
        "window_size_per_stage": [8, 4, 4, 2],
        "global_attention_blocks": [3],
        "window_positional_embedding_background_size": [2, 2],
        "mlp_ratio": 1.0,
    }
    config = Sam2VideoConfig(
        vision_config={
            "backbone_config": {**backbone, "model_type": "sam2_hiera_det_model"},
            "backbone_channel_list": [32, 24, 16, 8],
            "backbone_feature_sizes": [[SIDE // 4] * 2, [SIDE // 8] * 2, [SIDE // 16] * 2],
            "fpn_hidden_size": width,
            "model_type": "sam2_vision_model",
        },
        prompt_encoder_config={"hidden_size": width, "image_size": SIDE, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": width,
            "mlp_dim": width,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": width,
        },
        image_size=SIDE,
        num_maskmem=3,
        max_object_pointers_in_encoder=REACH,
        memory_attention_hidden_size=width,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=width,
        memory_attention_rope_feat_sizes=[SIDE // 16] * 2,
        memory_encoder_hidden_size=width,
        mask_downsampler_embed_dim=width,
        memory_fuser_embed_dim=width,
        memory_fuser_intermediate_dim=width,
    )
    torch.manual_seed(1)
    model = Sam2VideoModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))  # else memories hardly count
        model.object_pointer_proj.proj_out.weight.mul_(20)  # of themselves, pointers to objects hardly count
        bias = model.mask_decoder.pred_obj_score_head.proj_out.bias
        assert bias is not None
        bias.fill_(100.0 if sees else -100.0)
    model.save_pretrained(folder)
