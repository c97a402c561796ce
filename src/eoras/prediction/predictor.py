"""The predictor: a person's video and visible masks in, whole objects out."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import torch
from tqdm import tqdm

from eoras.errors import ConfigError, DataError
from eoras.files import only_one
from eoras.geometry import NEIGHBOURS
from eoras.model.eoras import EoRaS
from eoras.model.memory import move
from eoras.model.precision import check_dtype
from eoras.model.weights import SHIPPED
from eoras.prediction.blending import OVERLAP, WINDOW, WindowConfig
from eoras.prediction.camera import Camera
from eoras.prediction.footage import Footage, Frames
from eoras.prediction.masks import Masks, is_known
from eoras.prediction.matching import observe, read_all
from eoras.prediction.network import Asker
from eoras.prediction.pictures import FILM, draw_pictures
from eoras.prediction.prompts import Prompts
from eoras.prediction.request import Request
from eoras.prediction.result import FrameResult, Result
from eoras.prediction.stream import Streamer
from eoras.prediction.track import track_objects
from eoras.prediction.tracks import VideoTracks
from eoras.prediction.write import ResultWriter, check_new

__all__ = ["AmodalPredictor"]

_ON_CPU, _ON_GPU = 1, 8  # clips at once: a CPU gains nothing by more


class AmodalPredictor:
    """Completes the objects of videos.

    Each track passes the network in clips of ``window`` frames, of which ``overlap`` are shared with the next clip and
    blended. A track that fits one clip gets exactly the network's answer.

    Args:
        network: it is moved to the device; in evaluation mode while it is asked, so that it may be trained in between.
        device: what it runs on; ``auto`` takes a GPU where there is one.
        dtype: ``bfloat16`` for automatic mixed precision.
        batch_size: clips of one call of the network, at most; None: 1 on a CPU, 8 on a GPU.
        window: frames of a clip.
        overlap: frames that neighbouring clips share, at most half of them.
        name: what results call the network.

    Raises:
        ConfigError: a value is out of range.
        RunError: the device's memory does not hold the network.
    """

    def __init__(
        self,
        network: EoRaS,
        *,
        device: torch.device | str = "auto",
        dtype: Literal["float32", "bfloat16"] = "float32",
        batch_size: int | None = None,
        window: int = WINDOW,
        overlap: int = OVERLAP,
        name: str = "network",
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise ConfigError(f"batch_size: expected a number of clips from 1, found {batch_size}")
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(device)
        self.network = move(network, self.device)
        self.name = name
        self.windows = WindowConfig(length=window, overlap=overlap)
        self._dtype = check_dtype(dtype)
        self._batch_size = batch_size or (_ON_CPU if self.device.type == "cpu" else _ON_GPU)

    @classmethod
    def from_pretrained(cls, model: str | Path = SHIPPED, **options: Any) -> "AmodalPredictor":
        """Load a model.

        Args:
            model: a model folder, a run folder, or a hub name; if not given, ``small``, which comes with the package.
            **options: ``device``, ``dtype``, ``batch_size``, ``window``, ``overlap`` (see the class).

        Raises:
            CheckpointError: there is no such model, or it is damaged.
            ConfigError: an option is out of range.
            RunError: the device's memory does not hold the network.
        """
        return cls(EoRaS.from_pretrained(model), **{"name": str(model), **options})

    @property
    def delay(self) -> int:
        """Frames that ``stream`` takes beyond the one whose result it gives, at most, where all masks are known."""
        return self.windows.length - 1

    def predict(
        self,
        video: Frames,
        masks: Masks,
        *,
        intrinsics: Any = None,
        objects: Collection[int] | None = None,
        start: int = 0,
        end: int | None = None,
        union: bool = True,
        progress: bool = False,
    ) -> Result:
        """Complete the objects of a video; frames are looked at one by one, and masks are kept as runs.

        Args:
            video: a file, a folder of images, an array ``(T, H, W, 3)`` or an iterable of ``(H, W, 3)``; uint8, RGB.
            masks: the visible masks, or clicks and boxes to make them from (see ``eoras.prediction.masks.Masks``); gaps
                in a track are bridged. A function is asked frame by frame: of its tracks, gaps of up to 12 frames are
                bridged, as ``stream`` does.
            intrinsics: 3x3 matrix to pixels, signs as in OpenCV, or a ``Camera``; None: 60 degrees are assumed.
            objects: ids of those to complete; None: all.
            start: index of the first frame.
            end: index of the frame to stop before; None: to the last one.
            union: unite each amodal mask with the visible one, so that it always contains it.
            progress: show a bar on standard error, where that is a terminal.

        Raises:
            DataError: video or masks cannot be read, or do not belong together.
            ConfigError: a value is out of range, or there is no such object.
            RunError: the device's memory does not hold one clip, or the network answers with NaN.
        """
        request = _request(intrinsics, objects, start, end, union)
        footage, notes = Footage(video), list[str]()
        known = _read(footage, masks, notes.append)
        frames = list(self._run(footage, known, request, notes.append, progress=progress))
        return Result(frames=frames, info=self._info(footage, masks, known, request), notes=notes)

    def write(
        self,
        out: str | Path,
        video: Frames,
        masks: Masks,
        *,
        intrinsics: Any = None,
        objects: Collection[int] | None = None,
        start: int = 0,
        end: int | None = None,
        union: bool = True,
        overlay: bool = False,
        resume: bool = False,
        progress: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> bool:
        """Do what ``predict`` does, and write it as it comes, so that memory does not grow with the video.

        Args:
            out: the folder to make (see ``ResultWriter``).
            video: as ``predict`` has it.
            masks: as ``predict`` has it.
            intrinsics: as ``predict`` has it.
            objects: as ``predict`` has it.
            start: as ``predict`` has it.
            end: as ``predict`` has it.
            union: as ``predict`` has it.
            overlay: draw ``overlay.mp4`` and ``contact_sheet.png``, too; for files and folders.
            resume: go on with what an interrupted call has left; the result is the same as without interruption. Of a
                complete one no more than a missing ``overlay`` is drawn.
            progress: as ``predict`` has it.
            say: is told at once what a user should know; it also stands in the result.

        Returns:
            Whether a result was written, and not complete before.

        Raises:
            DataError: video or masks cannot be read, or do not belong together.
            ConfigError: a value is out of range, ``out`` is not empty, holds the result of something else, or another
                process writes there.
            RunError: the disk is full, the device's memory does not hold one clip, or the network answers with NaN.
        """
        request = _request(intrinsics, objects, start, end, union)
        footage, notes = Footage(video), list[str]()

        def tell(note: str) -> None:
            notes.append(note)
            say(note)

        out, source = Path(out), None if footage.video is None else footage.video.path
        if not resume:
            check_new(out)  # before masks are read, which may take long

        def draw(frames: Iterable[FrameResult]) -> None:
            if overlay and footage.video is not None:
                draw_pictures(out, frames, footage.video, progress=progress)

        with only_one(out):
            known = _read(footage, masks, tell)
            writer = ResultWriter(out, self._info(footage, masks, known, request), source=source, resume=resume)
            if writer.is_complete:
                if not overlay or footage.video is None or (out / FILM).exists():
                    say(f"{out}: is complete; nothing is left to do")
                else:
                    say(f"{out}: is complete but for its pictures; they are drawn")
                    draw(Result.load(out))
                return False
            for frame in self._run(footage, known, request, tell, done=writer.next_frame, progress=progress):
                writer.add(frame)
            writer.finish(notes, draw)
        return True

    def stream(
        self,
        frames: Frames,
        masks: Masks,
        *,
        intrinsics: Any = None,
        union: bool = True,
        lookahead: int = NEIGHBOURS,
        say: Callable[[str], None] = lambda _: None,
    ) -> Iterator[FrameResult]:
        """Complete the objects of a video as it comes: one result a frame, in bounded memory.

        A result comes ``delay`` frames after its frame. Masks that come one by one take ``lookahead`` frames more: that
        long a gap in a track is bridged, and an object that is away longer begins anew.

        Args:
            frames: as ``predict`` has it; a camera's loop may fill the same array again for each frame.
            masks: as ``predict`` has it; an iterable or a function is asked for one frame's masks at a time.
            intrinsics: as ``predict`` has it.
            union: as ``predict`` has it.
            lookahead: frames to wait for masks that come one by one.
            say: is told what a user should know, when it is found.

        Raises:
            DataError: frames or masks cannot be read, or do not belong together.
            ConfigError: a value is out of range.
            RunError: the device's memory does not hold one clip, or the network answers with NaN.
        """
        if lookahead < 0:
            raise ConfigError(f"lookahead: expected a number of frames from 0, found {lookahead}")
        request = _request(intrinsics, None, 0, None, union)
        lookahead_if_live = None if is_known(masks) else lookahead
        return self._run(Footage(frames), masks, request, say, lookahead=lookahead_if_live)

    def _run(
        self,
        footage: Footage,
        masks: Masks,
        request: Request,
        tell: Callable[[str], None],
        *,
        done: int | None = None,
        lookahead: int | None = None,
        progress: bool = False,
    ) -> Iterator[FrameResult]:
        """Give the results of the frames from ``done`` on, or of all."""
        done = request.start if done is None else done
        first = max(request.start, done - self.windows.length + 1)
        if callable(masks):  # where an object's track begins is known from its past alone
            first = request.start
        if request.camera.is_assumed and self.network.config.bev:
            tell("no camera is given; one that sees 60 degrees from left to right is assumed")
        if isinstance(masks, Prompts):
            masks = track_objects(
                footage.source, masks, start=request.start, end=request.end, device=self.device, progress=progress
            )
        view, takes_masks = self.network.config.view, self.network.config.visible_input
        observed = observe(
            footage, masks, request, view, tell, first=first, takes_masks=takes_masks, lookahead=lookahead
        )
        head = next(observed, None)
        if head is None:
            if first > request.start:  # nothing is left
                return
            raise DataError(f"{footage.name}: expected frames from {request.start} on, found none; see start and end")
        asker = Asker(self.network, self.device, self._dtype, self._batch_size, tell)
        height, width = head.pixels.shape[:2]
        camera = request.camera.matrix(height, width, footage.pixel_ratio)
        matrix = torch.tensor(camera, dtype=torch.float64)
        streamer = Streamer(asker, view, self.windows, matrix, union=request.union, done=done)
        total = request.end or footage.num_frames
        bar = tqdm(total=total and total - request.start, unit="frame", disable=None if progress else True)
        with bar:
            bar.update(done - request.start)
            for result in streamer.run(chain([head], observed)):
                yield result
                bar.update()

    def _info(self, footage: Footage, masks: Masks, known: Masks, request: Request) -> dict[str, Any]:
        """What stands in a result beside the masks."""
        settings = {**asdict(self.windows), "dtype": self._dtype, **request.describe()}
        info = {"video": footage.name, "model": self.name, "weights": self._fingerprint(), "version": version("eoras")}
        if footage.fingerprint is not None:
            info["video_fingerprint"] = footage.fingerprint
        if isinstance(known, VideoTracks):
            info["masks_fingerprint"] = known.fingerprint
        if isinstance(masks, str | Path):
            settings["masks"] = Path(masks).name
        elif isinstance(masks, Prompts):
            settings["masks"] = masks.describe()
        return {**info, "settings": settings}

    def _fingerprint(self) -> str:
        """Some digits that other weights would not have; these may change between two calls."""
        digest = sha256()
        for name, value in self.network.state_dict().items():
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]


def _read(footage: Footage, masks: Masks, tell: Callable[[str], None]) -> Masks:
    """Masks that can all be read at once, read; others as they are."""
    if callable(masks) or isinstance(masks, Prompts):
        return masks
    return read_all(footage, masks, tell)


def _request(intrinsics: Any, objects: Collection[int] | None, start: int, end: int | None, union: bool) -> Request:
    chosen = None if objects is None else frozenset(objects)
    return Request(camera=Camera.of(intrinsics), objects=chosen, start=start, end=end, union=union)
