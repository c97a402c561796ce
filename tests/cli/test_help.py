"""The frame of the command line: it answers at once, explains each verb, and ends with the right exit code."""

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from eoras.cli import app, main
from eoras.errors import DataError, RunError

HEAVY = ["torch", "numpy", "scipy", "av", "PIL", "pydantic", "yaml", "pycocotools", "safetensors", "tqdm"]


def verbs() -> list[list[str]]:
    """The words of each verb, sub-commands included."""
    names = [name for name in app if not name.startswith("-")]
    return [
        [name, *inner] for name in names for inner in ([[sub] for sub in app[name] if not sub.startswith("-")] or [[]])
    ]


def test_help_imports_nothing_heavy() -> None:
    code = f"import sys; from eoras.cli import main; main(['--help']); print(sorted(sys.modules.keys() & {HEAVY}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "doctor" in result.stdout
    assert result.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("words", verbs(), ids=" ".join)
def test_help_of_a_verb_gives_an_example(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--help"]) == 0
    assert f"eoras {' '.join(words)} " in capsys.readouterr().out.rpartition("Example")[2]


def test_help_lists_each_verb_with_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listed = {words[1]: words[2:] for line in capsys.readouterr().out.splitlines() if len(words := line.split()) > 2}
    assert all(listed[words[0]] for words in verbs())


def test_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == version("eoras")


@pytest.mark.parametrize(
    ("words", "hint"), [(["doctr"], "doctor"), (["doctor", "--jsn"], "--json"), (["doctor", "x"], "x")]
)
def test_wrong_usage_is_exit_code_2_and_one_line(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    output = capsys.readouterr()
    assert not output.out
    assert output.err.startswith("eoras: ")
    assert output.err.count("\n") == 1
    assert hint in output.err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataError("a.png: cut short"), 2, "eoras: a.png: cut short\n"),
        (RunError("the loss is nan"), 1, "eoras: the loss is nan\n"),
        (KeyboardInterrupt(), 130, "eoras: interrupted\n"),
    ],
)
def test_an_error_is_told_in_one_line_and_by_its_exit_code(
    error: BaseException,
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("eoras.cli.app", lambda _: fail())
    assert main([]) == code
    assert capsys.readouterr().err == message


def test_a_reader_that_leaves_early_hears_no_complaint() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "eoras", "doctor"]
    result = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert result.returncode == 141
    assert result.stderr == b""
