"""Scoring masks of any system: the same numbers as the network's, in every form, with any number of processes."""

import json
import os
import shutil
import signal
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from test_evaluate import Echo
from written_kitti import write_kitti_split

from eoras.cli import main
from eoras.config import ModelConfig, ViewConfig
from eoras.data.masks import decode, parse_mask
from eoras.data.open import open_tracks
from eoras.errors import DataError
from eoras.evaluation import score
from eoras.evaluation.evaluate import Evaluation, evaluate
from eoras.evaluation.pasted import PastedScores
from eoras.evaluation.predictions_files import read_predictions
from eoras.evaluation.protocols import PROTOCOLS
from eoras.evaluation.saved import PredictionsWriter
from eoras.evaluation.score import Scored, score_predictions
from eoras.evaluation.summary import summarize
from eoras.evaluation.views import choose_view
from eoras.processes import Processes
from eoras.shares import Share

GOLDEN = Path(__file__).parents[1] / "golden"
MOVI = GOLDEN / "movi"
forking = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # Python 3.12 and newer


def saved(path: Path, data: Path = MOVI, view: ViewConfig | None = None, *, seen_only: bool = False) -> Evaluation:
    """What a made-up network scores; its masks are saved to ``path``."""
    network = Echo()
    network.config = ModelConfig(view=view or ViewConfig())
    writer = PredictionsWriter(replace(network.config.view, frames="visible") if seen_only else network.config.view)
    tracks = open_tracks(data, "test", network.config.view, truth=True)
    options: dict[str, Any] = {"protocols": tuple(PROTOCOLS), "outlines": True, "seen_only": seen_only}
    result = evaluate(network, tracks, device="cpu", writer=writer, **options)
    writer.write(path)
    return result


def scored(path: Path, data: Path = MOVI, **options: Any) -> Scored:
    predictions = read_predictions(path)
    return score_predictions(
        open_tracks(data, "test", choose_view(data, [predictions], None)), [predictions], **options
    )


@pytest.fixture(scope="module")
def masks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Evaluation]:
    """A saved file, and what its masks scored."""
    path = tmp_path_factory.mktemp("saved") / "network.json"
    return path, saved(path)


@pytest.fixture
def change(masks: tuple[Path, Evaluation], tmp_path: Path) -> Callable[[Callable[[Any], None]], Path]:
    """A writer of a file that differs from the saved one."""

    def write(edit: Callable[[Any], None]) -> Path:
        record = json.loads(masks[0].read_text())
        edit(record)
        path = tmp_path / "changed.json"
        path.write_text(json.dumps(record))
        return path

    return write


def arrays(path: Path) -> dict[tuple[str, int], np.ndarray]:
    """The masks of a saved file as ``strict`` scores them; frames without one are empty."""
    record = json.loads(path.read_text())
    videos = {video["id"]: video for video in record["videos"]}
    result = {}
    for item in record["annotations"]:
        video = videos[item["video_id"]]
        size = (video["height"], video["width"])
        frames = item["amodal_segmentations"]
        whole = [np.zeros(size, bool) if rle is None else decode(parse_mask(rle, *size, "")) for rle in frames]
        result[video["name"], item["track_id"]] = np.stack(whole)
    return result


def frames_of(scores: PastedScores) -> dict[tuple[str, int, int], np.void]:
    """What ``strict`` counts in each frame, by video, track and position."""
    table, tracks = scores.table("strict"), scores.tracks("strict")
    pairs = zip(table.tracks, table.counts, strict=True)
    return {(*tracks[number], int(row["frame_index"])): row for number, row in pairs}


# The same numbers


@pytest.mark.parametrize("view", [ViewConfig(), ViewConfig(frames="all", boxes="round")], ids=["visible", "all"])
def test_saved_masks_score_exactly_as_the_network_did(view: ViewConfig, tmp_path: Path):
    network = saved(tmp_path / "a.json", view=view)
    result = scored(tmp_path / "a.json")
    assert result.problems == [{}]
    for protocol in PROTOCOLS:
        known = {"miou_crop": None} if protocol == "paper" else {}  # the file holds no windows
        assert result.systems[0].compute(protocol) == {**network.network[protocol], **known}
        for name, scores in result.baselines.items():
            assert scores.compute(protocol) == network.baselines[name][protocol]


def test_the_frames_in_which_the_object_is_seen_can_be_scored_alone(tmp_path: Path):
    view = ViewConfig(frames="all", boxes="round")
    every, seen = saved(tmp_path / "all.json", view=view), saved(tmp_path / "seen.json", view=view, seen_only=True)
    assert every.network["strict"]["hidden"] > seen.network["strict"]["hidden"] == 0
    assert (every.network["paper"]["frames"], seen.network["paper"]["frames"]) == (48, 42)
    result = scored(tmp_path / "seen.json")
    assert summarize(result.systems[0])["breakdown"] == seen.details["breakdown"]
    for protocol in ("strict", "savos", "c2f", "diffvas"):
        assert result.systems[0].compute(protocol) == seen.network[protocol]
        assert {name: scores.compute(protocol) for name, scores in result.baselines.items()} == {
            name: values[protocol] for name, values in seen.baselines.items()
        }


def test_padded_tracks_of_kitti_score_exactly_as_the_network_did(tmp_path: Path):
    network = saved(tmp_path / "a.json", GOLDEN / "kitti", ViewConfig(intrinsics="pixel", pad_to=9))
    result = scored(tmp_path / "a.json", GOLDEN / "kitti").systems[0]
    assert result.compute("paper") == {**network.network["paper"], "miou_crop": None}
    assert result.compute("paper")["frames"] > result.compute("strict")["frames"] > 0
    assert result.compute("strict") == network.network["strict"]


def test_the_breakdown_of_a_sparsely_annotated_track_is_the_same_for_its_saved_masks(tmp_path: Path):
    kitti = write_kitti_split(tmp_path, "test", annotated=(4, 8, 9, 12))
    view = ViewConfig(intrinsics="pixel", boxes="round")
    network = saved(tmp_path / "a.json", kitti, view)
    result = summarize(scored(tmp_path / "a.json", kitti).systems[0])
    assert result["breakdown"] == network.details["breakdown"]
    assert result["breakdown"]["stability"]["frames"] == 1
    assert result["breakdown"]["stability"]["truth"] > 0.5


@forking
def test_processes_change_nothing(masks: tuple[Path, Evaluation], monkeypatch: pytest.MonkeyPatch):
    alone = scored(masks[0])
    monkeypatch.setattr(score, "_TOGETHER", 2)  # of seven tracks
    shared = scored(masks[0], num_workers=2)
    assert shared.problems == alone.problems
    for protocol in PROTOCOLS:
        assert shared.systems[0].compute(protocol) == alone.systems[0].compute(protocol)
        for name, scores in alone.baselines.items():
            assert shared.baselines[name].compute(protocol) == scores.compute(protocol)


@dataclass(frozen=True)
class Told(Processes):
    """One process of several, told what those before it in this test have gathered."""

    gathered: dict[int, Any] = field(default_factory=dict)

    def gather(self, value: Any) -> list[Any]:
        self.gathered[self.share.rank] = value
        return [part for _, part in sorted(self.gathered.items())]


@pytest.mark.parametrize("size", [2, 3, 9])  # of seven tracks
def test_shares_of_several_processes_add_up_to_what_one_scores(size: int, change: Any):
    path = change(lambda record: (unknown_video(record), without_a_frame(record), record["annotations"].pop(1)))
    alone = scored(path)
    gathered: dict[int, Any] = {}
    *_, together = [scored(path, processes=Told(Share(rank, size), gathered)) for rank in range(size)]
    assert len(alone.problems[0]) == 3
    assert [list(found.items()) for found in together.problems] == [list(found.items()) for found in alone.problems]
    assert summarize(together.systems[0]) == summarize(alone.systems[0])
    assert {name: summarize(scores) for name, scores in together.baselines.items()} == {
        name: summarize(scores) for name, scores in alone.baselines.items()
    }


def be_interrupted(indices: Sequence[int]) -> Scored:
    signal.raise_signal(signal.SIGINT)
    return score._here[0].score(indices)


@forking
def test_what_a_terminal_tells_all_is_for_the_process_that_waits(
    masks: tuple[Path, Evaluation], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(score, "_score_here", be_interrupted)
    alone, shared = scored(masks[0]), scored(masks[0], num_workers=2)
    assert shared.systems[0].compute("strict") == alone.systems[0].compute("strict")


def die(_: object) -> None:
    os._exit(9)


@forking
def test_a_process_that_dies_is_told_of(
    masks: tuple[Path, Evaluation], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(score, "_score_here", die)
    assert main(["score", str(masks[0]), "--data", str(MOVI), "--workers", "2"]) == 1
    assert capsys.readouterr().err == (
        "eoras: a process that scores has died, killed or out of memory: try fewer --workers\n"
    )


def test_folders_of_images_score_as_the_masks_file(masks: tuple[Path, Evaluation], tmp_path: Path):
    for (video, track_id), whole in arrays(masks[0]).items():
        folder = tmp_path / "masks" / video / str(track_id + 1)
        folder.mkdir(parents=True)
        for t, mask in enumerate(whole):
            Image.fromarray(mask * np.uint8(255)).save(folder / f"{t:05d}.png")
    result = scored(tmp_path / "masks", baselines=())
    assert result.problems == [{}]
    assert result.systems[0].compute("strict") == masks[1].network["strict"]


@pytest.mark.parametrize("kind", [bool, np.uint8, np.float32])
def test_archives_score_as_the_masks_file(kind: type, masks: tuple[Path, Evaluation], tmp_path: Path):
    by_video: dict[str, dict[str, np.ndarray]] = {}
    for (video, track_id), whole in arrays(masks[0]).items():
        by_video.setdefault(video, {})[str(track_id)] = whole.astype(kind)
    for video, tracks in by_video.items():
        np.savez_compressed(tmp_path / f"{video}.npz", allow_pickle=False, **tracks)
    result = scored(tmp_path, baselines=())
    assert result.problems == [{}]
    assert result.systems[0].compute("strict") == masks[1].network["strict"]


def test_the_truth_through_the_window_is_the_ceiling(masks: tuple[Path, Evaluation]):
    ceiling = masks[1].baselines["crop_and_paste"]
    assert 0.8 < ceiling["strict"]["miou_full"] < 1
    assert ceiling["strict"]["miou_full"] > masks[1].baselines["convex_hull"]["strict"]["miou_full"]
    assert ceiling["paper"]["miou_full"] != ceiling["strict"]["miou_full"]


# Bad input: counted, and the rest is scored


def other_size(record: Any) -> None:
    masks = record["annotations"][0]["amodal_segmentations"]
    at = next(t for t, mask in enumerate(masks) if mask)
    masks[at] = {"size": [4, 4], "counts": [16]}


def broken_runs(record: Any) -> None:
    masks = record["annotations"][0]["amodal_segmentations"]
    at = next(t for t, mask in enumerate(masks) if mask)
    masks[at] = {"size": masks[at]["size"], "counts": "~~"}


def without_a_frame(record: Any) -> None:
    masks = record["annotations"][0]["amodal_segmentations"]
    masks[next(t for t, mask in enumerate(masks) if mask)] = None


def unknown_video(record: Any) -> None:
    record["videos"].append({**record["videos"][0], "id": 99, "name": "elsewhere"})
    record["annotations"].append({**record["annotations"][0], "id": 99, "video_id": 99})


def same_ids(record: Any) -> None:
    record["annotations"][1]["id"] = record["annotations"][0]["id"]


def update(**values: Any) -> Callable[[Any], None]:
    return lambda record: record["annotations"][0].update(values)


def append(**values: Any) -> Callable[[Any], None]:
    return lambda record: record["annotations"].append({**record["annotations"][0], **values})


PROBLEMS = [
    (other_size, "masks of another size than the video; they count as missed"),
    (broken_runs, "masks that cannot be read; they count as missed"),
    (without_a_frame, "frames without a mask; they count as missed"),
    (unknown_video, "videos that the data do not have"),
    (append(id=99, track_id=77), "objects that the data do not have"),
    (append(id=99), "entries of an object that has one already; the first is scored"),
    (same_ids, "entries with an id that another one has"),
    (append(id=99, video_id=55), "entries of a video_id that is not in videos; left out"),
    (append(id=99, track_id=None), "entries without a track_id; left out"),
    (append(id=99, track_id=77, amodal_segmentations=None), "entries without amodal_segmentations; left out"),
    (update(score=float("nan")), "scores that are not numbers"),
    (update(score=10**400), "scores that are not numbers"),
    (update(score=float("-inf")), "scores that are not numbers"),
    (update(score="high"), "scores that are not numbers"),
    (lambda record: record["annotations"].pop(0), "objects without a prediction; their frames count as missed"),
    (
        lambda record: record["videos"].append({**record["videos"][0], "id": 99}),
        "videos whose id or name another one has; the first is scored",
    ),
]


@pytest.mark.parametrize(("edit", "sentence"), PROBLEMS, ids=[f"{n}" for n in range(len(PROBLEMS))])
def test_what_is_wrong_is_counted_and_the_rest_scored(edit: Any, sentence: str, change: Any, masks: Any):
    before, after = scored(masks[0], baselines=()), scored(change(edit), baselines=())
    assert (before.problems, after.problems) == ([{}], [{sentence: 1}])
    whole, found = frames_of(before.systems[0]), frames_of(after.systems[0])
    assert found.keys() == whole.keys()
    track = next(iter(arrays(masks[0])))  # the one that is damaged
    frames = [frame for frame in whole if frame[:2] == track]
    lost = frames if "without a prediction" in sentence else frames[:1] if "count as missed" in sentence else []
    for frame, row in found.items():
        of_itself = [name for name in row.dtype.names or () if not (lost and name.startswith("predicted_"))]
        if frame in lost:
            assert row["predicted"] == 0 < whole[frame]["predicted"]
        elif frame in frames:  # what it shares with the frame before is another number where that one is lost
            assert row[of_itself] == whole[frame][of_itself]
        else:
            assert row == whole[frame]


def test_a_missing_frame_is_a_miss(change: Any, masks: Any):
    whole = scored(masks[0], baselines=()).systems[0]
    track = next(iter(arrays(masks[0])))
    (*_, position), row = next(
        (frame, row) for frame, row in frames_of(whole).items() if frame[:2] == track and row["occluded_overlap"]
    )

    def leave_out(record: Any) -> None:
        record["annotations"][0]["amodal_segmentations"][position] = None

    before = whole.compute("strict")
    after = scored(change(leave_out), baselines=()).systems[0].compute("strict")
    frames = before["frames"]
    assert (after["frames"], after["missed"]) == (frames, before["missed"] + 1)
    iou = row["overlap"] / (row["amodal"] + row["predicted"] - row["overlap"])
    assert after["miou_full"] == pytest.approx(before["miou_full"] - iou / frames, abs=1e-12)


def test_probabilities_that_are_not_numbers_count_as_background(masks: Any, tmp_path: Path):
    (video, track_id), whole = next(iter(arrays(masks[0]).items()))
    probabilities = np.where(whole, 0.9, 0.1).astype(np.float32)
    frame, row, column = np.argwhere(whole)[0]
    probabilities[frame, row, column] = np.nan
    np.savez(tmp_path / f"{video}.npz", allow_pickle=False, **{str(track_id): probabilities, "one": probabilities})
    result = scored(tmp_path / f"{video}.npz", baselines=())
    assert result.problems == [
        {
            "frames with probabilities that are not numbers; those count as background": 1,
            "objects whose name is no number; left out": 1,
            "objects without a prediction; their frames count as missed": 6,
        }
    ]
    before = frames_of(scored(masks[0], baselines=()).systems[0])
    for key, counted in frames_of(result.systems[0]).items():
        pixels = before[key]["predicted"] if key[:2] == (video, track_id) else 0
        assert counted["predicted"] == pixels - (key == (video, track_id, frame))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "[]", "expected an object with format_version 1"),
        ("a.json", "{", "expected JSON, found something else"),
        ("a.json", '{"format_version": 1}', "videos: expected a list of objects"),
        ("a.npz", "no archive", "expected a NumPy archive"),
        ("a.npz/b", "", "expected predictions: a JSON file of masks"),
    ],
)
def test_what_holds_no_predictions_is_refused(name: str, text: str, message: str, tmp_path: Path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_predictions(tmp_path / name.split("/")[0])


@pytest.mark.parametrize("kind", ["cut", "plain"])
def test_an_archive_that_is_none_is_refused(kind: str, tmp_path: Path):
    if kind == "cut":
        np.savez(tmp_path / "a.npz", allow_pickle=False, **{"1": np.ones((3, 8, 8), bool)})
        (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-100])
    else:
        with (tmp_path / "a.npz").open("wb") as file:
            np.save(file, np.ones((3, 8, 8), bool))
    with pytest.raises(DataError, match=r"a\.npz: expected a NumPy archive, found something else"):
        read_predictions(tmp_path / "a.npz")


def test_an_archive_with_flipped_bytes_is_counted(masks: Any, tmp_path: Path):
    (broken, track_id), whole = next(iter(arrays(masks[0]).items()))
    others = {str(number): mask for (video, number), mask in arrays(masks[0]).items() if video != broken}
    (other,) = {video for video, _ in arrays(masks[0])} - {broken}
    np.savez_compressed(tmp_path / f"{other}.npz", allow_pickle=False, **others)
    path = tmp_path / f"{broken}.npz"
    np.savez_compressed(path, allow_pickle=False, **{str(track_id): whole})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 30] = b"\xff" * 30
    path.write_bytes(data)
    result = scored(tmp_path, baselines=())
    before, after = frames_of(scored(masks[0], baselines=()).systems[0]), frames_of(result.systems[0])
    assert after.keys() == before.keys()
    assert result.problems == [
        {
            "masks that cannot be read; they count as missed": sum(key[:2] == (broken, track_id) for key in after),
            "objects without a prediction; their frames count as missed": 6 - len(others),
        }
    ]
    for key, row in after.items():
        assert row["predicted"] == 0 if key[0] == broken else row == before[key]


def archive_of(folder: Path, masks: Path, shape: tuple[int, ...], name: str, content: int) -> Path:
    """An archive of one array of a track of the data, which says a shape and has some bytes."""
    (video, track_id), _ = next(iter(arrays(masks).items()))
    path = folder / f"{video}.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(f"{track_id}{name}", "w") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(content))
    return path


@pytest.mark.parametrize(
    ("shape", "name", "content", "sentence"),
    [
        ((24, 10**6, 10**6), ".npy", 0, "masks that cannot be read"),
        ((10**12, 16, 16), ".npy", 256, "masks that cannot be read"),
        ((24, 16, 16), "", 24 * 256, "masks that cannot be read"),
        ((24, 300, 200), ".npy", 24 * 60_000, "masks of another size than the video"),
        ((10**15, 0, 0), ".npy", 0, "masks of another size than the video"),
    ],
)
def test_arrays_that_do_not_fit_are_counted_and_not_read(
    shape: tuple[int, ...],
    name: str,
    content: int,
    sentence: str,
    masks: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    predictions = read_predictions(archive_of(tmp_path, masks[0], shape, name, content))
    tracks = open_tracks(MOVI, "test", choose_view(MOVI, [predictions], None))
    monkeypatch.setattr(np.lib.format, "read_array", lambda *_, **__: pytest.fail("an array was read"))
    (problems,) = score_predictions(tracks, [predictions], baselines=()).problems
    (counted,) = (sentence for sentence in problems if "without a prediction" not in sentence)
    assert counted == f"{sentence}; they count as missed"


# As a user types it


def test_the_command_prints_one_object_a_protocol(masks: Any, capsys: pytest.CaptureFixture[str]):
    assert main(["score", str(masks[0]), "--data", str(MOVI), "--workers", "0", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == [*PROTOCOLS, "intervals", "breakdown", "baselines", "evaluated", "problems"]
    assert printed["strict"] == masks[1].network["strict"]
    assert printed["breakdown"] == masks[1].details["breakdown"]
    assert printed["evaluated"] == {"videos": 2, "tracks": 7}


def test_two_systems_are_compared(masks: Any, change: Any, capsys: pytest.CaptureFixture[str]):
    words = ["score", str(masks[0]), str(change(without_a_frame)), "--data", str(MOVI), "--workers", "0"]
    assert main([*words, "--json"]) == 0
    captured = capsys.readouterr()
    assert "changed.json: frames without a mask; they count as missed (1)" in captured.err
    printed = json.loads(captured.out)
    assert list(printed["systems"]) == ["network", "changed"]
    (comparison,) = printed["comparisons"]
    assert (comparison["first"], comparison["second"]) == ("network", "changed")
    assert comparison["strict"]["miou_full"]["difference"] > 0
    assert main(words) == 0
    assert "network minus changed" in capsys.readouterr().out


@pytest.fixture
def of_all(tmp_path: Path) -> Path:
    """Masks of a network that is shown hidden frames, too, by the same name as the others."""
    path = tmp_path / "all" / "network.json"
    path.parent.mkdir()
    saved(path, view=ViewConfig(frames="all"))
    return path


def score_of(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    """What the command prints of masks of the golden videos."""
    assert main(["score", *map(str, words), "--data", str(MOVI), "--workers", "0", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_hidden_frames_are_scored_as_the_masks_say_or_as_the_user_does(
    masks: Any, of_all: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    record = json.loads(masks[0].read_text())
    del record["info"]
    others = tmp_path / "others.json"
    others.write_text(json.dumps(record))
    for path, frames in ((masks[0], "visible"), (of_all, "all"), (others, "visible")):
        by_choice = {choice: score_of(capsys, path, "--frames", choice) for choice in ("visible", "all")}
        assert score_of(capsys, path) == by_choice[frames]
        hidden = {choice: scores["strict"]["hidden"] for choice, scores in by_choice.items()}
        assert hidden["all"] > hidden["visible"] == 0
        left = by_choice["all"]["strict"]["frames"] - by_choice["visible"]["strict"]["frames"]
        assert left == hidden["all"]
        assert ("frames without a mask; they count as missed" in str(by_choice["all"]["problems"])) == (path != of_all)


def test_systems_that_were_shown_other_frames_are_compared_only_by_choice(
    masks: Any, of_all: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["score", str(masks[0]), str(of_all), "--data", str(MOVI), "--workers", "0"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        f"eoras: {MOVI}: expected predictions for the same frames, found {masks[0]} for visible and {of_all} for all; "
        "choose with --frames\n"
    )
    for choice in ("visible", "all"):
        both = score_of(capsys, masks[0], of_all, "--frames", choice)
        for path in (masks[0], of_all):
            alone = score_of(capsys, path, "--frames", choice)
            assert both["systems"][str(path)] == {key: alone[key] for key in both["systems"][str(path)]}


@pytest.mark.parametrize("first", ["told", "silent"])
def test_masks_that_tell_no_frames_are_compared_with_those_of_all_frames_only_by_choice(
    first: str, masks: Any, of_all: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    others = tmp_path / "others.json"
    record = json.loads(masks[0].read_text())
    del record["info"]
    others.write_text(json.dumps(record))
    both = [of_all, others] if first == "told" else [others, of_all]
    assert main(["score", *map(str, both), "--data", str(MOVI), "--workers", "0"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        f"eoras: {MOVI}: expected predictions for the same frames, found {of_all} for all and {others}, which does not "
        "tell; choose with --frames, of which visible leaves out where an object is fully hidden\n"
    )
    hidden = {choice: score_of(capsys, *both, "--frames", choice) for choice in ("visible", "all")}
    assert all(scores["strict"]["hidden"] == 0 for scores in hidden["visible"]["systems"].values())
    assert all(scores["strict"]["hidden"] > 0 for scores in hidden["all"]["systems"].values())
    assert len(score_of(capsys, masks[0], others)["comparisons"]) == 1  # both of the frames in which it is seen


def test_systems_of_the_same_name_go_by_their_paths_and_may_not_be_the_same(
    masks: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    copy = tmp_path / "network.json"
    shutil.copy(masks[0], copy)
    both = score_of(capsys, masks[0], copy)
    assert list(both["systems"]) == list(both["problems"]) == [str(masks[0]), str(copy)]
    (comparison,) = both["comparisons"]
    assert (comparison["first"], comparison["second"]) == (str(masks[0]), str(copy))
    assert main(["score", str(copy), str(copy), "--data", str(MOVI), "--workers", "0"]) == 2
    assert capsys.readouterr().err == (
        f"eoras: expected different predictions, found {copy} and others named twice; name each once\n"
    )


@pytest.mark.parametrize("stem", ["visible_mask", "convex hull"])
def test_a_system_named_like_a_baseline_is_shown_beside_it(
    stem: str, masks: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / f"{stem}.json"
    shutil.copy(masks[0], path)
    words = ["score", str(path), "--data", str(MOVI), "--workers", "0", "--report", str(tmp_path / "report")]
    assert main(words) == 0
    shown = stem.replace("_", " ")
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith(shown)][:3]
    assert rows[0].startswith(f"{shown} (predictions)  ")
    assert rows[1].startswith(f"{shown}   ")
    assert rows[0].split()[-10:] != rows[1].split()[-10:]
    page = (tmp_path / "report" / "index.html").read_text()
    assert f">{shown} (predictions)<" in page
    assert f">{shown}<" in page


def test_strict_input_makes_problems_errors(masks: Any, change: Any, capsys: pytest.CaptureFixture[str]):
    words = ["--data", str(MOVI), "--workers", "0", "--strict-input"]
    assert main(["score", str(masks[0]), *words]) == 0
    assert main(["score", str(change(without_a_frame)), *words]) == 2
    assert "frames without a mask; they count as missed (1); mend them" in capsys.readouterr().err
