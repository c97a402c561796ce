"""One video from upload to download."""

import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import TypeVar

import numpy as np
from PIL import Image

from eoras.app.limits import Limits
from eoras.app.mask_upload import unpack_masks
from eoras.app.store import Store
from eoras.errors import ConfigError, DataError, EorasError, RunError
from eoras.files import writing
from eoras.prediction.camera import Camera
from eoras.prediction.masks import read_tracks
from eoras.prediction.pictures import draw_film, draw_sheet
from eoras.prediction.predictor import AmodalPredictor
from eoras.prediction.prompts import Prompt, Prompts
from eoras.prediction.result import Result
from eoras.prediction.track import track_objects
from eoras.prediction.tracker import Tracker
from eoras.prediction.tracks import VideoTracks
from eoras.video import Video, open_video

__all__ = ["Completed", "Desk"]

Progress = Callable[[float, str], object]
"""Is told the share that is done, 0..1, and what is being done."""

_LARGEST = 4096 * 2304  # pixels of a frame
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Completed:
    """A video whose objects have been completed.

    Attributes:
        folder: where its files lie, until they are removed.
        result: the masks.
    """

    folder: Path
    result: Result

    @property
    def archive(self) -> Path:
        """What is downloaded."""
        return self.folder / "eoras-result.zip"

    def pixels(self, index: int) -> np.ndarray | None:
        """A frame, uint8 ``(H, W, 3)``, RGB; None where the files have been removed."""
        try:
            with Image.open(_frame_path(self.folder, index)) as image:
                return np.asarray(image.convert("RGB"))
        except FileNotFoundError:
            return None


class Desk:
    """Takes videos and completes their objects, one video at a time.

    Args:
        predictor: the network.
        store: where files lie.
        limits: how much is taken.
        tracker: follows objects that are clicked on; None: masks must be given.
    """

    def __init__(
        self, predictor: AmodalPredictor, store: Store, limits: Limits, tracker: Tracker | None = None
    ) -> None:
        self.store = store
        self.limits = limits
        self.tracker = tracker
        self._predictor = predictor
        self._is_closing = Event()  # makes work that is going on stop
        self._working = Lock()

    def look(self, video: Path, index: int) -> np.ndarray:
        """A frame of an uploaded video, uint8 ``(H, W, 3)``, RGB.

        Raises:
            DataError: the file is no video, its frames are too large, or it has no such frame.
        """
        with _without_path(video):
            frame = next(open_video(video, most_pixels=_LARGEST).frames(index, index + 1), None)
        if frame is None:
            raise DataError(f"the video has no frame {index}; choose an earlier one")
        return frame

    def length_of(self, video: Path) -> int:
        """About how many frames an uploaded video has; as many as are taken where it does not say.

        Raises:
            DataError: the file is no video, its frames are too large, or it has too many of them.
        """
        with _without_path(video):
            opened = open_video(video, most_pixels=_LARGEST)
        if opened.length is not None and opened.length > self.limits.frames:
            raise DataError(self.limits.too_long)
        return min(opened.num_frames or self.limits.frames, self.limits.frames)

    def complete(self, video: Path, masks: Path | Sequence[Prompt], fov: float | None, progress: Progress) -> Completed:
        """Complete the objects of an uploaded video.

        Args:
            video: the file.
            masks: the file, or clicks on the objects.
            fov: angle of its camera from left to right, in degrees; None: 60 are assumed.
            progress: is told how far it is.

        Raises:
            EorasError: something is wrong with video, masks or settings; the message names no path.
        """
        with self._working:
            self._go_on()
            return self._complete(video, masks, Camera(fov=fov), progress)

    def close(self) -> None:
        """Make work stop, and wait for it: what is being written would come back after its folder is removed."""
        self._is_closing.set()
        with self._working:
            pass

    def _complete(self, video: Path, masks: Path | Sequence[Prompt], camera: Camera, progress: Progress) -> Completed:
        with self.store.new() as folder:
            try:
                with writing(folder):
                    return self._fill(folder, video, masks, camera, progress)
            except EorasError as error:
                told = str(error).replace(f"{folder}/masks", "the masks").replace(f"{folder}/video", "the video")
                raise type(error)(told.replace(str(folder), "the result")) from error

    def _fill(
        self, folder: Path, video: Path, masks: Path | Sequence[Prompt], camera: Camera, progress: Progress
    ) -> Completed:
        progress(0, "Reading the video")
        footage = _keep(video, folder / "video", "the video is no longer there; upload it again")
        if isinstance(masks, Path):
            masks = _keep(masks, folder / "given-masks", "the masks are no longer there; upload them again")
        opened = open_video(footage, most_pixels=_LARGEST)
        length = self._keep_frames(folder, opened)
        notes = [] if opened.cut_short is None else [opened.cut_short.replace(str(footage), "the video")]
        if isinstance(masks, Path):
            tracks = read_tracks(unpack_masks(masks, folder), length=length, tell=notes.append)
        else:
            tracks = self._follow(footage, masks, length, progress)
        out = folder / "result"
        frames = self._counted(opened, length, progress)
        self._predictor.write(out, frames, tracks, intrinsics=camera, say=notes.append)
        result = Result.load(out)
        progress(0.9, "Drawing")
        draw_film(out / "overlay.mp4", self._while_open(result), opened)
        draw_sheet(out / "contact_sheet.png", result, opened)
        done = Completed(folder=folder, result=Result(frames=result.frames, info=result.info, notes=notes))
        _pack(out, done.archive)
        return done

    def _keep_frames(self, folder: Path, video: Video) -> int:
        """Keep the frames as images, to show any of them at once; return how many there are."""
        (folder / "frames").mkdir()
        length = 0
        for index, pixels in enumerate(self._while_open(video.frames(end=self.limits.frames + 1))):
            if index == self.limits.frames:
                raise DataError(self.limits.too_long)
            Image.fromarray(pixels).save(_frame_path(folder, index), quality=92)
            length = index + 1
        return length

    def _follow(self, footage: Path, clicks: Sequence[Prompt], length: int, progress: Progress) -> VideoTracks:
        if self.tracker is None:
            raise ConfigError("no tracker was given when the page was opened; upload masks")

        def tell(index: int) -> None:
            self._go_on()
            progress(0.1, f"Following the objects: frame {index + 1} of {length}")

        return track_objects(footage, Prompts(tuple(clicks)), end=length, tracker=self.tracker, at_frame=tell)

    def _go_on(self) -> None:
        if self._is_closing.is_set():
            raise RunError("the page is being closed")

    def _while_open(self, items: Iterable[T]) -> Iterator[T]:
        for item in items:
            self._go_on()
            yield item

    def _counted(self, video: Video, length: int, progress: Progress) -> Iterator[np.ndarray]:
        for index, pixels in enumerate(self._while_open(video.frames(end=length))):
            progress(0.1 + 0.8 * index / length, f"Completing the objects: frame {index + 1} of {length}")
            yield pixels


def _keep(upload: Path, link: Path, gone: str) -> Path:
    """Link an upload, so that it stays as long as it is needed; what waits in the queue may outlive its files."""
    try:
        link.hardlink_to(upload)
    except FileNotFoundError:
        raise DataError(gone) from None
    return link


@contextmanager
def _without_path(video: Path) -> Iterator[None]:
    """Call an uploaded video by no other name in messages."""
    try:
        yield
    except EorasError as error:
        raise type(error)(str(error).replace(str(video), "the video")) from error


def _frame_path(folder: Path, index: int) -> Path:
    return folder / "frames" / f"{index:05d}.jpg"


def _pack(out: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:  # images and films are packed already
        for path in sorted(out.rglob("*")):
            if path.is_file():
                kind = zipfile.ZIP_DEFLATED if path.suffix == ".json" else zipfile.ZIP_STORED
                file.write(path, path.relative_to(out), kind)
