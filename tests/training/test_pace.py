"""Pace: what counts as waiting, and what a second holds."""

from collections.abc import Iterator

import pytest
import torch

from eoras.training.pace import Pace, peak_memory


def test_a_lap_counts_clips_frames_and_the_time_that_data_took(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("eoras.training.pace.time.perf_counter", lambda: now[0])

    def read() -> Iterator[None]:
        for _ in range(2):
            now[0] += 3
            yield

    pace, laps = Pace(torch.device("cpu")), []
    for _ in pace.watch(read()):
        now[0] += 1
        laps.append(pace.lap(clips=8, clip_length=12))
    assert len(laps) == 2
    for lap in laps:
        assert (lap["seconds"], lap["waiting_seconds"]) == (4, 3)
        assert (lap["clips_per_second"], lap["frames_per_second"]) == (2, 24)


def test_peak_memory_grows_with_what_is_held() -> None:
    before = peak_memory(torch.device("cpu"))
    assert before > 2**20
    held = torch.ones(before // 4 + 2**24)
    assert peak_memory(torch.device("cpu")) >= held.numel() * 4
