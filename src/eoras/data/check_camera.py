"""Intrinsics that cannot be right (formats 6.1)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from eoras.data.check_report import Problem

__all__ = ["check_intrinsics", "check_pixel_intrinsics"]

_WIDEST = 20.0  # entries of a matrix to the unit square are smaller: this focal length sees 3 degrees
_STRETCH = 0.05  # by which the sides of a pixel may differ


def check_intrinsics(path: Path, matrix: Sequence[Sequence[float]], height: int, width: int) -> Iterator[Problem]:
    """Hold a matrix against Kubric's convention, in which every MOVi matrix is read.

    Args:
        path: the file it stands in.
        matrix: 3x3.
        height: rows of the images, in pixels.
        width: columns of the images, in pixels.
    """

    def wrong(what: str, cure: str, *, breaks: bool = True) -> Problem:
        return Problem(kind="intrinsics", path=path, what=f"camera.K: {what}", cure=cure, breaks=breaks)

    (fx, _, cx), (_, fy, cy), (*_, last) = matrix
    if not (fx and fy and last):
        yield wrong("expected a projection, found zeros on the diagonal", "write the camera again")
    elif max(map(abs, (fx, fy, cx, cy))) > _WIDEST:
        yield wrong(
            f"expected a matrix to the unit square, found pixels, focal lengths {fx:g} and {fy:g} (Q-B1)",
            f"divide the first row by the width, {width}, the second by the height, {height}",
        )
    elif last > 0:
        yield wrong(
            "expected Kubric's camera, which looks along -z and has -1 as the last element, found one along +z",
            "change the signs of the second and the third column",
        )
    elif not (fx > 0 > fy):
        yield wrong(
            f"expected a first element above and a middle one below zero, found {fx:g} and {fy:g}: a mirrored image",
            "change the sign of the column",
        )
    elif not (0 <= cx / last <= 1 and 0 <= cy / last <= 1):
        yield wrong(f"expected a principal point inside the image, found {cx / last:g}, {cy / last:g}", "write K again")
    elif abs(fx * width / (-fy * height) - 1) > _STRETCH:
        yield wrong(
            f"pixels are not square: focal lengths are {fx * width:.4g} and {-fy * height:.4g} pixels",
            "the sensor's height is its width * rows / columns; write K again, if the camera is not so",
            breaks=False,
        )


def check_pixel_intrinsics(
    path: Path, name: str, matrix: Sequence[Sequence[float]], height: int, width: int
) -> Iterator[Problem]:
    """Hold a matrix against what KITTI and COCO-video have: to pixels of the whole image, along +z, y down.

    Args:
        path: the file it stands in.
        name: of the matrix in the file.
        matrix: 3x3.
        height: rows of the images, in pixels.
        width: columns of the images, in pixels.
    """

    def wrong(what: str, cure: str, *, breaks: bool = True) -> Problem:
        return Problem(kind="intrinsics", path=path, what=f"{name}: {what}", cure=cure, breaks=breaks)

    (fx, _, cx), (_, fy, cy), (*_, last) = matrix
    if not (fx > 0 and fy > 0 and last > 0):
        yield wrong(
            f"expected a camera along +z, y down, with focal lengths above zero, found the diagonal {fx:g}, {fy:g}, "
            f"{last:g}",
            "write the matrix again",
        )
    elif abs(cx) <= last and abs(cy) <= last:
        yield wrong(
            f"expected a matrix to pixels, found one to the unit square, principal point {cx:g}, {cy:g}: "
            "view.intrinsics 'pixel' hands it on as it is, 'unit' and 'kubric' divide it by the image's sides once "
            "more",
            f"multiply its first row by the width, {width}, the second by the height, {height}",
        )
    elif not (0 <= cx / last <= width and 0 <= cy / last <= height):
        yield wrong(
            f"expected a principal point inside {height} rows and {width} columns, found column {cx / last:g}, row "
            f"{cy / last:g}",
            "is it the camera of images of another size? Take theirs, or scale its rows as the images were",
        )
    elif abs(fx / fy - 1) > _STRETCH:
        yield wrong(
            f"pixels are not square: focal lengths are {fx:.4g} and {fy:.4g} pixels",
            "write the matrix again, if the camera is not so",
            breaks=False,
        )
