"""How much the page takes."""

from dataclasses import dataclass

from eoras.errors import ConfigError

__all__ = ["Limits"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much the page takes.

    Attributes:
        megabytes: of a file that is uploaded, in units of 10^6 bytes.
        frames: of a video.
        minutes: after which an upload or a result is removed.
    """

    megabytes: float = 200
    frames: int = 300
    minutes: float = 60

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ConfigError(f"{name}: expected a number above 0, found {value}")

    @property
    def bytes(self) -> int:
        """Of a file that is uploaded."""
        return round(self.megabytes * 1e6)

    @property
    def all_bytes(self) -> int:
        """Of all uploads and results together."""
        return max(20 * self.bytes, 4_000_000_000)

    @property
    def too_large(self) -> str:
        """What a user is told whose file is too large."""
        return f"the file is larger than {self.megabytes:g} MB, which this page takes; cut it, or use 'eoras predict'"

    @property
    def too_long(self) -> str:
        """What a user is told whose video is too long."""
        return (
            f"the video has more than {self.frames} frames, which this page takes; cut it, or use 'eoras predict', "
            "which takes any length"
        )
