"""Checking a folder of COCO-video JSON, every mask, and every image by its header (formats D.3)."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from eoras.data.annotations import MaskTrack, MaskVideo
from eoras.data.check_camera import check_pixel_intrinsics
from eoras.data.check_objects import check_annotated, check_empty, check_outside
from eoras.data.check_report import Contents, Layout, Problem, Report, Sample
from eoras.data.check_samples import FRAMES, sample_of_runs, spread
from eoras.data.formats import read_masks
from eoras.data.images import look_at_frame
from eoras.data.masks import Rle
from eoras.data.movi_list import Track
from eoras.errors import DataError

__all__ = ["COCO_VIDEO"]

_SPLITS = ("train", "test")


def _is_coco_video(root: Path) -> bool:
    """Whether there are JSON files of splits; a list of MOVi's tracks beside them goes first, as in ``open_tracks``."""
    lists = [root / name for split in _SPLITS for name in (f"{split}/instance_list.npy", f"{split}_instance.txt")]
    return any(_path(root, split).is_file() for split in _SPLITS) and not any(path.is_file() for path in lists)


def _path(root: Path, split: str) -> Path:
    return root / f"{split}.json"


def _check(root: Path, bar: tqdm) -> Report:
    """Read one video after the other; of images only the headers."""
    problems: list[Problem] = []
    guessed: Counter[str] = Counter()
    contents = {split: _check_split(root, split, bar, problems, guessed) for split in _SPLITS}
    notes = [
        f"{split}: {count} of {contents[split].videos} videos tell no pixel_intrinsics; Kubric's camera, 35 mm on "
        "32 mm, stands in"
        for split, count in guessed.items()
    ]
    return Report(
        root=root,
        layout="COCO-video",
        scope="every mask; of the images size, mode and end, not the pixels",
        contents=contents,
        problems=tuple(problems),
        notes=tuple(notes),
    )


def _check_split(root: Path, split: str, bar: tqdm, problems: list[Problem], guessed: Counter[str]) -> Contents:
    path, contents, annotated = _path(root, split), Contents(), dict[Track, int]()
    if not path.is_file():
        cure = "add it, if you want to train" if split == "train" else "add it, if you want scores"
        what = "there is no such file"
        problems.append(Problem(kind="missing split", path=path, what=what, cure=cure, breaks=False))
        return contents
    try:
        for video in read_masks(path, "coco_video"):
            bar.total += 1
            problems += _check_video(path, video)
            contents += Contents(videos=1, frames=video.length, sizes=Counter([(video.height, video.width)]))
            guessed.update([split] if video.pixel_intrinsics is None else [])
            for track in video.tracks:
                found = _check_track(path, video, track, problems)
                contents += found
                if found.track_frames:
                    annotated[Track(video.name, track.track_id)] = found.annotated_frames
            bar.update()
    except DataError as error:  # the rest of the file cannot be read
        problems.append(Problem.of("masks file", path, error))
        return contents
    if not annotated:
        what = "expected at least one object that is seen in a frame with an image, found none"
        cure = "add segmentations, and file_names to the videos"
        problems.append(Problem(kind="masks file", path=path, what=what, cure=cure))
    problems += check_annotated(path, annotated)
    return contents


def _check_video(path: Path, video: MaskVideo) -> Iterator[Problem]:
    where, size = f"video {video.name}", (video.height, video.width)
    if video.pixel_intrinsics is not None:
        yield from check_pixel_intrinsics(path, f"{where}: pixel_intrinsics", video.pixel_intrinsics, *size)
    unnamed = video.images.count(None)
    if unnamed:
        what = f"{where}: expected file_names of {video.length} images, found {video.length - unnamed}"
        cure = "name the others; frames without an image are passed over"
        yield Problem(kind="missing image", path=path, what=what, cure=cure, breaks=False)
    for image in dict.fromkeys(filter(None, video.images)):
        try:
            look_at_frame(image, *size)
        except DataError as error:
            yield Problem.of_image(image, error)


def _check_track(path: Path, video: MaskVideo, track: MaskTrack, problems: list[Problem]) -> Contents:
    where = f"video {video.name}, track {track.track_id}"
    contents = Contents()
    for t, (visible, amodal, image) in enumerate(zip(track.visible, track.amodal, video.images, strict=True)):
        if image is None or visible is None:  # as if the frame were not there
            continue
        contents += Contents(track_frames=int(visible.area > 0))
        if amodal is not None:
            contents += _check_masks(path, f"{where}, frame {t}: ", visible, amodal, problems)
    if not contents.track_frames:
        what = f"{where}: expected to see it in a frame with an image, found none"
        problems.append(
            Problem(kind="unseen track", path=path, what=what, cure="take it out; it is passed over", breaks=False)
        )
    return contents + Contents(tracks=1)


def _check_masks(path: Path, where: str, visible: Rle, amodal: Rle, problems: list[Problem]) -> Contents:
    common = visible.common(amodal)
    if visible.area and not amodal.area:
        cure = "write the mask again, or null if the frame is not annotated"
        problems.append(check_empty(path, where, cure))
    else:
        problems += check_outside(path, where, visible.area - common, visible.area)
    occluded = Contents.occluded(amodal.area, amodal.area - common, seen=visible.area > 0)
    return occluded + Contents(annotated_frames=int(visible.area > 0))


def _sample(root: Path, count: int) -> Iterator[Sample]:
    """Annotated frames of tracks from all over the first split that there is.

    Raises:
        DataError: its file is damaged.
    """
    split = next(split for split in _SPLITS if _path(root, split).is_file())
    videos = read_masks(_path(root, split), "coco_video")
    tracks = [(video, track) for video in videos for track in video.tracks if _shown_frames(video, track)]
    for video, track in spread(tracks, count):
        frames = _shown_frames(video, track)
        shown = {t: frames[t] for t in spread(list(frames), FRAMES)}
        title = f"{split}, video {video.name}, track {track.track_id}, annotated frames"
        try:
            yield sample_of_runs(title, shown)
        except DataError:
            continue  # it is among the problems


def _shown_frames(video: MaskVideo, track: MaskTrack) -> dict[int, tuple[Path, Rle, Rle]]:
    """The images with both masks, by frame, where the object is in the image."""
    frames = zip(video.images, track.visible, track.amodal, strict=True)
    return {
        t: (image, visible, amodal)
        for t, (image, visible, amodal) in enumerate(frames)
        if image and visible and amodal and amodal.area
    }


COCO_VIDEO = Layout(
    needs="train.json and test.json (COCO-video)", recognises=_is_coco_video, check=_check, sample=_sample
)
