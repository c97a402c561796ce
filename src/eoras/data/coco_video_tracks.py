"""COCO-video JSON as clips (formats D.3)."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from eoras.clip import Clip
from eoras.config import ViewConfig
from eoras.data.annotations import MaskTrack, MaskVideo
from eoras.data.cameras import guess_intrinsics
from eoras.data.formats import read_masks
from eoras.data.images import read_frame
from eoras.data.masks import Rle, decode, unite
from eoras.data.movi_list import Track
from eoras.data.pictures import Picture, TrackMasks, TrackTruth, make_clip
from eoras.data.places import Place, boxes_between, places_of, window_intrinsics
from eoras.data.stacks import RunMasks
from eoras.data.windows import Draw
from eoras.errors import DataError

__all__ = ["CocoVideoTracks"]


class CocoVideoTracks(Dataset[Clip]):
    """The tracks of ``ROOT/SPLIT.json`` that are seen at least once.

    All masks are kept as runs. Frames without an image or a visible annotation are passed over; those without an amodal
    annotation are not ``available``. A video that tells no camera gets that of Kubric.

    Args:
        root: the folder that holds ``train.json`` and ``test.json``, and below it the images they name.
        split: ``train`` or ``test``.
        view: what the network is shown, ``network.config.view``.
        clip_length: frames of a training clip (formats A.8), of which an index gives the track's first, a ``Draw`` any;
            None gives whole tracks.
        truth: whether clips bring the masks of the whole images.
        videos: names of the videos to keep; None keeps all.

    Raises:
        DataError: the file is missing or damaged, or no object of it is seen in a frame with an image.
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
    ) -> None:
        self.split = split
        self.view = view
        self._clip_length = clip_length
        self._truth = truth
        path = Path(root) / f"{split}.json"
        kept = [video for video in read_masks(path, "coco_video") if videos is None or video.name in videos]
        self._sources = [(video, track) for video in kept for track in video.tracks if _seen_frames(video, track)]
        self.tracks = [Track(video.name, track.track_id) for video, track in self._sources]
        if kept and not self.tracks:
            raise DataError(
                f"{path}: expected at least one object that is seen in a frame with an image, found none; add "
                "segmentations, and file_names to the videos"
            )

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, key: int | Draw) -> Clip:
        """Read a clip.

        Args:
            key: what to read: a ``Draw``, or the index of a track, which gives its first clip. Without a
                ``clip_length`` either gives the whole track.

        Raises:
            DataError: an image is missing, damaged or of another size.
        """
        draw = Draw.of(key)
        video, track = self._sources[draw.track]
        size = (video.height, video.width)
        places = self._shown(draw)
        matrix = torch.tensor(video.pixel_intrinsics or guess_intrinsics(*size), dtype=torch.float64)
        return make_clip(
            self.tracks[draw.track],
            places,
            lambda place: _read_picture(video, track, place.frame_index),
            window_intrinsics(matrix, "pixel", [place.box for place in places], self.view, *size),
            read_others=(lambda place: _pixels(video, _others(video, track, place.frame_index)))
            if self._truth
            else None,
        )

    def truth_of(self, index: int) -> TrackTruth:
        """The masks of a clip without its frames; they stay runs."""
        video, track = self._sources[index]
        size = (video.height, video.width)
        places = self._shown(Draw(index, 0.0))
        frames = [place.frame_index for place in places]
        return TrackTruth(
            video=video.name,
            track_id=track.track_id,
            frame_indices=torch.tensor(frames),
            boxes=tuple(place.box for place in places),
            height=video.height,
            width=video.width,
            amodal=RunMasks.of([track.amodal[t] for t in frames], *size),
            visible=RunMasks.of([track.visible[t] for t in frames], *size),
            others=RunMasks.of([_others(video, track, t) for t in frames], *size),
            available=torch.tensor([track.amodal[t] is not None for t in frames]),
        )

    def _shown(self, draw: Draw) -> list[Place]:
        places = _places(*self._sources[draw.track], self.view)
        return draw.window(places, self._clip_length, self.view.pad_to)


def _seen_frames(video: MaskVideo, track: MaskTrack) -> list[int]:
    return [t for t, rle in enumerate(track.visible) if rle and rle.area and video.images[t]]


def _places(video: MaskVideo, track: MaskTrack, view: ViewConfig) -> list[Place]:
    """All frames of a track that the view keeps, and the windows there."""
    seen = _seen_frames(video, track)
    pairs = enumerate(zip(video.images, track.visible, strict=True))
    kept = seen if view.frames == "visible" else [t for t, (image, visible) in pairs if image and visible is not None]
    boxes = [rle.box for t in seen if (rle := track.visible[t]) and rle.box]
    corners = np.array([(box.top, box.left, box.bottom, box.right) for box in boxes])
    return places_of(kept, boxes_between(kept, seen, corners, view), view, video.height, video.width)


def _read_picture(video: MaskVideo, track: MaskTrack, t: int) -> Picture:
    image = video.images[t]
    assert image is not None
    return Picture(read_frame(image, video.height, video.width), *_read_masks(video, track, t))


def _read_masks(video: MaskVideo, track: MaskTrack, t: int) -> TrackMasks:
    amodal = track.amodal[t]
    return TrackMasks(_pixels(video, amodal), _pixels(video, track.visible[t]), available=amodal is not None)


def _others(video: MaskVideo, track: MaskTrack, t: int) -> Rle | None:
    """Where the video's other tracks are seen."""
    seen = [rle for other in video.tracks if other is not track and (rle := other.visible[t])]
    return unite(seen) if seen else None


def _pixels(video: MaskVideo, rle: Rle | None) -> torch.Tensor:
    return torch.from_numpy(np.zeros((video.height, video.width), dtype=bool) if rle is None else decode(rle))
