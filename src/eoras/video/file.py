"""A video file, read by FFmpeg through PyAV."""

import struct
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from eoras.errors import DataError
from eoras.video.video import Frame, Video

__all__ = ["FileVideo", "opened"]

_NO_VIDEOS = {"tty", "hls", "dash", "concat", "imf", "sdp"}  # they show a text, or films that lie elsewhere
_ENOUGH = Fraction(95, 100)  # of the promised frames or seconds; with fewer a file is cut short
_NEAR = Fraction(1, 2)  # seconds; durations are rounded, and count what the encoder held back
_RATE = Fraction(24)  # of the few files that tell none


class _DamageError(Exception):
    """What follows in the file cannot be read."""


class FileVideo(Video):
    """The first video stream of a file; frames are turned as their camera was held.

    Args:
        path: the file.
        most_pixels: of a frame; None: any number.

    Raises:
        DataError: it is no video, not even its first frame can be read, or its frames are too large.
    """

    def __init__(self, path: Path, most_pixels: int | None = None) -> None:
        with opened(path) as container:
            stream = _stream(container)
            _check_size(path, stream, most_pixels)  # before a frame is decoded, which takes memory
            rate = Fraction(stream.average_rate or stream.guessed_rate or stream.base_rate or _RATE)
            length = _length(container, stream)
            ratio = Fraction(stream.sample_aspect_ratio or 1)
            self._seconds = _duration(container, stream)
        num_frames = length if length or self._seconds is None else round(self._seconds * rate)
        try:
            first = next(_decode(path))
        except (StopIteration, _DamageError) as error:
            reason = str(error) or "it holds none"
            raise DataError(f"{path}: expected a video, found no whole frame ({reason}); copy the file again") from None
        _check_size(path, first, most_pixels)  # what the file says need not be true
        self._turn = _turn(first)
        height, width = self._pixels(first).shape[:2]
        ratio = 1 / ratio if self._is_on_its_side else ratio
        super().__init__(path, height, width, rate, length=length, num_frames=num_frames, pixel_ratio=ratio)

    def count_frames(self) -> int | None:
        """``length``, or where that is not known, the number of packets, of which each holds a frame."""
        if self.length is not None:
            return self.length
        with opened(self.path) as container, suppress(FFmpegError):  # FFmpeg ends with an empty packet
            return sum(packet.size > 0 and not packet.is_discard for packet in container.demux(_stream(container)))
        return None

    def timed_frames(self, start: int = 0, end: int | None = None) -> Iterator[Frame]:
        """Give the frames with their times. All those before ``start`` are decoded, so that indices are exact.

        Where a file is cut short or damaged the video ends, and ``cut_short`` says so. Frames after a damage are not
        given: nobody knows how many were lost, and they would get the masks of others.

        Raises:
            DataError: a frame is not of the size of the first.
        """
        num_found, damage = 0, ""
        begin = until = Fraction(0)  # when the first of the frames is shown, and the last no longer, in seconds
        decoded = _decode(self.path)
        while end is None or num_found < end:
            try:
                frame = next(decoded)
            except StopIteration:
                break
            except _DamageError as error:
                damage = str(error)
                break
            time = self._time(frame, num_found)
            begin = begin if num_found else time
            until = time + max(1 / self.rate, (frame.duration or 0) * (frame.time_base or 0))
            if num_found >= start:
                yield self._frame(frame, num_found)
            num_found += 1
        else:
            return
        if damage or self._ends_early(num_found, until - begin):
            promised = f" of about {self.num_frames}" if (self.num_frames or 0) > num_found else ""
            self.cut_short = (
                f"{self.path}: only {num_found}{promised} frames can be read ({damage or 'the file ends there'}); copy "
                "the file again to have the others"
            )

    def _ends_early(self, num_found: int, seconds: Fraction) -> bool:
        """Whether frames are missing by the file's own words; how long it is says nothing about their number."""
        if self.length is not None:
            return num_found < _ENOUGH * self.length
        return self._seconds is not None and seconds < min(_ENOUGH * self._seconds, self._seconds - _NEAR)

    @property
    def _is_on_its_side(self) -> bool:
        """Whether rows are shown as columns."""
        to_right, to_down, _, _ = self._turn
        return abs(to_down) > abs(to_right)

    def _pixels(self, frame: av.VideoFrame) -> np.ndarray:
        """A frame as it is shown, uint8 ``(H, W, 3)``, RGB; cameras are held at right angles."""
        pixels = frame.to_ndarray(format="rgb24")
        to_right, to_down, down_to_right, downward = self._turn
        if self._is_on_its_side:
            pixels, to_right, downward = pixels.swapaxes(0, 1), down_to_right, to_down
        rows, columns = (slice(None, None, -1 if scale < 0 else 1) for scale in (downward, to_right))
        return np.ascontiguousarray(pixels[rows, columns])

    def _frame(self, frame: av.VideoFrame, index: int) -> Frame:
        pixels = self._pixels(frame)
        height, width = pixels.shape[:2]
        if (height, width) != (self.height, self.width):
            raise DataError(
                f"{self.path}: frame {index}: expected {self.height} rows and {self.width} columns, as the first frame "
                f"has, found {height} and {width}; cut the video before it"
            )
        return Frame(pixels, self._time(frame, index))

    def _time(self, frame: av.VideoFrame, index: int) -> Fraction:
        if frame.pts is None or frame.time_base is None:
            return index / self.rate
        return frame.pts * frame.time_base


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Open a file in which there is a video.

    Raises:
        DataError: there is none.
    """
    try:
        # nothing but this file is read, whatever addresses it holds
        container = av.open(f"file:{path}", "r", options={"protocol_whitelist": "file"}, metadata_errors="replace")
    except FFmpegError as error:
        raise DataError(
            f"{path}: expected a video, found a file that cannot be read as one ({error.strerror}); convert it to MP4"
        ) from error
    with container:
        if container.format.name in _NO_VIDEOS or not any(map(_moves, container.streams.video)):
            kinds = sorted({stream.type for stream in container.streams}) or ["nothing"]
            found = container.format.name if container.format.name in _NO_VIDEOS else f"only {', '.join(kinds)}"
            raise DataError(f"{path}: expected a video, found {found}; name a file with moving pictures")
        yield container


def _stream(container: InputContainer) -> VideoStream:
    return next(filter(_moves, container.streams.video))


def _check_size(path: Path, shown: VideoStream | av.VideoFrame, most_pixels: int | None) -> None:
    if most_pixels is not None and shown.width * shown.height > most_pixels:
        raise DataError(
            f"{path}: expected at most {most_pixels} pixels a frame, found {shown.width} x {shown.height}; make it "
            "smaller"
        )


def _moves(stream: VideoStream) -> bool:
    """Whether it is not a picture that belongs to a song."""
    return not stream.disposition & Disposition.attached_pic


def _length(container: InputContainer, stream: VideoStream) -> int | None:
    """Number of frames, exact; None where only reading tells.

    A film cut without encoding it anew still counts the frames that its edit list hides; the index marks them.
    """
    if stream.frames and "mp4" in container.format.name.split(","):
        return sum(not entry.is_discard for entry in stream.index_entries) or None
    return stream.frames or None


def _duration(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """How long the film is by the file's own words, in seconds."""
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    return Fraction(container.duration, av.time_base) if container.duration else None


def _decode(path: Path) -> Iterator[av.VideoFrame]:
    """The frames in the order in which they are shown.

    Raises:
        _DamageError: after the last whole frame before a damage.
    """
    with opened(path) as container:
        stream = _stream(container)
        stream.thread_type = "AUTO"
        damage = yield from _decode_packets(container, stream)
        if damage:
            with suppress(FFmpegError):
                yield from stream.codec_context.decode(None)  # the frames that the decoder still holds
            raise _DamageError(damage)


def _decode_packets(container: InputContainer, stream: VideoStream) -> Generator[av.VideoFrame, None, str]:
    """Give frames up to the end, or to a damage, which is returned."""
    begun = False  # a recording may begin amid frames that need earlier ones
    try:
        for packet in container.demux(stream):
            if packet.is_corrupt and begun:
                return "a frame is cut off"
            try:
                yield from packet.decode()
            except FFmpegError:
                if begun:
                    raise
            else:
                begun = begun or packet.is_keyframe
    except FFmpegError as error:
        return error.strerror or str(error)
    return ""


def _turn(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """How a video is shown: the place (x, y) of a pixel at (a x + c y, b x + d y); given are a, b, c and d.

    Asked of the first frame alone: PyAV keeps a frame whose side data was looked at until Python looks for cycles, and
    that would be hundreds of them.
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 1, 0, 0, 1
    a, b, _, c, d = struct.unpack("=5i", bytes(matrix)[:20])
    return a, b, c, d
