"""Clips of a long track are joined so that no seam is seen."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from eoras.errors import ConfigError
from eoras.prediction.blending import Answer, Seams, WindowConfig


def level(length: int, value: float) -> Answer:
    return Answer(torch.full((length, 121, 121), value), torch.full((length,), value))


@st.composite
def configs(draw: st.DrawFn) -> WindowConfig:
    length = draw(st.integers(1, 12))
    return WindowConfig(length=length, overlap=draw(st.integers(0, length // 2)))


def join(config: WindowConfig, frames: int, values: list[float]) -> torch.Tensor:
    """The probability of each frame of a track whose clips answer with one value each."""
    seams, parts, begin = Seams(config), [], 0
    for value in values:
        last = begin + config.length >= frames
        parts.append(seams.join(level(min(config.length, frames - begin), value), last=last).probability[:, 0, 0])
        if last:
            break
        begin += config.stride
    return torch.cat(parts)


@given(configs(), st.integers(1, 40), st.floats(0, 1, width=32))
def test_clips_that_agree_give_what_they_agree_on(config: WindowConfig, frames: int, value: float) -> None:
    joined = join(config, frames, [value] * 40)
    assert joined.shape == (frames,)
    torch.testing.assert_close(joined, torch.full((frames,), value))


@given(configs(), st.integers(1, 40))
def test_clips_that_disagree_change_into_each_other_step_by_step(config: WindowConfig, frames: int) -> None:
    steps = join(config, frames, [0.0, 1.0] * 20).diff().abs()
    assert (steps <= 1 / (config.overlap + 1) + 1e-6).all()


def test_what_is_left_of_the_last_clip_comes_at_the_end() -> None:
    seams = Seams(WindowConfig(length=6, overlap=2))
    assert len(seams.join(level(6, 0.5), last=False).probability) == 4
    rest = seams.rest()
    assert rest is not None
    assert len(rest.probability) == 2
    assert seams.rest() is None


def test_confidence_is_blended_like_the_masks() -> None:
    seams = Seams(WindowConfig(length=4, overlap=1))
    seams.join(level(4, 0.0), last=False)
    joined = seams.join(level(4, 1.0), last=True)
    assert joined.confidence is not None
    assert joined.confidence.tolist() == joined.probability[:, 0, 0].tolist() == [0.5, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(("length", "overlap"), [(0, 0), (4, 3), (4, -1)])
def test_windows_that_cannot_be_are_refused(length: int, overlap: int) -> None:
    with pytest.raises(ConfigError, match=f"found {length} frames that overlap by {overlap}"):
        WindowConfig(length=length, overlap=overlap)
