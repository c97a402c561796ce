"""The sound of a video, taken along when its frames are written anew."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from pathlib import Path

from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.codec import Codec
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from eoras.video.file import opened

__all__ = ["Sound"]

_COMMON_RATE = 48_000  # a second, where AAC does not have the rate of the source
_LOWEST_MP3 = 16_000  # a second; MP4 takes no slower one
_COPIED = {"aac", "mp3", "ac3", "eac3", "alac", "opus"}  # what MP4 holds and players know; others become AAC
_LAYOUTS = {1: "mono", 2: "stereo"}  # what AAC is written in; more channels become two


class Sound:
    """The first audio stream of a file, given packet by packet in step with the frames.

    Args:
        path: a video.
        output: gets a stream of its own for the sound, if the file has any.
        origin: on the file's own clock, the time that becomes 0, in seconds.
        resources: closes the file in the end.

    Raises:
        DataError: the file is no video.
    """

    def __init__(self, path: Path, output: OutputContainer, origin: Fraction, resources: ExitStack) -> None:
        self._packets: Iterator[Packet] = iter(())
        self._next: Packet | None = None
        container = resources.enter_context(opened(path))
        if not container.streams.audio:
            return
        source = container.streams.audio[0]
        if _is_copied(source):
            stream = output.add_stream_from_template(source)
            self._packets = _copied(container, source, stream, origin)
        else:
            stream = output.add_stream("aac", rate=_aac_rate(source.codec_context.sample_rate))
            stream.layout = _LAYOUTS.get(source.codec_context.channels, "stereo")
            self._packets = _encoded(container, source, stream, origin)
        self._next = next(self._packets, None)

    def until(self, time: Fraction) -> Iterator[Packet]:
        """Give the packets that begin before a time, in seconds from the origin, and were not given yet."""
        while self._next is not None and _begin(self._next) < time:
            yield self._next
            self._next = next(self._packets, None)


def _is_copied(source: AudioStream) -> bool:
    name = source.codec.canonical_name
    return name in _COPIED and (name != "mp3" or source.codec_context.sample_rate >= _LOWEST_MP3)


def _aac_rate(rate: int) -> int:
    """The rate to encode a sound of ``rate`` samples a second at."""
    return rate if rate in (Codec("aac", "w").audio_rates or ()) else _COMMON_RATE


def _begin(packet: Packet) -> Fraction:
    """When a packet begins, in seconds; one that does not tell follows at once."""
    return Fraction(0) if packet.pts is None or packet.time_base is None else packet.pts * packet.time_base


def _copied(container: InputContainer, source: AudioStream, stream: AudioStream, origin: Fraction) -> Iterator[Packet]:
    """Packets as they are, from just before the origin on."""
    with suppress(FFmpegError):  # the sound ends where the file is damaged
        for packet in container.demux(source):
            if packet.pts is None or packet.time_base is None:
                continue
            shift = round(origin / packet.time_base)
            if packet.pts + 2 * (packet.duration or 0) <= shift:  # a decoder needs the packet before the first, too
                continue
            packet.pts -= shift
            packet.dts = packet.pts
            packet.stream = stream
            yield packet


def _encoded(container: InputContainer, source: AudioStream, stream: AudioStream, origin: Fraction) -> Iterator[Packet]:
    """Packets in AAC, from the frames that do not end before the origin."""
    encoder = stream.codec_context
    resampler = AudioResampler(encoder.format, encoder.layout, encoder.sample_rate)
    with suppress(FFmpegError):
        for frame in container.decode(source):
            if frame.pts is None or frame.time_base is None:
                continue
            shift = round(origin / frame.time_base)
            if frame.pts + frame.samples / frame.sample_rate / frame.time_base <= shift:
                continue
            frame.pts -= shift
            for even in resampler.resample(frame):
                yield from stream.encode(even)
    for even in resampler.resample(None):
        yield from stream.encode(even)
    yield from stream.encode(None)
