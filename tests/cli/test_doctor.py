import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from eoras.cli import main
from eoras.cli.doctor import _devices
from eoras.config_files import shipped_configs


def examine(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["doctor", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_healthy_machine_has_no_problems(capsys: pytest.CaptureFixture[str]) -> None:
    report = examine(capsys)
    assert report["problems"] == []
    assert report["versions"]["eoras"] == version("eoras")
    assert report["versions"]["torch"] == version("torch")
    assert report["extras"]["test"] == "installed"
    assert report["codecs"]["h264"] == "read ok, write ok"
    assert report["places"]["configurations"].split(", ") == shipped_configs()
    assert Path(report["places"]["package"], "cli", "doctor.py").is_file()


def test_text_and_json_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    report = examine(capsys)
    del report["problems"]
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "no problems found"
    told = dict(re.split(" {2,}", line.strip(), maxsplit=1) for line in lines if line.startswith("  "))
    rows = {name: value for section in report.values() for name, value in section.items()}
    assert len(rows) > 20
    assert told.pop("temporary files").split(",")[0] == rows.pop("temporary files").split(",")[0]  # free space changes
    assert told == rows


def test_a_torch_that_does_not_load_is_named_and_the_rest_is_told(tmp_path: Path) -> None:
    tmp_path.joinpath("torch.py").write_text("raise OSError('libtorch.so: cannot open shared object file')")
    command = [sys.executable, "-m", "eoras", "doctor"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert not result.stderr
    assert "problem: torch cannot be imported: libtorch.so: cannot open" in result.stdout.splitlines()[-1]
    assert "pip install --force-reinstall torch" in result.stdout
    assert f"  {version('numpy')}\n" in result.stdout


def test_what_is_not_installed_comes_with_its_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.metadata.requires", lambda _: ["torch>=2", "av", "no-such-thing>=1; extra == 'hub'"])
    assert examine(capsys)["extras"] == {"hub": "missing; pip install 'eoras[hub]'"}


def test_each_accelerator_is_listed_with_its_memory() -> None:
    device = SimpleNamespace(name="H200", total_memory=139 * 2**30)
    torch = SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: True, device_count=lambda: 2, get_device_properties=lambda _: device),
        version=SimpleNamespace(cuda="13.0"),
    )
    line = "H200, 139.0 GiB, CUDA 13.0"
    assert _devices(cast(Any, torch)) == {"cuda:0": line, "cuda:1": line}


def test_a_device_that_no_verb_takes_is_not_listed() -> None:
    mps = SimpleNamespace(is_available=lambda: True, recommended_max_memory=lambda: 2**30)
    torch = SimpleNamespace(
        cuda=SimpleNamespace(is_available=lambda: False), backends=SimpleNamespace(mps=mps), mps=mps
    )
    assert _devices(cast(Any, torch)) == {"cpu": "no accelerator found"}
