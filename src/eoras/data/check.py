"""Checking a data folder before anyone trains on it: what it holds, and what is wrong with it."""

from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from eoras.data.check_coco_video import COCO_VIDEO
from eoras.data.check_kitti import KITTI
from eoras.data.check_movi import MOVI
from eoras.data.check_report import Layout, Report, Sample
from eoras.errors import DataError

__all__ = ["LAYOUTS", "check", "find_data", "sample"]

LAYOUTS = (KITTI, COCO_VIDEO, MOVI)
"""The first that recognises a folder is taken."""


def check(folder: str | Path, *, progress: bool = False) -> Report:
    """Find the format of a data folder and check it.

    Args:
        folder: the data, or a folder that holds them and no others.
        progress: show a bar on standard error, where that is a terminal.

    Raises:
        DataError: there are no data of a known format.
    """
    root, layout = _find(Path(folder))
    with tqdm(total=0, desc="checking", unit="video", disable=None if progress else True) as bar:
        return layout.check(root, bar)


def sample(root: Path, count: int) -> Iterator[Sample]:
    """A few tracks to look at.

    Args:
        root: of a ``Report``.
        count: of tracks, at most; damaged ones are left out.

    Raises:
        DataError: there are no data of a known format, or no list of their tracks can be read.
    """
    root, layout = _find(root)
    return layout.sample(root, count)


def find_data(folder: Path) -> Path:
    """The data folder: ``folder`` itself, or the only one inside it, as archives often have it.

    Raises:
        DataError: there are no data of a known format, or more than one folder of them.
    """
    return _find(folder)[0]


def _find(folder: Path) -> tuple[Path, Layout]:
    if not folder.is_dir():
        found = "a file" if folder.exists() else "none"
        raise DataError(f"{folder}: expected a data folder, found {found}; name the folder of the data")
    for inside in ([folder], folder.glob("*/"), folder.glob("*/*/")):
        found = [(path, layout) for path in sorted(inside) if (layout := _layout(path))]
        if len(found) == 1:
            return found[0]
        if found:
            named = ", ".join(str(path) for path, _ in found[:3])
            raise DataError(f"{folder}: expected one data folder, found {len(found)}, {named}; name one of them")
    raise DataError(
        f"{folder}: expected {', or '.join(layout.needs for layout in LAYOUTS)}, found none of them; "
        "name the folder that holds them"
    )


def _layout(path: Path) -> Layout | None:
    return next((layout for layout in LAYOUTS if layout.recognises(path)), None)
