"""Which objects of which videos a MOVi split lists (formats A.4, D.13)."""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eoras.data.annotations import check_name
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
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a list that Python 2 wrote
            entries = np.lib.format.read_array(file, allow_pickle=False)
        names = entries.tolist()
    except Exception as error:  # a damaged header makes NumPy raise almost anything
        reason = str(error).partition("\n")[0]
        raise DataError(f"{expected}, found something else ({reason}); {cure}") from error
    if entries.ndim != 1 or entries.dtype.kind != "U":
        raise DataError(f"{expected}, found {entries.dtype} of shape {entries.shape}; {cure}")
    return names


def _read_lines(path: Path) -> list[str]:
    try:
        return [line.rstrip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: expected text, found something else ({error}); copy or write it again") from error


def _from_entry(path: Path, entry: str) -> Track:
    match = re.fullmatch(r"([^-/\\]+)-(\d{1,9})", entry)
    if not match:
        raise DataError(
            f"{path}: expected entries VIDEO-TRACK with one '-', such as '12-0', found {entry!r}; "
            "rename the video or mend the entry"
        )
    return Track(check_name(match[1], str(path)), int(match[2]))


def _from_line(path: Path, line: str) -> Track:
    match = re.fullmatch(r"([^/\\]+)_(\d{1,9})_(\d{1,9})", line)
    if not match or int(match[3]) != int(match[2]) + 1:
        raise DataError(
            f"{path}: expected lines VIDEO_TRACK_LABEL where LABEL is TRACK + 1, such as '12_0_1', found {line!r}; "
            "mend the line"
        )
    return Track(check_name(match[1], str(path)), int(match[2]))
