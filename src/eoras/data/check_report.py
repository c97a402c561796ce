"""What a check of a data folder finds: its contents, and its problems with their cures."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from eoras.errors import DataError

__all__ = ["BINS", "Contents", "Layout", "Problem", "Report", "Sample"]

BINS = 10  # of the histogram of occlusion rates


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something wrong with one file or folder.

    Attributes:
        kind: what sort of problem, in a few words, the same for all of its sort.
        path: the file or folder.
        what: what was expected and what was found.
        cure: what to do about it.
        breaks: whether reading fails, or a network would learn something wrong; if not, it is a warning.
    """

    kind: str
    path: Path
    what: str
    cure: str
    breaks: bool = True

    @classmethod
    def of(cls, kind: str, path: Path, error: DataError) -> "Problem":
        """The problem that a reader met: its message is ``PATH: WHAT; CURE``."""
        what, _, cure = str(error).removeprefix(f"{path}: ").rpartition("; ")
        return cls(kind=kind, path=path, what=what, cure=cure)

    @classmethod
    def of_image(cls, path: Path, error: DataError) -> "Problem":
        """The problem that a reader of images met."""
        return cls.of("damaged image" if path.exists() else "missing image", path, error)


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a split holds; contents add up.

    Attributes:
        videos: number of videos.
        tracks: number of listed tracks.
        frames: of all videos.
        track_frames: frames in which a track's object is seen, over all tracks.
        annotated_frames: those of them that have an amodal mask.
        hidden_frames: frames in which a track's object is in the image but fully hidden.
        sizes: videos by rows and columns of their images.
        occlusion: frames of tracks, hidden ones too, by occlusion rate, 1 - visible / amodal pixels: bin ``b`` of
            ``BINS`` holds the rates from ``b / BINS`` on; a rate of 1 is in the last.
    """

    videos: int = 0
    tracks: int = 0
    frames: int = 0
    track_frames: int = 0
    annotated_frames: int = 0
    hidden_frames: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    occlusion: Counter[int] = field(default_factory=Counter)

    @classmethod
    def occluded(cls, area: int, hidden: int, *, seen: bool) -> "Contents":
        """How much of an object is hidden in one frame; nothing where it is not in the image.

        Args:
            area: pixels of the amodal mask.
            hidden: those of them that are not in the visible mask.
            seen: whether the visible mask has a pixel.
        """
        if not area:
            return cls()
        return cls(hidden_frames=int(not seen), occlusion=Counter([min(hidden * BINS // area, BINS - 1)]))

    def __add__(self, other: "Contents") -> "Contents":
        return Contents(**{item.name: getattr(self, item.name) + getattr(other, item.name) for item in fields(self)})

    def describe(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        sizes = {f"{height}x{width}": count for (height, width), count in sorted(self.sizes.items())}
        return plain | {"sizes": sizes, "occlusion": [self.occlusion[place] for place in range(BINS)]}


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of a check.

    Attributes:
        root: the folder that was checked; it is what ``--data`` should name.
        layout: name of the format.
        scope: what of it was checked.
        contents: by split.
        problems: in the order they were found.
        notes: what a reader should know, though nothing is wrong.
    """

    root: Path
    layout: str
    scope: str
    contents: dict[str, Contents]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()

    @property
    def breaks(self) -> bool:
        """Whether any problem is more than a warning."""
        return any(problem.breaks for problem in self.problems)

    def describe(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {
            "root": str(self.root),
            "layout": self.layout,
            "scope": self.scope,
            "contents": {split: contents.describe() for split, contents in self.contents.items()},
            "notes": list(self.notes),
            "problems": [{**vars(problem), "path": str(problem.path)} for problem in self.problems],
            "breaks": self.breaks,
        }


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A track to look at.

    Attributes:
        title: what identifies it.
        frames: uint8 ``(T, H, W, 3)``, RGB.
        visible: bool ``(T, H, W)``.
        amodal: bool ``(T, H, W)``.
        frame_indices: of these frames in the video, from 0.
    """

    title: str
    frames: np.ndarray
    visible: np.ndarray
    amodal: np.ndarray
    frame_indices: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A row of the table of layouts.

    Attributes:
        needs: what a folder in this layout holds, in a few words.
        recognises: whether a folder looks like it.
        check: the report on a folder; adds the videos to the total of the bar, and then counts them there.
        sample: a few tracks of a folder to look at, at most so many, damaged ones left out.
    """

    needs: str
    recognises: Callable[[Path], bool]
    check: Callable[[Path, tqdm], Report]
    sample: Callable[[Path, int], Iterator[Sample]]
