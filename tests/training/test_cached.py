"""A training reads the cache where there is one, and gives the same weights."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from same_run import assert_same_run

from eoras.data.caching import build_cache
from eoras.training.loop import Trainer
from eoras.training.start import begin, resume

CPU = torch.device("cpu")


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_run_on_the_cache_is_the_run_on_the_images(
    start: Callable[..., Trainer], tmp_path: Path, flat: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: bool
) -> None:
    data = shutil.copytree(flat, tmp_path / "data")
    loose = start(tmp_path / "loose", data=data, validation="test")
    assert loose.train()

    cache = tmp_path / "cache" if elsewhere else None
    assert build_cache(data, cache) == []
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("an image was opened"))
    config = replace(loose.run.config, training=replace(loose.run.config.training, epochs=1))
    assert begin(tmp_path / "cached", config, data, CPU, cache=cache).train()
    assert resume(tmp_path / "cached", CPU, overrides=["training.epochs=2"]).train()  # it remembers where
    assert_same_run(tmp_path / "cached", tmp_path / "loose")
