"""What tells one state of a data folder from another, without reading its images."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from eoras.data.open import VideoTracks
from eoras.errors import DataError
from eoras.files import sha256_of

__all__ = ["fingerprint"]

_LISTS = (  # of MOVi (formats A.4, D.13), KITTI (formats B.2) and COCO-video (formats D.3)
    "{split}/instance_list.npy",
    "{split}_instance.txt",
    "car_data/{split}_data.pkl",
    "car_data/{split}_data_full_mask.pkl",
    "{split}.json",
)


def fingerprint(root: Path, *opened: VideoTracks) -> dict[str, dict[str, int | str]]:
    """Describe the splits that some tracks were opened from.

    The hash is over the content of the split's lists and annotation files, and over the size of each video's
    ``metadata.json`` where there is one. Times do not count: a copy has the fingerprint of the original.

    Args:
        root: the data folder.
        opened: parts of its splits; those of the same split count together.

    Returns:
        By split, the number of ``videos`` and ``tracks``, and the first 16 digits of the ``sha256``.

    Raises:
        DataError: a file cannot be read.
    """
    splits = dict.fromkeys(part.split for part in opened)
    return {split: _of_split(root, split, [part for part in opened if part.split == split]) for split in splits}


def _of_split(root: Path, split: str, parts: Iterable[VideoTracks]) -> dict[str, int | str]:
    tracks = [track for part in parts for track in part.tracks]
    videos = sorted({track.video for track in tracks})
    digest = hashlib.sha256()
    for path in (root / name.format(split=split) for name in _LISTS):
        if path.is_file():
            digest.update(bytes.fromhex(_hash(path)))
    for path in (root / split / video / "metadata.json" for video in videos):
        if path.is_file():
            digest.update(f"{path.parent.name} {path.stat().st_size}\n".encode())
    return {"videos": len(videos), "tracks": len(tracks), "sha256": digest.hexdigest()[:16]}


def _hash(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}; restore it") from None
