"""Opening a data folder, whichever layout it has."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TypeAlias

from eoras.config import ViewConfig
from eoras.data.coco_video_tracks import CocoVideoTracks
from eoras.data.kitti import KittiTracks
from eoras.data.movi import MoviTracks
from eoras.errors import DataError

__all__ = ["VideoTracks", "find_layout", "open_tracks", "validation_split"]

VideoTracks: TypeAlias = MoviTracks | KittiTracks | CocoVideoTracks


def open_tracks(
    root: str | Path,
    split: str,
    view: ViewConfig,
    *,
    clip_length: int | None = None,
    truth: bool = False,
    videos: Collection[str] | None = None,
    cache: str | Path | None = None,
) -> VideoTracks:
    """The tracks of a split in MOVi's layout (formats part A, D.13), KINS_Video_Car's (part B) or COCO-video (D.3).

    Args:
        root: what ``--data`` names.
        split: ``train`` or ``test``; KITTI also has ``val``.
        view: what the network is shown, ``network.config.view``; it stays readable as ``view``.
        clip_length: frames of a training clip; None gives whole tracks. With it, ``tracks[3]`` is always the track's
            first clip: ``eoras.data.windows.Draw`` names any other, and ``eoras.training.epochs.read_epoch`` gives an
            epoch of clips drawn at random.
        truth: whether clips bring the masks of the whole images.
        videos: names of the videos to keep; None keeps all.
        cache: where the decoded images of MOVi's layout lie (see ``MoviTracks``).

    Raises:
        DataError: the folder has none of these layouts, or not this split.
    """
    kind = find_layout(root, split)
    if kind is None:
        raise DataError(
            f"{root}: expected {split}/instance_list.npy or {split}_instance.txt (MOVi), "
            f"car_data/{split}_data.pkl (KITTI) or {split}.json (COCO-video), found none of them; name the folder that "
            "holds train/ and test/, that of KINS_Video_Car, or that of train.json and test.json"
        )
    if kind is not KittiTracks and split == "val":
        raise DataError(f"{root}: expected the split train or test, found val, which only KITTI data have; choose one")
    if kind is MoviTracks:
        return MoviTracks(root, split, view, clip_length=clip_length, truth=truth, videos=videos, cache=cache)
    return kind(root, split, view, clip_length=clip_length, truth=truth, videos=videos)


def find_layout(root: str | Path, split: str) -> type[VideoTracks] | None:
    """What reads a split of a data folder; None where its layout is not known."""
    root = Path(root)
    return next((kind for kind, is_kind in _LAYOUTS.items() if is_kind(root, split) or is_kind(root, "train")), None)


def validation_split(root: str | Path) -> str | None:
    """The split that the data set aside for validation; None where they have none, as MOVi."""
    return "val" if _is_kitti(Path(root)) else None


def _is_kitti(root: Path, split: str = "train") -> bool:  # noqa: ARG001 (all splits lie in one folder)
    return (root / "car_data").is_dir()


def _is_movi(root: Path, split: str) -> bool:
    return (root / split / "instance_list.npy").is_file() or (root / f"{split}_instance.txt").is_file()


def _is_coco_video(root: Path, split: str) -> bool:
    return (root / f"{split}.json").is_file()


_LAYOUTS: Mapping[type[VideoTracks], Callable[[Path, str], bool]] = {
    KittiTracks: _is_kitti,
    MoviTracks: _is_movi,
    CocoVideoTracks: _is_coco_video,
}
