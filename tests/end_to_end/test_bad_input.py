"""What a user is told when something is wrong: one line, the right exit code, and nothing half written."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tell = Callable[..., Any]

NEW = "--config tiny --data data --out new"
FULL = "could not be written: the disk, or your share of it, is full; free some space"

forking = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # Python 3.12 and newer


def assert_refused(told: Any, *hints: str) -> None:
    """Bad input: exit code 2, and one line that says what is wrong."""
    assert_failed(told, 2, *hints)
    assert told.err.count("\n") == 1


def assert_failed(told: Any, code: int, *hints: str) -> None:
    """The last line says what is wrong; before it there may be others that were right when they were written."""
    assert (told.code, told.out) == (code, "")
    assert all(line.startswith("eoras: ") for line in told.err.splitlines())
    for hint in hints:
        assert hint in told.err.splitlines()[-1]


# Usage


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("", "expected either --config NAME --data DIR --out RUN, or --resume RUN"),
        ("--config tiny --resume run", "expected either --config NAME --data DIR --out RUN, or --resume RUN"),
        ("--config tiny --out run", "--config needs --data DIR"),
        ("--config tiny --data data", "--out RUN, the run folder to make"),
        (
            "--config movi_c --data data --out new",
            "name a YAML file or one of best, kitti, movi_b, movi_d, small, tiny",
        ),
        ("--config wrong.yaml --data data --out new", "training.epoch: unknown key; did you mean epochs?"),
        (f"{NEW} --set training.sed=1", "training.sed: unknown key; did you mean seed?"),
        (f"{NEW} --set epochs", "--set epochs: expected KEY=VALUE"),
        (f"{NEW} --device cuda:9", "--device cuda:9: expected one of"),
        (f"{NEW} --device gpu", "Choose from auto, cpu, cuda or cuda:N"),
        (f"{NEW} --dtype float16", "float16"),
        (f"{NEW} --init nowhere", "nowhere: expected a model folder, a run folder or a hub name"),
        (f"{NEW} --init run", "is it a checkpoint of another network or configuration?"),
        (f"{NEW} --backbone-weights nowhere.pth", "nowhere.pth: "),
        (
            f"{NEW} --set model.backbone=lite0 --backbone-weights imagenet",
            "expected a file of the weights of EfficientNet",
        ),
        ("--config tiny --data nowhere --out new", "nowhere: expected train/instance_list.npy"),
        ("--config tiny --data data --out run", "run: expected a new or empty folder"),
        ("--config tiny --data data --out wrong.yaml", "wrong.yaml: expected a new or empty folder"),
        ("--resume nowhere", "nowhere: expected a run folder with config.yaml"),
        ("--resume run --data nowhere --set training.epochs=9", "nowhere: expected train/instance_list.npy"),
        (
            "--resume run --out new",
            "with --resume RUN only --data, --cache, --device, --dtype, --set training.KEY=VALUE and --dry-run",
        ),
        ("--resume run --init run", "with --resume RUN only"),
        ("--resume run --set model.num_slots=3", "with --resume RUN only"),
        ("--resume run --set training.epoch=9", "training.epoch: unknown key; did you mean epochs?"),
    ],
)
def test_wrong_words_for_training_are_refused_and_nothing_is_written(
    run: Path, place: Path, tell: Tell, monkeypatch: pytest.MonkeyPatch, words: str, hint: str
) -> None:
    folder = run.parent
    (folder / "data").symlink_to(place / "data")
    (folder / "wrong.yaml").write_text("base: tiny\ntraining: {epoch: 3}")
    before = times_of(folder)
    monkeypatch.chdir(folder)
    assert_refused(tell("train", *words.split()), hint)
    assert times_of(folder) == before


def times_of(folder: Path) -> dict[Path, int | None]:
    """When each file was changed; the folder of a run is touched by the file that holds it."""
    return {path: path.stat().st_mtime_ns if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("nowhere --data data", "nowhere: expected a model folder, a run folder or a hub name"),
        ("data --data data", "data: expected a model folder"),
        ("run", "--data"),
        ("run --data nowhere", "nowhere: expected test/instance_list.npy"),
        ("run --data data --split val", "test"),
        ("run --data data --protocol lenient", "paper"),
        ("run --data data --checkpoint newest", "last"),
        ("run --data data --device cuda:9", "--device cuda:9: expected one of"),
        ("run --data data --workers -1", "--workers"),
    ],
)
def test_wrong_words_for_scoring_are_refused(
    run: Path, place: Path, tell: Tell, monkeypatch: pytest.MonkeyPatch, words: str, hint: str
) -> None:
    (run.parent / "data").symlink_to(place / "data")
    monkeypatch.chdir(run.parent)
    assert_refused(tell("evaluate", *words.split()), hint)


# Damage


@pytest.fixture
def data(place: Path, tmp_path: Path) -> Path:
    """A copy of the data, to damage."""
    shutil.copytree(place / "data", tmp_path / "data")
    return tmp_path / "data"


def cut_in_half(path: Path) -> bytes:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return whole


def test_data_without_a_list_are_refused(data: Path, tmp_path: Path, train: Tell) -> None:
    (data / "train" / "instance_list.npy").unlink()
    told = train(tmp_path / "run", data=data)
    assert_refused(told, f"{data}: expected train/instance_list.npy", "name the folder that holds train/ and test/")
    assert not (tmp_path / "run").exists()


@forking
@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_cut_in_half_ends_the_training_which_goes_on_when_it_is_mended(
    data: Path, tmp_path: Path, train: Tell, tell: Tell, workers: int
) -> None:
    run = tmp_path / "run"
    images = {path: cut_in_half(path) for path in (data / "train").glob("1/segmentation_0_*.png")}
    told = train(run, f"workers={workers}", "save_steps=1", "validation=none", data=data)
    assert_failed(told, 2, f"{data}/train/1/segmentation_0_", "expected a whole image", "write it again")
    steps = (run / "log.jsonl").read_text().splitlines()
    assert len(list((run / "checkpoints").iterdir())) == min(len(steps), 2)
    for path, whole in images.items():
        path.write_bytes(whole)
    assert tell("train", "--resume", run).code == 0
    all_steps = (run / "log.jsonl").read_text().splitlines()
    assert all_steps[: len(steps)] == steps
    assert 0 < len(steps) < len(all_steps)


@forking
@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_cut_in_half_ends_the_scoring(run: Path, data: Path, tell: Tell, workers: int) -> None:
    cut_in_half(data / "test" / "0" / "rgba_full_00001.png")
    told = tell("evaluate", run, "--data", data, "--workers", workers, "--json")
    assert_refused(told, f"{data}/test/0/rgba_full_00001.png: expected a whole image")


def test_a_damaged_checkpoint_is_named_with_the_way_on(run: Path, tell: Tell) -> None:
    newest = run / "checkpoints" / "0004-00000000"
    cut_in_half(newest / "training.pt")
    settings = (run / "config.yaml").read_text()
    told = tell("train", "--resume", run, "--set", "training.epochs=5")
    assert_refused(told, f"{newest}/training.pt has ", "no checkpoint is whole: restore one")
    assert (run / "config.yaml").read_text() == settings


def test_weights_of_another_width_are_refused(run: Path, place: Path, tell: Tell) -> None:
    settings = run / "best" / "config.json"
    settings.write_text(settings.read_text().replace('"width": 16', '"width": 32'))
    assert_refused(tell("evaluate", run, "--data", place / "data"), "best: misshapen entries: ", "of another network")
    settings = run / "config.yaml"
    settings.write_text(settings.read_text().replace("\n  width: 16", "\n  width: 32"))
    assert_refused(tell("train", "--resume", run), "0004-00000000: its config.json differs from the run's config.yaml")


# Runs that fail


def test_a_loss_that_is_not_finite_is_exit_code_1(tmp_path: Path, train: Tell) -> None:
    told = train(tmp_path / "run", "learning_rate=1e30")
    assert_failed(told, 1, "the loss of step 2 is", "Lower the learning rate", "--resume")
    assert not (tmp_path / "run" / "checkpoints").exists()
    assert not (tmp_path / "run" / "best").exists()


def test_a_run_that_cannot_be_written_is_exit_code_1(place: Path, train: Tell) -> None:
    out = place / "settings.yaml" / "run"
    assert_failed(train(out), 1, f"{out}/run.json: could not be written")


LIMITED = """
import resource, sys
from eoras.cli import main
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("broken", ["training.pt", pytest.param("model.safetensors", marks=pytest.mark.slow)])
def test_a_disk_that_fills_up_while_saving_leaves_the_earlier_checkpoint(
    run: Path, start: Tell, tell: Tell, broken: str
) -> None:
    (earlier,) = (run / "checkpoints").iterdir()
    limit = (earlier / broken).stat().st_size - 1000
    words = ("train", "--resume", run, "--set", "training.epochs=5", "--set", "training.validation=none")
    told = start(sys.executable, "-c", LIMITED, limit, *words)
    assert_failed(told, 1, f"eoras: {run}/checkpoints/", f"/{broken}: {FULL}")
    assert list((run / "checkpoints").iterdir()) == [earlier]
    assert tell("train", "--resume", run).code == 0
    assert (run / "checkpoints" / "0005-00000000").is_dir()
