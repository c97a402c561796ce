"""Films keep the rate, the times and the sound of what they are made from."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
import pytest
from made_videos import flat, make_video

from eoras.errors import DataError, RunError
from eoras.video import Frame, mp4_writer, open_video, write_mp4


def sound_of(path: Path) -> tuple[str, np.ndarray]:
    """Codec and samples of a video's sound, at 48 kHz."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler("fltp", "mono", 48_000)
        frames = chain.from_iterable(map(resampler.resample, chain(container.decode(stream), [None])))
        samples = [frame.to_ndarray()[0] for frame in frames]
        return stream.codec.canonical_name, np.concatenate(samples)


def pitch(samples: np.ndarray) -> float:
    """The loudest frequency, in hertz, at 48 kHz."""
    return float(np.fft.rfftfreq(len(samples), 1 / 48_000)[np.abs(np.fft.rfft(samples)).argmax()])


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(25, 2)])
def test_an_even_rate_is_written_exactly(rate: Fraction, tmp_path: Path) -> None:
    write_mp4(tmp_path / "a.mp4", flat(7), rate)
    video = open_video(tmp_path / "a.mp4")
    assert video.rate == rate
    assert [frame.time for frame in video.timed_frames()] == [index / rate for index in range(7)]


def test_every_frame_is_in_its_place(tmp_path: Path) -> None:
    written = flat(9)
    write_mp4(tmp_path / "a.mp4", iter(written), 12)
    read = list(open_video(tmp_path / "a.mp4").frames())
    distances = np.abs(np.array(read, int)[:, None] - np.array(written, int)).mean(axis=(2, 3, 4))
    assert distances.argmin(axis=1).tolist() == list(range(9))
    assert distances.diagonal().max() < 4
    with av.open(str(tmp_path / "a.mp4")) as film:
        assert film.streams.video[0].codec_context.pix_fmt == "yuv420p"


def test_odd_sizes_lose_their_last_row_and_column(tmp_path: Path) -> None:
    write_mp4(tmp_path / "a.mp4", [np.zeros((33, 47, 3), np.uint8)] * 2, 12)
    video = open_video(tmp_path / "a.mp4")
    assert (video.height, video.width) == (32, 46)


def test_uneven_times_survive(tmp_path: Path) -> None:
    times = [Fraction(n, 300) for n in (0, 10, 21, 29, 77, 90, 150)]
    source = open_video(make_video(tmp_path / "a.mp4", flat(7), rate=30, times=times))
    write_mp4(tmp_path / "b.mp4", source.timed_frames(), source.rate)
    written = [frame.time for frame in open_video(tmp_path / "b.mp4").timed_frames()]
    assert np.allclose(np.array(written, float), np.array(times, float), atol=1.1e-3)
    write_mp4(tmp_path / "c.mp4", source.timed_frames(3), source.rate)
    later = [frame.time for frame in open_video(tmp_path / "c.mp4").timed_frames()]
    assert np.allclose(np.array(later, float), np.array(times[3:], float) - float(times[3]), atol=1.1e-3)


def test_times_that_a_file_has_rounded_become_even_again(tmp_path: Path) -> None:
    source = open_video(make_video(tmp_path / "a.mkv", flat(9), rate=Fraction(30000, 1001)))
    assert any(frame.time != index / source.rate for index, frame in enumerate(source.timed_frames()))
    write_mp4(tmp_path / "b.mp4", source.timed_frames(), source.rate)
    video = open_video(tmp_path / "b.mp4")
    assert video.rate == Fraction(30000, 1001)
    assert [frame.time for frame in video.timed_frames()] == [index / video.rate for index in range(9)]


def test_times_that_do_not_grow_are_mended(tmp_path: Path) -> None:
    frames = [Frame(pixels, time) for pixels, time in zip(flat(3), map(Fraction, (5, 5, 4)), strict=True)]
    write_mp4(tmp_path / "a.mp4", frames, 10)
    times = [frame.time for frame in open_video(tmp_path / "a.mp4").timed_frames()]
    assert times[0] < times[1] < times[2]


@pytest.mark.parametrize(
    ("name", "codec", "kept"),
    [("a.mp4", "aac", "aac"), ("a.ts", "aac", "aac"), ("a.mkv", "flac", "aac"), ("a.avi", "pcm_s16le", "aac"),
     ("b.mkv", "libopus", "opus")],
)  # fmt: skip
@pytest.mark.parametrize("start", [0, 8])
def test_the_sound_is_kept_and_cut_with_the_frames(
    name: str, codec: str, kept: str, start: int, tmp_path: Path
) -> None:
    frames = "mpeg4" if name == "a.avi" else "libx264"
    source = open_video(make_video(tmp_path / name, flat(20), codec=frames, sound=codec))
    write_mp4(tmp_path / "out.mp4", source.timed_frames(start, start + 10), source.rate, sound=source.path)
    found, samples = sound_of(tmp_path / "out.mp4")
    assert found == kept
    assert len(samples) / 48_000 == pytest.approx(1, abs=0.1)
    assert pitch(samples) == pytest.approx(440, abs=3)
    assert len(list(open_video(tmp_path / "out.mp4").frames())) == 10


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [("a.mkv", "pcm_s16le", 192_000), ("a.mov", "pcm_s16le", 22_255), ("a.avi", "libmp3lame", 11_025),
     ("b.avi", "libmp3lame", 8_000)],
)  # fmt: skip
def test_a_sound_that_mp4_cannot_take_as_it_is_is_kept_all_the_same(
    name: str, codec: str, rate: int, tmp_path: Path
) -> None:
    frames = "mpeg4" if name.endswith(".avi") else "libx264"
    source = open_video(make_video(tmp_path / name, flat(10), codec=frames, sound=codec, sound_rate=rate))
    write_mp4(tmp_path / "out.mp4", source.timed_frames(), source.rate, sound=source.path)
    found, samples = sound_of(tmp_path / "out.mp4")
    assert found == "aac"
    assert len(samples) / 48_000 == pytest.approx(1, abs=0.3)  # coders add up to three blocks, long at low rates
    assert pitch(samples) == pytest.approx(440, abs=3)


def test_what_ffmpeg_refuses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eoras.video.sound._LOWEST_MP3", 0)
    sound = {"sound": "libmp3lame", "sound_rate": 8_000}
    source = open_video(make_video(tmp_path / "a.avi", flat(10), codec="mpeg4", **sound))
    with pytest.raises(RunError, match=r"out\.mp4: could not be written: FFmpeg refuses its frames or its sound"):
        write_mp4(tmp_path / "out.mp4", source.timed_frames(), source.rate, sound=source.path)
    assert not (tmp_path / "out.mp4").exists()


def test_a_copied_sound_is_the_same_to_the_bit(tmp_path: Path) -> None:
    source = open_video(make_video(tmp_path / "a.mp4", flat(10), sound="aac"))
    write_mp4(tmp_path / "b.mp4", source.timed_frames(), source.rate, sound=source.path)
    _, before = sound_of(tmp_path / "a.mp4")
    _, after = sound_of(tmp_path / "b.mp4")
    common = min(len(before), len(after))
    assert common > 45_000
    assert np.array_equal(before[:common], after[:common])


def test_a_silent_video_stays_silent(tmp_path: Path) -> None:
    source = open_video(make_video(tmp_path / "a.mp4", flat(4)))
    write_mp4(tmp_path / "b.mp4", source.timed_frames(), source.rate, sound=source.path)
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


@pytest.mark.parametrize("colour", [(213, 94, 0), (86, 180, 233), (0, 158, 115)])
def test_colours_survive(colour: tuple[int, int, int], tmp_path: Path) -> None:
    write_mp4(tmp_path / "a.mp4", [np.full((48, 64, 3), colour, np.uint8)], 10)
    (frame,) = open_video(tmp_path / "a.mp4").frames()
    assert np.abs(frame.astype(int) - colour).max() <= 4


def test_frames_can_be_handed_over_one_by_one(tmp_path: Path) -> None:
    with mp4_writer(tmp_path / "a.mp4", 10) as writer:
        for frame in flat(3):
            writer.write(frame)
        assert not (tmp_path / "a.mp4").exists()
    assert len(list(open_video(tmp_path / "a.mp4").frames())) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_a_film_without_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.mp4: expected frames to write, found none"):
        write_mp4(tmp_path / "a.mp4", [], 10)
    assert not list(tmp_path.iterdir())


def test_a_film_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def frames() -> Iterator[np.ndarray]:
        yield np.zeros((32, 32, 3), np.uint8)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        write_mp4(tmp_path / "a.mp4", frames(), 12)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "nowhere").write_text("a file")
    with pytest.raises(RunError, match=r"a\.mp4: could not be written"):
        write_mp4(tmp_path / "nowhere" / "a.mp4", [np.zeros((32, 32, 3), np.uint8)], 12)


@pytest.mark.parametrize("size", [(1, 64), (48, 1), (1, 1)])
def test_a_film_of_one_row_or_column_shows_it_twice(size: tuple[int, int], tmp_path: Path) -> None:
    write_mp4(tmp_path / "a.mp4", [np.full((*size, 3), 90, np.uint8)] * 3, 10)
    video = open_video(tmp_path / "a.mp4")
    assert (video.height, video.width) == (max(size[0], 2), max(size[1], 2))
    assert len(list(video.frames())) == 3


def test_a_colon_in_a_name_makes_no_address_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_mp4(Path("take:1/a.mp4"), flat(3), 10)
    assert len(list(open_video(Path("take:1/a.mp4")).frames())) == 3
