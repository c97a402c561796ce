from hypothesis import given
from hypothesis import strategies as st

from eoras.data import held_out, split_videos

NAMES = [str(number) for number in range(2000)]


def test_the_share_held_out_is_the_one_asked_for() -> None:
    for share in (0.05, 0.2):
        count = sum(held_out(name, seed=123, share=share) for name in NAMES)
        assert abs(count / len(NAMES) - share) < 0.02


def test_what_is_held_out_never_changes() -> None:
    assert [name for name in NAMES[:100] if held_out(name, seed=123)] == ["7", "21", "23", "34", "48", "64"]


def test_another_seed_holds_out_other_videos() -> None:
    assert split_videos(NAMES, seed=0)[1] != split_videos(NAMES, seed=1)[1]


@given(
    st.sets(st.text(max_size=4), min_size=2, max_size=30), st.integers(0, 100), st.sampled_from([0.0, 0.05, 0.5, 1.0])
)
def test_each_side_gets_a_video_and_no_video_gets_lost(videos: set[str], seed: int, share: float) -> None:
    training, validation = split_videos(videos, seed, share)
    assert training
    assert validation
    assert training | validation == videos
    assert not training & validation


@given(st.permutations(NAMES[:30]), st.integers(0, 100))
def test_neither_order_nor_repetition_matters(videos: list[str], seed: int) -> None:
    assert split_videos(videos + videos[:5], seed) == split_videos(sorted(videos), seed)


def test_a_large_split_is_what_held_out_says() -> None:
    _, validation = split_videos(NAMES, seed=7)
    assert validation == {name for name in NAMES if held_out(name, seed=7)}


def test_a_single_video_is_trained_on() -> None:
    assert split_videos(["5", "5"], seed=0, share=1.0) == ({"5"}, set())
    assert split_videos([], seed=0) == (set(), set())
