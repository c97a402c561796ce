"""Networks from published entries: names, shapes and what is wrong with them. Only shapes matter, so no memory does."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import torch
from golden_networks import NAMES, golden, published_shapes
from torch import Tensor

from eoras.config import ModelConfig, ViewConfig
from eoras.errors import CheckpointError
from eoras.model.eoras import EoRaS
from eoras.model.official import is_discarded, official_name, parameter_names

POSITION = (1.0, 2.0, 3.0)


@pytest.fixture(autouse=True)
def _shapes_alone() -> Iterator[None]:
    with torch.device("meta"):
        yield


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("movi_b", {}),
        ("kitti", {}),
        ("movi_d", {"camera_position": (8.48113, -7.50764, 1.5)}),
        ("fm_only", {"num_slots": 1, "mask_heads": ("amodal",), "camera_position": (8.48113, -7.50764, 2.5)}),
        (
            "random_pos",
            {
                "position_code": "learned",
                "num_slots": 3,
                "num_layers": 1,
                "mask_heads": ("amodal", "visible", "occluded"),
            },
        ),
    ],
)
def test_the_configuration_is_read_off_the_entries(name: str, expected: dict[str, Any]) -> None:
    network = EoRaS.from_official(entries(name), golden(name).camera_position)
    assert network.config == ModelConfig(**expected)
    assert not network.training


def test_the_remaining_choice_of_masks_is_read_off_the_entries() -> None:
    without_visible = {name: value for name, value in entries("random_pos").items() if not name.startswith("dec_vm.")}
    network = EoRaS.from_official(without_visible)
    assert network.config.mask_heads == ("amodal", "occluded")
    assert list(network.heads) == ["amodal", "occluded"]


def test_heads_of_attention_and_what_is_seen_are_told() -> None:
    view = ViewConfig(intrinsics="pixel")
    network = EoRaS.from_official(entries("movi_b"), POSITION, num_heads=4, view=view)
    assert network.config == ModelConfig(camera_position=POSITION, num_heads=4, view=view)
    assert network.slots_from_front.layers[0].self_attention.num_heads == 4


def test_another_width_is_read_off_the_entries() -> None:
    config = ModelConfig(width=64, num_layers=3, num_slots=5)
    narrow = {official_name(name): value for name, value in EoRaS(config).state_dict().items()}
    assert EoRaS.from_official(narrow).config == config


@pytest.mark.parametrize("name", NAMES)
def test_names_are_the_published_ones_but_for_what_is_discarded(name: str) -> None:
    ours = EoRaS.from_official(entries(name)).state_dict()
    expected = {entry: shape for entry, shape in golden(name).shapes.items() if not is_discarded(entry)}
    assert {official_name(entry): tuple(value.shape) for entry, value in ours.items()} == expected
    assert len(ours) == len(expected)


def test_names_may_begin_with_module() -> None:
    prefixed = {f"module.{name}": value for name, value in entries("movi_b").items()}
    assert EoRaS.from_official(prefixed).config == ModelConfig()


def test_what_is_discarded_may_be_absent() -> None:
    kept = {name: value for name, value in entries("movi_b").items() if not is_discarded(name)}
    assert len(kept) == 348 - 9
    assert EoRaS.from_official(kept).config == ModelConfig()


def test_parameters_are_numbered_in_the_order_of_the_file() -> None:
    names = parameter_names(published_shapes())
    assert names[:4] == ["slot_pos", "fea_pos", "bev_pos", "feature_extractor.conv1.weight"]
    assert names[-1] == "slot.weight"
    trained = [name for name in names if name not in ("slot_pos", "fea_pos", "bev_pos")]
    assert trained == list(golden("movi_b").meta["grad_norm"]), "as the official code lists its gradients"


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("movi_b", "slot.weight"),
        ("movi_b", "feature_extractor.conv1.weight"),
        ("movi_b", "feature_extractor.bn1.running_mean"),
        ("movi_b", "feature_extractor.layer3.5.bn2.bias"),
        ("movi_b", "feature_extractor.latlayer2.weight"),
        ("movi_b", "bev_generator.conv.layers.3.Down.1.running_var"),
        ("movi_b", "slot_update_bev.layers.1.self_attn.in_proj_weight"),
        ("movi_b", "feature_update.layers.0.multihead_attn.out_proj.bias"),
        ("movi_b", "dec_fm.deconv3.weight"),
        ("movi_b", "dec_vm.deconv1.bias"),
        ("random_pos", "slot_pos.weight"),
        ("random_pos", "dec_occ.deconv2.weight"),
    ],
)
def test_a_missing_entry_is_named(name: str, entry: str) -> None:
    damaged = entries(name)
    del damaged[entry]
    with pytest.raises(CheckpointError, match=rf"published checkpoint: .*\b{entry}\b"):
        EoRaS.from_official(damaged)


def test_without_an_amodal_head_it_is_no_published_network() -> None:
    headless = {name: value for name, value in entries("movi_b").items() if not name.startswith("dec_fm.")}
    with pytest.raises(CheckpointError, match=r"missing entries: dec_fm.deconv1.weight, .* and 3 more"):
        EoRaS.from_official(headless)


def test_an_unknown_entry_is_named() -> None:
    with pytest.raises(CheckpointError, match=r"unknown entries: dec_bev.weight;"):
        EoRaS.from_official({**entries("movi_b"), "dec_bev.weight": torch.empty(3)})


@pytest.mark.parametrize(
    ("entry", "shape", "expected"),
    [
        ("feature_extractor.conv1.weight", (64, 1, 7, 7), (64, 3, 7, 7)),
        ("slot_update_feature.layers.0.linear1.weight", (1024, 512), (2048, 512)),
        ("dec_fm.deconv1.bias", (512, 1), (512,)),
        ("feature_extractor.bn1.num_batches_tracked", (1,), ()),
    ],
)
def test_a_misshapen_entry_is_named_with_both_shapes(
    entry: str, shape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    with pytest.raises(CheckpointError) as caught:
        EoRaS.from_official({**entries("movi_b"), entry: torch.empty(shape)})
    assert f"misshapen entries: {entry} (expected {expected}, found {shape})" in str(caught.value)


def test_a_checkpoint_of_mixed_widths_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"misshapen entries: .* and \d+ more"):
        EoRaS.from_official({**entries("movi_b"), "slot.weight": torch.empty(8, 256)})


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, "no such entry among 0 entries"),
        ({"fc.weight": torch.empty(2, 2)}, "no such entry among 1 entries"),
        ({"slot.weight": torch.empty(8)}, r"shape \(8,\)"),
        ({"slot.weight": torch.empty(8, 12)}, r"multiple of 8 attention heads, found shape \(8, 12\)"),
        ({"slot.weight": torch.empty(0, 16)}, r"found shape \(0, 16\)"),
        ({"slot.weight": torch.empty(8, 0)}, r"found shape \(8, 0\)"),
    ],
)
def test_what_is_no_eoras_checkpoint_is_refused(given: Mapping[str, Tensor], found: str) -> None:
    with pytest.raises(CheckpointError, match=rf"expected an entry slot\.weight .*{found}.* is it an EoRaS checkpoint"):
        EoRaS.from_official(given)


def entries(name: str) -> dict[str, Tensor]:
    return {entry: torch.empty(shape) for entry, shape in golden(name).shapes.items()}
