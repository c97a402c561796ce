"""The frames of KITTI's drives and their calibration (formats B.1, B.3)."""

import re
from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from eoras.data.json_files import Finite, explain
from eoras.errors import DataError

__all__ = ["calibration_path", "frame_files", "read_calibration", "video_folder"]

_VIDEO = re.compile(r"(\d{4}_\d{2}_(\d{2}))_[^-/\\]+")


def video_folder(root: Path, video: str) -> Path:
    """Where the frames of a video lie.

    Raises:
        DataError: the video's name is not a drive's.
    """
    return root / "Kitti" / "raw_video" / _drive(root, video)[1] / video


def calibration_path(root: Path, video: str) -> Path:
    """The file of the camera of the day a video was recorded on.

    Raises:
        DataError: the video's name is not a drive's.
    """
    return root / "Kitti" / "calib" / f"{int(_drive(root, video)[2])}.txt"


def frame_files(root: Path, video: str) -> list[Path]:
    """The frames of a video in the order of their numbers; an annotation's frame is a place in this list.

    Raises:
        DataError: the video's name is not a drive's, or its folder is missing or empty.
    """
    folder = video_folder(root, video)
    try:
        files = [path for path in folder.iterdir() if re.fullmatch(r"\d+\.png", path.name)]
    except OSError as error:
        raise DataError(
            f"{folder}: expected the frames of the video, found no folder that can be read ({error.strerror}); "
            "restore it from KITTI's raw data"
        ) from error
    if not files:
        raise DataError(f"{folder}: expected frames such as 0000000000.png, found none; restore them")
    return sorted(files, key=lambda path: int(path.stem))


def read_calibration(root: Path, video: str) -> Tensor:
    """The camera of the day a video was recorded on.

    Returns:
        float64 ``(3, 3)``, to pixels of the whole image; camera looks along +z, y down (formats 6.1).

    Raises:
        DataError: the file is missing, or its third line is not the one of camera 2.
    """
    path = calibration_path(root, video)
    expected = f"{path}: expected a calibration of KITTI's object data, with 'P2:' and 12 numbers in its third line"
    try:
        label, *words = path.read_text(encoding="utf-8").splitlines()[2].split()
        numbers = TypeAdapter(list[Finite]).validate_python(words)
    except FileNotFoundError as error:
        raise DataError(f"{expected}, found no such file; restore it, named by the day of {video}") from error
    except ValidationError as error:
        raise DataError(f"{expected}; number {explain(error)}; restore it") from None
    except (OSError, ValueError, IndexError) as error:
        raise DataError(f"{expected}, found something else ({error}); restore it") from error
    if label != "P2:" or len(numbers) != 12:
        raise DataError(f"{expected}, found {label!r} and {len(numbers)} numbers; restore it")
    return torch.tensor([[numbers[0], 0, numbers[2]], [0, numbers[5], numbers[6]], [0, 0, 1]], dtype=torch.float64)


def _drive(root: Path, video: str) -> re.Match[str]:
    match = _VIDEO.fullmatch(video)
    if match is None or not video.isprintable():
        raise DataError(
            f"{root / 'car_data'}: expected videos named YYYY_MM_DD_NAME without '-', such as "
            f"2011_09_26_drive_0001_sync_02, found {video!r}; rename it in the pickles and the folders"
        )
    return match
