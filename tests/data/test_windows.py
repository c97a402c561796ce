from hypothesis import given
from hypothesis import strategies as st

from eoras.data import Draw, TrainingOrder

position = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 100), st.integers(1, 30), position)
def test_a_window_is_consecutive_frames_and_then_copies_of_the_last(num_frames: int, length: int, at: float) -> None:
    window = Draw(0, at).window(num_frames, length)
    whole = min(num_frames, length)
    assert len(window) == length
    assert window[:whole] == list(range(window[0], window[0] + whole))
    assert set(window[whole:]) <= {num_frames - 1}
    assert 0 <= window[0] <= window[-1] < num_frames


def test_every_window_has_the_same_share_of_the_positions() -> None:
    starts = [Draw(0, step / 90).window(20, 12)[0] for step in range(90)]
    assert [starts.count(start) for start in range(9)] == [10] * 9


def test_the_last_position_gives_the_last_window() -> None:
    just_below_one = 1 - 2**-53
    for num_frames in range(12, 2000):
        assert Draw(0, just_below_one).window(num_frames, 12)[-1] == num_frames - 1


@given(st.integers(0, 50), st.integers(0, 1000), st.integers(0, 50))
def test_every_epoch_draws_each_track_once(num_tracks: int, seed: int, epoch: int) -> None:
    order = TrainingOrder(num_tracks, seed)
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
    unbroken, resumed = TrainingOrder(num_tracks, seed), TrainingOrder(num_tracks, seed)
    unbroken.set_epoch(epoch)
    resumed.set_epoch(epoch, skip)
    assert list(resumed) == list(unbroken)[skip:]
    assert len(resumed) == num_tracks - skip


@given(st.integers(1, 20), st.integers(1, 4), st.integers(0, 1000), st.data())
def test_each_pass_of_an_epoch_has_the_same_order_and_windows_of_its_own(
    num_tracks: int, passes: int, seed: int, data: st.DataObject
) -> None:
    order = TrainingOrder(num_tracks, seed, passes)
    draws = list(order)
    assert [draw.track for draw in draws] == [draw.track for draw in TrainingOrder(num_tracks, seed)] * passes
    assert len({draw.position for draw in draws}) == len(draws) == len(order)
    skip = data.draw(st.integers(0, len(draws)))
    order.set_epoch(0, skip)
    assert list(order) == draws[skip:]
    assert len(order) == len(draws) - skip


def test_epochs_and_seeds_differ_and_repeat() -> None:
    def draws(seed: int, epoch: int) -> list[Draw]:
        order = TrainingOrder(50, seed)
        order.set_epoch(epoch)
        return list(order)

    different = [draws(seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert all(different[a] != different[b] for a in range(4) for b in range(a))
    assert draws(1, 1) == different[3]


def test_the_order_of_a_seed_never_changes() -> None:
    order = TrainingOrder(5, seed=123)
    order.set_epoch(2)
    draws = list(order)
    assert [draw.track for draw in draws] == [1, 3, 4, 0, 2]
    assert draws[0].position == 0.6236602722165058
