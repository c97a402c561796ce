"""Writing: nobody ever sees half of a file or of a folder."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from eoras.errors import ConfigError, RunError
from eoras.files import LOCK, find_parts, only_one, remove_folder, remove_parts, write_beside, write_folder_beside

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
QUOTA = OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

Writer = Callable[[Path], AbstractContextManager[Path]]

WRITERS = [write_beside, write_folder_beside]


def contents(folder: Path) -> dict[str, str]:
    """All files below a folder, hidden ones too, by path."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


# A file


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    with write_beside(tmp_path / "a" / "b" / "file.json") as path:
        path.write_text("whole")
        assert not (tmp_path / "a" / "b" / "file.json").exists()
        assert path.parent == tmp_path / "a" / "b"  # the same disk, so that renaming cannot fail half way
    assert contents(tmp_path) == {"a/b/file.json": "whole"}


def test_a_reader_sees_the_old_contents_until_the_new_are_whole(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with write_beside(file) as path:
        path.write_text("ne")
        assert file.read_text() == "old"
        path.write_text("new")
    assert contents(tmp_path) == {"file": "new"}


def test_two_that_have_the_same_process_number_do_not_write_into_the_same_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with write_beside(file) as one:
        one.write_text("one, whole")
        with write_beside(file) as other:
            other.write_text("other")
        assert file.read_text() == "other"
    assert contents(tmp_path) == {"file": "one, whole"}


# A folder


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    with write_folder_beside(tmp_path / "a" / "folder") as folder:
        (folder / "one").write_text("1")
        assert not (tmp_path / "a" / "folder").exists()
        assert folder.name.startswith(".")
        assert folder.parent == tmp_path / "a"
        (folder / "two").write_text("2")
    assert contents(tmp_path) == {"a/folder/one": "1", "a/folder/two": "2"}


def test_a_folder_that_exists_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_text("old")
    with pytest.raises(RunError, match="folder: could not be written"), write_folder_beside(tmp_path / "folder") as new:
        (new / "new").write_text("new")
    assert contents(tmp_path) == {"folder/old": "old"}


def test_two_that_have_the_same_process_number_do_not_write_into_the_same_folder(tmp_path: Path) -> None:
    with write_folder_beside(tmp_path / "folder") as one:
        (one / "one").write_text("1")
        with pytest.raises(KeyboardInterrupt):
            fail_half_way(write_folder_beside, tmp_path / "folder", KeyboardInterrupt())
    assert contents(tmp_path) == {"folder/one": "1"}


def test_a_folder_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    flush = os.fsync

    def record(number: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{number}").readlink().name)
        flush(number)

    monkeypatch.setattr(os, "fsync", record)
    with write_folder_beside(tmp_path / "folder", flush=True) as folder:
        (folder / "one").write_text("1")
    assert flushed == ["one", folder.name, tmp_path.name]
    flushed.clear()
    with write_folder_beside(tmp_path / "another") as folder:
        (folder / "one").write_text("1")
    assert flushed == []


def test_a_folder_that_is_removed_is_whole_or_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("whole")
    monkeypatch.setattr("shutil.rmtree", lambda _: None)
    remove_folder(tmp_path / "folder")
    (hidden,) = tmp_path.iterdir()
    assert find_parts(tmp_path) == [hidden]
    monkeypatch.undo()
    remove_parts(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_only_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    for name in (".file.12.part", "file", ".hidden", "file.part"):
        (tmp_path / name).touch()
    (tmp_path / ".folder.12.part" / "inner").mkdir(parents=True)
    remove_parts(tmp_path)
    assert sorted(contents(tmp_path)) == [".hidden", "file", "file.part"]
    assert not (tmp_path / ".folder.12.part").exists()
    remove_parts(tmp_path / "nowhere")


# What a failure leaves


def fail_half_way(writer: Writer, target: Path, error: BaseException) -> None:
    with writer(target) as path:
        (path / "one" if path.is_dir() else path).write_text("ne")
        raise error


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("error", [FULL, ValueError("a bug"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, writer: Writer, error: BaseException) -> None:
    with pytest.raises((type(error), RunError)):
        fail_half_way(writer, tmp_path / "it", error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [FULL, ValueError("a bug"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_contents(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "file").write_text("old")
    with pytest.raises((type(error), RunError)):
        fail_half_way(write_beside, tmp_path / "file", error)
    assert contents(tmp_path) == {"file": "old"}


# What the user is told


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("error", [FULL, QUOTA])
def test_a_full_disk_is_an_error_that_names_the_file_and_the_cure(
    tmp_path: Path, writer: Writer, error: OSError
) -> None:
    with pytest.raises(RunError, match=r"/it: could not be written: the disk, .* is full; free some space") as caught:
        fail_half_way(writer, tmp_path / "it", error)
    assert caught.value.exit_code == 1
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("writer", WRITERS)
def test_a_place_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path, writer: Writer) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(RunError, match=r"file/below/it: could not be written: "), writer(tmp_path / "file/below/it"):
        pytest.fail("nothing can be written here")
    assert contents(tmp_path) == {"file": "not a folder"}


def test_an_error_from_within_a_folder_is_told_once(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught, write_folder_beside(tmp_path / "folder") as folder:
        fail_half_way(write_beside, folder / "file", FULL)
    assert str(caught.value).startswith(f"{tmp_path}/folder/file: could not be written: the disk")
    assert str(caught.value).count("could not be written") == 1


@pytest.mark.parametrize("writer", WRITERS)
def test_an_error_names_the_file_that_was_to_be_and_not_the_hidden_one(tmp_path: Path, writer: Writer) -> None:
    with pytest.raises(RunError) as caught, writer(tmp_path / "it") as path:
        (path / "one" / "two").write_text("nowhere")
    assert ".part" not in str(caught.value)
    assert f"{tmp_path}/it/one/two" in str(caught.value)


LIMITED = """
import resource, sys
from pathlib import Path
from eoras.errors import RunError
from eoras.files import write_beside
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with write_beside(Path(sys.argv[1])) as path:
        path.write_bytes(bytes(2000))
except RunError as error:
    print(error)
"""


def test_a_disk_that_fills_up_while_writing_leaves_the_old_contents(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    told = subprocess.run([sys.executable, "-c", LIMITED, file], capture_output=True, text=True, check=True).stdout
    assert told == f"{file}: could not be written: the disk, or your share of it, is full; free some space\n"
    assert contents(tmp_path) == {"file": "old"}


# One at a time


HOLD = """
import os, sys
from pathlib import Path
from eoras.files import only_one
with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
    os._exit(9)
"""


def test_a_folder_is_held_by_one_process_until_it_ends_even_by_a_kill(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, tmp_path / "out"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match=r"out: expected a folder for one run alone, found another eoras that"):
            hold(tmp_path / "out")
        holder.communicate("\n")
    assert (tmp_path / "out" / LOCK).exists()
    hold(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def hold(folder: Path) -> None:
    with only_one(folder):
        assert (folder / LOCK).exists()


def test_a_folder_that_was_made_to_be_held_is_taken_away_unless_something_is_in_it(tmp_path: Path) -> None:
    hold(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    with only_one(tmp_path / "out"):
        (tmp_path / "out" / "file").write_text("kept")
    assert contents(tmp_path) == {"out/file": "kept"}


def test_a_place_that_cannot_be_held_is_left_to_those_who_write_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with only_one(tmp_path / "file"):
        pass
    assert contents(tmp_path) == {"file": "not a folder"}


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_file_that_the_lock_is_a_link_to_is_left_as_it_was(
    link: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("the user's")
    (tmp_path / "out").mkdir()
    link(tmp_path / "out" / LOCK, tmp_path / "file")
    with only_one(tmp_path / "out"):
        (tmp_path / "out" / "result").write_text("written")
    assert (tmp_path / "file").read_text() == "the user's"
    assert (tmp_path / "out" / "result").read_text() == "written"


def test_a_file_is_flushed_unless_there_are_too_many_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    with write_beside(tmp_path / "one", flush=False) as path:
        path.write_text("1")
    assert flushed == []
    with write_beside(tmp_path / "other") as path:
        path.write_text("2")
    assert len(flushed) == 2
    assert contents(tmp_path) == {"one": "1", "other": "2"}
