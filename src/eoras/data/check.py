"""Checking a data folder before anyone trains on it: what it holds, and what is wrong with it."""

from collections.abc import Iterator
from pathlib import Path

from eoras.data.check_kitti import check_kitti_layout, is_kitti
from eoras.data.check_movi import check_movi, is_movi, sample_movi
from eoras.data.check_report import Report, Sample
from eoras.errors import DataError

__all__ = ["check", "find_data", "sample"]


def check(folder: Path, *, progress: bool = False) -> Report:
    """Find the format of a data folder and check it.

    Args:
        folder: the data, or a folder that holds them and no others.
        progress: show a bar on standard error, where that is a terminal.

    Raises:
        DataError: there are no data of a known format.
    """
    root = find_data(folder)
    return check_kitti_layout(root) if is_kitti(root) else check_movi(root, progress=progress)


def sample(root: Path, count: int) -> Iterator[Sample]:
    """A few tracks to look at.

    Args:
        root: of a ``Report``.
        count: of tracks, at most; damaged ones are left out.

    Raises:
        DataError: the data are not of a format whose tracks can be read.
    """
    if is_kitti(root):
        raise DataError(f"{root}: expected MOVi, found KITTI, of which no tracks can be drawn; leave out --sheet")
    return sample_movi(root, count)


def find_data(folder: Path) -> Path:
    """The data folder: ``folder`` itself, or the only one inside it, as archives often have it.

    Raises:
        DataError: there are no data of a known format, or more than one folder of them.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a data folder, found none; name one")
    for inside in ([folder], folder.glob("*/"), folder.glob("*/*/")):
        found = sorted(path for path in inside if is_kitti(path) or is_movi(path))
        if len(found) == 1:
            return found[0]
        if found:
            named = ", ".join(map(str, found[:3]))
            raise DataError(f"{folder}: expected one data folder, found {len(found)}, {named}; name one of them")
    raise DataError(
        f"{folder}: expected train/ and test/ (MOVi), or car_data/ and Kitti/ (KITTI), found neither; "
        "name the folder that holds them"
    )
