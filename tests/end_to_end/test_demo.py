"""``eoras demo``: from nothing to a scored network and a picture."""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image

from eoras.cli import demo as module
from eoras.clip import Truth
from eoras.data.movi_list import Track
from eoras.synthesis import settings

Tell = Callable[..., Any]

SMALL = ("height=48", "width=64", "frames=3", "objects.static=[3,4]", "spawn.settle_seconds=2")
BEATS = r"the tiny network (beats|does not beat) the"
VERDICT = (
    rf"{BEATS} visible mask on whole objects \(strict miou_full\): [\d.]+ against [\d.]+\n"
    rf"{BEATS} convex hull on hidden parts \(strict miou_occ\): [\d.]+ against [\d.]+\n"
)


def test_the_whole_way_in_small_and_a_second_call_only_scores(
    tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = settings.load_scene_config
    monkeypatch.setattr(settings, "load_scene_config", lambda preset: load(preset, SMALL))
    monkeypatch.setattr(module, "_TRAIN_VIDEOS", 2)
    monkeypatch.setattr(module, "_TEST_VIDEOS", 1)
    told = tell("demo", "--out", tmp_path / "demo")
    assert told.code == 0, told.err
    assert re.search(VERDICT, told.out)
    assert (tmp_path / "demo" / "table.txt").read_text() == told.out
    for name in ("shipped.png", "contact_sheet.png"):
        assert np.asarray(Image.open(tmp_path / "demo" / name)).std() > 5
    assert told.err.splitlines()[-1].startswith(f"eoras: wrote {tmp_path / 'demo' / 'contact_sheet.png'}")
    assert tell("demo", "--out", tmp_path / "demo").out == told.out


def test_only_the_clips_that_are_drawn_are_read_with_their_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracks = KnownTracks([("a", 3), ("b", 5), ("a", 7), ("b", 2), ("c", 0)])
    monkeypatch.setattr(module, "_ROWS", 2)
    monkeypatch.setattr(module, "_picture", lambda *_: None)
    monkeypatch.setattr("eoras.draw.contact_sheet", lambda _: Image.new("1", (1, 1)))
    module._draw(cast(Any, None), cast(Any, tracks), tmp_path, cast(Any, None), tmp_path / "sheet.png")
    assert tracks.read == [2, 1], "of each of two videos the one with the most hidden pixels, the most first"


class KnownTracks:
    """Tracks that differ in how many of their 20 pixels are hidden, and say which were read."""

    def __init__(self, hidden: list[tuple[str, int]]) -> None:
        self.tracks = [Track(video, number) for number, (video, _) in enumerate(hidden)]
        self.hidden = [count for _, count in hidden]
        self.read: list[int] = []

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, index: int) -> int:
        self.read.append(index)
        return index

    def truth_of(self, index: int) -> SimpleNamespace:
        amodal = torch.ones(1, 4, 5, dtype=torch.bool)
        visible = amodal.clone()
        visible.view(-1)[: self.hidden[index]] = False
        return SimpleNamespace(masks=Truth(amodal=amodal, visible=visible))


@pytest.mark.slow
def test_in_full_it_beats_the_visible_mask_and_the_hull(tell: Tell, tmp_path: Path) -> None:
    told = tell("demo", "--out", tmp_path)
    assert told.code == 0, told.err
    assert re.search(VERDICT, told.out)
    assert "does not beat" not in told.out
