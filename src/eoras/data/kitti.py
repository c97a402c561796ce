"""KITTI as KINS_Video_Car has it, as clips (formats part B)."""

from collections.abc import Collection
from pathlib import Path

from torch import Tensor
from torch.utils.data import Dataset

from eoras.clip import Clip
from eoras.config import ViewConfig
from eoras.data.images import read_frame
from eoras.data.kitti_annotations import Annotation, Rle, read_annotations
from eoras.data.kitti_videos import frame_files, read_calibration
from eoras.data.pictures import Picture, Place, make_clip
from eoras.data.windows import Draw
from eoras.errors import DataError
from eoras.geometry import Box, convert_intrinsics, crop, enlarge

__all__ = ["KittiTracks"]


class KittiTracks(Dataset[Clip]):
    """The tracks of a KINS_Video_Car split.

    The annotations of the split are read at once, frames when they are shown. Visible masks are a tracker's (Q-M10),
    and few frames have an amodal annotation: ``Clip.available`` says which. A track's frames are those of the tracker,
    whatever ``view.frames`` says.

    Args:
        root: the folder KINS_Video_Car, which holds ``car_data/`` and ``Kitti/``.
        split: ``train``, ``val`` or ``test``.
        view: what the network is shown.
        clip_length: frames of a training clip (formats A.8); None gives whole tracks.
        truth: whether clips bring the masks of the whole images.
        videos: names of the videos to keep; None keeps all.

    Raises:
        DataError: an annotation file is missing or damaged, or would run code.
    """

    def __init__(
        self,
        root: Path,
        split: str,
        view: ViewConfig,
        *,
        clip_length: int | None = None,
        truth: bool = False,
        videos: Collection[str] | None = None,
    ) -> None:
        self._annotations = read_annotations(root / "car_data", split)
        self.tracks = [track for track in self._annotations if videos is None or track.video in videos]
        self.split = split
        self._root = root
        self._view = view
        self._clip_length = clip_length
        self._truth = truth

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, key: int | Draw) -> Clip:
        """Read a clip.

        Args:
            key: what to read: a ``Draw``, or the index of a track, which gives its first window. Without a
                ``clip_length`` either gives the whole track.

        Raises:
            DataError: a frame, a mask or the calibration is missing, damaged or inconsistent.
        """
        draw = key if isinstance(key, Draw) else Draw(key, 0.0)
        track = self.tracks[draw.track]
        frames = self._annotations[track]
        indices = list(frames)
        length = self._clip_length or max(len(indices), self._view.pad_to or 0)
        shown = [indices[index] for index in draw.window(len(indices), length)]
        files = frame_files(self._root, track.video)
        if shown[-1] >= len(files):
            raise DataError(
                f"{files[0].parent}: expected more than {shown[-1]} frames, as the annotations of the split "
                f"{self.split} say, found {len(files)}; restore the others"
            )
        height, width = frames[shown[0]].visible.size
        matrix = read_calibration(self._root, track.video)
        return make_clip(
            track,
            [Place(index, _shown_box(frames[index], self._view)) for index in shown],
            lambda place: self._read_picture(files[place.frame_index], frames[place.frame_index], place.box),
            convert_intrinsics(matrix, "pixel", self._view.intrinsics, height, width),
            truth=self._truth,
        )

    def _read_picture(self, path: Path, annotation: Annotation, box: Box) -> Picture:
        frame = read_frame(path, *annotation.visible.size)  # first, for it checks the size the masks unfold to
        amodal = self._decode(annotation.amodal, path)
        # As published, what lies outside the window counts as not annotated (Q-M12).
        annotated = crop(amodal, box) if self._view.boxes == "paper" else amodal
        return Picture(frame, amodal, self._decode(annotation.visible, path), bool(annotated.any()))

    def _decode(self, rle: Rle, path: Path) -> Tensor:
        return rle.decode(f"{self._root / 'car_data'}: split {self.split}: mask for {path}: RLE")


def _shown_box(annotation: Annotation, view: ViewConfig) -> Box:
    """The enlarged box; as published, the last row and column of the visible mask are taken for its end."""
    height, width = annotation.visible.size
    box = annotation.box
    if view.boxes == "round":
        box = Box(box.top, box.left, box.bottom + 1, box.right + 1).clip(height, width)
    return enlarge(box, view.enlarge, height, width, view.boxes)
