"""What takes a path takes text, too."""

import json
from pathlib import Path

import numpy as np
import pytest
from flat_scenes.scenes import write_flat_dataset
from written_kitti import write_kitti_split

from eoras.config import ViewConfig
from eoras.data import MoviTracks, open_tracks
from eoras.data.check import check
from eoras.data.formats import convert_masks, read_masks
from eoras.data.masks import encode
from eoras.data.open import find_layout, validation_split
from eoras.evaluation.predictions_files import read_predictions
from eoras.evaluation.saved import PredictionsWriter
from eoras.prediction.camera import Camera
from eoras.prediction.pictures import draw_frame, draw_pictures, draw_sheet
from eoras.prediction.result import FrameResult, ObjectResult, Result
from eoras.video import open_video, write_mp4

VIEW = ViewConfig()


def test_data_folders_and_files_of_masks(tmp_path: Path) -> None:
    write_flat_dataset(tmp_path, train_videos=1, test_videos=1, seed=0, size=(48, 64), frames=2)
    movi = open_tracks(str(tmp_path), "test", VIEW)
    assert isinstance(movi, MoviTracks)
    assert len(open_tracks(str(tmp_path), "test", VIEW, cache=str(tmp_path / "cache"))[0]) == 2
    assert find_layout(str(tmp_path), "test") is MoviTracks
    assert check(str(tmp_path)).root == tmp_path
    convert_masks(str(tmp_path / "test"), str(tmp_path / "test.json"), "coco_video")
    assert len(next(read_masks(str(tmp_path / "test.json"))).tracks) == len(movi)
    for split in ("train", "test"):
        (tmp_path / split / "instance_list.npy").unlink()
    assert [len(clip) for clip in (open_tracks(str(tmp_path), "test", VIEW)[0], movi[0])] == [2, 2]
    kitti = str(write_kitti_split(tmp_path / "kitti", "val"))
    assert validation_split(kitti) == "val"
    assert len(open_tracks(kitti, "val", VIEW)[0]) > 0


def test_videos_pictures_and_what_was_predicted(tmp_path: Path) -> None:
    film, mask = str(tmp_path / "film.mp4"), np.zeros((32, 32), bool)
    mask[8:20, 8:20] = True
    write_mp4(film, [np.zeros((32, 32, 3), np.uint8)] * 2, 10)
    video = open_video(film)
    thing = ObjectResult(object_id=1, amodal_rle=encode(mask), visible_rle=encode(mask), hidden=False)
    frames = [FrameResult(frame_index=t, height=32, width=32, objects={1: thing}) for t in range(2)]
    result = Result(frames=frames, info={})
    draw_pictures(str(tmp_path), result, video)
    draw_frame(str(tmp_path / "frame.png"), result, 1, video)
    draw_sheet(str(tmp_path / "sheet.png"), result, video)
    result.save(str(tmp_path / "out"))
    assert read_predictions(str(tmp_path / "out" / "result.json")).view is None
    PredictionsWriter(VIEW).write(str(tmp_path / "masks.json"))
    assert read_predictions(str(tmp_path / "masks.json")).view == VIEW
    made = {path.name for path in tmp_path.iterdir()}
    assert made >= {"film.mp4", "overlay.mp4", "contact_sheet.png", "frame.png", "sheet.png", "masks.json", "out"}


@pytest.mark.parametrize("kind", [str, Path])
def test_a_camera(kind: type[str] | type[Path], tmp_path: Path) -> None:
    matrix = ((50.0, 0.0, 28.0), (0.0, 50.0, 20.0), (0.0, 0.0, 1.0))
    (tmp_path / "camera.json").write_text(json.dumps(matrix))
    assert Camera.read(kind(tmp_path / "camera.json")).intrinsics == matrix
