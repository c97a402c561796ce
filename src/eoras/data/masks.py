"""Masks as runs of pixels (RLE), as COCO writes them (formats D.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from reprlib import repr as shorten
from typing import Any

import numpy as np
from pycocotools import mask as coco

from eoras.errors import DataError
from eoras.geometry import Box

__all__ = ["Rle", "decode", "empty", "encode", "parse_mask", "read_runs", "unite"]

_FAR = 1e6  # coordinates past it are no polygon's
_LONGEST = 2**20  # pixels that pycocotools walks along edges, 40 bytes each: eight times around the largest image


@dataclass(frozen=True)
class Rle:
    """A mask as the lengths of its runs, column by column, compressed as COCO does; the first run is background.

    Attributes:
        height: rows of the image, in pixels.
        width: columns of the image, in pixels.
        counts: COCO's text of the lengths.
    """

    height: int
    width: int
    counts: str

    @classmethod
    def of(cls, record: Any) -> "Rle":
        """What ``pycocotools`` calls an RLE."""
        height, width = record["size"]
        return cls(height, width, record["counts"].decode("ascii"))

    @property
    def record(self) -> Any:
        """What stands in a JSON file, and what ``pycocotools`` reads."""
        return {"size": [self.height, self.width], "counts": self.counts}

    @cached_property
    def area(self) -> int:
        """Number of pixels."""
        return int(coco.area(self.record))

    @cached_property
    def box(self) -> Box | None:
        """The smallest box around the mask; None where it is empty."""
        if not self.area:
            return None
        left, top, width, height = (int(number) for number in coco.toBbox(self.record))
        return Box(top, left, top + height, left + width)

    @property
    def runs(self) -> np.ndarray:
        """The lengths, int64 ``(N,)``, in pixels; they fill the image."""
        read = read_runs([self.counts])
        assert read is not None
        return read[0]

    def common(self, other: "Rle") -> int:
        """Number of pixels of both masks, which are of one size."""
        # Not by pycocotools, which stops where both have a run of no pixels.
        runs, ends = self.runs, np.cumsum(other.runs)
        before = np.cumsum(runs * (np.arange(len(runs)) % 2))  # pixels of the mask up to the end of each run
        starts, stops = ends[: len(ends) // 2 * 2 : 2], ends[1::2]
        places, counts = np.append(0, np.cumsum(runs)), np.append(0, before)
        return int((np.interp(stops, places, counts) - np.interp(starts, places, counts)).sum())


def encode(mask: np.ndarray) -> Rle:
    """Turn a mask into runs.

    Args:
        mask: bool ``(H, W)``.

    Raises:
        ValueError: it is not bool: ``labels == k`` is the mask of one label, ``probability > 0.5`` that of an answer.
    """
    if mask.dtype != bool:
        raise ValueError(f"mask: expected bool, found {mask.dtype}; compare it, as in labels == 1 or probability > 0.5")
    return Rle.of(coco.encode(np.asfortranarray(mask, dtype=np.uint8)))


def empty(height: int, width: int) -> Rle:
    """A mask without a pixel; takes no memory, however large the image."""
    background: Any = {"size": [height, width], "counts": [height * width]}
    return Rle.of(coco.frPyObjects(background, height, width))


def decode(rle: Rle) -> np.ndarray:
    """Turn runs into a mask, bool ``(H, W)``."""
    runs = rle.runs
    columns = np.repeat(np.arange(len(runs)) % 2 == 1, runs)  # pycocotools' own way warns with NumPy 2
    return np.ascontiguousarray(columns.reshape(rle.width, rle.height).T)


def unite(rles: Sequence[Rle]) -> Rle:
    """The union of masks of one size; there is at least one."""
    return Rle.of(coco.merge([rle.record for rle in rles]))


def parse_mask(value: Any, height: int, width: int, where: str) -> Rle:
    """Read a mask as JSON holds it: compressed or plain runs, or polygons, whose union it is (formats D.1).

    Polygons are cut at the border of the image.

    Args:
        value: ``{"size": [H, W], "counts": text or list}``, ``[[x1, y1, x2, y2, ...], ...]`` or one flat polygon.
        height: rows it must have, in pixels.
        width: columns it must have, in pixels.
        where: file and key, for the error.

    Raises:
        DataError: the value is none of these, of another size, or holds numbers that cannot be.
    """
    if isinstance(value, list):
        return _fill(value, height, width, where)
    if not isinstance(value, dict) or not value.keys() >= {"size", "counts"}:
        raise DataError(
            f"{where}: expected a mask, as polygons or as {{'size': [H, W], 'counts': ...}}, found {shorten(value)}; "
            "write it again"
        )
    if value["size"] != [height, width]:
        raise DataError(
            f"{where}.size: expected [{height}, {width}], rows and columns of the video, found "
            f"{shorten(value['size'])}; write masks in the size of their video"
        )
    counts = value["counts"]
    runs = _whole_numbers(counts)
    if isinstance(counts, str):
        read = read_runs([counts])
        runs = None if read is None else read[0]
    # pycocotools trusts what it reads: wrong runs would be read and written past the ends of its memory
    if runs is None or (runs < 0).any() or runs.sum() != height * width:
        raise DataError(
            f"{where}.counts: expected the lengths of runs of {height} x {width} pixels in all, found "
            f"{shorten(counts)}; write the mask again"
        )
    if isinstance(counts, str) and runs[1:].all():
        return Rle(height, width, counts)
    return Rle.of(coco.frPyObjects({"size": [height, width], "counts": _join(runs).tolist()}, height, width))


def read_runs(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray] | None:
    """The lengths in COCO's texts: groups of six bits, five of them of the number. All texts are read together.

    Args:
        texts: at least one.

    Returns:
        Lengths in pixels, int64 ``(N,)``, those of each text after those of the one before; and where each text's
        begin, int64 ``(len(texts),)``. None if one of them is not such a text; whether runs fill their image is not
        looked at.
    """
    joined = "".join(texts)
    if not all(texts) or not joined.isascii():
        return None
    codes = np.frombuffer(joined.encode("ascii"), dtype=np.uint8).astype(np.int64) - 48
    more = (codes & 32) > 0
    ends = np.cumsum([len(text) for text in texts])
    if codes.min() < 0 or codes.max() > 63 or more[ends - 1].any():
        return None
    last = np.flatnonzero(~more)  # code of each number
    lengths = np.diff(last, prepend=-1)
    if lengths.max() > 7:  # more than 32 bits
        return None
    starts = last - lengths + 1
    shifts = 5 * (np.arange(len(codes)) - np.repeat(starts, lengths))
    runs = np.add.reduceat((codes & 31) << shifts, starts)
    negative = (codes[last] & 16) > 0
    runs -= negative * (1 << 5 * lengths)
    stops = np.searchsorted(last, ends)
    begins = np.append(0, stops[:-1])
    for begin, stop in zip(begins.tolist(), stops.tolist(), strict=True):
        for first in (1, 2):  # from the fourth on, each is told as its difference to the one before the last
            runs[begin + first : stop : 2] = np.cumsum(runs[begin + first : stop : 2])
    return runs, begins


def _join(runs: np.ndarray) -> np.ndarray:
    """The same mask without runs of no pixels but the first: pycocotools' union stops where two masks have one."""
    changes, times = np.unique(np.cumsum(runs)[:-1], return_counts=True)
    changes = changes[(times % 2 == 1) & (changes < runs.sum())]  # two at one place are none, and the end is none
    return np.diff(changes, prepend=0, append=runs.sum())


def _whole_numbers(counts: Any) -> np.ndarray | None:
    whole = isinstance(counts, list) and counts and all(type(count) is int and 0 <= count < 2**32 for count in counts)
    return np.array(counts, dtype=np.int64) if whole else None


def _fill(value: list[Any], height: int, width: int, where: str) -> Rle:
    polygons: Sequence[Any] = value if not value or isinstance(value[0], list) else [value]
    for index, polygon in enumerate(polygons):
        if not _is_polygon(polygon):
            raise DataError(
                f"{where}.{index}: expected a polygon [x1, y1, x2, y2, x3, y3, ...] in pixels, found "
                f"{shorten(polygon)}; write it again"
            )
    if not polygons:
        return empty(height, width)
    if (length := sum(map(_walk, polygons))) > _LONGEST:
        raise DataError(
            f"{where}: expected polygons in an image of {height} x {width} pixels, found edges of {length:.3g} pixels "
            "in all; cut the polygons at the border of the image, or write the mask as runs"
        )
    return Rle.of(coco.merge(coco.frPyObjects(list(polygons), height, width)))


def _walk(polygon: list[float]) -> float:
    """How long the edges of a polygon are, in pixels, each measured along the axis on which it is longer."""
    corners = np.array(polygon, dtype=np.float64).reshape(-1, 2)
    return float(np.abs(corners - np.roll(corners, 1, axis=0)).max(axis=1).sum())


def _is_polygon(value: Any) -> bool:
    if not isinstance(value, list) or len(value) < 6 or len(value) % 2:
        return False
    return all(type(number) in (int, float) and abs(number) <= _FAR for number in value)
