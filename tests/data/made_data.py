"""Random small data sets in each layout that is read, and what must be read of them."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st
from PIL import Image
from written_kitti import encode, write_kitti_video

from eoras.config import ViewConfig

__all__ = ["LAYOUTS", "Layout", "MadeVideo", "bounds", "data_sets", "listed_tracks", "write_data"]

Layout = Literal["movi", "movid_a", "kitti", "coco_video"]
LAYOUTS: tuple[Layout, ...] = ("movi", "movid_a", "kitti", "coco_video")

_NAMES = {  # what a folder may be called, odd as it may be; MOVi's list parts video and object at a hyphen
    "movi": st.text("a7 #_.'ßß日%*?[\"~$", min_size=1, max_size=6).filter(lambda name: name[0] != "."),
    "movid_a": st.text("a7 #_ß日", min_size=1, max_size=6),
    "kitti": st.text("a7 #_.ß日", min_size=1, max_size=6).map("2011_09_26_".__add__),
    "coco_video": st.text("a7 #-_ß日?", min_size=1, max_size=6),
}


@dataclass(frozen=True, kw_only=True, repr=False)
class MadeVideo:
    """A video to write.

    Attributes:
        name: of the video.
        images: uint8 ``(T, H, W, 3)``.
        visible: bool ``(K, T, H, W)``; no pixel belongs to two objects.
        amodal: bool ``(K, T, H, W)``.
        has_image: bool ``(T,)``; false only in COCO-video, which may leave an image out.
        annotated: bool ``(K, T)``, whether there is an amodal mask; true everywhere in MOVi.
    """

    name: str
    images: np.ndarray
    visible: np.ndarray
    amodal: np.ndarray
    has_image: np.ndarray
    annotated: np.ndarray

    def __repr__(self) -> str:
        return f"MadeVideo({self.name!r}, visible={self.visible.shape})"

    def seen_frames(self, track_id: int) -> list[int]:
        """Those with an image and at least one visible pixel."""
        return np.flatnonzero(self.visible[track_id].any(axis=(1, 2)) & self.has_image).tolist()

    def shown_frames(self, track_id: int, layout: Layout, view: ViewConfig) -> list[int]:
        """Those that a clip must hold. KITTI's are those of the tracker."""
        if layout == "kitti" or view.frames == "all":
            return np.flatnonzero(self.has_image).tolist()
        return self.seen_frames(track_id)


@st.composite
def data_sets(draw: Callable[..., Any], layout: Layout) -> list[MadeVideo]:
    """One or two videos; KITTI's are read from one file, of one video here."""
    names = draw(st.lists(_NAMES[layout], min_size=1, max_size=1 if layout == "kitti" else 2, unique=True))
    return [draw(_videos(name, layout)) for name in names]


@st.composite
def _videos(draw: Callable[..., Any], name: str, layout: Layout) -> MadeVideo:
    """Rectangles, one pixel large or larger than the image, each before the ones that come earlier; some are empty."""
    height, width, frames = draw(st.integers(8, 24)), draw(st.integers(8, 24)), draw(st.integers(1, 4))
    amodal = np.zeros((draw(st.integers(1, 3)), frames, height, width), bool)
    for mask in amodal.reshape(-1, height, width):
        top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        mask[top : top + draw(st.integers(0, 9)), left : left + draw(st.integers(0, 9))] = True
    amodal[-1, draw(st.integers(0, frames - 1)), -1, -1] = True  # somebody is seen
    covered = np.stack([amodal[k + 1 :].any(axis=0) for k in range(len(amodal))])
    has_image, annotated = np.ones(frames, bool), np.ones(amodal.shape[:2], bool)
    if layout in ("kitti", "coco_video"):
        annotated = np.array(draw(st.lists(st.booleans(), min_size=annotated.size, max_size=annotated.size)))
        annotated = annotated.reshape(amodal.shape[:2])
    if layout == "kitti":  # an empty mask says that there is no annotation
        annotated &= amodal.any(axis=(2, 3))
    if layout == "coco_video":
        has_image = amodal[-1].any(axis=(1, 2)) | draw(st.booleans())
    random = np.random.default_rng(draw(st.integers(0, 9)))
    return MadeVideo(
        name=name,
        images=random.integers(0, 256, (frames, height, width, 3), dtype=np.uint8),
        visible=amodal & ~covered,
        amodal=amodal & annotated[..., None, None],
        has_image=has_image,
        annotated=annotated,
    )


def write_data(root: Path, layout: Layout, videos: Sequence[MadeVideo]) -> None:
    """Write the videos as the split ``train``."""
    if layout == "kitti":
        (video,) = videos
        masks = np.stack([video.visible, video.amodal], axis=2)
        tracks = {k: {t: (seen, whole) for t, (seen, whole) in enumerate(track)} for k, track in enumerate(masks)}
        write_kitti_video(root, "train", video.name, video.images, tracks)
    elif layout == "coco_video":
        _write_coco_video(root, videos)
    else:
        _write_movi(root, layout, videos)


def _write_movi(root: Path, layout: Layout, videos: Sequence[MadeVideo]) -> None:
    for video in videos:
        folder = root / "train" / video.name
        folder.mkdir(parents=True)
        labels = np.arange(1, len(video.visible) + 1, dtype=np.uint8)[:, None, None, None]
        for t, image in enumerate(video.images):
            Image.fromarray(image).save(folder / f"rgba_full_{t:05d}.png")
            seen = (video.visible * labels)[:, t].max(axis=0)
            Image.fromarray(seen).save(folder / f"segmentation_full_{t:05d}.png")
            for k, label in enumerate(labels.flat):
                whole = Image.fromarray(video.amodal[k, t] * label)
                whole.save(folder / f"segmentation_{k}_{t:05d}.png")
        (folder / "metadata.json").write_text(json.dumps(_movi_metadata(video)))
    listed = [(video.name, k) for video in videos for k in range(len(video.visible)) if video.seen_frames(k)]
    if layout == "movi":
        np.save(root / "train" / "instance_list.npy", np.array([f"{name}-{k}" for name, k in listed]))
    else:
        (root / "train_instance.txt").write_text("\n".join(f"{name}_{k}_{k + 1}" for name, k in listed))


def _movi_metadata(video: MadeVideo) -> dict[str, Any]:
    frames, height, width = video.images.shape[:3]
    instances = []
    for k, masks in enumerate(video.visible):
        seen = video.seen_frames(k)
        boxes = [bounds(masks[t]) / ([height, width] * 2) for t in seen]
        instances.append({"bboxes": [box.tolist() for box in boxes], "bbox_frames": seen})
    return {
        "metadata": {"num_frames": frames, "resolution": [width, height]},
        "camera": {"K": [[1.09375, 0, -0.5], [0, -1.4583, -0.5], [0, 0, -1]]},
        "instances": instances,
    }


def _write_coco_video(root: Path, videos: Sequence[MadeVideo]) -> None:
    def record(number: int, video: MadeVideo) -> dict[str, Any]:
        length, height, width = video.images.shape[:3]
        names = [f"images/{number}/{t}.png" if there else None for t, there in enumerate(video.has_image)]
        size = {"height": height, "width": width, "length": length}
        return {"id": number, "name": video.name, **size, "file_names": names}

    def runs(mask: np.ndarray) -> dict[str, Any]:
        record = encode(mask)
        return {**record, "counts": record["counts"].decode()}

    annotations = []
    for number, video in enumerate(videos):
        (root / "images" / str(number)).mkdir(parents=True)
        for t in np.flatnonzero(video.has_image):
            Image.fromarray(video.images[t]).save(root / "images" / str(number) / f"{t}.png")
        for k, (visible, amodal, known) in enumerate(zip(video.visible, video.amodal, video.annotated, strict=True)):
            wholes = [runs(mask) if there else None for mask, there in zip(amodal, known, strict=True)]
            masks = {"segmentations": [runs(mask) for mask in visible], "amodal_segmentations": wholes}
            annotations.append({"video_id": number, "track_id": k, "category_id": 1, **masks})
    record_of_all = {
        "format_version": 1,
        "videos": [record(number, video) for number, video in enumerate(videos)],
        "categories": [{"id": 1, "name": "object"}],
        "annotations": annotations,
    }
    (root / "train.json").write_text(json.dumps(record_of_all))


def bounds(mask: np.ndarray) -> np.ndarray:
    """First row and column of a mask, and the row and column after its last ones."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([rows[0], columns[0], rows[-1] + 1, columns[-1] + 1])


def listed_tracks(layout: Layout, videos: Sequence[MadeVideo]) -> Iterator[tuple[MadeVideo, int]]:
    """The tracks that must be read, in their order; in KITTI also one that is never seen."""
    for video in videos:
        for k in range(len(video.visible)):
            if layout == "kitti" or video.seen_frames(k):
                yield video, k
