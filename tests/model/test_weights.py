"""Model folders, run folders, the hub, and ImageNet weights."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_networks import SMALL, clips, small_network
from torch import Tensor

from eoras.config import ModelConfig, ViewConfig
from eoras.config_files import describe
from eoras.errors import CheckpointError, RunError
from eoras.model.eoras import EoRaS
from eoras.model.weights import find_model, load_backbone


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder."""
    small_network().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@torch.no_grad()
def test_a_saved_network_comes_back_bit_for_bit(tmp_path: Path) -> None:
    network = small_network(
        position_code="learned", visible_input=True, mask_heads=("amodal", "occluded"), camera_position=(1, 2, 3)
    )
    network.save_pretrained(tmp_path)
    again = EoRaS.from_pretrained(tmp_path)
    assert again.config == network.config
    assert not again.training
    assert again.state_dict().keys() == network.state_dict().keys()
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in network.state_dict().items())
    frames, intrinsics = clips(1, 2)
    visible = torch.rand(1, 2, 121, 121) > 0.5
    given = network(frames, intrinsics, visible=visible)
    assert torch.equal(again(frames, intrinsics, visible=visible).amodal, given.amodal)


def test_saving_replaces_what_the_folder_held_and_leaves_nothing_beside(folder: Path) -> None:
    other = small_network(seed=1, view=ViewConfig(intrinsics="unit"))
    other.save_pretrained(folder)
    assert EoRaS.from_pretrained(folder).config.view.intrinsics == "unit"
    assert torch.equal(EoRaS.from_pretrained(folder).slots, other.slots)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_the_configuration_beside_the_weights_is_plain_json(folder: Path) -> None:
    values = json.loads((folder / "config.json").read_text())
    assert values == describe(SMALL)
    assert values["view"]["intrinsics"] == "kubric"
    assert load_file(folder / "model.safetensors").keys() == small_network().state_dict().keys()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=re.escape(str(tmp_path / "file" / "model"))):
        small_network().save_pretrained(tmp_path / "file" / "model")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=rf"{re.escape(str(folder))}: .* found no {re.escape(name)}"):
        EoRaS.from_pretrained(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=re.escape(str(tmp_path / "nowhere"))):
        EoRaS.from_pretrained(tmp_path / "nowhere")


@pytest.mark.parametrize("keep", [0, 5, 200, 100_000])
def test_weights_cut_short_are_named(folder: Path, keep: int) -> None:
    path = folder / "model.safetensors"
    assert path.stat().st_size > keep
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=re.escape(f"{path}: damaged")):
        EoRaS.from_pretrained(folder)


@pytest.mark.parametrize("text", ["", "{", '{"width": ', "\xff"])
def test_a_damaged_configuration_is_named(folder: Path, text: str) -> None:
    path = folder / "config.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(CheckpointError, match=re.escape(f"{path}: damaged")):
        EoRaS.from_pretrained(folder)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"wdith": 16}, "wdith: unknown key; did you mean width?"),
        ({"width": "wide"}, "width: "),
        ({"width": 15}, "width: "),
        ({"mask_heads": ["visible"]}, "mask_heads must name amodal"),
        ({"view": {"boxes": "square"}}, "view.boxes: "),
    ],
)
def test_a_wrong_value_of_the_configuration_is_named(folder: Path, change: dict[str, Any], complaint: str) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointError) as caught:
        EoRaS.from_pretrained(folder)
    assert str(caught.value).startswith(f"{path}: ")
    assert complaint in str(caught.value)


def test_a_configuration_that_is_no_mapping_is_named(folder: Path) -> None:
    (folder / "config.json").write_text("[1, 2]")
    with pytest.raises(CheckpointError, match=re.escape(f"{folder / 'config.json'}: ")):
        EoRaS.from_pretrained(folder)


def test_weights_of_another_width_are_refused(folder: Path, tmp_path: Path) -> None:
    small_network(width=32).save_pretrained(tmp_path / "wide")
    (tmp_path / "wide" / "model.safetensors").replace(folder / "model.safetensors")
    with pytest.raises(CheckpointError) as caught:
        EoRaS.from_pretrained(folder)
    assert str(caught.value).startswith(f"{folder}")
    assert "misshapen entries: slots (expected (4, 16), found (4, 32))" in str(caught.value)


@pytest.mark.parametrize(("change", "complaint"), [("drop", "missing entries: slots"), ("add", "unknown entries: x")])
def test_weights_of_another_network_are_refused(folder: Path, change: str, complaint: str) -> None:
    path = folder / "model.safetensors"
    entries = load_file(path)
    if change == "drop":
        del entries["slots"]
    else:
        entries["x"] = torch.zeros(1)
    save_file(entries, path)
    with pytest.raises(CheckpointError, match=rf"{re.escape(str(folder))}.*{complaint};"):
        EoRaS.from_pretrained(folder)


def test_weights_for_rgb_load_into_a_folder_that_takes_the_visible_mask(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"visible_input": True}))
    stem = EoRaS.from_pretrained(folder).backbone.conv1.weight
    assert torch.equal(stem[:, :3], small_network().backbone.conv1.weight)
    assert not stem[:, 3].any()


def test_a_model_folder_is_found_as_itself(folder: Path) -> None:
    assert find_model(str(folder)) == folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with two checkpoints, without the best one."""
    folder = tmp_path / "run"
    for name in ("0000-00000100", "0001-00000000", ".0002-00000000.77.part"):
        (folder / "checkpoints" / name).mkdir(parents=True)
        (folder / "checkpoints" / name / "config.json").touch()
    (folder / "config.yaml").touch()
    return folder


def test_of_a_run_the_best_or_the_last_is_found(run: Path) -> None:
    newest = run / "checkpoints" / "0001-00000000"
    assert find_model(str(run), "last") == newest
    assert find_model(str(run)) == newest, "without validation there is no better one"
    (run / "best").mkdir()
    (run / "best" / "model.safetensors").touch()
    assert find_model(str(run)) == run / "best"
    assert find_model(str(run), "last") == newest


def test_a_run_without_a_checkpoint_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    with pytest.raises(CheckpointError, match=rf"{re.escape(str(tmp_path))}: a run without a checkpoint"):
        find_model(str(tmp_path))


@pytest.mark.parametrize("name", ["{}", "{}/nothing/here", "nothing", "a/b/c", "a b/c", "../somewhere"])
def test_what_is_no_model_is_named(tmp_path: Path, name: str) -> None:
    name = name.format(tmp_path)
    with pytest.raises(CheckpointError, match=rf"^{re.escape(name)}: expected a model folder, a run folder or a hub"):
        find_model(name)


def test_small_is_the_one_that_comes_with_eoras_unless_a_model_has_that_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    Path("small").mkdir()  # such as what ``eoras export`` writes there
    assert (find_model("small") / "NOTICE").is_file()
    Path("small").rmdir()
    folder.rename("small")
    assert find_model("small") == Path("small")


def test_the_hub_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(CheckpointError, match=re.escape("someone/model: ") + r".*pip install 'eoras\[hub\]'"):
        find_model("someone/model")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., str]], None]:
    """Puts a stand-in for ``huggingface_hub`` in its place."""

    def install(snapshot_download: Callable[..., str]) -> None:
        monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=snapshot_download))

    return install


def test_a_model_of_the_hub_is_fetched_without_anything_else_of_it(folder: Path, hub: Callable[..., None]) -> None:
    asked: list[tuple[str, list[str]]] = []

    def snapshot_download(name: str, *, allow_patterns: list[str]) -> str:
        asked.append((name, sorted(allow_patterns)))
        return str(folder)

    hub(snapshot_download)
    assert find_model("someone/model") == folder
    assert asked == [("someone/model", ["config.json", "model.safetensors"])]


def test_what_the_hub_says_is_handed_on(hub: Callable[..., None]) -> None:
    def snapshot_download(name: str, **_: object) -> str:
        raise OSError(f"401: {name} is private")

    hub(snapshot_download)
    with pytest.raises(CheckpointError, match=r"someone/model: .*401: someone/model is private"):
        find_model("someone/model")


def test_a_folder_goes_before_a_name_of_the_hub(
    folder: Path, hub: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def snapshot_download(*_: object, **__: object) -> str:
        raise AssertionError("nobody should ask")

    hub(snapshot_download)
    monkeypatch.chdir(folder.parent.parent)
    name = f"{folder.parent.name}/{folder.name}"
    assert find_model(name) == Path(name)


BACKBONE = ModelConfig(pyramid_channels=8, bev_channels=(8,), width=8, feedforward=8, num_heads=1, num_layers=1)


def resnet50(extra: bool = True) -> dict[str, Tensor]:
    """Random weights under torchvision's names; ``extra``: with what only a classifier and batch statistics need."""
    random = torch.Generator().manual_seed(0)
    entries: dict[str, Tensor] = {}

    def norm(name: str, channels: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            entries[f"{name}.{part}"] = torch.rand(channels, generator=random)
        if extra:
            entries[f"{name}.num_batches_tracked"] = torch.tensor(7)

    def conv(name: str, *shape: int) -> None:
        entries[f"{name}.weight"] = torch.randn(1, generator=random).expand(shape)  # one number on disk

    conv("conv1", 64, 3, 7, 7)
    norm("bn1", 64)
    inside = 64
    for level, depth in enumerate((3, 4, 6, 3)):
        width = 64 * 2**level
        for block in range(depth):
            name = f"layer{level + 1}.{block}"
            for number, shape in enumerate(((width, inside, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1)), 1):
                conv(f"{name}.conv{number}", *shape)
                norm(f"{name}.bn{number}", shape[0])
            if block == 0:
                conv(f"{name}.downsample.0", 4 * width, inside, 1, 1)
                norm(f"{name}.downsample.1", 4 * width)
            inside = 4 * width
    if extra:
        entries["fc.weight"], entries["fc.bias"] = torch.zeros(1).expand(1000, 2048), torch.zeros(1000)
    return entries


def save(entries: object, path: Path) -> str:
    torch.save(entries, path)
    return str(path)


@pytest.mark.parametrize("extra", [True, False])
@pytest.mark.parametrize("visible_input", [True, False])
def test_imagenet_weights_fill_the_backbone(extra: bool, visible_input: bool, tmp_path: Path) -> None:
    network = EoRaS(replace(BACKBONE, visible_input=visible_input))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    entries = resnet50(extra)
    load_backbone(network, save(entries, tmp_path / "resnet50.pth"))
    after = network.state_dict()
    filled = {name for name in after if name.startswith("backbone.") and ".pyramid." not in name}
    for name in filled:
        theirs = re.sub(r"norm(\d)", r"bn\1", name.removeprefix("backbone."))
        if "num_batches" in name:
            assert after[name] == (7 if extra else 0)
        else:
            assert torch.equal(after[name][:, :3] if theirs == "conv1.weight" else after[name], entries[theirs]), name
    assert len(filled) == 162, "53 convolutions, 53 pairs of scale and shift, 3 statistics of the stem"
    assert all(torch.equal(after[name], before[name]) for name in after.keys() - filled)
    assert not visible_input or not after["backbone.conv1.weight"][:, 3].any()


def test_group_normalisation_has_the_scale_and_shift_of_batch_normalisation(tmp_path: Path) -> None:
    network, entries = EoRaS(BACKBONE), resnet50()
    load_backbone(network, save(entries, tmp_path / "resnet50.pth"))
    norm = network.backbone.get_submodule("layer3.5.norm2")
    assert isinstance(norm, torch.nn.GroupNorm)
    assert torch.equal(norm.weight, entries["layer3.5.bn2.weight"])
    assert torch.equal(norm.bias, entries["layer3.5.bn2.bias"])


@pytest.mark.parametrize(
    "name", ["conv1.weight", "bn1.running_var", "layer4.2.bn3.bias", "layer2.0.downsample.0.weight"]
)
def test_a_missing_entry_of_imagenet_weights_is_named(name: str, tmp_path: Path) -> None:
    entries = resnet50()
    del entries[name]
    path = save(entries, tmp_path / "resnet50.pth")
    with pytest.raises(CheckpointError, match=re.escape(f"{path}: missing entries: {name};")):
        load_backbone(EoRaS(BACKBONE), path)


def test_another_depth_or_width_does_not_fit_imagenet_weights(tmp_path: Path) -> None:
    path = save(resnet50(), tmp_path / "resnet50.pth")
    with pytest.raises(CheckpointError, match=r"misshapen entries: conv1\.weight \(expected \(16, 3, 7, 7\), found"):
        load_backbone(small_network(), path)


@pytest.mark.parametrize("content", [b"", b"no torch file", None])
def test_a_file_that_holds_no_weights_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "resnet50.pth"
    if content is None:
        torch.save([torch.zeros(1)], path)
    else:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=re.escape(f"{path}: ")):
        load_backbone(EoRaS(BACKBONE), str(path))


def test_imagenet_weights_are_fetched_when_asked_for_and_never_before(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def load_state_dict_from_url(
        url: str, *, map_location: str, check_hash: bool, weights_only: bool
    ) -> dict[str, Tensor]:
        assert map_location == "cpu"
        assert check_hash
        assert weights_only
        asked.append(url)
        return resnet50()

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", load_state_dict_from_url)
    network = EoRaS(BACKBONE)
    assert not asked
    load_backbone(network, "imagenet")
    assert asked == ["https://download.pytorch.org/models/resnet50-0676ba61.pth"]
    assert torch.equal(network.backbone.norm1.weight, resnet50()["bn1.weight"])


def test_without_a_network_the_fetch_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_state_dict_from_url(*_: object, **__: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", load_state_dict_from_url)
    with pytest.raises(CheckpointError, match=r"imagenet: .*resnet50.*\(Name or service not known\)"):
        load_backbone(EoRaS(BACKBONE), "imagenet")
