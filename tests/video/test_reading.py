"""Videos as people have them: upright, grey, uneven, cut short, or no videos at all."""

import gc
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from made_videos import cut_without_encoding, flat, make_video
from PIL import Image

from eoras.errors import DataError
from eoras.video import open_video


def brightness(frames: list[np.ndarray]) -> list[int]:
    return [round(float(frame[-8:, -8:].mean())) for frame in frames]


def red_corner(frame: np.ndarray) -> str:
    """Where the red corner of a frame lies."""
    red = frame[..., 0].astype(int) - frame[..., 1] > 100
    rows, columns = np.nonzero(red)
    vertical = "top" if rows.mean() < frame.shape[0] / 2 else "bottom"
    return f"{vertical} {'left' if columns.mean() < frame.shape[1] / 2 else 'right'}"


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.avi", "mpeg4")])
def test_a_file_gives_its_frames_and_any_part_of_them_any_number_of_times(
    name: str, codec: str, tmp_path: Path
) -> None:
    frames = flat(12)
    video = open_video(make_video(tmp_path / name, frames, codec=codec, rate=Fraction(30000, 1001)))
    assert (video.height, video.width, video.rate, video.num_frames) == (48, 64, Fraction(30000, 1001), 12)
    assert video.count_frames() == 12
    read = list(video.frames())
    assert all(frame.dtype == np.uint8 and frame.shape == (48, 64, 3) for frame in read)
    assert np.abs(np.subtract(brightness(read), brightness(frames))).max() <= 3
    assert brightness(list(video.frames(5, 8))) == brightness(read)[5:8]
    assert len(list(video.frames(10))) == 2
    assert not list(video.frames(12))
    assert not list(video.frames(3, 3))
    assert video.cut_short is None


def test_times_are_those_of_the_file(tmp_path: Path) -> None:
    times = [Fraction(n, 10) for n in (0, 1, 2, 5, 6, 10)]
    video = open_video(make_video(tmp_path / "a.mp4", flat(6), times=times))
    assert [frame.time for frame in video.timed_frames()] == times
    assert [frame.time for frame in video.timed_frames(3, 5)] == times[3:5]


@pytest.mark.parametrize(
    ("rotation", "corner", "size"),
    [(0, "top left", (48, 64)), (90, "bottom left", (64, 48)), (180, "bottom right", (48, 64)),
     (270, "top right", (64, 48))],
)  # fmt: skip
def test_a_video_that_was_held_otherwise_is_turned(
    rotation: int, corner: str, size: tuple[int, int], tmp_path: Path
) -> None:
    video = open_video(make_video(tmp_path / "a.mp4", flat(2), rotation=rotation))
    assert (video.height, video.width) == size
    assert [red_corner(frame) for frame in video.frames()] == [corner] * 2


@pytest.mark.parametrize(
    ("told", "rotation", "shown"),
    [(None, None, Fraction(1)), (Fraction(16, 11), None, Fraction(16, 11)), (Fraction(16, 11), 180, Fraction(16, 11)),
     (Fraction(16, 11), 90, Fraction(11, 16))],
)  # fmt: skip
def test_pixels_that_are_not_square_are_told_as_they_are_shown(
    told: Fraction | None, rotation: int | None, shown: Fraction, tmp_path: Path
) -> None:
    path = make_video(tmp_path / "a.mp4", flat(2), pixel_ratio=told, rotation=rotation)
    assert open_video(path).pixel_ratio == shown


@pytest.mark.parametrize(
    ("pixels", "value", "expected"),
    [("gray", np.uint8(77), 77), ("gray16le", np.uint16(77 * 257), 77), ("gray16le", np.uint16(65535), 255)],
)
def test_grey_frames_become_rgb(pixels: str, value: np.generic, expected: int, tmp_path: Path) -> None:
    frames = [np.full((32, 48), value)] * 2
    video = open_video(make_video(tmp_path / "a.mkv", frames, codec="ffv1", pixels=pixels, source=pixels))
    assert all((frame == expected).all() and frame.shape == (32, 48, 3) for frame in video.frames())


def test_an_alpha_channel_is_dropped_and_not_blended(tmp_path: Path) -> None:
    frames = [np.full((32, 48, 4), (200, 100, 50, 0), np.uint8)]
    video = open_video(make_video(tmp_path / "a.mkv", frames, codec="ffv1", pixels="bgra", source="rgba"))
    assert (next(video.frames()) == (200, 100, 50)).all()


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_of_a_file_cut_short_what_is_whole_is_given_and_the_rest_is_told(name: str, tmp_path: Path) -> None:
    noise = list(np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3), dtype=np.uint8))
    ordered = {"movflags": "faststart"} if name == "a.mp4" else {}
    whole = make_video(tmp_path / name, noise, options={"g": "5"}, container_options=ordered)
    cut = tmp_path / f"cut_{name}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    video = open_video(cut)
    read = list(video.frames())
    assert 8 <= len(read) < 16
    first = list(open_video(whole).frames(0, len(read)))
    assert all(np.array_equal(one, other) for one, other in zip(read, first, strict=True))
    assert video.cut_short is not None
    assert f"{cut}: only {len(read)} of about 20 frames can be read" in video.cut_short


def test_a_part_that_is_whole_is_not_called_cut_short(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "a.mkv", list(np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3), np.uint8)))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    video = open_video(cut)
    assert len(list(video.frames(0, 4))) == 4
    assert video.cut_short is None


def test_files_that_tell_only_how_long_they_are_promise_no_number_of_frames(tmp_path: Path) -> None:
    slower = [Fraction(n if n < 40 else 3 * n - 80, 30) for n in range(60)]
    for path in (
        make_video(tmp_path / "a.mpg", flat(60), codec="mpeg2video", rate=25),
        make_video(tmp_path / "a.flv", flat(60), rate=25),
        make_video(tmp_path / "a.mkv", flat(60), rate=30, times=slower),
    ):
        video = open_video(path)
        assert video.length is None
        video.num_frames = 100  # as FFmpeg may guess from how long they are, and how slow in the middle
        assert len(list(video.frames())) == video.count_frames() == 60
        assert video.cut_short is None


@pytest.mark.parametrize("b_frames", ["0", "3"])
def test_frames_that_an_edit_list_hides_are_not_counted(b_frames: str, tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mp4", flat(60), options={"g": "60", "bf": b_frames})
    shorter = bytearray(whole.read_bytes())
    duration = shorter.index(b"elst") + 12  # in milliseconds
    shorter[duration : duration + 4] = (3000).to_bytes(4)
    (tmp_path / "end.mp4").write_bytes(shorter)
    begin = cut_without_encoding(whole, tmp_path / "begin.mp4", 1)
    for path, num_frames in {begin: 50, tmp_path / "end.mp4": 30}.items():
        video = open_video(path)
        assert (video.length, video.num_frames, video.count_frames()) == (num_frames,) * 3
        assert len(list(video.frames())) == num_frames
        assert video.cut_short is None


def test_a_folder_is_read_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    for index in (1, 2, 10, 9):
        Image.fromarray(np.full((8, 6, 3), index, np.uint8)).save(tmp_path / f"frame{index}.png")
    (tmp_path / "notes.txt").write_text("not a frame")
    (tmp_path / "masks").mkdir()
    (tmp_path / ".hidden.png").write_bytes(b"")
    video = open_video(tmp_path)
    assert [int(frame[0, 0, 0]) for frame in video.frames()] == [1, 2, 9, 10]
    assert (video.height, video.width, video.num_frames, video.num_ignored) == (8, 6, 4, 3)
    assert [frame.time for frame in video.timed_frames(2)] == [Fraction(2, 24), Fraction(3, 24)]
    assert open_video(tmp_path, folder_rate=Fraction(30000, 1001)).rate == Fraction(30000, 1001)


def test_images_of_any_kind_become_rgb(tmp_path: Path) -> None:
    palette = Image.new("P", (6, 8), 0)
    palette.putpalette([10, 20, 30] + [0] * 765)
    kinds: dict[str, tuple[Image.Image, tuple[int, int, int]]] = {
        "0_palette.png": (palette, (10, 20, 30)),
        "1_grey.png": (Image.new("L", (6, 8), 99), (99, 99, 99)),
        "2_deep.png": (Image.fromarray(np.full((8, 6), 77 * 257, np.uint16)), (77, 77, 77)),
        "3_alpha.png": (Image.new("RGBA", (6, 8), (1, 2, 3, 0)), (1, 2, 3)),
        "4_grey_alpha.png": (Image.new("LA", (6, 8), (50, 0)), (50, 50, 50)),
        "5_bits.png": (Image.new("1", (6, 8), 1), (255, 255, 255)),
    }
    for name, (image, _) in kinds.items():
        image.save(tmp_path / name)
    read = list(open_video(tmp_path).frames())
    for frame, (name, (_, colour)) in zip(read, kinds.items(), strict=True):
        assert frame.shape == (8, 6, 3), name
        assert (frame == colour).all(), name


def test_a_photograph_is_turned_as_its_camera_was_held(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned to the right
    Image.fromarray(flat(1)[0]).save(tmp_path / "a.jpg", exif=exif)
    (frame,) = open_video(tmp_path).frames()
    assert frame.shape == (64, 48, 3)
    assert red_corner(frame) == "top right"


def test_images_of_another_size_are_named(tmp_path: Path) -> None:
    Image.new("RGB", (6, 8)).save(tmp_path / "0.png")
    Image.new("RGB", (6, 9)).save(tmp_path / "1.png")
    frames = open_video(tmp_path).frames()
    next(frames)
    with pytest.raises(DataError, match=r"1\.png: expected 8 rows and 6 columns, as 0\.png has, found 9 and 6"):
        next(frames)


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    for name in ("0.png", "1.png"):
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)).save(tmp_path / name)
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:500])
    with pytest.raises(DataError, match=r"1\.png: expected a whole image"):
        list(open_video(tmp_path).frames())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.mp4", b"", "cannot be read as one"),
        ("a.mp4", b"\0" * 5000, "cannot be read as one"),
        ("a.txt", b"some words\n" * 50, "expected a video, found"),
        ("a.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://example.invalid/a.ts\n#EXT-X-ENDLIST\n", "expected a video, found"),
        ("a.ffconcat", b"ffconcat version 1.0\nfile b.mp4\n", "expected a video, found"),
    ],
)
def test_what_is_no_video_is_refused(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    make_video(tmp_path / "b.mp4", flat(2))
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        open_video(tmp_path / name)


def test_a_sound_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.m4a"), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(DataError, match="expected a video, found only audio"):
        open_video(tmp_path / "a.m4a")


def test_nothing_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.mp4: expected a video file or a folder"):
        open_video(tmp_path / "none.mp4")
    (tmp_path / "notes.txt").write_text("not a frame")
    with pytest.raises(DataError, match=r"expected an image a frame .* found none among 1 files"):
        open_video(tmp_path)


def test_names_that_ffmpeg_takes_for_more_are_names(tmp_path: Path) -> None:
    for name in ("a:b.mp4", "clip%03d.mp4", "-x.mp4"):
        path = make_video(tmp_path / "plain.mp4", flat(2)).rename(tmp_path / name)
        assert len(list(open_video(path).frames())) == 2


def test_a_file_of_large_frames_is_refused_before_one_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(tmp_path / "a.mp4", flat(2))
    assert open_video(path, most_pixels=64 * 48).width == 64
    monkeypatch.setattr("eoras.video.file._decode", pytest.fail)
    with pytest.raises(
        DataError, match=r"a\.mp4: expected at most 3071 pixels a frame, found 64 x 48; make it smaller"
    ):
        open_video(path, most_pixels=64 * 48 - 1)


def test_times_grow(tmp_path: Path) -> None:
    video = open_video(make_video(tmp_path / "a.ts", flat(12)))
    times = [frame.time for frame in video.timed_frames()]
    assert all(one < other for one, other in pairwise(times))
    assert times[-1] - times[0] == Fraction(11, 10)


def test_frames_are_let_go_at_once(tmp_path: Path) -> None:
    video = open_video(make_video(tmp_path / "a.mp4", flat(60), rotation=90))
    gc.collect()
    gc.disable()
    try:
        for _ in video.frames():
            pass
        left = sum(type(thing) is av.VideoFrame for thing in gc.get_objects())
    finally:
        gc.enable()
    assert left < 5
