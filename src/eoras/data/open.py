"""Opening a data folder, whichever layout it has."""

from collections.abc import Collection
from pathlib import Path
from typing import TypeAlias

from eoras.config import ViewConfig
from eoras.data.kitti import KittiTracks
from eoras.data.movi import MoviTracks
from eoras.errors import DataError

__all__ = ["VideoTracks", "open_tracks", "validation_split"]

VideoTracks: TypeAlias = MoviTracks | KittiTracks


def open_tracks(
    root: Path,
    split: str,
    view: ViewConfig,
    *,
    clip_length: int | None = None,
    truth: bool = False,
    videos: Collection[str] | None = None,
) -> VideoTracks:
    """The tracks of a split in MOVi's layout (formats part A, D.13) or KINS_Video_Car's (formats part B).

    Args:
        root: what ``--data`` names.
        split: ``train`` or ``test``; KITTI also has ``val``.
        view: what the network is shown.
        clip_length: frames of a training clip; None gives whole tracks.
        truth: whether clips bring the masks of the whole images.
        videos: names of the videos to keep; None keeps all.

    Raises:
        DataError: the folder has neither layout, or not this split.
    """
    kind = KittiTracks if _is_kitti(root) else MoviTracks
    if kind is MoviTracks and not (_is_movi(root, split) or _is_movi(root, "train")):
        raise DataError(
            f"{root}: expected {split}/instance_list.npy or {split}_instance.txt (MOVi), or "
            f"car_data/{split}_data.pkl (KITTI), found none of them; name the folder that holds train/ and test/, or "
            "that of KINS_Video_Car"
        )
    if kind is MoviTracks and split == "val":
        raise DataError(f"{root}: expected the split train or test, found val, which MOVi data do not have; choose one")
    return kind(root, split, view, clip_length=clip_length, truth=truth, videos=videos)


def validation_split(root: Path) -> str | None:
    """The split that the data set aside for validation; None where they have none, as MOVi."""
    return "val" if _is_kitti(root) else None


def _is_kitti(root: Path) -> bool:
    return (root / "car_data").is_dir()


def _is_movi(root: Path, split: str) -> bool:
    return (root / split / "instance_list.npy").is_file() or (root / f"{split}_instance.txt").is_file()
