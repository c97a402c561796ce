"""Small videos to send through the formats, and their comparison."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from eoras.data.annotations import MaskTrack, MaskVideo
from eoras.data.masks import Rle, decode, encode

HEIGHT, WIDTH = 7, 9


def rectangle(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


# Overlapping, at the borders, whole images, single pixels, and none at all.
MASKS = st.builds(rectangle, *(st.integers(0, side) for side in (HEIGHT - 1, WIDTH - 1, HEIGHT, WIDTH)))


def images(folder: Path, length: int) -> tuple[Path, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    paths = tuple(folder / f"{t}.png" for t in range(length))
    for path in paths:
        Image.fromarray(random.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)).save(path)
    return paths


@st.composite
def free_videos(draw: Callable[..., Any]) -> MaskVideo:
    """Each mask whatever it likes: the visible ones overlap too, either may be unknown."""
    length = draw(st.integers(1, 4))
    rles = st.lists(st.none() | MASKS.map(encode), min_size=length, max_size=length).map(tuple)
    numbers = sorted(draw(st.sets(st.integers(0, 300), max_size=3)))
    names = st.sampled_from(["object", "car", "Vogel'häuschen"])
    tracks = tuple(
        MaskTrack(track_id=number, category=draw(names), visible=draw(rles), amodal=draw(rles)) for number in numbers
    )
    return MaskVideo(name="a-b", height=HEIGHT, width=WIDTH, images=(None,) * length, tracks=tracks)


@st.composite
def layered_videos(draw: Callable[..., Any], *, together: bool) -> MaskVideo:
    """Objects behind each other: amodal masks overlap, visible ones do not; some frames are not annotated.

    ``together``: of a frame all objects are annotated, or none is; the last one always.
    """
    length, numbers = draw(st.integers(1, 4)), sorted(draw(st.sets(st.integers(0, 9), min_size=1, max_size=3)))
    known = np.array([[draw(st.booleans()) for _ in range(length)] for _ in numbers])
    if together:
        known[:] = known[0]
        known[:, -1] = True
    amodal = np.array([[draw(MASKS) for _ in range(length)] for _ in numbers]) & known[..., None, None]
    covered = np.array([amodal[k + 1 :].any(axis=0) for k in range(len(numbers))])
    tracks = [
        MaskTrack(
            track_id=number,
            category="object",
            visible=rles(amodal[k] & ~covered[k], known[k]),
            amodal=rles(amodal[k], known[k]),
        )
        for k, number in enumerate(numbers)
    ]
    tracks = [track for track, seen in zip(tracks, known, strict=True) if seen.any()]
    return MaskVideo(name="v", height=HEIGHT, width=WIDTH, images=(None,) * length, tracks=tuple(tracks))


def rles(masks: Iterable[np.ndarray], known: Iterable[bool]) -> tuple[Rle | None, ...]:
    return tuple(encode(mask) if there else None for mask, there in zip(masks, known, strict=True))


def content(video: MaskVideo) -> Any:
    """All that must come back: names, sizes, numbers, classes, and each mask's pixels."""

    def pixels(masks: tuple[Rle | None, ...]) -> list[Any]:
        return [rle and decode(rle).tolist() for rle in masks]

    tracks = [(track.track_id, track.category, pixels(track.visible), pixels(track.amodal)) for track in video.tracks]
    return video.name, video.height, video.width, video.length, tracks
