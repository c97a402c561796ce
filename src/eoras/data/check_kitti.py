"""Checking KINS_Video_Car: its files, every annotation, every frame they show, every camera (formats part B)."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from tqdm import tqdm

from eoras.data.check_kitti_videos import Cameras, check_frames, check_numbers
from eoras.data.check_objects import GRAVE, check_annotated, check_box, check_outside
from eoras.data.check_report import Contents, Layout, Problem, Report, Sample
from eoras.data.check_samples import FRAMES, sample_of_runs, spread
from eoras.data.kitti_annotations import Annotation, annotation_files, read_annotations
from eoras.data.kitti_videos import frame_files, video_folder
from eoras.data.masks import Rle
from eoras.data.movi_list import Track
from eoras.errors import DataError
from eoras.geometry import Box

__all__ = ["KITTI"]

_NEEDED = ("train", "test")
_OPTIONAL = "val"
_PADDED = 8  # frames; the configuration kitti fills shorter tracks with copies
_ARCHIVES = ("KINS_Video_Car.zip", "EoRaSMissing.zip")  # of the visible and of the amodal masks

Frames = Mapping[int, Annotation]


def _is_kitti(root: Path) -> bool:
    return (root / "car_data").is_dir() or (root / "Kitti").is_dir()


def _check(root: Path, bar: tqdm) -> Report:
    """Read the annotations of one split after the other; of images only the headers."""
    problems: list[Problem] = []
    contents: dict[str, Contents] = {}
    cameras = Cameras(root)
    for split in (_NEEDED[0], _OPTIONAL, _NEEDED[1]):
        missing = list(_check_files(root, split))
        problems += missing
        contents[split] = Contents() if missing else _check_split(root, split, cameras, bar, problems)
    problems += cameras.check_unused()
    if not any((root / "Kitti" / "raw_video").glob("*/*/*.png")):
        path = root / "Kitti" / "raw_video"
        what, cure = "expected DATE/VIDEO/NUMBER.png, found none", _cure(_ARCHIVES[0])
        problems.append(Problem(kind="missing file", path=path, what=what, cure=cure))
    return Report(
        root=root,
        layout="KITTI (KINS_Video_Car)",
        scope="every mask and box; of the frames they show size, mode and end, not the pixels",
        contents=contents,
        problems=tuple(problems),
        notes=tuple(cameras.notes()),
    )


def _check_files(root: Path, split: str) -> Iterator[Problem]:
    paths = annotation_files(root / "car_data", split)
    missing = [(path, archive) for path, archive in zip(paths, _ARCHIVES, strict=True) if not path.is_file()]
    if split == _OPTIONAL and len(missing) == len(paths):
        what, cure = "there is no such file", "add it, or train with training.validation: none or test"
        yield Problem(kind="missing split", path=paths[0], what=what, cure=cure, breaks=False)
        return
    for path, archive in missing:
        yield Problem(kind="missing file", path=path, what="there is no such file", cure=_cure(archive))


def _cure(archive: str) -> str:
    return f"get {archive}, see 'eoras download kitti', and put it there"


def _check_split(root: Path, split: str, cameras: Cameras, bar: tqdm, problems: list[Problem]) -> Contents:
    paths = annotation_files(root / "car_data", split)
    damaged: list[DataError] = []
    tracks: dict[Track, dict[int, Annotation]] = {}
    try:
        tracks = read_annotations(root / "car_data", split, damaged)
    except DataError as error:
        damaged.append(error)
    for error in damaged:
        path = next(path for path in paths if str(error).startswith(f"{path}: "))
        problems.append(Problem.of("annotations", path, error))
    videos: dict[str, list[Track]] = defaultdict(list)
    for track in tracks:
        videos[track.video].append(track)
    bar.total += len(videos)
    contents, annotated = Contents(), dict[Track, int]()
    for video, listed in videos.items():
        contents += _check_video(root, video, [tracks[track] for track in listed], cameras, problems)
        for track in listed:
            found = _check_track(paths, track, tracks[track], problems)
            contents += found
            annotated[track] = found.annotated_frames
        bar.update()
    problems += check_annotated(paths[1], annotated)
    return contents


def _check_video(
    root: Path, video: str, tracks: list[dict[int, Annotation]], cameras: Cameras, problems: list[Problem]
) -> Contents:
    sizes: dict[int, set[tuple[int, int]]] = defaultdict(set)  # of the masks, by frame
    for track in tracks:
        for t, annotation in track.items():
            sizes[t].add(annotation.visible.size)
    size = next(iter(sizes[min(sizes)]))
    contents = Contents(videos=1, sizes=Counter([size]))
    try:
        folder = video_folder(root, video)
    except DataError as error:
        problems.append(Problem.of("annotations", root / "car_data", error))
        return contents
    problems += cameras.check(video, *size)
    try:
        files = frame_files(root, video)
    except DataError as error:
        problems.append(Problem.of("missing image", folder, error))
        return contents
    problems += check_numbers(folder, files, max(sizes))
    problems += check_frames(files, sizes)
    return contents + Contents(frames=len(files))


def _check_track(paths: tuple[Path, Path], track: Track, frames: Frames, problems: list[Problem]) -> Contents:
    where = f"video {track.video}, track {track.track_id}"
    problems += _check_length(paths[0], where, len(frames))
    contents = Contents(tracks=1)
    for t, annotation in frames.items():
        place = f"{where}, frame {t}: "
        masks: list[Rle] = []
        for path, rle, key in zip(paths, (annotation.visible, annotation.amodal), ("VM", "FM"), strict=True):
            try:
                masks.append(rle.parse(f"{path}: {place}{key}"))
            except DataError as error:
                problems.append(Problem.of("damaged mask", path, error))
        if len(masks) == len(paths):
            contents += _check_masks(paths, place, masks[0], masks[1], annotation.box, problems)
    return contents


def _check_length(path: Path, where: str, length: int) -> Iterator[Problem]:
    if length < _PADDED:
        what = (
            f"{where}: expected at least {_PADDED} frames, found {length}, which model.view.pad_to={_PADDED}, as "
            "published, fills with copies of the last; protocol 'paper' scores them (Q-M11)"
        )
        cure = "score with protocol 'strict', or set pad_to to null"
        yield Problem(kind="short track", path=path, what=what, cure=cure, breaks=False)


def _check_masks(
    paths: tuple[Path, Path], where: str, visible: Rle, amodal: Rle, last: Box, problems: list[Problem]
) -> Contents:
    """Hold the masks of a frame against each other; an empty amodal mask says that it is not annotated (B.2)."""
    box = Box(last.top, last.left, last.bottom + 1, last.right + 1)
    cure = "write VM_bbox again from the visible mask, as first row, last row, first column, last column"
    problems += check_box(paths[0], where, visible.box, box, cure)
    contents = Contents(track_frames=int(visible.area > 0))
    if not amodal.area:
        return contents
    common = visible.common(amodal)
    if visible.area - common >= GRAVE * visible.area:  # less is a tracker's border, not an error (Q-M10)
        problems += check_outside(paths[1], where, visible.area - common, visible.area)
    occluded = Contents.occluded(amodal.area, amodal.area - common, seen=visible.area > 0)
    return contents + occluded + Contents(annotated_frames=1)


def _sample(root: Path, count: int) -> Iterator[Sample]:
    """Annotated frames of tracks from all over the first split that there is.

    Raises:
        DataError: a pickle of the split is damaged.
    """
    splits = (*_NEEDED, _OPTIONAL)
    split = next((split for split in splits if not list(_check_files(root, split))), splits[0])
    tracks = read_annotations(root / "car_data", split, [])
    annotated = [track for track, frames in tracks.items() if _annotated_frames(frames)]
    for track in spread(annotated, count):
        try:
            files = frame_files(root, track.video)
            masks = _annotated_frames(tracks[track])
            shown = spread([t for t in masks if t < len(files)], FRAMES)
            title = f"{split}, video {track.video}, track {track.track_id}, annotated frames"
            if shown:
                yield sample_of_runs(title, {t: (files[t], *masks[t]) for t in shown})
        except DataError:
            continue  # it is among the problems


def _annotated_frames(frames: Frames) -> dict[int, tuple[Rle, Rle]]:
    """Visible and amodal masks where there is an amodal one; nothing where a mask is damaged."""
    try:
        masks = {t: (one.visible.parse("VM"), one.amodal.parse("FM")) for t, one in frames.items()}
    except DataError:
        return {}
    return {t: (visible, amodal) for t, (visible, amodal) in masks.items() if amodal.area}


KITTI = Layout(needs="car_data/ and Kitti/ (KITTI)", recognises=_is_kitti, check=_check, sample=_sample)
