"""Small video files, made with PyAV as other programs would make them."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

__all__ = ["cut_without_encoding", "flat", "make_video", "tone"]


def flat(length: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """Grey frames whose brightness tells their number, with a red corner at the top left; uint8 ``(H, W, 3)``."""
    frames = [np.full((height, width, 3), 20 + 200 * t // length, np.uint8) for t in range(length)]
    for frame in frames:
        frame[: height // 4, : width // 4] = (255, 0, 0)
    return frames


def tone(seconds: float, rate: int) -> np.ndarray:
    """A sine of 440 Hz, float32 ``(1, N)``."""
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate, dtype=np.float32)[None]


def make_video(
    path: Path,
    frames: list[np.ndarray],
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    source: str = "rgb24",
    rate: Fraction | int = 10,
    times: list[Fraction] | None = None,
    rotation: int | None = None,
    pixel_ratio: Fraction | None = None,
    sound: str | None = None,
    sound_rate: int = 48_000,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write a video file.

    Args:
        path: its suffix tells the kind of file.
        frames: of the format ``source``.
        codec: of the frames.
        pixels: format in which they are encoded.
        source: format in which they are given.
        rate: frames a second.
        times: of the frames, in seconds; evenly spaced if not given.
        rotation: degrees against the clock by which players turn the frames.
        pixel_ratio: width of a pixel over its height; not told if not given.
        sound: codec of a tone as long as the frames.
        sound_rate: samples a second.
        options: of the codec.
        container_options: of the file.
    """
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=options or {})
        stream.pix_fmt = pixels
        stream.height, stream.width = frames[0].shape[:2]
        if rotation is not None:
            stream.set_display_rotation(rotation)
        if pixel_ratio is not None:
            stream.codec_context.sample_aspect_ratio = pixel_ratio
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 90_000)
        audio: Any = None if sound is None else container.add_stream(sound, rate=sound_rate, layout="mono")
        for index, frame in enumerate(frames):
            image = av.VideoFrame.from_ndarray(frame, format=source)
            if times is not None:
                image.pts, image.time_base = round(times[index] * 90_000), Fraction(1, 90_000)
            container.mux(stream.encode(image))
        if audio is not None:
            _add_tone(container, audio, float(len(frames) / rate))
        container.mux(stream.encode())
    return path


def cut_without_encoding(source: Path, path: Path, seconds: int) -> Path:
    """Copy an MP4 file as phones cut one: an edit list hides the frames before the cut, which stay in the file."""
    with av.open(str(source)) as container, av.open(str(path), "w") as copy:
        stream: Any = container.streams.video[0]
        copied = copy.add_stream_from_template(stream)
        for packet in container.demux(stream):
            if packet.size:
                shift = round(seconds / packet.time_base)
                packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
                packet.stream = copied
                copy.mux(packet)
    return path


def _add_tone(container: Any, stream: Any, seconds: float) -> None:
    encoder, rate = stream.codec_context, stream.codec_context.sample_rate
    whole = av.AudioFrame.from_ndarray(tone(seconds, rate), format="fltp", layout="mono")
    whole.sample_rate, whole.pts, whole.time_base = rate, 0, Fraction(1, rate)
    resampler = av.AudioResampler(encoder.format, "mono", rate, encoder.frame_size or 1024)
    for part in (*resampler.resample(whole), *resampler.resample(None)):
        container.mux(stream.encode(part))
    container.mux(stream.encode())
