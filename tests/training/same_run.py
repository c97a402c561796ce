"""What a run leaves behind, compared to the last bit."""

import json
from pathlib import Path
from typing import Any

import torch

from eoras.training.log import MACHINE

__all__ = ["assert_same_run", "checkpoints", "log_of"]


def checkpoints(run: Path) -> list[str]:
    """Everything that lies among a run's checkpoints, hidden leftovers too, sorted."""
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def log_of(run: Path) -> list[dict[str, Any]]:
    """The lines of a run's log, without what another machine would change."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != MACHINE} for line in lines]


def assert_same_run(one: Path, other: Path) -> None:
    """The same checkpoints (weights, optimiser, place and random state), the same best weights, the same log."""
    assert log_of(one) == log_of(other)
    assert checkpoints(one) == checkpoints(other)
    names = [f"checkpoints/{name}" for name in checkpoints(one)]
    assert names
    for name in names:
        assert_same(*(torch.load(run / name / "training.pt", weights_only=True) for run in (one, other)))
    assert (one / "best").exists() == (other / "best").exists()
    for name in [*names, *(["best"] if (one / "best").exists() else [])]:
        for file in ("model.safetensors", "config.json"):
            assert (one / name / file).read_bytes() == (other / name / file).read_bytes(), f"{name}/{file}"


def assert_same(one: Any, other: Any) -> None:
    """Equal values, however deep they lie, tensors to the last bit."""
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_same(*pair)
    else:
        assert one == other
