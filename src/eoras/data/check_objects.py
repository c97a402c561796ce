"""What can be wrong with the masks and the box of one object, whatever layout they were read from."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from eoras.data.check_report import Problem
from eoras.data.movi_list import Track
from eoras.geometry import Box

__all__ = ["GRAVE", "check_annotated", "check_box", "check_empty", "check_outside"]

GRAVE = 0.5  # share of a mask or a box that is wrong, from which on a network would learn something wrong
_NEAR = 1  # pixels by which truncated, rounded or inclusive boxes may differ from the visible pixels


def check_box(path: Path, where: str, seen: Box | None, box: Box | None, cure: str) -> Iterator[Problem]:
    """Compare a box with the visible pixels that it should bound.

    Args:
        path: the file that tells the box.
        where: in it, ending with a colon and a space.
        seen: bounds of the visible pixels, half-open; None where there are none.
        box: what the file tells, half-open; None where it tells nothing.
        cure: what to do where they differ.
    """
    if box is None and seen is None:
        return
    if box is None or seen is None:
        found = "visible pixels without a box" if box is None else "a box without visible pixels"
        what = f"{where}expected a box just where the object is seen, found {found}"
        yield Problem(kind="box", path=path, what=what, cure=cure, breaks=False)
        return
    sides, found = _sides(seen), _sides(box)
    if max(abs(a - b) for a, b in zip(sides, found, strict=True)) > _NEAR:
        what = f"{where}expected the bounds of the visible pixels, {sides}, found {found} (top, left, bottom, right)"
        yield Problem(kind="box", path=path, what=what, cure=cure, breaks=_overlap(seen, box) < GRAVE)


def check_empty(path: Path, where: str, cure: str) -> Problem:
    """An object that is seen and has no pixel in its amodal mask."""
    what = f"{where}expected the whole object, found an empty mask, though the object is seen in this frame"
    return Problem(kind="empty amodal mask", path=path, what=what, cure=cure)


def check_outside(path: Path, where: str, outside: int, seen: int) -> Iterator[Problem]:
    """Find an object whose visible mask is not part of its amodal mask.

    Args:
        path: the file of the amodal mask.
        where: in it, ending with a colon and a space; nothing where the file holds no other.
        outside: visible pixels that are not in the amodal mask.
        seen: visible pixels.
    """
    if outside:
        what = f"{where}expected all visible pixels in the amodal mask, found {outside} of {seen} outside"
        cure = "write both masks again from one source; is this the mask of another object or frame?"
        kind, grave = "visible outside amodal", outside >= GRAVE * seen
        yield Problem(kind=kind, path=path, what=what, cure=cure, breaks=grave)


def check_annotated(path: Path, annotated: Mapping[Track, int]) -> Iterator[Problem]:
    """Find tracks that nothing can be learned from.

    Args:
        path: the file of the amodal masks.
        annotated: frames of each track of a split that have an amodal mask.
    """
    kind, without = "track without annotation", [track for track, count in annotated.items() if not count]
    if without and len(without) == len(annotated):
        what = f"expected amodal masks, found none in any of {len(without)} tracks"
        cure = "restore the file; without them there is nothing to train on and nothing to score"
        yield Problem(kind=kind, path=path, what=what, cure=cure)
        return
    for track in without:
        what = f"video {track.video}, track {track.track_id}: expected a frame with an amodal mask, found none"
        cure = "take the track out; it teaches the visible mask alone and is never scored"
        yield Problem(kind=kind, path=path, what=what, cure=cure, breaks=False)


def _sides(box: Box) -> tuple[int, int, int, int]:
    return box.top, box.left, box.bottom, box.right


def _overlap(one: Box, other: Box) -> float:
    """IoU."""
    both = _area(
        Box(
            max(one.top, other.top),
            max(one.left, other.left),
            min(one.bottom, other.bottom),
            min(one.right, other.right),
        )
    )
    return both / (_area(one) + _area(other) - both)


def _area(box: Box) -> int:
    return max(box.height, 0) * max(box.width, 0)
