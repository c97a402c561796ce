"""Training, going on and scoring, as a user types them."""

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from eoras.config_files import load_config
from eoras.data.movi_images import LooseImages
from eoras.errors import RunError
from eoras.model.eoras import EoRaS

GOLDEN = Path(__file__).parents[1] / "golden"
Tell = Callable[..., Any]


def log_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


# Training


def test_training_says_where_the_run_is_and_nothing_more(trained: Any) -> None:
    assert (trained.code, trained.out) == (0, "")
    assert trained.err.splitlines() == [  # and no bar, for nobody watches
        "eoras: the backbone starts from random weights; published models start from --backbone-weights imagenet",
        "eoras: done: run holds the run; score it with: eoras evaluate run --data DIR",
    ]


def test_a_run_folder_holds_all_there_is_to_know(run: Path, place: Path) -> None:
    files = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    model = {"config.json", "model.safetensors"}
    checkpoint = {f"checkpoints/0004-00000000/{name}" for name in {*model, "training.pt", "manifest.json"}}
    (events,) = {name for name in files if name.startswith("tensorboard/")}
    pictures = {f"pictures/{epoch:04d}.png" for epoch in range(1, 5)}
    assert files == {
        *("config.yaml", "run.json", "sessions.json", "log.jsonl", events),
        *(*checkpoint, *(f"best/{name}" for name in model), *pictures),
    }
    assert load_config(str(run / "config.yaml")) == load_config(str(place / "settings.yaml"), ["training.keep=1"])
    assert json.loads((run / "run.json").read_text())["data"] == str(place / "data")
    (session,) = json.loads((run / "sessions.json").read_text())
    assert session["command"][1:3] == ["train", "--config"]
    steps = [line for line in log_of(run) if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, len(steps) + 1))
    assert all(line["loss"] == pytest.approx(line["amodal"] + line["visible"]) for line in steps)
    assert all(line["machine"]["clips_per_second"] > 0 for line in steps)
    scores = [line["validation/strict/miou_full"] for line in log_of(run) if "loss" not in line]
    assert len(scores) == 4
    assert scores[-1] > 0


def test_a_run_goes_on_to_more_epochs(run: Path, tell: Tell) -> None:
    before = log_of(run)
    told = tell("train", "--resume", run, "--set", "training.epochs=5")
    assert (told.code, told.out) == (0, "")
    assert told.err == f"eoras: done: {run} holds the run; score it with: eoras evaluate {run} --data DIR\n"
    after = log_of(run)
    assert after[: len(before)] == before
    assert len(after) == len(before) * 5 // 4
    assert {line["epoch"] for line in after[len(before) :]} == {4, 5}
    assert load_config(str(run / "config.yaml")).training.epochs == 5
    assert (run / "checkpoints" / "0005-00000000").is_dir()
    assert tell("train", "--resume", run).code == 0
    assert log_of(run) == after


def test_a_run_may_start_from_another_one(run: Path, train: Tell) -> None:
    fine = run.with_name("fine")
    told = train(fine, words=("--init", run))
    assert told.code == 0
    assert "random weights" not in told.err
    assert log_of(fine)[0]["loss"] < 0.8 * log_of(run)[0]["loss"]


def test_half_precision_is_short_for_an_override(tmp_path: Path, train: Tell) -> None:
    assert train(tmp_path / "run", words=("--dtype", "bfloat16")).code == 0
    assert load_config(str(tmp_path / "run" / "config.yaml")).training.dtype == "bfloat16"


def test_choosing_by_the_test_split_is_said_aloud(tmp_path: Path, train: Tell) -> None:
    told = train(tmp_path / "run", "validation=test")
    assert told.code == 0
    assert "eoras: the best checkpoint is chosen on the test split" in told.err
    assert "chosen on the test split" in log_of(tmp_path / "run")[-1]["note"]


def test_a_dry_run_prints_the_plan_and_writes_nothing(place: Path, tmp_path: Path, train: Tell) -> None:
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    told = train(tmp_path / "run", "epochs=7", "batch_size=2", "accumulate=2", "save_steps=1", words=("--dry-run",))
    assert told.code == 0
    rows = dict(line.split("  ", 1) for line in told.out.splitlines())
    assert list(rows)[:3] == ["run", "network", "training"]
    assert "eoras: this was a dry run; nothing was written" in told.err.splitlines()[-1]
    assert rows["effective batch"].strip() == "4 clips (2 at a time, 2 times)"
    clips = int(rows["training"].split("tracks, ")[1].split()[0])
    an_epoch = -(-clips // 4)
    assert rows["steps"].strip() == f"{7 * an_epoch} to go, {an_epoch} an epoch, 7 epochs"
    assert not list(tmp_path.iterdir())
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before


def test_a_dry_run_of_a_run_to_go_on_with_counts_what_is_left(run: Path, tell: Tell) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    told = tell("train", "--resume", run, "--dry-run")
    assert (told.code, told.out) == (2, "")
    assert "all of its 4 epochs are done; raise training.epochs to go on" in told.err
    told = tell("train", "--resume", run, "--dry-run", "--set", "training.epochs=6")
    assert told.code == 0
    an_epoch = sum("loss" in line for line in log_of(run)) // 4
    assert f"{2 * an_epoch} to go, {an_epoch} an epoch, 6 epochs" in told.out
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


def test_a_dry_run_refuses_a_disk_that_does_not_hold_the_checkpoints(
    tmp_path: Path, train: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eoras.training.plan.shutil.disk_usage", lambda _: SimpleNamespace(free=10**6))
    told = train(tmp_path / "run", "keep=4", words=("--dry-run",))
    assert (told.code, told.out) == (2, "")
    (line,) = told.err.splitlines()[1:]
    assert re.fullmatch(
        rf"eoras: {tmp_path}: expected \d\.\d GB of free disk for 5 checkpoints and the best, found 0\.0 GB; "
        r"free some, lower training\.keep, or choose another --out",
        line,
    )
    assert not list(tmp_path.iterdir())


def test_a_dry_run_refuses_steps_that_need_more_memory_than_the_gpu_has(
    tmp_path: Path, train: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nSee the documentation")

    monkeypatch.setattr("eoras.training.loop.take_step", fail)
    told = train(tmp_path / "run", "batch_size=3", words=("--dry-run",))
    assert (told.code, told.out) == (2, "")
    assert told.err.splitlines()[1:] == [
        "eoras: training.batch_size=3: a step, of 3 clips at a time, needs more memory than cpu has (CUDA out of "
        "memory. Tried to allocate 2 GiB.); set it to 1 and raise training.accumulate, or take --dtype bfloat16, or "
        "--set training.checkpoint_activations=true"
    ]
    assert not list(tmp_path.iterdir())


def test_going_on_with_other_data_is_said_aloud(run: Path, place: Path, tell: Tell) -> None:
    data = run.parent / "data"
    shutil.copytree(place / "data", data)
    assert tell("train", "--resume", run, "--data", data).err.count("\n") == 1  # a copy is no change
    path = data / "train" / "0" / "metadata.json"
    path.write_text(path.read_text() + " ")
    told = tell("train", "--resume", run, "--data", data)
    assert told.code == 0
    assert told.err.startswith("eoras: the data of split train are not those this run was trained on: 2 videos with ")
    assert len(json.loads((run / "sessions.json").read_text())) == 3


def test_curves_are_drawn_to_a_file(run: Path, tmp_path: Path, tell: Tell) -> None:
    told = tell("plot", run, "--out", tmp_path / "curves.png")
    assert (told.code, told.out, told.err) == (0, "", f"eoras: wrote {tmp_path / 'curves.png'}\n")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size == (1300, 720)
    for words, hint in (((run, "--out", "curves.pdf"), "ends in .png"), ((tmp_path,), "expected a run folder")):
        told = tell("plot", *words)
        assert (told.code, told.err.count("\n")) == (2, 1)
        assert hint in told.err


def test_on_a_terminal_there_is_a_bar(
    place: Path, tmp_path: Path, train: Tell, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    told = train(tmp_path / "run")
    assert told.out == ""
    assert "epoch 1/1: 100%" in told.err
    assert "loss=" in told.err
    scored = tell("evaluate", tmp_path / "run", "--data", place / "data", "--workers", 0)
    assert "100%" in scored.err
    assert "%|" not in scored.out


# Scoring


def test_scoring_prints_one_json_object_and_nothing_else(run: Path, place: Path, eoras: Path, start: Tell) -> None:
    told = start(eoras, "evaluate", run, "--data", place / "data", "--json")
    assert (told.code, told.err) == (0, "")
    scores = json.loads(told.out)
    protocols = ["paper", "strict", "savos", "c2f", "diffvas"]
    assert list(scores) == [*protocols, "intervals", "breakdown", "baselines", "evaluated"]
    assert list(scores["baselines"]) == ["visible_mask", "convex_hull", "crop_and_paste"]
    for scored in (scores, *scores["baselines"].values()):
        for protocol in ("paper", "strict"):
            assert 0 <= scored[protocol]["miou_full"] <= 1
    weights = hashlib.sha256((run / "best" / "model.safetensors").read_bytes()).hexdigest()
    assert scores["evaluated"] == {
        "videos": 1,
        "tracks": scores["evaluated"]["tracks"],
        "union": False,
        "model": str(run),
        "weights": weights,
        "split": "test",
        "frames": "visible",
        "flip": False,
        "dtype": "float32",
    }


def test_scoring_prints_a_table_for_people(run: Path, place: Path, tell: Tell) -> None:
    told = tell("evaluate", run, "--data", place / "data", "--workers", 0)
    assert (told.code, told.err) == (0, "")
    head, *rows = told.out.splitlines()
    assert head.split()[:10] == ["mIoU,", "%", "paper", "full", "paper", "occ", "strict", "full", "strict", "occ"]
    assert [row.split("  ")[0] for row in rows[:4]] == ["network", "visible mask", "convex hull", "crop and paste"]


@pytest.mark.parametrize("protocol", ["paper", "strict"])
def test_one_protocol_can_be_asked_for(run: Path, place: Path, tell: Tell, protocol: str) -> None:
    words = ("evaluate", run, "--data", place / "data", "--workers", 0, "--json")
    both, one = json.loads(tell(*words).out), json.loads(tell(*words, "--protocol", protocol).out)
    assert list(one) == [protocol, "intervals", "breakdown", "baselines", "evaluated"]
    assert one[protocol] == both[protocol]


def test_masks_of_one_protocol_are_saved_as_it_pastes_them_and_score_the_same(
    run: Path, place: Path, tmp_path: Path, tell: Tell
) -> None:
    words = ("evaluate", run, "--data", place / "data", "--workers", 0, "--json")
    both, paper = tmp_path / "both.json", tmp_path / "paper.json"
    assert tell(*words, "--save", both).code == 0
    told = tell(*words, "--save", paper, "--protocol", "paper")
    assert told.code == 0
    pairs = zip(*(json.loads(path.read_text())["annotations"] for path in (both, paper)), strict=True)
    for of_both, of_paper in pairs:
        assert of_paper["amodal_segmentations"] == of_both["paper_segmentations"]
        assert of_paper["amodal_segmentations"] != of_both["amodal_segmentations"]
        assert "paper_segmentations" not in of_paper
    again = tell("score", paper, "--data", place / "data", "--workers", 0, "--json")
    assert (again.code, again.err) == (0, "")
    evaluated, scored = json.loads(told.out), json.loads(again.out)
    assert 0 < evaluated["paper"]["miou_full"] < 1
    assert scored["paper"] == {**evaluated["paper"], "miou_crop": None}
    assert scored["intervals"]["paper"] == evaluated["intervals"]["paper"]


def test_masks_are_not_saved_over_a_file_that_is_there(run: Path, place: Path, tmp_path: Path, tell: Tell) -> None:
    path = tmp_path / "masks.json"
    path.write_bytes(b"precious")
    told = tell("evaluate", run, "--data", place / "data", "--workers", 0, "--save", path)
    assert (told.code, told.out) == (2, "")
    assert told.err == f"eoras: --save {path}: expected a new name that ends in .json; choose another\n"
    assert path.read_bytes() == b"precious"


def test_best_and_last_are_the_models_of_these_folders(run: Path, place: Path, tell: Tell) -> None:
    newest = run / "checkpoints" / "0004-00000000"
    network = EoRaS.from_pretrained(newest)
    for parameter in network.heads.parameters():
        torch.nn.init.zeros_(parameter)
    network.save_pretrained(newest)

    def score(*words: object) -> dict[str, Any]:
        told = tell("evaluate", *words, "--data", place / "data", "--workers", 0, "--json")
        assert told.code == 0
        return json.loads(told.out)

    best, last = score(run), score(run, "--checkpoint", "last")
    assert best["strict"]["miou_full"] > last["strict"]["miou_full"] == 0
    assert [best.pop("evaluated")["model"], last.pop("evaluated")["model"]] == [str(run)] * 2
    for other, found in (
        (score(run / "best"), best),
        (score(run, "--checkpoint", "best"), best),
        (score(newest), last),
    ):
        del other["evaluated"]
        assert other == found


def test_the_given_visible_mask_can_be_united_with_the_answer(run: Path, place: Path, tell: Tell) -> None:
    words = ("evaluate", run, "--data", place / "data", "--workers", 0, "--json")
    apart, united = json.loads(tell(*words).out), json.loads(tell(*words, "--union").out)
    assert united["evaluated"]["union"] is True
    assert apart["baselines"] == united["baselines"]
    assert 0 < apart["strict"]["miou_full"] < united["strict"]["miou_full"]


def test_how_far_a_confidence_is_to_be_trusted_is_told(run: Path, place: Path, tmp_path: Path, tell: Tell) -> None:
    words = ("evaluate", "small", "--data", place / "data", "--workers", 0)
    told = tell(*words, "--report", tmp_path / "out")
    assert told.code == 0
    found = re.search(r"\n\nconfidence: expects an IoU of (\d+\.\d\d) %, reaches \d+\.\d\d %, ", told.out)
    assert found
    row = f"<td>IoU that the network expects, %</td><td>{found[1]}</td>"
    assert row in re.sub(r"<(/?)t[dh][^>]*>", r"<\1td>", (tmp_path / "out" / "index.html").read_text(encoding="utf-8"))
    assert "confidence" not in tell(*words, "--union").out, "it judges its own answer"
    assert "confidence" not in tell("evaluate", run, *words[2:]).out, "it has no such head"


def test_a_report_is_made_of_the_masks_that_were_scored(run: Path, place: Path, tmp_path: Path, tell: Tell) -> None:
    words = ("evaluate", run, "--data", place / "data", "--workers", 0, "--report", tmp_path / "out")
    told = tell(*words, "--json")
    assert told.code == 0
    assert f"eoras: wrote {tmp_path / 'out' / 'index.html'}" in told.err
    score = 100 * json.loads(told.out)["strict"]["miou_full"]
    assert f"<td>{score:.2f}<small>" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert (tmp_path / "out" / "masks.json").is_file()
    told = tell(*words, "--protocol", "strict")
    assert (told.code, told.out) == (2, "")
    assert "expected all protocols, found --protocol strict" in told.err


def test_where_nothing_can_be_written_is_said_before_scoring(
    run: Path, place: Path, tmp_path: Path, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eoras.model.eoras.EoRaS.from_pretrained", lambda *_: pytest.fail("the model was read"))
    (tmp_path / "file").touch()
    for option, path in (("--save", tmp_path / "file" / "masks.json"), ("--report", tmp_path / "file")):
        told = tell("evaluate", run, "--data", place / "data", option, path)
        assert (told.code, told.out) == (2, "")
        assert (
            f"expected a place to write to, found that {tmp_path / 'file'} is none; choose another {option}" in told.err
        )


def test_scores_are_printed_where_the_masks_cannot_be_written_after_all(
    run: Path, place: Path, tmp_path: Path, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RunError("masks.json: could not be written: the disk, or your share of it, is full; free some space")

    monkeypatch.setattr("eoras.evaluation.saved.PredictionsWriter.write", fail)
    words = ("evaluate", run, "--data", place / "data", "--workers", 0, "--json", "--save", tmp_path / "masks.json")
    told = tell(*words)
    assert told.code == 1
    assert "strict" in json.loads(told.out)
    assert "the disk, or your share of it, is full" in told.err


def test_hidden_frames_under_paper_are_said_and_left_out_where_asked_for(run: Path, tell: Tell) -> None:
    path = run / "best" / "config.json"
    config = json.loads(path.read_text())
    words = ("evaluate", run, "--data", GOLDEN / "movi", "--workers", 0, "--json", "--protocol", "paper")
    visible = json.loads(tell(*words).out)
    told = tell(*words, "--frames", "all")
    assert (told.code, told.out) == (2, "")
    assert f"eoras: --frames all: {run} is not shown the frames in which an object is fully hidden" in told.err
    config["view"]["frames"] = "all"
    path.write_text(json.dumps(config))
    told = tell(*words)
    hidden = json.loads(told.out)["paper"]["frames"] - visible["paper"]["frames"]
    assert hidden > 0
    assert told.err == (
        f"eoras: {hidden} frames are fully hidden, which published numbers leave out; --frames visible does so, too\n"
    )
    told = tell(*words, "--frames", "visible")
    assert told.err == ""
    assert json.loads(told.out)["baselines"]["visible_mask"] == visible["baselines"]["visible_mask"]
    assert json.loads(told.out)["evaluated"]["frames"] == "visible"


def test_a_cache_elsewhere_is_read_for_scoring_and_for_training_and_remembered(
    run: Path, place: Path, tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, cache = tmp_path / "data", tmp_path / "cache"
    shutil.copytree(place / "data", data)
    assert tell("cache", data, "--cache", cache).code == 0
    expected = tell("evaluate", run, "--data", data, "--json")
    monkeypatch.setattr(LooseImages, "picture", lambda *_: pytest.fail("an image was decoded"))
    told = tell("evaluate", run, "--data", data, "--cache", cache, "--workers", 0, "--json")
    assert (told.code, told.out) == (0, expected.out)
    out = tmp_path / "cached"
    words = ("--config", place / "settings.yaml", "--data", data, "--out", out, "--cache", cache)
    assert tell("train", *words, "--set", "training.epochs=1").code == 0
    assert json.loads((out / "run.json").read_text())["cache"] == str(cache)
