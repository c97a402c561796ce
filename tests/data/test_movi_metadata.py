import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eoras.data.movi_metadata import read_metadata
from eoras.errors import DataError

Change = Callable[[dict[str, Any]], object]


def write(folder: Path, change: Change = lambda _: None) -> Path:
    data = {
        "metadata": {"num_frames": 4, "height": 48, "width": 64, "background": "hall"},
        "camera": {"K": [[1, 0, -0.5], [0, -1, -0.5], [0, 0, -1]], "focal_length": 35.0},
        "instances": [
            {"bboxes": [[0, 0, 0.5, 0.5]] * 2, "bbox_frames": [1, 3], "mass": float("nan")},
            {"bboxes": [], "bbox_frames": []},
        ],
    }
    change(data)
    path = folder / "metadata.json"
    path.write_text(json.dumps(data))
    return path


def header(**values: object) -> Change:
    return lambda data: data.update(metadata={"num_frames": 4, **values})


def instance(**values: object) -> Change:
    return lambda data: data["instances"][0].update(values)


def test_only_what_a_reader_needs_is_read(tmp_path: Path) -> None:
    metadata = read_metadata(write(tmp_path))
    assert metadata.header.num_frames == 4
    assert metadata.header.size == (48, 64)
    assert metadata.camera.intrinsics == ((1, 0, -0.5), (0, -1, -0.5), (0, 0, -1))
    assert [track.bbox_frames for track in metadata.instances] == [(1, 3), ()]
    assert metadata.instances[0].bboxes == ((0, 0, 0.5, 0.5),) * 2


@pytest.mark.parametrize(
    "change",
    [header(height=48, width=64), header(resolution=[64, 48]), header(height=48, width=64, resolution=[64, 48])],
)
def test_the_size_is_height_and_width_or_the_resolution(change: Change, tmp_path: Path) -> None:
    assert read_metadata(write(tmp_path, change)).header.size == (48, 64)


def remove(*keys: Any) -> Change:
    def change(data: Any) -> None:
        for key in keys[:-1]:
            data = data[key]
        del data[keys[-1]]

    return change


PROBLEMS = {
    "no frames": (remove("metadata", "num_frames"), r"metadata\.num_frames: Field required"),
    "no header": (remove("metadata"), r"metadata: Field required"),
    "no camera": (remove("camera"), r"camera: Field required"),
    "no intrinsics": (remove("camera", "K"), r"camera\.K: Field required"),
    "no instances": (remove("instances"), r"instances: Field required"),
    "no boxes": (remove("instances", 0, "bboxes"), r"instances\.0\.bboxes: Field required"),
    "no box frames": (remove("instances", 1, "bbox_frames"), r"instances\.1\.bbox_frames: Field required"),
    "no size": (header(), r"metadata: must hold height and width, or resolution"),
    "half a size": (header(width=64), r"metadata: must hold height and width, or resolution"),
    "two sizes": (header(height=64, width=48, resolution=[64, 48]), r"metadata: height = 64 .* differ from resolution"),
    "zero frames": (lambda data: data["metadata"].update(num_frames=0), r"metadata\.num_frames: .*found 0"),
    "wide K": (lambda data: data["camera"].update(K=[[1, 0, 0, 0]] * 3), r"camera\.K\.0: .*at most 3 items"),
    "flat K": (lambda data: data["camera"].update(K=[1, 0, 0]), r"camera\.K\.0: .*valid array, found 1"),
    "NaN in K": (lambda data: data["camera"]["K"][1].__setitem__(2, float("nan")), r"camera\.K\.1\.2: .*finite.*nan"),
    "NaN box": (instance(bboxes=[[0, 0, float("nan"), 1]] * 2), r"instances\.0\.bboxes\.0\.2: .*found nan"),
    "big box": (
        instance(bboxes=[[0, 0, 1, 1.5]] * 2),
        r"instances\.0\.bboxes\.0\.3: .*less than or equal to 1, found 1.5",
    ),
    "box of 3": (instance(bboxes=[[0, 0, 1]] * 2), r"instances\.0\.bboxes\.0\.3: Field required"),
    "swapped box": (
        instance(bboxes=[[0.5, 0, 0.2, 1]] * 2),
        r"instances\.0: bboxes must be \(top, left, bottom, right\)",
    ),
    "lengths": (instance(bbox_frames=[1]), r"instances\.0: 2 bboxes for 1 bbox_frames"),
    "descending": (instance(bbox_frames=[3, 1]), r"instances\.0: bbox_frames must ascend, found \(3, 1\)"),
    "repeated": (instance(bbox_frames=[1, 1]), r"instances\.0: bbox_frames must ascend"),
    "negative": (instance(bbox_frames=[-1, 1]), r"instances\.0\.bbox_frames\.0: .*found -1"),
    "beyond": (
        instance(bbox_frames=[1, 4]),
        r"instances\.0\.bbox_frames must lie below metadata\.num_frames = 4, found 4",
    ),
    "half a frame": (instance(bbox_frames=[1, 1.5]), r"instances\.0\.bbox_frames\.1: .*integer.*found 1.5"),
}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_wrong_key_is_an_error_that_names_file_and_key(problem: str, tmp_path: Path) -> None:
    change, message = PROBLEMS[problem]
    with pytest.raises(DataError, match=rf"metadata\.json: {message}.*; write it again as Kubric does"):
        read_metadata(write(tmp_path, change))


@pytest.mark.parametrize("text", ["", "{", "[1, 2", "\x00\x01", '{"metadata": {"num_frames": 4'])
def test_a_file_that_is_not_json_is_an_error_that_names_it(text: str, tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text(text)
    with pytest.raises(DataError, match=r"metadata\.json: Invalid JSON"):
        read_metadata(tmp_path / "metadata.json")


def test_json_of_another_kind_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text("[1, 2]")
    with pytest.raises(DataError, match=r"metadata\.json: .*found \[1, 2\]"):
        read_metadata(tmp_path / "metadata.json")


def test_a_missing_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"metadata\.json: expected the video's metadata, found no file .*No such file"):
        read_metadata(tmp_path / "metadata.json")


def test_a_folder_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "metadata.json").mkdir()
    with pytest.raises(DataError, match=r"metadata\.json: expected the video's metadata"):
        read_metadata(tmp_path / "metadata.json")
