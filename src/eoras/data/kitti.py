"""KITTI as KINS_Video_Car has it, as clips (formats part B)."""

from collections.abc import Collection
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from eoras.clip import Clip
from eoras.config import ViewConfig
from eoras.data.images import read_frame
from eoras.data.kitti_annotations import Annotation, Rle, read_annotations
from eoras.data.kitti_videos import frame_files, read_calibration
from eoras.data.movi_list import Track
from eoras.data.pictures import Picture, TrackMasks, TrackTruth, make_clip, make_truth
from eoras.data.places import Place, places_of, window_intrinsics
from eoras.data.windows import Draw
from eoras.errors import DataError
from eoras.geometry import Box, crop

__all__ = ["KittiTracks"]


class KittiTracks(Dataset[Clip]):
    """The tracks of a KINS_Video_Car split.

    The annotations of the split are read at once, frames when they are shown. Visible masks are a tracker's (Q-M10),
    and few frames have an amodal annotation: ``Clip.available`` says which. A track's frames are those of the tracker,
    whatever ``view.frames`` says.

    Args:
        root: the folder KINS_Video_Car, which holds ``car_data/`` and ``Kitti/``.
        split: ``train``, ``val`` or ``test``.
        view: what the network is shown, ``network.config.view``.
        clip_length: frames of a training clip (formats A.8), of which an index gives the track's first, a ``Draw`` any;
            None gives whole tracks.
        truth: whether clips bring the masks of the whole images.
        videos: names of the videos to keep; None keeps all.

    Raises:
        DataError: an annotation file is missing or damaged, or would run code.
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
        self._annotations = read_annotations(Path(root) / "car_data", split)
        self.tracks = [track for track in self._annotations if videos is None or track.video in videos]
        self.split = split
        self._root = Path(root)
        self.view = view
        self._clip_length = clip_length
        self._truth = truth

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, key: int | Draw) -> Clip:
        """Read a clip.

        Args:
            key: what to read: a ``Draw``, or the index of a track, which gives its first clip. Without a
                ``clip_length`` either gives the whole track.

        Raises:
            DataError: a frame, a mask or the calibration is missing, damaged or inconsistent.
        """
        draw = Draw.of(key)
        track = self.tracks[draw.track]
        frames = self._annotations[track]
        places = self._shown(draw)
        files = frame_files(self._root, track.video)
        if places[-1].frame_index >= len(files):
            raise DataError(
                f"{files[0].parent}: expected more than {places[-1].frame_index} frames, as the annotations of the "
                f"split {self.split} say, found {len(files)}; restore the others"
            )
        height, width = frames[places[0].frame_index].visible.size
        matrix = read_calibration(self._root, track.video)
        return make_clip(
            track,
            places,
            lambda place: self._read_picture(files[place.frame_index], track, place),
            window_intrinsics(matrix, "pixel", [place.box for place in places], self.view, height, width),
            read_others=(lambda place: self._read_others(track, place)) if self._truth else None,
        )

    def truth_of(self, index: int) -> TrackTruth:
        """Read the masks of a clip without its frames.

        Raises:
            DataError: a mask is damaged.
        """
        track = self.tracks[index]
        return make_truth(
            track,
            self._shown(Draw(index, 0.0)),
            lambda place: self._read_masks(track, place),
            lambda place: self._read_others(track, place),
        )

    def _shown(self, draw: Draw) -> list[Place]:
        frames = self._annotations[self.tracks[draw.track]]
        indices = list(frames)
        height, width = frames[indices[0]].visible.size
        boxes = [_visible_box(frame, self.view) for frame in frames.values()]
        places = places_of(indices, boxes, self.view, height, width)
        return draw.window(places, self._clip_length, self.view.pad_to)

    def _read_picture(self, path: Path, track: Track, place: Place) -> Picture:
        size = self._annotations[track][place.frame_index].visible.size
        frame = read_frame(path, *size)  # first, for it checks the size the masks unfold to
        return Picture(frame, *self._read_masks(track, place))

    def _read_masks(self, track: Track, place: Place) -> TrackMasks:
        annotation = self._annotations[track][place.frame_index]
        amodal = self._decode(annotation.amodal, track, place)
        # As published, what lies outside the window counts as not annotated (Q-M12).
        annotated = crop(amodal, place.box) if self.view.boxes == "paper" else amodal
        return TrackMasks(amodal, self._decode(annotation.visible, track, place), bool(annotated.any()))

    def _read_others(self, track: Track, place: Place) -> Tensor:
        """Where the tracker saw another car."""
        size = self._annotations[track][place.frame_index].visible.size
        seen = torch.zeros(size, dtype=torch.bool)
        for other, frames in self._annotations.items():
            if other.video == track.video and other != track and place.frame_index in frames:
                rle = frames[place.frame_index].visible
                if rle.size != size:
                    raise DataError(
                        f"{self._root / 'car_data'}: split {self.split}: video {track.video}, frame "
                        f"{place.frame_index}: expected masks of one size, found {size} of track {track.track_id} and "
                        f"{rle.size} of track {other.track_id}; restore the files, or take one out of both pickles"
                    )
                seen |= self._decode(rle, other, place)
        return seen

    def _decode(self, rle: Rle, track: Track, place: Place) -> Tensor:
        where = f"{self._root / 'car_data'}: split {self.split}: video {track.video}, track {track.track_id}"
        return rle.decode(f"{where}, frame {place.frame_index}: RLE")


def _visible_box(annotation: Annotation, view: ViewConfig) -> Box:
    """The visible box; as published, the last row and column of the visible mask are taken for its end."""
    box = annotation.box
    if view.boxes == "paper":
        return box
    return Box(box.top, box.left, box.bottom + 1, box.right + 1).clip(*annotation.visible.size)
