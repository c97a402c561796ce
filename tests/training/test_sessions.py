"""Each session of a run says how, where and on what it was trained."""

import json
import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from eoras.errors import CheckpointError
from eoras.training.sessions import add_session, data_changes, read_sessions

DATA = {"train": {"videos": 2, "tracks": 7, "sha256": "ab12"}}


def test_a_session_describes_command_code_machine_and_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["eoras", "train", "--config", "tiny"])
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    add_session(tmp_path, step=5, device="cpu", data=DATA)
    (session,) = json.loads((tmp_path / "sessions.json").read_text())
    assert session["step"] == 5
    assert session["command"] == ["eoras", "train", "--config", "tiny"]
    assert session["code"]["version"] == version("eoras")
    assert session["packages"]["torch"] == version("torch")
    assert session["machine"]["device"] == "cpu"
    assert session["machine"]["processes"] == 3
    assert session["machine"]["threads"] >= 1
    assert session["data"] == DATA


def test_sessions_are_added_one_after_the_other(tmp_path: Path) -> None:
    for step in (0, 5, 9):
        add_session(tmp_path, step=step, device="cpu", data=DATA)
    assert [session["step"] for session in read_sessions(tmp_path)] == [0, 5, 9]


def test_a_checkout_names_its_commit_and_whether_the_code_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "checkout" / "src" / "eoras"
    package.mkdir(parents=True)
    (package / "code.py").write_text("")
    monkeypatch.setattr("eoras.training.sessions.resources.files", lambda _: package)
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CEILING_DIRECTORIES": str(tmp_path)}
    for name, value in alone.items():  # no settings of the user, no repository around this one
        monkeypatch.setenv(name, value)

    def git(*words: str) -> str:
        user = ("-c", "user.name=x", "-c", "user.email=x")
        command = ["git", "-C", str(package), *user, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def code() -> tuple[object, object]:
        add_session(tmp_path, step=0, device="cpu", data={})
        told = read_sessions(tmp_path)[-1]["code"]
        return told["commit"], told["changed"]

    assert code() == (None, None)  # installed, not checked out
    git("init", "-q", str(tmp_path / "checkout"))
    assert code() == (None, None)  # no commit yet
    git("add", ".")
    git("commit", "-qm", "first")
    assert code() == (git("rev-parse", "HEAD"), False)
    (package / "code.py").write_text("changed = True")
    assert code() == (git("rev-parse", "HEAD"), True)


def test_data_that_changed_are_told_split_by_split(tmp_path: Path) -> None:
    assert data_changes(tmp_path, DATA) == []  # nothing is known of earlier ones
    add_session(tmp_path, step=0, device="cpu", data=DATA)
    add_session(tmp_path, step=0, device="cpu", data={})
    new = {"train": {"videos": 3, "tracks": 8, "sha256": "cd34"}, "test": {"videos": 1, "tracks": 1, "sha256": "ef56"}}
    assert data_changes(tmp_path, DATA) == []
    (sentence,) = data_changes(tmp_path, new)
    assert "split train are not those this run was trained on: 2 videos with 7 tracks" in sentence
    assert "3 videos with 8 tracks (sha256 cd34) now" in sentence


@pytest.mark.parametrize("text", ["", "[{", "7", "{}", "[7]"])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "sessions.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"sessions\.json: damaged .*restore or remove"):
        add_session(tmp_path, step=0, device="cpu", data={})
