"""The log: whole lines in the order of the steps, and the same numbers for TensorBoard."""

import errno
import json
import os
import sys
from pathlib import Path

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from eoras.errors import CheckpointError, RunError
from eoras.training.log import Log, read_log


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def scalars(folder: Path, name: str) -> list[tuple[int, float]]:
    """What TensorBoard shows under a name: steps and values."""
    board = EventAccumulator(str(folder / "tensorboard"))
    board.Reload()
    return [(event.step, event.value) for event in board.Scalars(name)]


def write_steps(folder: Path, *steps: int, after: int = 0, loss: float = 0.5) -> None:
    log = Log(folder, after, 0)
    for step in steps:
        log.write(step, loss=loss, epoch=0)
    log.close()


def test_each_line_is_an_object_with_its_step(tmp_path: Path) -> None:
    log = Log(tmp_path, 0, 0)
    log.write(1, loss=0.5, name="first")
    assert lines(tmp_path) == [{"step": 1, "loss": 0.5, "name": "first"}]  # at once, not when it is closed
    log.write(2, loss=None)
    log.close()
    assert lines(tmp_path)[1:] == [{"step": 2, "loss": None}]


def test_resuming_drops_the_lines_of_later_steps_and_keeps_those_of_the_same(tmp_path: Path) -> None:
    write_steps(tmp_path, 1, 2, 2, 3, 4)
    write_steps(tmp_path, 3, 4, after=2, loss=0.25)
    assert [(line["step"], line["loss"]) for line in lines(tmp_path)] == [
        (1, 0.5),
        (2, 0.5),
        (2, 0.5),
        (3, 0.25),
        (4, 0.25),
    ]


def test_resuming_before_a_validation_drops_its_line(tmp_path: Path) -> None:
    log = Log(tmp_path, 0, 0)
    log.write(2, epoch=0, loss=0.5)
    log.write(2, epoch=1, score=0.5)
    log.close()
    Log(tmp_path, 2, 1).close()
    assert len(lines(tmp_path)) == 2
    Log(tmp_path, 2, 0).close()
    assert lines(tmp_path) == [{"step": 2, "epoch": 0, "loss": 0.5}]


@pytest.mark.parametrize(
    "half",
    ['{"step": 2, "lo', '{"step": 2', "{", '{"step": 2, "epoch": 0, "loss": 0.5}\n\n\x00\x00', "[]\n7\n{}"],
)
def test_resuming_drops_half_lines(tmp_path: Path, half: str) -> None:
    write_steps(tmp_path, 1)
    path = tmp_path / "log.jsonl"
    path.write_text(path.read_text() + half)
    write_steps(tmp_path, 3, after=2)
    assert [line["step"] for line in lines(tmp_path)] == ([1, 2, 3] if "0.5" in half else [1, 3])


def test_tensorboard_shows_the_numbers_without_those_that_resuming_dropped(tmp_path: Path) -> None:
    write_steps(tmp_path, 1, 2, 3, 4)
    write_steps(tmp_path, 3, after=2, loss=0.25)
    assert scalars(tmp_path, "train/loss") == [(1, 0.5), (2, 0.5), (3, 0.25)]
    assert scalars(tmp_path, "train/epoch") == [(1, 0), (2, 0), (3, 0)]


def test_tensorboard_groups_the_numbers_of_steps_of_validations_and_of_the_machine(tmp_path: Path) -> None:
    log = Log(tmp_path, 0, 0)
    log.write(1, loss=0.5, machine={"seconds": 2.0})
    log.write(1, split="test", **{"validation/strict/miou_full": 0.25, "validation/strict/miou_occ": None})
    log.close()
    assert scalars(tmp_path, "train/loss") == [(1, 0.5)]
    assert scalars(tmp_path, "machine/seconds") == [(1, 2.0)]
    assert scalars(tmp_path, "validation/strict/miou_full") == [(1, 0.25)]


def test_pictures_of_the_newest_validations_stay_and_earlier_ones_are_spread_evenly(tmp_path: Path) -> None:
    log, picture = Log(tmp_path, 0, 0), Image.new("RGB", (4, 4), "red")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "mine.png").touch()
    for epoch in range(1, 71):
        log.draw(epoch, epoch, picture)
        assert len(list((tmp_path / "pictures").iterdir())) <= 18
    log.close()
    kept = sorted(path.stem for path in (tmp_path / "pictures").iterdir())
    assert kept == [*(f"{epoch:04d}" for epoch in range(8, 65, 8)), "0070", "mine"]
    board = EventAccumulator(str(tmp_path / "tensorboard"), {"images": 0})
    board.Reload()
    assert [image.step for image in board.Images("validation/predictions")] == list(range(1, 71))


# Reading


def test_a_line_that_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    write_steps(tmp_path, 1, 2)
    path = tmp_path / "log.jsonl"
    path.write_text(path.read_text() + '{"step": 3, "lo')
    assert [line["step"] for line in read_log(tmp_path)] == [1, 2]


@pytest.mark.parametrize(
    ("text", "hint"), [(None, "expected a run folder"), ("", "for a step first"), ('{"st', "for a step first")]
)
def test_no_log_or_an_empty_one_is_an_error_that_names_it(tmp_path: Path, text: str | None, hint: str) -> None:
    if text is not None:
        (tmp_path / "log.jsonl").write_text(text)
    with pytest.raises(CheckpointError, match=f"{tmp_path}.*{hint}"):
        read_log(tmp_path)


def test_without_tensorboard_there_are_only_the_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eoras.training.log.find_spec", lambda _: None)
    write_steps(tmp_path, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a file that is always full")
def test_a_full_disk_is_an_error_for_the_user(tmp_path: Path) -> None:
    log = Log(tmp_path, 0, 0)
    (tmp_path / "log.jsonl").symlink_to("/dev/full")
    with pytest.raises(RunError, match=r"log\.jsonl: could not be written: the disk, or your share of it, is full"):
        log.write(1, loss=0.5)
    log.close()


def test_a_full_disk_under_tensorboard_is_an_error_for_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    log = Log(tmp_path, 0, 0)
    with monkeypatch.context() as patch:
        patch.setattr("torch.utils.tensorboard.SummaryWriter.add_scalar", fail)
        with pytest.raises(RunError, match="free some space"):
            log.write(1, loss=0.5)
    with monkeypatch.context() as patch:
        patch.setattr("torch.utils.tensorboard.SummaryWriter.close", fail)
        with pytest.raises(RunError, match="free some space"):
            log.close()
    log.close()
