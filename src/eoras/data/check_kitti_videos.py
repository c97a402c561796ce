"""Checking the frames and the cameras of KINS_Video_Car's videos (formats B.1, B.3)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from torch import Tensor

from eoras.data.check_camera import check_pixel_intrinsics
from eoras.data.check_report import Problem
from eoras.data.images import look_at_frame
from eoras.data.kitti_videos import calibration_path, read_calibration
from eoras.errors import DataError
from eoras.geometry import convert_intrinsics

__all__ = ["Cameras", "check_frames", "check_numbers"]

_DAYS = (3, 26, 28, 29, 30)  # the official code opens them all, whatever it needs
_CURE = "get EoRaSMissing.zip, see 'eoras download kitti', and put it there"


class Cameras:
    """The calibration files of a folder, each looked at once, for the first video that needs it.

    Args:
        root: the folder that holds ``car_data/`` and ``Kitti/``.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "Kitti" / "calib"
        self._root = root
        self._used: set[Path] = set()
        self._first: tuple[Path, Tensor, int, int] | None = None

    def check(self, video: str, height: int, width: int) -> Iterator[Problem]:
        """Check the camera of a video whose images have this size, in pixels."""
        path = calibration_path(self._root, video)
        if path in self._used:
            return
        self._used.add(path)
        if not path.is_file():
            yield Problem(
                kind="missing file", path=path, what=f"expected the camera of {video}, found none", cure=_CURE
            )
            return
        try:
            matrix = read_calibration(self._root, video)
        except DataError as error:
            yield Problem.of("intrinsics", path, error)
            return
        problems = list(check_pixel_intrinsics(path, "P2", matrix.tolist(), height, width))
        yield from problems
        if not problems and self._first is None:
            self._first = path, matrix, height, width

    def check_unused(self) -> Iterator[Problem]:
        """Look for the files that no video needs."""
        for path in (self._folder / f"{day}.txt" for day in _DAYS):
            if path not in self._used and not path.is_file():
                what = "there is no such file; no video that was read needs it, but the official code opens it"
                yield Problem(kind="missing file", path=path, what=what, cure=_CURE, breaks=False)

    def notes(self) -> Iterator[str]:
        """What ``view.intrinsics`` makes of a camera."""
        if self._first is None:
            return
        path, matrix, *size = self._first
        unit = convert_intrinsics(matrix, "pixel", "unit", *size)
        pixels, shares = (", ".join(f"{rows[i][i]:.4g}" for i in (0, 1)) for rows in (matrix.tolist(), unit.tolist()))
        yield (
            f"cameras lead to pixels, focal lengths in {path.name} {pixels}: model.view.intrinsics 'pixel', as "
            "published for KITTI, hands them on so to a bird's-eye view that takes them for the unit square and sees "
            f"nothing (Q-B1); 'unit' and 'kubric' divide them by the image's sides: {shares}"
        )


def check_numbers(folder: Path, files: Sequence[Path], last: int) -> Iterator[Problem]:
    """Find frames that are missing or too many: annotations count places in the list of frames (formats B.2).

    Args:
        folder: of the video.
        files: its frames, sorted; at least one.
        last: place of the last one that is annotated.
    """
    numbers = [int(path.stem) for path in files]
    steps = list(pairwise(numbers))
    shifted = "annotations tell a frame by its place in the sorted list, so that all later ones belong to others"
    if again := [one for one, other in steps if one == other]:
        what = f"expected each number once, found {len(again)} twice, {again[0]} the first; {shifted}"
        yield Problem(kind="frame numbers", path=folder, what=what, cure="remove the copies")
    elif gaps := [(one, other) for one, other in steps if other > one + 1]:
        what = f"expected numbers without a gap, found none between {gaps[0][0]} and {gaps[0][1]}; {shifted}"
        yield Problem(kind="missing image", path=folder, what=what, cure="restore it from KITTI's raw data")
    elif last >= len(files):
        what = f"expected more than {last} frames, as the annotations say, found {len(files)}"
        yield Problem(kind="missing image", path=folder, what=what, cure="restore the others from KITTI's raw data")
    elif numbers[0]:
        what = (
            f"expected numbers from 0 on, found {numbers[0]} the first; annotations are taken to tell the place in the "
            "sorted list, as the official code does, where SaVos takes them for the number"
        )
        cure = "look at a sheet of tracks; if masks are beside their objects, restore the frames before"
        yield Problem(kind="frame numbers", path=folder, what=what, cure=cure, breaks=False)


def check_frames(files: Sequence[Path], sizes: Mapping[int, Collection[tuple[int, int]]]) -> Iterator[Problem]:
    """Look at the headers of the frames that annotations show.

    Args:
        files: the frames of the video, sorted.
        sizes: rows and columns of the masks, by the place of their frame.
    """
    for t in sorted(place for place in sizes if place < len(files)):
        for height, width in sorted(sizes[t]):
            try:
                look_at_frame(files[t], height, width)
            except DataError as error:
                yield Problem.of_image(files[t], error)
                break
