"""Checking that the files of a KITTI folder are there (formats B.1); what they hold is not looked at."""

from collections.abc import Iterator
from pathlib import Path

from eoras.data.check_report import Problem, Report

__all__ = ["check_kitti_layout", "is_kitti"]

_NEEDED = tuple(f"car_data/{split}_data{kind}.pkl" for split in ("train", "test") for kind in ("", "_full_mask"))
_CALIBRATION = tuple(f"Kitti/calib/{day}.txt" for day in (3, 26, 28, 29, 30))


def is_kitti(root: Path) -> bool:
    """Whether a folder looks like KINS_Video_Car."""
    return (root / "car_data").is_dir() or (root / "Kitti").is_dir()


def check_kitti_layout(root: Path) -> Report:
    """Look for the files of KINS_Video_Car.

    Args:
        root: the folder that holds ``car_data/`` and ``Kitti/``.
    """
    return Report(
        root=root,
        layout="KITTI (KINS_Video_Car)",
        scope="layout only: whether the files are there, not what they hold",
        contents={},
        problems=tuple(_check_layout(root)),
    )


def _check_layout(root: Path) -> Iterator[Problem]:
    for name in (*_NEEDED, *_CALIBRATION):
        if not (root / name).is_file():
            archive = "KINS_Video_Car.zip" if name.endswith("_data.pkl") else "EoRaSMissing.zip"
            cure = f"get {archive}, see 'eoras download kitti', and put it there"
            yield Problem(kind="missing file", path=root / name, what="there is no such file", cure=cure)
    if not any((root / "Kitti" / "raw_video").glob("*/*/*.png")):
        path = root / "Kitti" / "raw_video"
        what, cure = "expected DATE/VIDEO/NUMBER.png, found none", "get KINS_Video_Car.zip, see 'eoras download kitti'"
        yield Problem(kind="missing file", path=path, what=what, cure=cure)
