from hypothesis import given
from hypothesis import strategies as st

from eoras.data import Draw, TrainingOrder

position = st.floats(0, 1, exclude_max=True)


def videos(num_tracks: int) -> list[str]:
    """The video of each track: four tracks a video."""
    return [str(track // 4) for track in range(num_tracks)]


@given(st.integers(1, 100), st.integers(1, 30), position)
def test_a_window_is_consecutive_frames_and_then_copies_of_the_last(num_frames: int, length: int, at: float) -> None:
    window = Draw(0, at).window(range(num_frames), length)
    whole = min(num_frames, length)
    assert len(window) == length
    assert window[:whole] == list(range(window[0], window[0] + whole))
    assert set(window[whole:]) <= {num_frames - 1}
    assert 0 <= window[0] <= window[-1] < num_frames


def test_every_window_has_the_same_share_of_the_positions() -> None:
    starts = [Draw(0, step / 90).window(range(20), 12)[0] for step in range(90)]
    assert [starts.count(start) for start in range(9)] == [10] * 9


def test_the_last_position_gives_the_last_window() -> None:
    just_below_one = 1 - 2**-53
    for num_frames in range(12, 2000):
        assert Draw(0, just_below_one).window(range(num_frames), 12)[-1] == num_frames - 1


@given(st.integers(0, 50), st.integers(0, 1000), st.integers(0, 50))
def test_every_epoch_draws_each_track_once(num_tracks: int, seed: int, epoch: int) -> None:
    order = TrainingOrder(videos(num_tracks), seed, 2)
    order.set_epoch(epoch)
    draws = list(order)
    assert len(order) == len(draws) == num_tracks
    assert sorted(draw.track for draw in draws) == list(range(num_tracks))
    assert all(0 <= draw.position < 1 for draw in draws)


@given(st.integers(1, 50), st.integers(0, 1000), st.integers(0, 50), st.data())
def test_a_resumed_epoch_goes_on_with_the_next_draw(
    num_tracks: int, seed: int, epoch: int, data: st.DataObject
) -> None:
    skip = data.draw(st.integers(0, num_tracks))
    unbroken, resumed = (TrainingOrder(videos(num_tracks), seed, 2) for _ in range(2))
    unbroken.set_epoch(epoch)
    resumed.set_epoch(epoch, skip)
    assert list(resumed) == list(unbroken)[skip:]
    assert len(resumed) == num_tracks - skip


@given(st.integers(1, 20), st.integers(1, 4), st.integers(0, 1000), st.data())
def test_each_pass_of_an_epoch_has_the_same_order_and_windows_of_its_own(
    num_tracks: int, passes: int, seed: int, data: st.DataObject
) -> None:
    order = TrainingOrder(videos(num_tracks), seed, 2, passes)
    draws = list(order)
    assert [draw.track for draw in draws] == [
        draw.track for draw in TrainingOrder(videos(num_tracks), seed, 2)
    ] * passes
    assert len({draw.position for draw in draws}) == len(draws) == len(order)
    skip = data.draw(st.integers(0, len(draws)))
    order.set_epoch(0, skip)
    assert list(order) == draws[skip:]
    assert len(order) == len(draws) - skip


def test_epochs_and_seeds_differ_and_repeat() -> None:
    def draws(seed: int, epoch: int) -> list[Draw]:
        order = TrainingOrder(videos(50), seed, 2)
        order.set_epoch(epoch)
        return list(order)

    different = [draws(seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert all(different[a] != different[b] for a in range(4) for b in range(a))
    assert draws(1, 1) == different[3]


def test_the_tracks_of_a_few_videos_are_shuffled_together() -> None:
    names = videos(400)  # 100 videos of 4 tracks
    order = TrainingOrder(names, seed=0, window=10)
    drawn = [names[draw.track] for draw in order]
    windows = [drawn[start : start + 40] for start in range(0, 400, 40)]
    assert sorted(name for window in windows for name in set(window)) == sorted(set(names))  # each in one window only
    batches = [drawn[start : start + 4] for start in range(0, 400, 4)]
    assert sum(len(set(batch)) >= 3 for batch in batches) > 80
    assert all(len(set(batch)) > 1 for batch in batches)
    order.set_epoch(1)
    again = [names[draw.track] for draw in order]
    assert set(again[:40]) != set(drawn[:40])


def test_a_window_of_all_videos_shuffles_all_tracks() -> None:
    everywhere = {tuple(d.track for d in TrainingOrder(["a", "a", "b"], seed, 2)) for seed in range(60)}
    assert len(everywhere) == 6


def test_the_order_of_a_seed_never_changes() -> None:
    order = TrainingOrder(videos(5), seed=123, window=2)
    order.set_epoch(2)
    draws = list(order)
    assert [draw.track for draw in draws] == [1, 3, 4, 0, 2]
    assert draws[0].position == 0.6236602722165058
