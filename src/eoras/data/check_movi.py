"""Checking a folder in the layout of MOVi or MOViD-A, every image of every listed track (formats part A, D.13)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from json import loads
from pathlib import Path

import numpy as np
from torch import Tensor
from tqdm import tqdm

from eoras.config import ViewConfig
from eoras.data.check_camera import check_intrinsics
from eoras.data.check_masks import FrameOfTrack, check_frame, check_values
from eoras.data.check_report import Contents, Layout, Problem, Report, Sample
from eoras.data.check_samples import read_pictures, spread
from eoras.data.images import read_frame, read_labels
from eoras.data.movi import MoviTracks
from eoras.data.movi_list import read_tracks
from eoras.data.movi_metadata import Metadata, VisibleBoxes, boxes_of, read_metadata
from eoras.errors import DataError

__all__ = ["MOVI"]

_SPLITS = ("train", "test")
_UNREAD = ("metadata_bev.json", "data_ranges.json")  # only the official loader needs them


def _is_movi(root: Path) -> bool:
    """Whether a folder looks like a data folder in this layout, even if its lists are missing."""
    return any(_list_of(root, split) or (root / split).is_dir() for split in _SPLITS)


def _check(root: Path, bar: tqdm) -> Report:
    """Read each image of each listed track once."""
    problems: list[Problem] = []
    listed = {split: _listed_tracks(root, split, problems) for split in _SPLITS}
    contents: dict[str, Contents] = {split: Contents() for split in _SPLITS}
    bar.total = sum(map(len, listed.values()))
    for split, videos in listed.items():
        for video, track_ids in videos.items():
            found, wrong = _check_video(root / split / video, track_ids)
            contents[split] += found
            problems += wrong
            bar.update()
    lists = [path for split in _SPLITS if (path := _list_of(root, split))]
    layout = "MOViD-A" if lists and all(path.suffix == ".txt" for path in lists) else "MOVi"
    return Report(root=root, layout=layout, scope="every listed track", contents=contents, problems=tuple(problems))


def _sample(root: Path, count: int) -> Iterator[Sample]:
    """Whole tracks to look at, from all over the first split that there is; damaged ones are left out.

    Raises:
        DataError: there is no list of tracks, or it is damaged.
    """
    split = next((split for split in _SPLITS if _list_of(root, split)), _SPLITS[0])
    tracks = MoviTracks(root, split, ViewConfig(), truth=True)
    for index in spread(range(len(tracks)), count):
        try:
            clip = tracks[index]
        except DataError:
            continue  # it is among the problems
        assert clip.truth is not None
        folder = root / split / clip.video
        paths = [folder / f"rgba_full_{t:05d}.png" for t in clip.frame_indices.tolist()]
        yield Sample(
            title=f"{split}, video {clip.video}, track {clip.track_id}",
            frames=read_pictures(paths, clip.height, clip.width),
            visible=clip.truth.visible.numpy(),
            amodal=clip.truth.amodal.numpy(),
            frame_indices=clip.frame_indices.tolist(),
        )


def _list_of(root: Path, split: str) -> Path | None:
    """The file that lists the tracks of a split."""
    paths = (root / split / "instance_list.npy", root / f"{split}_instance.txt")
    return next((path for path in paths if path.is_file()), None)


def _listed_tracks(root: Path, split: str, problems: list[Problem]) -> dict[str, list[int]]:
    """The listed tracks of each video of a split."""
    folder = root / split
    if not folder.is_dir() and not _list_of(root, split):
        cure = "add it, if you want to train" if split == "train" else "add it, if you want scores"
        problems.append(
            Problem(kind="missing split", path=folder, what="there is no such folder", cure=cure, breaks=False)
        )
        return {}
    try:
        tracks = read_tracks(root, split)
    except DataError as error:
        problems.append(Problem.of("list of tracks", _list_of(root, split) or root, error))
        return {}
    listed: dict[str, list[int]] = defaultdict(list)
    for track, times in Counter(tracks).items():
        listed[track.video].append(track.track_id)
        if times > 1:
            what = f"track {track.track_id} of video {track.video} is listed {times} times"
            cure = "list each once, or it counts as often"
            path = _list_of(root, split) or root
            problems.append(Problem(kind="list of tracks", path=path, what=what, cure=cure, breaks=False))
    for path in sorted(folder.glob("[!.]*/metadata.json")):
        if path.parent.name not in listed:
            what, cure = "no track of this video is listed", "list its tracks, or remove it"
            problems.append(Problem(kind="unlisted video", path=path.parent, what=what, cure=cure, breaks=False))
    return listed


def _check_video(folder: Path, track_ids: Sequence[int]) -> tuple[Contents, list[Problem]]:
    path = folder / "metadata.json"
    problems: list[Problem] = []
    contents = Contents(videos=1, tracks=len(track_ids))
    try:
        metadata = read_metadata(path)
    except DataError as error:
        return contents, [Problem.of("metadata", path, error)]
    problems += check_intrinsics(path, metadata.camera.intrinsics, *metadata.header.size)
    problems += _check_files(folder, metadata)
    boxes: dict[int, VisibleBoxes] = {}
    for track_id in track_ids:
        try:
            boxes[track_id] = boxes_of(path, metadata, track_id)
        except DataError as error:
            problems.append(Problem.of("list of tracks", path, error))
    contents += Contents(frames=metadata.header.num_frames, sizes=Counter([metadata.header.size]))
    for t in range(metadata.header.num_frames):
        contents += _check_time(folder, metadata, boxes, t, problems)
    return contents, problems


def _check_files(folder: Path, metadata: Metadata) -> Iterator[Problem]:
    """Frames past the last, and JSON that is not read here."""
    count = metadata.header.num_frames
    beyond = folder / f"rgba_full_{count:05d}.png"
    if beyond.is_file():
        what = f"metadata.num_frames = {count}, so that this frame is not used"
        yield Problem(kind="frame past the last", path=beyond, what=what, cure="mend num_frames", breaks=False)
    for path in (folder / name for name in _UNREAD if (folder / name).is_file()):
        try:
            loads(path.read_bytes())
        except ValueError as error:
            what = f"expected JSON, found something else ({error})"
            cure = "write it again, if the official code is to read it; nothing here does"
            yield Problem(kind="metadata", path=path, what=what, cure=cure, breaks=False)


def _check_time(
    folder: Path, metadata: Metadata, boxes: dict[int, VisibleBoxes], t: int, problems: list[Problem]
) -> Contents:
    """Read the images of one frame, each once."""

    def read(reader: Callable[[Path, int, int], Tensor], kind: str) -> np.ndarray | None:
        path = folder / f"{kind}_{t:05d}.png"
        try:
            return reader(path, *metadata.header.size).numpy()
        except DataError as error:
            problems.append(Problem.of_image(path, error))
            return None

    read(read_frame, "rgba_full")
    labels = read(read_labels, "segmentation_full")
    if labels is not None:
        problems += check_values(folder / f"segmentation_full_{t:05d}.png", labels, len(metadata.instances))
    contents = Contents()
    for track_id, seen in boxes.items():
        amodal = read(read_labels, f"segmentation_{track_id}")
        box = dict(zip(seen.bbox_frames, seen.bboxes, strict=True)).get(t)
        contents += Contents(track_frames=box is not None, annotated_frames=box is not None and amodal is not None)
        if labels is not None and amodal is not None:
            frame = FrameOfTrack(folder=folder, t=t, track_id=track_id, labels=labels, amodal_labels=amodal, box=box)
            problems += check_frame(frame)
            contents += frame.contents()
    return contents


MOVI = Layout(needs="train/ and test/ (MOVi)", recognises=_is_movi, check=_check, sample=_sample)
