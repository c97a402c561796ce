"""Augmented clips: the truth stays, the camera follows, and the same draw gives the same clip."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from eoras.clip import Clip, Truth
from eoras.config import AugmentConfig, ViewConfig
from eoras.data.augment import Augmented, cover, damage, degrade, flip, zoom
from eoras.data.movi_list import Track
from eoras.data.windows import Draw, TrainingOrder
from eoras.geometry import Box

CROP = torch.tensor([[1.5, 0.0, 0.4], [0.0, 1.2, 0.6], [0.0, 0.0, 1.0]])
WHOLE = torch.zeros(4, 64, 96, dtype=torch.bool)
VIEW = ViewConfig(frames="all", windows="track", intrinsics="crop")
CHANGES: list[Any] = [
    lambda clip, random: cover(clip, clip_of(5, red=0.9), VIEW, random),
    lambda clip, random: zoom(clip, VIEW, random),
    lambda clip, _: flip(clip, VIEW),
    degrade,
    damage,
]


def clip_of(seed: int = 0, red: float = 0.2) -> Clip:
    """Four frames with a seen square whose hidden part lies to its right."""
    visible = torch.zeros(4, 121, 121, dtype=torch.bool)
    amodal = visible.clone()
    visible[:, 40:80, 30:60], amodal[:, 40:80, 30:90] = True, True
    frames = torch.rand(4, 3, 128, 128, generator=torch.Generator().manual_seed(seed)) * 0.1
    frames[:, 0, 42:85, 32:64] = red
    return Clip(
        video="a",
        track_id=seed,
        frame_indices=torch.arange(4),
        boxes=(Box(0, 0, 64, 64),) * 4,
        height=64,
        width=96,
        frames=frames,
        intrinsics=CROP.expand(4, 3, 3),
        amodal=amodal,
        visible=visible,
        given=visible,
        available=torch.ones(4, dtype=torch.bool),
    )


class Clips:
    tracks = tuple(Track("a", seed) for seed in range(6))

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, draw: Draw) -> Clip:
        return clip_of(draw.track)


def same(clip: Clip, other: Clip) -> bool:
    pairs = ((getattr(clip, item.name), getattr(other, item.name)) for item in fields(clip))
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


@pytest.mark.parametrize("change", range(len(CHANGES)))
def test_chance_follows_from_the_seed_and_the_clip_itself_is_left_alone(change: int) -> None:
    clip = clip_of()
    changed = [CHANGES[change](clip, np.random.default_rng(seed)) for seed in (1, 1, 2, 3, 4)]
    assert same(changed[0], changed[1])
    assert same(clip, clip_of())
    assert any(not same(clip, other) for other in changed)
    for other in changed:
        assert [value.shape for value in tensors(other)] == [value.shape for value in tensors(clip)]
        assert [value.dtype for value in tensors(other)] == [value.dtype for value in tensors(clip)]
        assert other.frames.min() >= 0
        assert other.frames.max() <= 1


def tensors(clip: Clip) -> list[torch.Tensor]:
    return [getattr(clip, item.name) for item in fields(clip) if isinstance(getattr(clip, item.name), torch.Tensor)]


def shares_of(view: ViewConfig) -> list[float]:
    """What stays seen in each frame of many clips in front of which another object passes."""
    shares = []
    for seed in range(60):
        clip, covered = clip_of(), cover(clip_of(), clip_of(5, red=0.9), view, np.random.default_rng(seed))
        assert not (covered.visible & ~covered.amodal).any()
        assert torch.equal(covered.given, covered.visible)
        kept, whole = ((each.visible.sum((1, 2)) / each.amodal.sum((1, 2))) for each in (covered, clip))
        red = torch.nn.functional.interpolate(covered.frames[:, :1], (121, 121))[:, 0] > 0.5
        red = (red & covered.amodal).sum((1, 2)) / covered.amodal.sum((1, 2))
        assert (red >= 0.9 * (whole - kept) - 0.02).all(), "the other object's red is seen there"
        shares += (kept / whole).tolist()
    return shares


def test_what_is_covered_is_hidden_and_still_part_of_the_object() -> None:
    shares = shares_of(VIEW)
    assert 0.5 < np.mean(shares) < 0.95
    assert min(shares) == 0, "it may hide for a while"
    assert np.mean(np.array(shares) < 0.2) < 0.5
    assert max(shares) == pytest.approx(1, abs=0.02)


def test_an_object_stays_seen_where_hidden_frames_are_left_out() -> None:
    shares = shares_of(ViewConfig(windows="track", intrinsics="crop"))
    assert 0.18 < min(shares) < 0.6


def test_windows_follow_what_is_still_seen_and_cameras_the_windows() -> None:
    clip, off = clip_of(), list[float]()
    ray = torch.linalg.solve(clip.intrinsics[0], torch.tensor([30 / 121, 40 / 121, 1]))  # to the object's corner
    for seed in range(30):
        covered = cover(clip, clip_of(5), VIEW, np.random.default_rng(seed))
        for mask, amodal, camera in zip(covered.visible, covered.amodal, covered.intrinsics, strict=True):
            corner = torch.tensor([torch.where(amodal.any(axis))[0][0] for axis in (0, 1)]) / 121
            inside = corner > 0.01
            place = camera @ ray
            assert_close((place[:2] / place[2])[inside], corner[inside], rtol=0, atol=0.01)
            if mask.any() and not torch.equal(amodal, clip.amodal[0]):
                rows, columns = (torch.where(mask.any(axis))[0][[0, -1]].sum().item() / 2 - 60 for axis in (1, 0))
                side = CROP[0, 0].item() / camera[0, 0].item()
                off.append(max(abs(rows * side + 0.5), abs(columns * side + 15.5)))
    assert len(off) > 10
    assert np.mean(np.array(off) <= 1) > 0.8, "seen as far from the middle as before"


def test_a_mirrored_camera_sees_mirrored_points_at_mirrored_places() -> None:
    point = torch.tensor([0.2, -0.1, 2.0])
    mirrored = point * torch.tensor([-1, 1, 1])
    views = {ViewConfig(intrinsics="crop"): 1, ViewConfig(intrinsics="unit"): 1}
    views |= {ViewConfig(intrinsics="kubric"): 1, ViewConfig(intrinsics="pixel"): 96}
    for view, side in views.items():
        before, after = clip_of(), flip(clip_of(), view)
        (x, y, z), (u, v, w) = (before.intrinsics[0] @ point), (after.intrinsics[0] @ mirrored)
        assert_close(u / w, side - x / z)
        assert_close(v / w, y / z)
    for there, back in zip(tensors(clip_of()), tensors(flip(flip(clip_of(), VIEW), VIEW)), strict=True):
        assert_close(back, there)
    assert torch.equal(flip(clip_of(), VIEW).amodal, clip_of().amodal.flip(-1))


def test_a_zoomed_camera_sees_a_point_where_its_pixel_has_gone() -> None:
    clip = clip_of()
    moved = 0
    for seed in range(20):
        zoomed = zoom(clip, VIEW, np.random.default_rng(seed))
        if same(zoomed, clip):
            continue
        moved += 1
        rows, columns = (torch.where(zoomed.amodal[0].any(axis))[0] for axis in (1, 0))
        corner = torch.tensor([columns[0], rows[0]]) / 121
        inside = (corner > 0.01) & (corner < 0.99)
        expected = torch.tensor([30 / 121, 40 / 121])  # where the corner was
        ray = torch.linalg.solve(clip.intrinsics[0], torch.cat((expected, torch.ones(1))))
        place = zoomed.intrinsics[0] @ ray
        assert_close((place[:2] / place[2])[inside], corner[inside], rtol=0, atol=0.01)
        assert torch.equal(zoom(clip, ViewConfig(), np.random.default_rng(seed)).intrinsics, clip.intrinsics)
    assert moved > 3


def test_damaged_masks_are_only_what_the_network_is_given() -> None:
    clip = clip_of()
    found = [damage(clip, np.random.default_rng(seed)) for seed in range(100)]
    for damaged in found:
        assert torch.equal(damaged.visible, clip.visible)
        assert torch.equal(damaged.amodal, clip.amodal)
        assert torch.equal(damaged.frames, clip.frames)
    masks = torch.cat([damaged.given for damaged in found])
    given = [mask for mask in masks if mask.any()]
    assert 0.02 < 1 - len(given) / len(masks) < 0.3, "some frames have none"
    sides = [[int(torch.where(mask.any(axis))[0][end]) for axis in (1, 0) for end in (0, -1)] for mask in given]
    areas = [(bottom + 1 - top) * (right + 1 - left) for top, bottom, left, right in sides]
    have_holes = [mask.sum() < area for mask, area in zip(given, areas, strict=True)]
    assert 0.1 < np.mean(have_holes) < 0.6
    whole = [box for box, area, hole in zip(sides, areas, have_holes, strict=True) if not hole]
    grown = [(bottom + 1 - top - 40) / 2 for top, bottom, left, right in whole if bottom - top == right - left + 10]
    assert (min(grown), max(grown)) == (-3, 3)
    moved = [(top + bottom + 1 - 120) / 2 for top, bottom, *_ in whole]
    assert min(moved) <= -3
    assert max(moved) >= 3


def test_nothing_happens_at_probability_0_and_all_at_1() -> None:
    draw = Draw(2, 0.0, seed=9)
    assert same(Augmented(Clips(), AugmentConfig(), VIEW)[draw], clip_of(2))
    all_of_it = Augmented(Clips(), AugmentConfig(cover=1, zoom=1, flip=1, degrade=1, damage=1), VIEW)
    assert same(all_of_it[draw], all_of_it[draw])
    assert not torch.equal(all_of_it[draw].frames, all_of_it[Draw(2, 0.0, seed=10)].frames)


def test_each_draw_of_an_epoch_has_a_seed_of_its_own_that_a_resumed_epoch_keeps() -> None:
    order = TrainingOrder(["a", "b", "c"] * 10, seed=3, window=2, passes=2)
    order.set_epoch(1)
    seeds = [draw.seed for draw in order]
    assert len(set(seeds)) == 60
    order.set_epoch(1, skip=7)
    assert [draw.seed for draw in order] == seeds[7:]
    order.set_epoch(2)
    assert not {draw.seed for draw in order} & set(seeds)


def test_a_number_is_the_first_window_of_its_track() -> None:
    tracks = Augmented(Clips(), AugmentConfig(flip=1, degrade=1), VIEW)
    assert same(tracks[2], tracks[Draw(2, 0.0)])


@pytest.mark.parametrize("change", CHANGES)
def test_the_truth_of_the_whole_image_goes_where_it_is_no_longer_that_of_the_clip(change: Any) -> None:
    clip, random = replace(clip_of(), truth=Truth(amodal=WHOLE, visible=WHOLE)), np.random.default_rng(0)
    for _ in range(20):
        changed = change(clip, random)
        shown = ("amodal", "visible")
        kept = all(torch.equal(getattr(changed, name), getattr(clip, name)) for name in shown)
        assert (changed.truth is clip.truth) == kept
        if not kept or change in (degrade, damage):
            return
    raise AssertionError("never changed")
