"""Videos written as MP4, frame by frame, in bounded memory."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.reformatter import Colorspace
from av.video.stream import VideoStream

from eoras.errors import DataError, RunError
from eoras.files import write_beside
from eoras.video.sound import Sound
from eoras.video.video import Frame

__all__ = ["Mp4Writer", "mp4_writer", "write_mp4"]

_FINE = 90_000  # ticks of the clock in a second, at least
_NEAR = Fraction(1, 1000)  # some kinds of files round times to milliseconds; frames so near to an even rate have it
_BT709 = 1  # as FFmpeg numbers what colours and their brightness mean


def write_mp4(
    path: str | Path,
    frames: Iterable[np.ndarray] | Iterable[Frame],
    rate: Fraction | int,
    *,
    sound: str | Path | None = None,
) -> None:
    """Write an H.264 video that every player shows.

    Args:
        path: the file; it appears when it is complete.
        frames: uint8 ``(H, W, 3)`` each, RGB, all of one size, at an even rate; or with their times, which are kept,
            counted from the first. An odd last row or column is dropped; one that is alone is written twice.
        rate: frames a second, exact.
        sound: a video whose sound is kept, for frames with times on its clock.

    Raises:
        RunError: the disk is full, or the file cannot be written.
        DataError: there are no frames, or ``sound`` is no video.
    """
    with mp4_writer(path, rate, sound=sound) as writer:
        for frame in frames:
            writer.write(frame)


@contextmanager
def mp4_writer(
    path: str | Path, rate: Fraction | int, *, sound: str | Path | None = None, pixel_ratio: Fraction | int = 1
) -> "Iterator[Mp4Writer]":
    """Give something to hand frames to, one after another; for the rest see ``write_mp4``.

    Args:
        path: as ``write_mp4`` has it.
        rate: as ``write_mp4`` has it.
        sound: as ``write_mp4`` has it.
        pixel_ratio: width of a pixel over its height, by which players stretch the frames.
    """
    path, sound = Path(path), None if sound is None else Path(sound)
    with write_beside(path) as beside, _muxing(path), ExitStack() as resources:
        options = {"movflags": "+faststart"}  # so that a browser need not have all of it to begin
        container = resources.enter_context(av.open(f"file:{beside}", "w", format="mp4", options=options))
        writer = Mp4Writer(path, container, Fraction(rate), sound, Fraction(pixel_ratio), resources)
        yield writer
        writer.finish()


@contextmanager
def _muxing(path: Path) -> Iterator[None]:
    """Turn what FFmpeg says about a film into an error for the user; what the system says is told by others."""
    try:
        yield
    except FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise RunError(
            f"{path}: could not be written: FFmpeg refuses its frames or its sound ({error.strerror})"
        ) from error


class Mp4Writer:
    """Takes frames and writes each when it can. Made by ``mp4_writer``.

    Args:
        path: the file, for the error.
        container: what it becomes.
        rate: frames a second.
        sound: a video whose sound is kept.
        pixel_ratio: width of a pixel over its height.
        resources: closes that video in the end.
    """

    def __init__(
        self,
        path: Path,
        container: OutputContainer,
        rate: Fraction,
        sound: Path | None,
        pixel_ratio: Fraction,
        resources: ExitStack,
    ) -> None:
        self._path = path
        self._container = container
        self._rate = rate
        self._tick = Fraction(1, rate.numerator * -(-_FINE // rate.numerator))  # a frame lasts a whole number
        self._sound_path = sound
        self._pixel_ratio = pixel_ratio
        self._resources = resources
        self._stream: VideoStream | None = None
        self._sound: Sound | None = None
        self._origin = Fraction(0)
        self._index = 0
        self._last = -1  # when the last frame was shown, in ticks

    def write(self, frame: np.ndarray | Frame) -> None:
        """Write a frame, and the sound up to it.

        Args:
            frame: uint8 ``(H, W, 3)``, RGB; or with its time.
        """
        pixels, time = frame if isinstance(frame, Frame) else (frame, self._index / self._rate)
        for axis in (0, 1):
            pixels = np.repeat(pixels, 2, axis) if pixels.shape[axis] == 1 else pixels
        height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
        if self._stream is None:
            self._origin = time
            self._stream = self._open(height, width)
        image = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), format="rgb24")
        image = image.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
        image.time_base = self._tick
        image.pts = self._last = max(self._ticks(time - self._origin), self._last + 1)
        self._write_sound(image.pts * self._tick)
        self._container.mux(self._stream.encode(image))
        self._index += 1

    def finish(self) -> None:
        """Write what is left: the frames that the encoder holds, and the sound to their end.

        Raises:
            DataError: there was no frame.
        """
        if self._stream is None:
            raise DataError(f"{self._path}: expected frames to write, found none; look at the first and the last index")
        self._write_sound(self._last * self._tick + 1 / self._rate)
        self._container.mux(self._stream.encode())

    def _open(self, height: int, width: int) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=self._rate, options={"crf": "18"})
        stream.pix_fmt = "yuv420p"
        stream.height, stream.width = height, width
        context = stream.codec_context
        context.time_base = self._tick
        context.sample_aspect_ratio = self._pixel_ratio
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = 1  # black is 16 and white 235, as players expect
        if self._sound_path is not None:
            self._sound = Sound(self._sound_path, self._container, self._origin, self._resources)
        return stream

    def _ticks(self, time: Fraction) -> int:
        """A time in ticks; near to those of an even rate it becomes one of them."""
        even = round(time * self._rate) / self._rate
        return round((even if abs(even - time) <= _NEAR else time) / self._tick)

    def _write_sound(self, until: Fraction) -> None:
        for packet in self._sound.until(until) if self._sound is not None else ():
            self._container.mux(packet)
