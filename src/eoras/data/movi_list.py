"""Which objects of which videos a MOVi split lists (formats A.4, D.13)."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eoras.errors import DataError

__all__ = ["Track", "read_tracks"]


@dataclass(frozen=True)
class Track:
    """One object through one video.

    Attributes:
        video: name of the video's folder.
        track_id: index of the object in the video, from 0.
    """

    video: str
    track_id: int


def read_tracks(root: Path, split: str) -> list[Track]:
    """The listed tracks of a split, in the order of the file.

    Reads ``SPLIT/instance_list.npy`` (formats A.4), or where there is none ``SPLIT_instance.txt`` (C2F-Seg's
    MOViD-A, formats D.13).

    Args:
        root: the folder that holds ``train/`` and ``test/``.
        split: ``train`` or ``test``.

    Raises:
        DataError: there is no list, it is damaged or empty, or an entry is not of the right form.
    """
    array, text = root / split / "instance_list.npy", root / f"{split}_instance.txt"
    if array.is_file():
        tracks = [_from_entry(array, entry) for entry in _read_array(array)]
    elif text.is_file():
        tracks = [_from_line(text, line) for line in _read_lines(text)]
    else:
        raise DataError(
            f"{root}: expected {split}/{array.name} or {text.name}, found neither; "
            "name the folder that holds train/ and test/"
        )
    if not tracks:
        path = array if array.is_file() else text
        raise DataError(f"{path}: expected at least one track, found an empty list; list some")
    return tracks


def _read_array(path: Path) -> list[str]:
    expected = f"{path}: expected a one-dimensional array of unicode strings"
    cure = "save it again with numpy.save(path, numpy.array(names, dtype=str))"
    try:
        entries = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{expected}, found something else ({error}); {cure}") from error
    if not isinstance(entries, np.ndarray) or entries.ndim != 1 or entries.dtype.kind != "U":
        found = f"{getattr(entries, 'dtype', 'an archive')} of shape {getattr(entries, 'shape', None)}"
        raise DataError(f"{expected}, found {found}; {cure}")
    return entries.tolist()


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected text, found something else ({error}); copy or write it again") from error


def _from_entry(path: Path, entry: str) -> Track:
    match = re.fullmatch(r"([^-/\\]+)-(\d+)", entry)
    if not match:
        raise DataError(
            f"{path}: expected entries VIDEO-OBJECT with one '-', such as '12-0', found {entry!r}; "
            "rename the video or mend the entry"
        )
    return Track(match[1], int(match[2]))


def _from_line(path: Path, line: str) -> Track:
    match = re.fullmatch(r"([^/\\]+)_(\d+)_(\d+)", line)
    if not match or int(match[3]) != int(match[2]) + 1:
        raise DataError(
            f"{path}: expected lines VIDEO_OBJECT_LABEL where LABEL is OBJECT + 1, such as '12_0_1', found {line!r}; "
            "mend the line"
        )
    return Track(match[1], int(match[2]))
