"""Others' files, converted by the command as a user types it, hold the same masks and are read to train on."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_videos import HEIGHT, WIDTH, content, images, rectangle

from eoras.cli import main
from eoras.config import ViewConfig
from eoras.data import open_tracks
from eoras.data.formats import read_masks
from eoras.data.masks import empty, encode

SIZE = {"height": HEIGHT, "width": WIDTH}
BEHIND, BEFORE = rectangle(1, 1, 6, 6), rectangle(3, 3, 7, 9)  # amodal masks that overlap
SEEN = BEHIND & ~BEFORE


def runs(mask: np.ndarray) -> dict[str, Any]:
    return encode(mask).record


def coco(images: list[dict[str, Any]], annotations: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "car"}], **more}


PICTURES = [{"id": t, "file_name": f"{t}.png", **SIZE} for t in (0, 1)]  # in the second one there is nothing
FRAMES = [{**PICTURES[0], "video_id": 1, "frame_index": 0}, {**PICTURES[1], "video_id": 1, "frame_index": 2}]
FILES: dict[str, Any] = {
    "kins_2019": coco(
        PICTURES,
        [
            {"image_id": 0, "category_id": 1, "segmentation": runs(BEHIND), "inmodal_seg": runs(SEEN)},
            {"image_id": 0, "category_id": 1, "segmentation": runs(BEFORE), "inmodal_seg": runs(BEFORE)},
        ],
    ),
    "kins_2020": coco(
        PICTURES,
        [
            {"image_id": 0, "category_id": 1, "a_segm": runs(BEHIND), "i_segm": runs(SEEN)},
            {"image_id": 0, "category_id": 1, "a_segm": runs(BEFORE), "i_segm": runs(BEFORE)},
        ],
    ),
    "cocoa": {
        "images": PICTURES,
        "annotations": [
            {
                "image_id": 0,
                "regions": [
                    {"name": "car", "segmentation": runs(BEHIND), "visible_mask": runs(SEEN)},
                    {"name": "car", "segmentation": runs(BEFORE)},
                ],
            }
        ],
    },
    "sail_vos": coco(
        FRAMES,
        [
            {"image_id": 0, "track_id": 0, "category_id": 1, "segmentation": runs(BEHIND), "visible_mask": runs(SEEN)},
            {"image_id": 0, "track_id": 1, "category_id": 1, "segmentation": runs(BEFORE), "occlude_rate": 0},
        ],
        videos=[{"id": 1, "name": "scene"}],
    ),
}


@pytest.fixture(params=FILES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """One frame of two objects, one before the other, and one in which there is nobody."""
    images(tmp_path, 2)
    path = tmp_path / f"{request.param}.json"
    path.write_text(json.dumps(FILES[request.param]))
    return path


@pytest.mark.parametrize("target", ["movi", "coco_video"])
def test_masks_of_others_are_converted_and_come_back(target: str, source: Path) -> None:
    before = list(read_masks(source))
    out = source.parent / "data" / "train" if target == "movi" else source.parent / "train.json"
    assert main(["convert", "masks", str(source), str(out), "--to", target]) == 0
    after = {video.name: video for video in read_masks(out)}
    assert [content(after[video.name]) for video in before] == list(map(content, before))
    for k, (seen, whole) in enumerate(((SEEN, BEHIND), (BEFORE, BEFORE))):
        track = before[0].tracks[k]
        assert (track.track_id, track.category) == (k, "car")
        assert (track.visible[0], track.amodal[0]) == (encode(seen), encode(whole))
        # of SAIL-VOS: a frame that is not listed, and one in which there is nobody
        assert track.amodal[1:] == track.visible[1:] in ((), (None, empty(HEIGHT, WIDTH)))
    assert not any(video.tracks for video in before[1:])
    root = out.parent
    tracks = open_tracks(root, "train", ViewConfig(boxes="round"), truth=True)
    assert [(track.video, track.track_id) for track in tracks.tracks] == [(before[0].name, k) for k in (0, 1)]
    for k, mask in enumerate((BEHIND, BEFORE)):
        truth = tracks[k].truth
        assert truth is not None
        np.testing.assert_array_equal(truth.amodal.numpy(), mask[None])
