"""Putting the two archives of KITTI together (formats B.1)."""

from pathlib import Path

from eoras.files import writing

__all__ = ["arrange_kitti"]

_PLACES = {"*_full_mask.pkl": "car_data", "*_Kins_Kitti_file_matching.pkl": "car_data"} | {
    f"{day}.txt": "Kitti/calib" for day in (3, 26, 28, 29, 30)
}


def arrange_kitti(missing: Path, root: Path) -> list[Path]:
    """Move the files that EoRaS added to where its code looks for them, known by their names alone.

    Args:
        missing: the unpacked ``EoRaSMissing.zip``, whatever its folders are called.
        root: the folder that holds ``car_data/`` and ``Kitti/``; what is there already stays.

    Returns:
        The files that were moved, as they are now called.

    Raises:
        RunError: a file cannot be moved.
    """
    moved = []
    for pattern, place in _PLACES.items():
        for path in sorted(missing.rglob(pattern)):
            target = root / place / path.name
            if not target.exists():
                with writing(target):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    path.rename(target)
                moved.append(target)
    return moved
