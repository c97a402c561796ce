"""Checkpoints: whole or not there at all, the newest few, and refused when they are damaged or do not fit."""

import errno
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from same_run import assert_same, assert_same_run, checkpoints

from eoras.config import ModelConfig, TrainingConfig
from eoras.errors import CheckpointError, RunError
from eoras.model.eoras import EoRaS
from eoras.model.weights import find_model
from eoras.training.checkpoint import Place, load_checkpoint, newest_checkpoint, random_state, save_checkpoint
from eoras.training.loop import Trainer, build_optimizer
from eoras.training.plan import plan
from eoras.training.start import resume

Start = Callable[..., Trainer]

PLACE = Place(step=3, epoch=1, clips=2, best=0.25)


@pytest.fixture(scope="module")
def network(small: ModelConfig) -> EoRaS:
    torch.manual_seed(0)
    return EoRaS(small)


def optimizer_of(network: EoRaS, *, seed: int) -> torch.optim.AdamW:
    """An optimiser after a step."""
    random = torch.Generator().manual_seed(seed)
    optimizer = build_optimizer(network, TrainingConfig(learning_rate=1e-12))
    for value in network.parameters():
        value.grad = torch.randn(value.shape, generator=random)
    optimizer.step()
    optimizer.zero_grad()
    return optimizer


def save(run: Path, network: EoRaS, place: Place = PLACE, keep: int = 2) -> Path:
    return save_checkpoint(run, network, optimizer_of(network, seed=0), place, keep)


def load(folder: Path, config: ModelConfig) -> Place:
    network = EoRaS(config)
    return load_checkpoint(folder, network, build_optimizer(network, TrainingConfig()))


# Whole


def test_a_checkpoint_brings_back_weights_optimiser_random_numbers_and_place(network: EoRaS, tmp_path: Path) -> None:
    optimizer = optimizer_of(network, seed=0)
    torch.manual_seed(5)
    folder = save_checkpoint(tmp_path, network, optimizer, PLACE, keep=2)
    drawn = torch.rand(3)

    other = EoRaS(network.config)
    others = optimizer_of(other, seed=1)
    assert load_checkpoint(folder, other, others) == PLACE
    assert torch.equal(torch.rand(3), drawn)
    assert_same(dict(other.state_dict()), dict(network.state_dict()))
    assert_same(others.state_dict(), optimizer.state_dict())


def test_a_training_on_a_cpu_does_not_touch_gpus(
    network: EoRaS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    for name in ("get_rng_state", "set_rng_state", "get_rng_state_all", "set_rng_state_all"):
        monkeypatch.setattr(f"torch.cuda.{name}", lambda *_: pytest.fail("touched"))
    state = {**random_state(torch.device("cpu")), "gpu": torch.zeros(16, dtype=torch.uint8)}  # of a run on a GPU before
    folder = save_checkpoint(tmp_path, network, optimizer_of(network, seed=0), PLACE, keep=2, random=[state])
    assert load(folder, network.config) == PLACE


@pytest.mark.parametrize("average", [None, 0.9])
def test_the_plan_knows_how_large_a_checkpoint_is(start: Start, tmp_path: Path, average: float | None) -> None:
    assert start(tmp_path, epochs=1, average=average, keep=1).train()
    (folder,) = (tmp_path / "checkpoints").iterdir()
    size = sum(path.stat().st_size for path in folder.iterdir())
    told = plan(resume(tmp_path, torch.device("cpu"), overrides=["training.epochs=2"], dry=True))["checkpoints"]
    assert float(told.split()[0]) * 1e9 == pytest.approx(size, rel=0.15)


def test_a_checkpoint_is_a_model_folder(network: EoRaS, tmp_path: Path) -> None:
    folder = save(tmp_path, network)
    names = ["config.json", "manifest.json", "model.safetensors", "training.pt"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert_same(dict(EoRaS.from_pretrained(folder).state_dict()), dict(network.state_dict()))


@pytest.mark.parametrize("keep", [1, 3])
def test_the_newest_stay(network: EoRaS, tmp_path: Path, keep: int) -> None:
    places = [Place(clips=900), Place(epoch=1), Place(epoch=1, clips=20), Place(epoch=9999), Place(epoch=10000)]
    (tmp_path / "config.yaml").touch()
    for place in places:
        newest = save(tmp_path, network, place, keep)
        assert newest_checkpoint(tmp_path) == find_model(str(tmp_path)) == newest
    names = ["0000-00000900", "0001-00000000", "0001-00000020", "9999-00000000", "10000-00000000"]
    assert checkpoints(tmp_path) == sorted(names[-keep:])


def test_a_run_without_checkpoints_has_no_newest(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None


# Or not there at all


def break_the_writing_of_the_state(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """The weights are written, and half of the state; then it breaks."""
    write = Path.write_bytes

    def write_half(path: Path, contents: bytes) -> int:
        if "training.pt" not in path.name:
            return write(path, contents)
        write(path, contents[: len(contents) // 2])
        raise error

    monkeypatch.setattr(Path, "write_bytes", write_half)


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
            RunError,
            "/checkpoints/0001-00000004/training.pt: could not be written: the disk, .* is full; free some space",
        ),
        (
            OSError(errno.EIO, os.strerror(errno.EIO)),
            RunError,
            "/checkpoints/0001-00000004/training.pt: could not be written: .*Input/output error",
        ),
        (KeyboardInterrupt(), KeyboardInterrupt, None),
    ],
)
def test_a_failure_while_saving_leaves_the_earlier_checkpoint_and_nothing_else(
    network: EoRaS,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    raised: type[BaseException],
    message: str | None,
) -> None:
    earlier = save(tmp_path, network)
    break_the_writing_of_the_state(monkeypatch, error)
    with pytest.raises(raised, match=message):
        save(tmp_path, network, replace(PLACE, clips=4), keep=1)
    assert checkpoints(tmp_path) == [earlier.name]
    assert load(earlier, network.config) == PLACE


def test_what_a_killed_process_left_is_no_checkpoint_and_goes_when_the_run_goes_on(
    start: Start, tmp_path: Path
) -> None:
    assert start(tmp_path, epochs=1, validation="test").train()
    whole = tmp_path / "checkpoints" / "0001-00000000"
    left = [whole.with_name(".0009-00000000.123.part"), *(tmp_path / name / ".it.123.part" for name in ("", "best"))]
    for path in left:
        shutil.copytree(whole, path)
    assert newest_checkpoint(tmp_path) == whole
    assert find_model(str(tmp_path), "last") == whole
    assert resume(tmp_path, torch.device("cpu")).train()
    assert not any(path.exists() for path in left)


# Damaged


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def no_bytes(path: Path) -> None:
    path.write_bytes(b"")


def flip_a_bit(path: Path) -> None:
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 2] ^= 1
    path.write_bytes(contents)


FILES = ["training.pt", "model.safetensors", "config.json", "manifest.json"]
DAMAGES = [cut, no_bytes, flip_a_bit, Path.unlink]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_of_a_damaged_checkpoint_the_file_is_named_and_the_one_before_is_used(
    network: EoRaS, tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    earlier = save(tmp_path, network)
    newest = save(tmp_path, network, replace(PLACE, clips=4))
    damage(newest / name)
    told: list[str] = []
    assert newest_checkpoint(tmp_path, told.append) == earlier
    (sentence,) = told
    assert sentence.startswith(f"{newest}/")
    assert name in sentence or name == "manifest.json"  # a flipped bit of the manifest accuses another file
    assert sentence.endswith(f": a damaged checkpoint; the run goes on from the one before, {earlier.name}")


def test_a_damaged_checkpoint_is_a_warning_where_nobody_listens(network: EoRaS, tmp_path: Path) -> None:
    earlier = save(tmp_path, network)
    cut(save(tmp_path, network, replace(PLACE, clips=4)) / "training.pt")
    with pytest.warns(
        UserWarning, match=r"0001-00000004/training\.pt has \d+ bytes, expected \d+: a damaged checkpoint"
    ):
        assert newest_checkpoint(tmp_path) == earlier


def test_if_all_are_damaged_all_are_named(network: EoRaS, tmp_path: Path) -> None:
    for clips in (2, 4):
        (save(tmp_path, network, replace(PLACE, clips=clips)) / "config.json").unlink()
    with pytest.raises(CheckpointError, match="no checkpoint is whole: restore one, or begin anew") as caught:
        newest_checkpoint(tmp_path)
    for name in ("0001-00000002", "0001-00000004"):
        assert f"{tmp_path}/checkpoints/{name}/config.json is missing" in str(caught.value)


@pytest.mark.parametrize("keep", [1, 2])
def test_the_next_checkpoint_takes_the_place_of_damaged_ones(network: EoRaS, tmp_path: Path, keep: int) -> None:
    for clips in (2, 4, 6):
        folder = save(tmp_path, network, replace(PLACE, clips=clips), keep=3)
    cut(folder / "training.pt")
    new = save(tmp_path, network, replace(PLACE, step=9, clips=4), keep)
    assert checkpoints(tmp_path) == ["0001-00000002", "0001-00000004"][-keep:]
    assert newest_checkpoint(tmp_path) == new
    assert load(new, network.config).step == 9


def test_a_run_whose_newest_checkpoint_is_damaged_ends_like_an_unbroken_one(start: Start, tmp_path: Path) -> None:
    assert start(tmp_path / "unbroken", save_steps=1, validation="test").train()
    shutil.copytree(tmp_path / "unbroken", tmp_path / "damaged")
    flip_a_bit(tmp_path / "damaged" / "checkpoints" / "0002-00000000" / "model.safetensors")
    told: list[str] = []
    trainer = resume(tmp_path / "damaged", torch.device("cpu"), tell=told.append)
    assert (trainer.place.step, trainer.place.epoch) == (4, 1)  # trained, not yet validated
    assert len(told) == 1
    assert trainer.train()
    assert_same_run(tmp_path / "damaged", tmp_path / "unbroken")


@pytest.mark.parametrize("damage", [cut, no_bytes, Path.unlink])
@pytest.mark.parametrize("name", ["training.pt", "model.safetensors", "config.json"])
def test_loading_a_damaged_file_is_an_error_that_names_it(
    network: EoRaS, tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    folder = save(tmp_path, network)
    damage(folder / name)
    with pytest.raises(CheckpointError) as caught:
        load(folder, network.config)
    assert str(folder) in str(caught.value)
    assert name in str(caught.value)


def test_a_state_with_other_contents_is_refused(network: EoRaS, tmp_path: Path) -> None:
    folder = save(tmp_path, network)
    whole = torch.load(folder / "training.pt", weights_only=True)
    for state in ([], {}, {**whole, "place": {"stop": 1}}, {**whole, "optimizer": {"state": {}, "param_groups": []}}):
        torch.save(state, folder / "training.pt")
        with pytest.raises(CheckpointError, match=r"training\.pt: a missing or damaged training state"):
            load(folder, network.config)


class Malicious:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch taken_over",)


def test_a_state_that_would_run_code_is_refused(
    network: EoRaS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = save(tmp_path, network)
    for write in (lambda path: torch.save(Malicious(), path), lambda path: path.write_bytes(pickle.dumps(Malicious()))):
        write(folder / "training.pt")
        with pytest.raises(CheckpointError, match=r"training\.pt"):
            load(folder, network.config)
    assert not (tmp_path / "taken_over").exists()
    pickle.loads(pickle.dumps(Malicious()))
    assert (tmp_path / "taken_over").exists()


# Of another network


def test_a_checkpoint_of_another_width_is_refused(network: EoRaS, tmp_path: Path) -> None:
    folder = save(tmp_path, network)
    with pytest.raises(CheckpointError, match=r"config\.json differs from the run's config\.yaml"):
        load(folder, replace(network.config, width=32))


def test_weights_of_another_width_under_the_same_configuration_are_refused(network: EoRaS, tmp_path: Path) -> None:
    folder = save(tmp_path, network)
    EoRaS(replace(network.config, width=32)).save_pretrained(tmp_path / "wide")
    shutil.copy(tmp_path / "wide" / "model.safetensors", folder)
    with pytest.raises(CheckpointError, match=r"misshapen entries: slots \(expected \(2, 16\), found \(2, 32\)\)"):
        load(folder, network.config)


def test_resuming_refuses_a_checkpoint_that_does_not_fit_the_run(start: Start, tmp_path: Path) -> None:
    assert start(tmp_path, epochs=1).train()
    settings = tmp_path / "config.yaml"
    settings.write_text(settings.read_text().replace("\n  width: 16", "\n  width: 32"))
    with pytest.raises(CheckpointError, match=r"0001-00000000: its config\.json differs"):
        resume(tmp_path, torch.device("cpu"))
