"""MOVi-B, MOVi-D and MOViD-A as clips (formats part A, D.13)."""

import warnings
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from eoras.clip import Clip
from eoras.config import ViewConfig
from eoras.data.cache import CachedImages, cache_path, open_cached
from eoras.data.movi_images import Images, LooseImages, Recent
from eoras.data.movi_list import Track, read_tracks
from eoras.data.movi_metadata import Metadata, boxes_of, read_metadata
from eoras.data.pictures import TrackTruth, make_clip, make_truth
from eoras.data.places import Place, boxes_between, places_of, window_intrinsics
from eoras.data.windows import Draw
from eoras.errors import DataError

__all__ = ["MoviTracks"]

_OPEN = 4096  # caches; the system allows a process some 65,000 memory maps


class MoviTracks(Dataset[Clip]):
    """The listed tracks of a MOVi split.

    A clip opens the metadata of its video, and the video's cache or three images a frame; depth, flow,
    ``data_ranges.json`` and the bird's-eye images may be absent. A cache that is damaged, or older than the images,
    gets a warning and is not used: the clip is the same, and nothing is written behind anyone's back.

    Args:
        root: the folder that holds ``train/`` and ``test/``.
        split: ``train`` or ``test``.
        view: what the network is shown, ``network.config.view``.
        clip_length: frames of a training clip (formats A.8), of which an index gives the track's first, a ``Draw`` any;
            None gives whole tracks.
        truth: whether clips bring the masks of the whole images.
        videos: names of the videos to keep; None keeps all.
        cache: where ``eoras cache`` has put decoded images; None: in ``root``. What is not there is decoded.

    Raises:
        DataError: the list of tracks is missing or damaged.
    """

    def __init__(
        self,
        root: str | Path,
        split: str,
        view: ViewConfig,
        *,
        clip_length: int | None = None,
        truth: bool = False,
        videos: Collection[str] | None = None,
        cache: str | Path | None = None,
    ) -> None:
        root = Path(root)
        self.tracks = [track for track in read_tracks(root, split) if videos is None or track.video in videos]
        self.split = split
        self._folder = root / split
        self.view = view
        self._clip_length = clip_length
        self._truth = truth
        self._cache = None if cache is None else Path(cache)
        self._objects: dict[str, set[int]] = defaultdict(set)
        for track in self.tracks:
            self._objects[track.video].add(track.track_id)
        self._caches: dict[str, CachedImages | None] = {}
        self._warned = False
        self._recent = Recent()

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, key: int | Draw) -> Clip:
        """Read a clip.

        Args:
            key: what to read: a ``Draw``, or the index of a track, which gives its first clip. Without a
                ``clip_length`` either gives the whole track.

        Raises:
            DataError: a file is missing, damaged or inconsistent, or the object is never seen: such a track crashes
                the official code. It is not left out, so that a score always counts the listed tracks.
        """
        draw = Draw.of(key)
        track = self.tracks[draw.track]
        metadata = read_metadata(self._folder / track.video / "metadata.json")
        images = self._images(track.video, *metadata.header.size)
        places = self._shown(draw, metadata)
        others = _others(metadata, track)
        matrix = torch.tensor(metadata.camera.intrinsics, dtype=torch.float64)
        return make_clip(
            track,
            places,
            lambda place: images.picture(place.frame_index, track.track_id),
            window_intrinsics(matrix, "kubric", [place.box for place in places], self.view, *metadata.header.size),
            read_others=(lambda place: images.seen(place.frame_index, others)) if self._truth else None,
        )

    def truth_of(self, index: int) -> TrackTruth:
        """Read the masks of a clip without its frames.

        Raises:
            DataError: a file is missing, damaged or inconsistent, or the object is never seen.
        """
        track = self.tracks[index]
        metadata = read_metadata(self._folder / track.video / "metadata.json")
        images = self._images(track.video, *metadata.header.size)
        others = _others(metadata, track)
        return make_truth(
            track,
            self._shown(Draw(index, 0.0), metadata),
            lambda place: images.masks(place.frame_index, track.track_id),
            lambda place: images.seen(place.frame_index, others),
        )

    def _shown(self, draw: Draw, metadata: Metadata) -> list[Place]:
        track = self.tracks[draw.track]
        places = _places(self._folder / track.video, metadata, track.track_id, self.view)
        return draw.window(places, self._clip_length, self.view.pad_to)

    def _images(self, video: str, height: int, width: int) -> Images:
        """The video's cache, or where there is none its files. Caches stay mapped, and are compared with them once."""
        if video not in self._caches:
            if len(self._caches) == _OPEN:
                self._caches.pop(next(iter(self._caches)))
            path = cache_path(self._folder.parent, self._folder.name, video, self._cache)
            try:
                self._caches[video] = open_cached(path, self._folder / video, self._objects[video])
            except DataError as error:
                self._caches[video] = None
                if not self._warned:
                    warnings.warn(f"{error}; until then the video's images are decoded", stacklevel=4)
                    self._warned = True
        return self._caches[video] or LooseImages(self._folder / video, height, width, self._recent)


def _others(metadata: Metadata, track: Track) -> set[int]:
    """The video's other objects, listed or not."""
    return set(range(len(metadata.instances))) - {track.track_id}


def _places(folder: Path, metadata: Metadata, track_id: int, view: ViewConfig) -> list[Place]:
    """All frames of a track that the view keeps, and the windows there."""
    seen = boxes_of(folder / "metadata.json", metadata, track_id)
    frame_indices = seen.bbox_frames if view.frames == "visible" else range(metadata.header.num_frames)
    height, width = metadata.header.size
    seen_boxes = np.array(seen.bboxes) * ((height, width) * 2)
    boxes = boxes_between(frame_indices, seen.bbox_frames, seen_boxes, view)
    return places_of(frame_indices, boxes, view, height, width)
