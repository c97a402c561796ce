"""Results on disk: what is written, read again, and gone on with after an interruption."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from toy_videos import HEIGHT, WIDTH, moving, noise, toy_network

from eoras import AmodalPredictor, Result
from eoras.data.formats import convert_masks, read_masks
from eoras.data.masks import decode, empty
from eoras.errors import ConfigError, DataError, RunError
from eoras.prediction.result import FrameResult
from eoras.prediction.write import ResultWriter

MASKS = {2: moving(26, hidden=range(9, 11), begin=1), 5: np.roll(moving(26, begin=7, end=20), 18, axis=1)}


def predictor() -> AmodalPredictor:
    return AmodalPredictor(toy_network(), device="cpu", window=8, overlap=3)


@pytest.fixture(scope="module")
def result() -> Result:
    return predictor().predict(noise(26), MASKS)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_images_hold_the_masks_and_json_holds_all(result: Result, tmp_path: Path) -> None:
    result.save(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["amodal", "result.json", "visible"]
    for frame in result:
        for key, item in frame.objects.items():
            for kind in ("amodal", "visible"):
                path = tmp_path / "out" / kind / str(key) / f"{frame.frame_index:05d}.png"
                np.testing.assert_array_equal(np.asarray(Image.open(path)) > 0, getattr(item, kind))
    assert not (tmp_path / "out" / "amodal" / "5" / "00006.png").exists()

    record = json.loads((tmp_path / "out" / "result.json").read_text())
    assert record["videos"] == [{"id": 1, "name": "video", "width": WIDTH, "height": HEIGHT, "length": 26}]
    assert record["info"]["settings"]["camera"] == {"fov": 60.0, "assumed": True}
    assert record["info"]["notes"] == list(result.notes)
    two, five = record["annotations"]
    assert (two["track_id"], five["track_id"]) == (1, 4)
    assert two["hidden"] == [None] + [t in (9, 10) for t in range(1, 26)]
    assert two["segmentations"][9] == empty(HEIGHT, WIDTH).record
    assert (two["areas"][9], two["bboxes"][9]) == (0, None)
    assert two["segmentations"][0] is two["areas"][0] is None
    assert five["amodal_segmentations"][6] is None
    item = result[8].objects[2]
    box = item.box
    assert box is not None
    assert two["amodal_bboxes"][8] == [box.left, box.top, box.width, box.height]
    assert two["occlusion_rates"][8] == item.occlusion_rate == item.occluded.sum() / item.amodal.sum()
    assert two["occlusion_rates"][9] == 1.0
    assert two["confidences"] == [None] * 26


def test_a_result_is_read_again_as_it_was(result: Result, tmp_path: Path) -> None:
    result.save(tmp_path / "out")
    for path in (tmp_path / "out", tmp_path / "out" / "result.json"):
        assert Result.load(path) == Result(frames=result.frames, info=result.info, notes=list(result.notes))


def test_a_result_that_says_nothing_of_the_seen_part_of_hidden_objects_is_read_alike(
    result: Result, tmp_path: Path
) -> None:
    result.save(tmp_path / "out")
    path = tmp_path / "out" / "result.json"
    record = json.loads(path.read_text())
    for track in record["annotations"]:
        for key in ("segmentations", "areas"):
            track[key] = [None if hidden else value for value, hidden in zip(track[key], track["hidden"], strict=True)]
    path.write_text(json.dumps(record))
    assert Result.load(path).frames == result.frames


def test_what_is_seen_of_an_object_that_is_known_by_boxes_stays_unknown(result: Result, tmp_path: Path) -> None:
    frames = [
        replace(frame, objects={key: replace(item, visible_rle=None) for key, item in frame.objects.items()})
        for frame in result
    ]
    Result(frames=frames, info={}).save(tmp_path / "out")
    two = json.loads((tmp_path / "out" / "result.json").read_text())["annotations"][0]
    assert [t for t, mask in enumerate(two["segmentations"]) if mask] == [9, 10]
    assert Result.load(tmp_path / "out").frames == frames


def test_to_other_readers_a_hidden_object_is_annotated_and_an_absent_one_is_not(result: Result, tmp_path: Path) -> None:
    result.save(tmp_path / "out")
    convert_masks(tmp_path / "out" / "result.json", tmp_path / "again.json", "coco_video")
    for path in (tmp_path / "out" / "result.json", tmp_path / "again.json"):
        (video,) = read_masks(path)
        visible, amodal = video.tracks[0].visible, video.tracks[0].amodal
        assert [t for t, mask in enumerate(visible) if mask is None] == [0]
        assert [t for t, mask in enumerate(visible) if mask and not mask.area] == [9, 10]
        assert all(amodal[1:])


def test_other_readers_of_coco_video_read_it(result: Result, tmp_path: Path) -> None:
    result.save(tmp_path / "out")
    (video,) = read_masks(tmp_path / "out" / "result.json")
    rle = video.tracks[1].amodal[12]
    assert rle is not None
    np.testing.assert_array_equal(decode(rle), result[12].amodal[5])
    again = predictor().predict(noise(26), tmp_path / "out" / "result.json")
    assert again.frames == result.frames


def test_confidence_comes_through(result: Result, tmp_path: Path) -> None:
    frames = [
        replace(frame, objects={key: replace(item, confidence=0.25) for key, item in frame.objects.items()})
        for frame in result
    ]
    Result(frames=frames, info={}).save(tmp_path / "out")
    assert Result.load(tmp_path / "out").frames == frames


def add_frames(writer: ResultWriter, frames: Sequence[FrameResult]) -> None:
    for frame in frames:
        writer.add(frame)


def write(out: Path, *, resume: bool = False, frames: Any = None, **options: Any) -> None:
    predictor().write(out, noise(26) if frames is None else frames, MASKS, resume=resume, **options)


@pytest.mark.parametrize("taken", [0, 8, 9, 14, 25])
def test_an_interrupted_run_goes_on_to_the_same_files(taken: int, tmp_path: Path) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield from noise(26)[:taken]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "cut", frames=broken())
    assert not (tmp_path / "cut" / "result.json").exists()
    write(tmp_path / "cut", resume=True)
    write(tmp_path / "whole")
    assert everything(tmp_path / "cut") == everything(tmp_path / "whole")


def test_an_interrupted_run_whose_masks_a_function_gives_goes_on_to_the_same_files(tmp_path: Path) -> None:
    def write_given(out: Path, frames: Any, *, resume: bool = False) -> None:
        predictor().write(out, frames, lambda t: MASKS[2][t], start=1, resume=resume)

    def broken() -> Iterator[np.ndarray]:
        yield from noise(26)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_given(tmp_path / "cut", broken())
    assert (tmp_path / "cut" / "amodal" / "1" / "00010.png").exists()
    write_given(tmp_path / "cut", noise(26), resume=True)
    write_given(tmp_path / "whole", noise(26))
    assert everything(tmp_path / "cut") == everything(tmp_path / "whole")


def test_a_frame_that_was_half_written_is_written_again(tmp_path: Path) -> None:
    whole = predictor().predict(noise(26), MASKS)
    add_frames(ResultWriter(tmp_path / "out", {}), whole.frames[:10])
    state = tmp_path / "out" / ".frames.jsonl"
    state.write_bytes(state.read_bytes()[:-40])
    (tmp_path / "out" / "amodal" / "2" / ".00009.png.12.part").write_bytes(b"half")
    writer = ResultWriter(tmp_path / "out", {}, resume=True)
    assert writer.next_frame == 9
    add_frames(writer, whole.frames[9:])
    writer.finish()
    assert Result.load(tmp_path / "out").frames == whole.frames
    assert not list((tmp_path / "out").rglob(".*"))


@pytest.mark.parametrize("line", [b"\0" * 30 + b"\n", b"\xff\n", b"0\n"])
def test_a_log_ends_where_a_power_cut_has_damaged_it(line: bytes, tmp_path: Path) -> None:
    whole = predictor().predict(noise(26), MASKS)
    add_frames(ResultWriter(tmp_path / "out", {}), whole.frames[:10])
    state = tmp_path / "out" / ".frames.jsonl"
    lines = state.read_bytes().splitlines(keepends=True)
    assert json.loads(lines[8])["frame"] == 4
    state.write_bytes(b"".join([*lines[:8], line, *lines[9:]]))
    writer = ResultWriter(tmp_path / "out", {}, resume=True)
    assert writer.next_frame == 4
    add_frames(writer, whole.frames[4:])
    writer.finish()
    assert Result.load(tmp_path / "out").frames == whole.frames


@pytest.mark.parametrize("left", [0, 30])
def test_a_run_that_a_full_disk_ended_in_its_first_line_begins_anew(left: int, tmp_path: Path) -> None:
    whole = predictor().predict(noise(2), moving(2))
    add_frames(ResultWriter(tmp_path / "out", whole.info), whole.frames[:1])
    state = tmp_path / "out" / ".frames.jsonl"
    state.write_bytes(state.read_bytes()[:left])
    writer = ResultWriter(tmp_path / "out", whole.info, resume=True)
    assert writer.next_frame is None
    add_frames(writer, whole.frames)
    writer.finish()
    assert Result.load(tmp_path / "out").frames == whole.frames


def test_a_resumed_run_decodes_no_more_of_the_video_than_it_needs(tmp_path: Path) -> None:
    whole = predictor().predict(noise(26), MASKS)
    add_frames(ResultWriter(tmp_path / "out", whole.info), whole.frames[:20])
    frames = noise(26)
    frames[:13] = 0  # of no consequence: clips that end before frame 20 are not asked again
    write(tmp_path / "out", resume=True, frames=frames)
    assert Result.load(tmp_path / "out").frames == whole.frames


def test_going_on_with_a_complete_result_does_nothing(tmp_path: Path) -> None:
    write(tmp_path / "out")
    before = everything(tmp_path / "out")
    said: list[str] = []
    write(tmp_path / "out", resume=True, say=said.append)
    assert everything(tmp_path / "out") == before
    assert "is complete" in said[-1]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("dear")
    with pytest.raises(ConfigError, match="found a folder that is not empty; choose another"):
        write(tmp_path / "out")
    assert everything(tmp_path / "out") == {"thesis.tex": b"dear"}


def test_a_folder_of_something_else_is_left_alone_though_one_may_go_on(tmp_path: Path) -> None:
    for name in ("amodal/1/00000.png", "amodal/1/00001.png"):
        (tmp_path / "two_frames" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "two_frames" / name).write_bytes(b"")
    for folder, name in (("other", "thesis.tex"), ("masks", "amodal/mine.png"), ("beside", "amodal/1/00000.png")):
        (tmp_path / folder / name).parent.mkdir(parents=True)
        (tmp_path / folder / name).write_bytes(b"dear")
    (tmp_path / "beside" / "notes").mkdir()
    before = everything(tmp_path)
    for folder in ("two_frames", "other", "masks", "beside"):
        with pytest.raises(ConfigError, match="found a folder that is not empty; choose another"):
            write(tmp_path / folder, resume=True)
    assert everything(tmp_path) == before


def test_what_a_kill_in_the_first_frame_leaves_is_no_hindrance(tmp_path: Path) -> None:
    for name in ("amodal/2/00001.png", "amodal/9/00001.png", "visible/2/.00001.png.12.part"):
        (tmp_path / "out" / name).parent.mkdir(parents=True)
        (tmp_path / "out" / name).write_bytes(b"")
    with pytest.raises(ConfigError, match="choose another"):
        write(tmp_path / "out")
    write(tmp_path / "out", resume=True)
    write(tmp_path / "whole")
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")


def test_two_runs_do_not_write_into_one_folder(tmp_path: Path) -> None:
    frames = iter(noise(26))

    def while_another_begins() -> Iterator[np.ndarray]:
        yield from (next(frames) for _ in range(20))
        with pytest.raises(ConfigError, match="found another eoras that writes here"):
            write(tmp_path / "out", resume=True)
        yield from frames

    write(tmp_path / "out", frames=while_another_begins())
    write(tmp_path / "whole")
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")


def test_an_interrupted_run_is_not_begun_anew_unasked(tmp_path: Path) -> None:
    add_frames(ResultWriter(tmp_path / "out", {}), predictor().predict(noise(2), moving(2)).frames)
    with pytest.raises(ConfigError, match="go on with --resume"):
        write(tmp_path / "out")


def test_a_run_of_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    predicted = predictor().predict(noise(26), MASKS, end=3, objects=[2])
    add_frames(ResultWriter(tmp_path / "out", predicted.info), predicted.frames)
    with pytest.raises(
        ConfigError, match="the same video, masks, model and settings to go on with, found another settings"
    ):
        write(tmp_path / "out", resume=True)


def test_a_complete_result_of_other_settings_is_not_taken_for_this_one(tmp_path: Path) -> None:
    predictor().write(tmp_path / "out", noise(26), MASKS, end=3, objects=[2])
    before = everything(tmp_path / "out")
    with pytest.raises(ConfigError, match="to go on with, found another settings"):
        write(tmp_path / "out", resume=True)
    assert everything(tmp_path / "out") == before
    (tmp_path / "out" / "result.json").write_text("[]")
    with pytest.raises(ConfigError, match="found another masks, model, settings, version, video, weights"):
        write(tmp_path / "out", resume=True)


def test_a_full_disk_is_told_and_leaves_no_result(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("eoras.prediction.write.save_image", full)
    with pytest.raises(RunError, match="the disk, or your share of it, is full"):
        result.save(tmp_path / "out")
    assert not (tmp_path / "out" / "result.json").exists()


def damage(record: dict[str, Any], kind: str) -> None:
    if kind == "annotations":
        del record["annotations"]
    elif kind == "length":
        record["annotations"][0]["hidden"].pop()
    elif kind == "mask":
        record["annotations"][0]["amodal_segmentations"][3]["counts"] = "zz"
    else:
        record["videos"] = []


@pytest.mark.parametrize("kind", ["annotations", "length", "mask", "videos"])
def test_a_damaged_result_is_told_by_its_key(kind: str, result: Result, tmp_path: Path) -> None:
    result.save(tmp_path / "out")
    path = tmp_path / "out" / "result.json"
    record = json.loads(path.read_text())
    damage(record, kind)
    path.write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"result\.json: "):
        Result.load(path)


@pytest.mark.parametrize(
    ("length", "start", "message"),
    [
        (1_000_001, 0, r"videos\.0\.length: .* less than or equal to 1000000, found 1000001; write it again"),
        (26, "now", r"info\.start: expected the index of the first frame, 0 to 26, found 'now'; predict again"),
        (26, None, r"info\.start: .*, found None"),
        (26, -1, r"info\.start: .*, found -1"),
        (26, 27, r"info\.start: .*, found 27"),
        (26, 1.5, r"info\.start: .*, found 1\.5"),
    ],
)
def test_a_length_and_a_start_that_cannot_be_are_told(length: int, start: Any, message: str, tmp_path: Path) -> None:
    video = {"width": WIDTH, "height": HEIGHT, "length": length}
    (tmp_path / "result.json").write_text(json.dumps({"info": {"start": start}, "videos": [video], "annotations": []}))
    with pytest.raises(DataError, match=rf"result\.json: {message}"):
        Result.load(tmp_path)


@pytest.mark.parametrize("where", [lambda path: path, lambda path: path / "gone"])
def test_no_result_is_told(where: Callable[[Path], Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a JSON file"):
        Result.load(where(tmp_path))
