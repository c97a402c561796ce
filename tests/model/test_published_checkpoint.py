"""``eoras convert checkpoint`` on files made from the published list of entries."""

import errno
import os
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from flat_scenes.scenes import write_flat_dataset
from golden_networks import draw, golden, published_shapes
from torch import Tensor, nn
from torch.optim import AdamW

from eoras.cli import main
from eoras.config import ModelConfig, ViewConfig
from eoras.config_files import load_config
from eoras.model.eoras import EoRaS
from eoras.model.official import official_name, parameter_names
from eoras.training.checkpoint import Place, load_checkpoint, newest_checkpoint
from eoras.training.loop import build_optimizer
from eoras.training.run import Run

FROZEN = ("slot_pos", "fea_pos", "bev_pos")
UNUSED = tuple(f"feature_extractor.conv{number}.{part}" for number in (6, 7) for part in ("weight", "bias"))


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Path]:
    """Where a published file may lie; what is large beside it goes when the test ends."""
    yield tmp_path / "checkpoint-0050.pth.gz"
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.stat().st_size > 1e6:
            path.unlink()


@torch.no_grad()
def test_a_published_file_becomes_a_model_folder_with_the_official_masks(source: Path) -> None:
    run, out = golden("movi_d"), source.parent / "model"
    never_read = {name: torch.full(shape, torch.nan) for name, shape in published_shapes().items()}
    publish(source, never_read | run.entries())
    assert convert(source, out, "movi_d") == 0
    assert sorted(path.name for path in out.iterdir()) == ["config.json", "model.safetensors"]
    network = EoRaS.from_pretrained(out)
    assert network.config == load_config("movi_d").model
    masks = network(run.frames, run.intrinsics)
    assert (masks.amodal.sigmoid() - run.masks["amodal"]).abs().max() < 5e-6


@pytest.mark.parametrize("options", [(), ("--with-optimizer",)])
def test_what_is_there_already_is_not_written_over(
    options: tuple[str, ...], source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = source.parent / "run"
    publish(source, constants(of_width(16)))
    out.mkdir()
    (out / "config.yaml").write_text("of a run")
    assert convert(source, out, "movi_b", *options) == 2
    assert f"eoras: {out}: expected a new " in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["config.yaml"]
    assert (out / "config.yaml").read_text() == "of a run"


def test_a_full_disk_leaves_nothing_that_the_same_command_would_not_write_over(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = source.parent / "model"
    publish(source, constants(of_width(16)))

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fail)
        assert convert(source, out, "movi_b") == 1
    assert "is full; free some space" in capsys.readouterr().err
    assert [path.name for path in source.parent.iterdir()] == [source.name]
    assert convert(source, out, "movi_b") == 0


def test_a_published_file_becomes_a_run_whose_moments_are_those_of_the_official_parameters(source: Path) -> None:
    out = source.parent / "run"
    shapes = published_shapes()
    publish(source, constants(shapes))
    assert convert(source, out, "movi_b", "--with-optimizer") == 0
    run, checkpoint = Run.open(out), newest_checkpoint(out)
    assert run.config == load_config("movi_b")
    assert checkpoint is not None
    network = EoRaS(run.config.model)
    optimizer = build_optimizer(network, run.config.training)
    assert load_checkpoint(checkpoint, network, optimizer) == Place(step=7000, epoch=50)
    numbers = {name: number for number, name in enumerate(parameter_names(shapes))}
    assert len(numbers) == 325
    for name, parameter in network.named_parameters():
        state = optimizer.state[parameter]
        number = numbers[official_name(name)]
        assert state["step"] == 7000
        assert state["exp_avg"].shape == state["exp_avg_sq"].shape == parameter.shape
        assert (state["exp_avg"] == number).all(), name
        assert (state["exp_avg_sq"] == number + 0.5).all(), name
    assert len(optimizer.state) == 325 - len(FROZEN) - len(UNUSED)
    settings = {(group["lr"], group["weight_decay"]) for group in optimizer.param_groups}
    assert settings == {(1e-5, 5e-4)}, "ours, not those of the file"


def test_the_run_goes_on_with_resume(source: Path) -> None:
    out, data = source.parent / "run", source.parent / "data"
    write_flat_dataset(data, train_videos=1, test_videos=0, seed=0, size=(48, 64), frames=1)
    np.save(data / "train" / "instance_list.npy", np.array(["0-0"]))
    entries = constants(of_width(16)) | draw(of_width(16), seed=0)
    optim = official_optimizer(entries)
    for of_parameter in optim["state"].values():
        of_parameter |= {name: value.contiguous() for name, value in of_parameter.items()}
    publish(source, entries, optim)
    assert convert(source, out, "movi_b", "--with-optimizer") == 0
    settings = ("training.epochs=51", "training.clip_length=1", "training.workers=0", "training.validation=none")
    options = [word for setting in settings for word in ("--set", setting)]
    assert main(["train", "--resume", str(out), "--data", str(data), "--device", "cpu", *options]) == 0
    newest = newest_checkpoint(out)
    assert newest is not None
    assert newest.name.startswith("0051-")
    state = torch.load(newest / "training.pt", weights_only=True)["optimizer"]["state"]
    assert {float(of_parameter["step"]) for of_parameter in state.values()} == {7001}


@pytest.mark.parametrize(
    ("config", "view", "camera_position"),
    [
        ("movi_b", ViewConfig(intrinsics="kubric"), None),
        ("movi_d", ViewConfig(intrinsics="kubric"), (8.48113, -7.50764, 1.5)),
        ("kitti", ViewConfig(intrinsics="pixel", pad_to=8), None),
    ],
)
def test_what_the_file_does_not_say_comes_from_the_configuration(
    config: str, view: ViewConfig, camera_position: tuple[float, float, float] | None, source: Path
) -> None:
    publish(source, constants(of_width(16)))
    assert convert(source, source.parent / "model", config) == 0
    read = EoRaS.from_pretrained(source.parent / "model").config
    assert read == ModelConfig(width=16, view=view, camera_position=camera_position)


def test_a_configuration_that_was_never_published_is_refused(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source.touch()
    assert convert(source, source.parent / "out", "tiny") == 2
    assert "movi_b" in capsys.readouterr().err
    assert not (source.parent / "out").exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"slot.weight": None}, "expected an entry slot.weight"),
        ({"dec_vm.deconv2.weight": None}, "missing entries: dec_vm.deconv2.weight;"),
        ({"extra.weight": torch.zeros(1)}, "unknown entries: extra.weight;"),
        ({"bev_fc.bias": torch.zeros(4)}, "misshapen entries: bev_fc.bias (expected (16,), found (4,))"),
    ],
)
def test_entries_that_do_not_fit_are_named_with_the_file(
    change: Mapping[str, Tensor | None], complaint: str, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = {**constants(of_width(16)), **change}
    publish(source, {name: value for name, value in entries.items() if value is not None})
    assert complaint in refused(source, capsys)


@pytest.mark.parametrize("left_out", ["model", "optim", "epoch", "iters"])
def test_a_torch_file_of_something_else_says_what_it_holds(
    left_out: str, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = {"model": {}, "optim": {}, "epoch": 1, "iters": 1}
    del contents[left_out]
    torch.save(contents, source)
    complaint = refused(source, capsys)
    assert "expected the entries epoch, iters, model, optim" in complaint
    assert f"found {', '.join(contents)}" in complaint


def test_a_torch_file_of_a_tensor_is_refused(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(torch.zeros(3), source)
    assert "found Tensor" in refused(source, capsys)


def test_a_file_that_is_not_there_is_refused(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in refused(source, capsys)


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.999])
def test_a_file_cut_short_is_refused(keep: float, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish(source, constants(of_width(16)))
    content = source.read_bytes()
    source.write_bytes(content[: int(keep if keep >= 1 else keep * len(content))])
    assert "damaged" in refused(source, capsys)


class Trap:
    """Unpickled carelessly, makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("torch_file", [True, False])
@pytest.mark.parametrize("options", [[], ["--with-optimizer"]])
def test_a_file_that_would_run_code_is_refused_and_runs_nothing(
    torch_file: bool, options: list[str], source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = source.parent / "mark"
    contents = {"model": {}, "optim": Trap(mark), "scheduler": {}, "epoch": 1, "iters": 1}
    if torch_file:
        torch.save(contents, source)
    else:
        source.write_bytes(pickle.dumps(contents))
    refused(source, capsys, *options)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Trap(mark)))
    assert mark.exists(), "the trap works"


def test_an_optimiser_of_another_network_is_refused(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = constants(of_width(16))
    optim = official_optimizer(entries)
    optim["param_groups"][0]["params"].pop()
    publish(source, entries, optim)
    complaint = refused(source, capsys, "--with-optimizer")
    assert "expected an optimiser of 325 parameters" in complaint
    assert "found 324" in complaint


def test_moments_of_another_shape_are_named(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = constants(of_width(16))
    optim = official_optimizer(entries)
    number = parameter_names(entries).index("dec_fm.deconv1.bias")
    optim["state"][number]["exp_avg"] = torch.zeros(7)
    publish(source, entries, optim)
    assert "shape (16,) for dec_fm.deconv1.bias, found (7,)" in refused(source, capsys, "--with-optimizer")


def test_a_run_is_made_in_an_empty_folder_only(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish(source, constants(of_width(16)))
    out = source.parent / "run"
    out.mkdir()
    (out / "thesis.tex").touch()
    assert convert(source, out, "movi_b", "--with-optimizer") == 2
    assert f"{out}: expected a new or empty folder" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["thesis.tex"]


def convert(source: Path, out: Path, config: str, *options: str) -> int:
    return main(["convert", "checkpoint", str(source), str(out), "--config", config, *options])


def refused(source: Path, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """What the command complains of a file that it must not accept: one line, and nothing is left behind."""
    out = source.parent / "out"
    assert convert(source, out, "movi_b", *options) == 2
    assert not out.exists()
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"eoras: {source}: ")
    assert complaint.count("\n") == 1
    return complaint


def of_width(width: int) -> dict[str, tuple[int, ...]]:
    """The published entries with narrower tokens; most of what makes them large is gone."""
    with torch.device("meta"):
        network = EoRaS(ModelConfig(width=width))
    narrow = {official_name(name): tuple(value.shape) for name, value in network.state_dict().items()}
    return {name: narrow.get(name, shape) for name, shape in published_shapes().items()}


def constants(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Entries that are one number each, in memory and on disk."""
    return {name: torch.ones((), dtype=dtype(name)).expand(shape) for name, shape in shapes.items()}


def dtype(name: str) -> torch.dtype:
    return torch.int64 if name.endswith("num_batches_tracked") else torch.float32


def official_optimizer(entries: Mapping[str, Tensor]) -> dict[str, Any]:
    """The state of an AdamW of the official parameters after 7000 steps; moments of number n are n and n + 0.5."""
    names = parameter_names(entries)
    parameters = [nn.Parameter(torch.empty(entries[name].shape, device="meta"), name not in FROZEN) for name in names]
    state = AdamW(parameters, lr=3e-3, weight_decay=0.1).state_dict()
    state["state"] = {
        number: {
            "step": torch.tensor(7000.0),
            "exp_avg": torch.tensor(float(number)).expand(entries[name].shape),
            "exp_avg_sq": torch.tensor(number + 0.5).expand(entries[name].shape),
        }
        for number, name in enumerate(names)
        if name not in (*FROZEN, *UNUSED)
    }
    return state


def publish(source: Path, entries: Mapping[str, Tensor], optim: Mapping[str, Any] | None = None) -> None:
    """Write a file as the official training does."""
    contents = {
        "model": {f"module.{name}": value for name, value in entries.items()},
        "optim": official_optimizer(entries) if optim is None else optim,
        "scheduler": {"gamma": 1.0, "last_epoch": 50, "_last_lr": [1e-5]},
        "epoch": 50,
        "iters": 7000,
    }
    torch.save(contents, source)
