"""Each time a run was begun or gone on with: by which command, with which code, where, and on which data."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import torch

from eoras.errors import CheckpointError
from eoras.files import write_beside
from eoras.shares import own_share

__all__ = ["add_session", "data_changes", "read_sessions"]

Fingerprint = Mapping[str, Mapping[str, int | str]]

_FILE = "sessions.json"
_PACKAGES = ("torch", "numpy", "pillow", "scipy", "pycocotools", "safetensors")


def add_session(run: Path, *, step: int, device: str, data: Fingerprint) -> None:
    """Add to ``sessions.json`` in the run folder that the run goes on, or begins, here and now.

    Args:
        run: the run folder.
        step: optimiser steps made so far.
        device: what it trains on.
        data: the ``fingerprint`` of the data.

    Raises:
        CheckpointError: the file is damaged.
        RunError: it cannot be written.
    """
    session = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "step": step,
        "command": sys.argv,
        "code": _code(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "machine": {**_machine(), "device": device, "processes": own_share().size},
        "data": data,
    }
    sessions = [*read_sessions(run), session]
    with write_beside(run / _FILE) as path:
        path.write_text(json.dumps(sessions, indent=1) + "\n", encoding="utf-8")


def read_sessions(run: Path) -> list[dict[str, Any]]:
    """All sessions of a run, the first one first; none where nobody has noted any.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = run / _FILE
    try:
        sessions = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged ({error}); restore or remove the file") from None
    if not (isinstance(sessions, list) and all(isinstance(session, dict) for session in sessions)):
        raise CheckpointError(f"{path}: damaged (expected a list of objects); restore or remove the file")
    return sessions


def data_changes(run: Path, data: Fingerprint) -> list[str]:
    """What differs between data and those of the run's last session, a sentence for each split.

    A split that the last session has not read says nothing.

    Args:
        run: the run folder.
        data: the ``fingerprint`` of the data as they now are.

    Raises:
        CheckpointError: the file is damaged.
    """
    before = next((session["data"] for session in reversed(read_sessions(run)) if session.get("data")), {})
    return [
        f"the data of split {split} are not those this run was trained on: {_describe(before[split])} then, "
        f"{_describe(now)} now"
        for split, now in data.items()
        if split in before and now != before[split]
    ]


def _describe(split: Mapping[str, int | str]) -> str:
    return f"{split['videos']} videos with {split['tracks']} tracks (sha256 {split['sha256']})"


def _code() -> dict[str, Any]:
    """The version of this package; in a checkout also its commit, and whether files differ from it."""
    package = Path(str(resources.files("eoras")))
    code: dict[str, Any] = {"version": metadata.version("eoras"), "commit": None, "changed": None}
    if package.parent.name == "src" and (package.parents[1] / ".git").exists():
        try:
            code["commit"] = _git(package, "rev-parse", "HEAD")
            code["changed"] = bool(_git(package, "status", "--porcelain", "--", "."))
        except (OSError, subprocess.SubprocessError):  # no git, or a repository that it does not trust
            pass
    return code


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


def _machine() -> dict[str, Any]:
    able = getattr(torch.cpu, "get_capabilities", dict)()  # newer than the oldest torch that will do
    gpus = range(torch.cuda.device_count())
    return {
        "platform": platform.platform(),
        "processor": able.get("cpu_name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(number) for number in gpus],
    }
