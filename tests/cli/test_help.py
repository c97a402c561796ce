"""The frame of the command line: it answers at once, explains each verb, and ends with the right exit code."""

import errno
import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest
from cyclopts import App, ValidationError

from eoras.cli import app, main
from eoras.cli.options import Device
from eoras.errors import DataError, RunError

HEAVY = ["torch", "numpy", "scipy", "av", "PIL", "pydantic", "yaml", "pycocotools", "safetensors", "tqdm"]


def verbs() -> list[list[str]]:
    """The words of each verb, sub-commands included."""
    names = [name for name in app if not name.startswith("-")]
    return [
        [name, *inner] for name in names for inner in ([[sub] for sub in app[name] if not sub.startswith("-")] or [[]])
    ]


def test_help_lists_each_verb_with_its_line_and_imports_nothing_heavy() -> None:
    code = f"import sys; from eoras.cli import main; main(['--help']); print(sorted(sys.modules.keys() & {HEAVY}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *page, imported = result.stdout.splitlines()
    listed = {words[1]: words[2:-1] for line in page if len(words := line.split()) > 2}
    assert all(listed[words[0]] for words in verbs())
    assert imported == "[]"


@pytest.mark.parametrize("words", verbs(), ids=" ".join)
def test_help_of_a_verb_ends_with_an_example_that_is_valid(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--help"]) == 0
    command, *arguments = capsys.readouterr().out.rpartition("Example: ")[2].split()
    assert [command, *arguments][: len(words) + 1] == ["eoras", *words]
    app.parse_args(arguments)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("demo", "7 to 16 minutes"),
        ("train", "--resume RUN goes on from there"),
        ("plot", "needs the extra plot"),
        ("evaluate", "as masks.json"),
        ("evaluate", "Under torchrun or SLURM"),
        ("predict", "Where an object is hidden"),
        ("predict", "with --resume"),
        ("draw", "a colour of its own"),
        ("app", "a private temporary folder"),
        ("score", "Under torchrun or SLURM"),
        ("export", "graphs.json"),
        ("explain", "need the extra plot"),
        ("synthesize", "The same command goes on"),
        ("download", "The same command goes on"),
        ("check", "The exit code is 1"),
        ("cache", "under torchrun or SLURM"),
        ("convert checkpoint", "OUT must not exist yet"),
        ("convert masks", "OUT must not exist yet"),
        ("doctor", "The exit code is 1"),
    ],
)
def test_help_of_a_verb_says_more_than_its_line_in_the_list(
    words: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words.split(), "--help"]) == 0
    assert told in " ".join(capsys.readouterr().out.split())
    assert main([*words.split()[:-1], "--help"]) == 0
    assert told not in " ".join(capsys.readouterr().out.split())


def test_help_says_what_each_exit_code_means(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out.partition("Exit codes: ")[2]
    assert re.findall(r"\b\d+(?=,)", told) == ["0", "1", "2", "130", "141"]


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


def test_a_device_is_auto_cpu_cuda_or_one_of_several() -> None:
    def answer(*, device: Device) -> str:
        return device

    program = App(default_command=answer, result_action="return_value", exit_on_error=False, print_error=False)
    for name in ("auto", "cpu", "cuda", "cuda:1"):
        assert program(["--device", name]) == name
    for name in ("gpu", "cuda:", "cuda:one", "mps"):
        with pytest.raises(ValidationError, match="Choose from auto, cpu, cuda or cuda:N"):
            program(["--device", name])


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataError("a.png: cut short"), 2, "eoras: a.png: cut short\n"),
        (RunError("the loss is nan"), 1, "eoras: the loss is nan\n"),
        (
            PermissionError(errno.EACCES, "Permission denied", "masks"),
            2,
            "eoras: masks: cannot be read (Permission denied); check its name and your permissions\n",
        ),
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


@pytest.mark.parametrize("words", ["check NAME", "draw NAME", "train --config NAME --data data --out run"])
def test_a_name_that_cannot_be_is_told_in_one_line(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = "x" * 300
    assert main([name if word == "NAME" else word for word in words.split()]) == 2
    output = capsys.readouterr()
    assert not output.out
    assert output.err.startswith(f"eoras: {name}")
    assert output.err.count("\n") == 1


def test_a_reader_that_leaves_early_hears_no_complaint() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "eoras", "doctor"]
    result = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert result.returncode == 141
    assert result.stderr == b""
