"""Run folders: all that is needed to go on with a training, or to know what it was."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from eoras.config import Config, ModelConfig, TrainingConfig, ViewConfig
from eoras.config_files import load_config
from eoras.errors import CheckpointError, ConfigError, RunError
from eoras.training.run import Run

CONFIG = Config(
    model=ModelConfig(
        bev_channels=(32,),
        camera_position=(8.5, -7.5, 1e-7),
        mask_heads=("amodal", "occluded"),
        view=ViewConfig(frames="all", boxes="round", enlarge=1.5, intrinsics="unit"),
    ),
    training=TrainingConfig(learning_rate=1e-5, dtype="bfloat16", validation="none"),
)


def test_a_run_is_opened_as_it_was_created(tmp_path: Path) -> None:
    created = Run.create(tmp_path / "run", CONFIG, tmp_path, tmp_path / "cache")
    assert Run.open(tmp_path / "run") == created
    assert created.cache == tmp_path / "cache"
    assert created.config == CONFIG
    assert created.data == tmp_path


def test_the_configuration_is_stored_whole_and_can_be_trained_with_again(tmp_path: Path) -> None:
    Run.create(tmp_path / "run", CONFIG, tmp_path)
    assert load_config(str(tmp_path / "run" / "config.yaml")) == CONFIG


def test_where_the_data_lie_is_stored_whole_so_that_they_are_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Run.create(Path("run"), CONFIG, Path("data"))
    assert json.loads(Path("run/run.json").read_text()) == {
        "data": str(tmp_path / "data"),
        "cache": None,
        "first_weights": None,
    }


def test_planning_a_run_writes_nothing(tmp_path: Path) -> None:
    planned = Run.plan(tmp_path / "run", CONFIG, tmp_path)
    assert not (tmp_path / "run").exists()
    assert Run.create(tmp_path / "run", CONFIG, tmp_path) == planned


def test_a_run_may_not_know_its_data(tmp_path: Path) -> None:
    Run.create(tmp_path, CONFIG, None)
    assert Run.open(tmp_path).data is None


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    Run.create(tmp_path / "run", CONFIG, None)
    assert Run.open(tmp_path / "run").config == CONFIG


def test_a_run_that_was_killed_while_it_began_can_be_begun_again(tmp_path: Path) -> None:
    def die() -> None:
        (tmp_path / "checkpoints" / "0000-00000000").mkdir(parents=True)
        (tmp_path / ".config.yaml.123.part").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Run.create(tmp_path, CONFIG, None, save_first=die)
    with pytest.raises(CheckpointError, match=r"expected a run folder with config\.yaml"):
        Run.open(tmp_path)
    created = Run.create(tmp_path, CONFIG, tmp_path)
    assert Run.open(tmp_path) == created


def test_overrides_are_kept_once_they_are_written(tmp_path: Path) -> None:
    Run.create(tmp_path, CONFIG, None)
    changed = Run.open(tmp_path, ["training.epochs=7", "training.decay=0.5"])
    assert changed.config == replace(CONFIG, training=replace(CONFIG.training, epochs=7, decay=0.5))
    assert Run.open(tmp_path).config == CONFIG
    changed.write_config()
    assert Run.open(tmp_path) == changed


# Bad input


def a_file(path: Path) -> None:
    path.write_text("precious")


def a_folder_with_a_file(path: Path) -> None:
    path.mkdir()
    (path / ".hidden").write_text("precious")


@pytest.mark.parametrize("occupy", [a_file, a_folder_with_a_file])
def test_what_is_there_already_is_never_written_over(tmp_path: Path, occupy: Callable[[Path], None]) -> None:
    occupy(tmp_path / "run")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match=r"run: expected a new or empty folder.*--resume .*another --out"):
        Run.create(tmp_path / "run", CONFIG, None)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_below_a_file_is_an_error_for_the_user(tmp_path: Path) -> None:
    a_file(tmp_path / "file")
    with pytest.raises(RunError, match=r"file/run/run\.json: could not be written"):
        Run.create(tmp_path / "file" / "run", CONFIG, None)


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_a_folder_without_a_run_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match=r"expected a run folder with config\.yaml, found none; name the folder"):
        Run.open(tmp_path / name)


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", "7", '{"data'])
def test_a_damaged_origin_is_an_error_that_names_it(tmp_path: Path, text: str | None) -> None:
    Run.create(tmp_path, CONFIG, None)
    path = tmp_path / "run.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(CheckpointError, match=r"run\.json: a damaged run folder"):
        Run.open(tmp_path)


@pytest.mark.parametrize("override", ["training.epoch=7", "training.epochs=0", "training.epochs"])
def test_a_wrong_override_is_refused(tmp_path: Path, override: str) -> None:
    Run.create(tmp_path, CONFIG, None)
    with pytest.raises(ConfigError, match=r"training\.epoch"):
        Run.open(tmp_path, ["training.seed=9", override])
