"""Where the authors of EoRaS and SaVos have published data and checkpoints. None of these could be tried."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["PUBLISHED", "Name", "Published"]

Name = Literal["movi_b", "movi_d", "kitti", "checkpoints"]

_AUTHORS = "https://data.dgl.ai/dataset/EoRas"
_SAVOS = "https://dgl-data.s3.us-west-2.amazonaws.com/dataset/SaVos_release/KINS_Video_Car"
_RUN = "wd_5e-4_full_wobevgt_bid_vislam%3D1_occlam%3D0_bevlambda%3D0_{}_slot8_possincos"


@dataclass(frozen=True, kw_only=True)
class Published:
    """A file that others have published.

    Attributes:
        address: its published address.
        name: where it goes under the folder of the download, and where it lies under a mirror.
        size: in bytes; None: not known.
        sha256: in hexadecimal digits; None: not known.
    """

    address: str
    name: str
    size: int | None = None
    sha256: str | None = None

    @property
    def is_archive(self) -> bool:
        """Whether it is to be unpacked; a checkpoint is not."""
        return self.name.endswith((".tar.gz", ".zip"))

    def at(self, mirror: str | None) -> str:
        """Its address, or that on a mirror."""
        return self.address if mirror is None else f"{mirror.rstrip('/')}/{self.name}"


def _archive(folder: str, name: str) -> Published:
    return Published(address=f"{folder}/{name}", name=name)


def _checkpoint(ours: str, theirs: str) -> Published:
    file = "checkpoint-0050.pth.gz"
    return Published(address=f"{_AUTHORS}/checkpoints/{_RUN.format(theirs)}/{file}", name=f"{ours}/{file}")


PUBLISHED: Mapping[Name, tuple[Published, ...]] = {
    "movi_b": (_archive(_AUTHORS, "MOVi-B.tar.gz"),),
    "movi_d": (_archive(_AUTHORS, "MOVi-D.tar.gz"),),
    "kitti": (_archive(_SAVOS, "KINS_Video_Car.zip"), _archive(_AUTHORS, "EoRaSMissing.zip")),
    "checkpoints": (_checkpoint("movi_b", "movib"), _checkpoint("movi_d", "movid"), _checkpoint("kitti", "kitti")),
}
