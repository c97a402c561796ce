"""The table of options: what its rows change, and what its page says of results."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from flat_scenes.scenes import write_flat_dataset

from benchmarks.ablation import __main__ as command
from benchmarks.ablation import job
from benchmarks.ablation.data import prepare, thin_out, videos_to_test
from benchmarks.ablation.results import (
    RESULTS,
    digest_of,
    expect_data_of_results,
    holds_network,
    path_of,
    read_result,
)
from benchmarks.ablation.rows import BEST, FIRST, ROWS, THRICE, config_of
from benchmarks.ablation.table import PAGE, read_results, undecided, write_page
from eoras.config_files import describe, load_config
from eoras.data.movi_list import read_tracks
from eoras.model.weights import SHIPPED, find_model

MEANS = ("strict miou_full", "strict miou_occ", "strict miou_full_of_occluded", "paper miou_full", "paper miou_occ")


def test_rows_follow_upon_each_other_from_the_first_one_to_the_best() -> None:
    seen: set[str | None] = {None, SHIPPED}
    for name, row in ROWS.items():
        assert name == row.name
        assert row.after in seen
        assert row.weights in seen
        is_asked_as_trained = row.answers == "plain" and not row.fresh
        assert is_asked_as_trained == (row.weights is None or name == "shipped")
        assert row.after is None or ROWS[row.after].fresh == row.fresh, "on the same videos"
        seen.add(name)
    for name in (name for name, row in ROWS.items() if row.after is not None and row.weights is None):
        after = ROWS[name].after
        assert after is not None
        assert config_of(name, 1) != config_of(after, 1)


def test_the_best_row_is_the_small_network_and_the_first_the_tiny_one() -> None:
    best, small = config_of(BEST, 1), load_config("small")
    assert best.model == small.model
    assert best.training.augment == small.training.augment
    assert config_of(FIRST, 1).model == load_config("tiny").model


def write_result(
    results: Path, row: str, seed: int, mean: float, spread: float, *, device: str = "CPU", weights: str = "as trained"
) -> None:
    """A result whose videos scatter around a mean."""
    rates = mean + spread * np.random.default_rng(seed).standard_normal(40)
    system = {"videos": list("v" * 40), **{name: [rates.tolist(), [1.0] * 40] for name in MEANS}}
    result: dict[str, Any] = {"row": row, "seed": seed, "device": device, "tracks": 80, "systems": {"network": system}}
    result |= {"config": describe(config_of(row, seed)), "date": "2026-01-01"}
    result["weights"] = digest_of(find_model(SHIPPED)) if ROWS[row].weights == SHIPPED else weights
    if ROWS[row].after is None:
        result["systems"]["convex_hull"] = system
    if ROWS[row].weights is None:
        result |= {"parameters": 2_000_000, "steps": 10, "step_seconds": 2.0}
    path_of(results, row, seed).write_text(json.dumps(result))


def test_only_rows_whose_difference_may_be_chance_need_more_seeds(tmp_path: Path) -> None:
    write_result(tmp_path, "faithful", 1, 0.5, 0.01)
    write_result(tmp_path, "schedule", 1, 0.6, 0.01)
    write_result(tmp_path, "camera", 1, 0.6, 0.02)
    write_result(tmp_path, "light", 1, 0.6, 0.02)  # changes nothing at all
    assert list(undecided(read_results(tmp_path))) == ["camera"]
    write_result(tmp_path, "faithful", 2, 0.35, 0.01)  # seeds are 15 points apart, more than the schedule gives
    write_result(tmp_path, "schedule", 2, 0.45, 0.01)
    assert set(undecided(read_results(tmp_path))) == {"schedule", "camera"}


def test_seeds_that_are_far_apart_make_other_rows_need_more_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []
    doubtful = iter([["light"], ["light", "skip"], ["light", "skip"]])  # those of light have made skip doubtful

    def train(_: object, job: tuple[str, int]) -> "subprocess.Popen[bytes]":
        done.append(job)
        write_result(tmp_path, *job, 0.5, 0)
        return subprocess.Popen([sys.executable, "-S", "-c", ""])

    for name in ("prepare", "expect_data_of_results", "write_page"):
        monkeypatch.setattr(f"benchmarks.ablation.__main__.{name}", lambda *_: None)
    monkeypatch.setattr("benchmarks.ablation.__main__.holds_network", lambda *_: True)
    monkeypatch.setattr("benchmarks.ablation.__main__.undecided", lambda _: next(doubtful))
    monkeypatch.setattr("benchmarks.ablation.__main__._Queue._start", train)
    monkeypatch.setattr("sys.argv", ["ablation", str(tmp_path), str(tmp_path), "--results", str(tmp_path)])
    command.main()
    assert {name for name, seed in done if seed == 1} == {*ROWS}
    assert {name for name, seed in done if seed == 3} == {*THRICE, "light", "camera", "skip", "windows"}
    assert len(done) == len(set(done))


def test_a_network_that_is_asked_in_another_way_owes_nothing_to_chance_in_training(tmp_path: Path) -> None:
    write_result(tmp_path, "wide", 1, 0.6, 0.01)
    write_result(tmp_path, "wide", 2, 0.4, 0.01)
    write_result(tmp_path, "flip", 1, 0.65, 0.01)
    write_result(tmp_path, "union", 1, 0.6, 0.01)  # changes nothing at all
    assert list(undecided(read_results(tmp_path))) == []


def test_there_is_no_other_seed_of_the_shipped_network(tmp_path: Path) -> None:
    write_result(tmp_path, "wide", 1, 0.6, 0.01)
    write_result(tmp_path, "shipped", 1, 0.6, 0.01)
    assert list(undecided(read_results(tmp_path))) == []
    path = path_of(tmp_path, "shipped", 1)
    path.write_text(re.sub('"weights": ".', '"weights": "?', path.read_text()))
    assert set(read_results(tmp_path)) == {"wide"}, "of other weights"


def test_rows_without_a_common_seed_are_not_compared(tmp_path: Path) -> None:
    write_result(tmp_path, "faithful", 1, 0.5, 0.01)
    write_result(tmp_path, "schedule", 2, 0.6, 0.01)
    assert list(undecided(read_results(tmp_path))) == []
    write_page(tmp_path / "page.md", read_results(tmp_path))
    assert "| 60.0 | 60.0 | 60.0 | 60.0 |  |  | `faithful` | 1 |" in (tmp_path / "page.md").read_text()


def test_a_result_of_another_configuration_does_not_count(tmp_path: Path) -> None:
    write_result(tmp_path, "faithful", 1, 0.5, 0.01)
    path = path_of(tmp_path, "faithful", 1)
    path.write_text(path.read_text().replace('"num_slots": 8', '"num_slots": 9'))
    assert read_results(tmp_path) == {}
    path.write_text(path.read_text().replace('"config":', '"settings":'))
    assert read_results(tmp_path) == {}


def test_a_result_from_before_there_was_an_option_still_counts(tmp_path: Path) -> None:
    write_result(tmp_path, "faithful", 1, 0.5, 0.01)
    path = path_of(tmp_path, "faithful", 1)
    result = json.loads(path.read_text())
    del result["config"]["model"]["visible_skip"]  # off by default
    path.write_text(json.dumps(result))
    assert set(read_results(tmp_path)) >= {"faithful"}


def test_an_answer_of_weights_that_were_trained_anew_does_not_count(tmp_path: Path) -> None:
    write_result(tmp_path, "wide", 1, 0.6, 0.01, weights="before")
    write_result(tmp_path, "flip", 1, 0.6, 0.01, weights="before")
    assert set(read_results(tmp_path)) == {"wide", "flip"}
    write_result(tmp_path, "wide", 1, 0.6, 0.01, weights="after")
    assert set(read_results(tmp_path)) == {"wide"}


def test_a_network_counts_as_there_only_if_the_result_is_of_its_weights(tmp_path: Path) -> None:
    model = tmp_path / "runs" / "wide-1" / "model"
    model.mkdir(parents=True)
    (model / "model.safetensors").write_bytes(b"weights")
    assert not holds_network(tmp_path / "runs", tmp_path, "wide", 1)
    write_result(tmp_path, "wide", 1, 0.6, 0.01, weights=digest_of(model))
    assert holds_network(tmp_path / "runs", tmp_path, "wide", 1)
    (model / "model.safetensors").write_bytes(b"other weights")
    assert not holds_network(tmp_path / "runs", tmp_path, "wide", 1)


def test_the_results_that_come_with_the_code_are_of_its_rows_and_give_the_page(tmp_path: Path) -> None:
    files = sorted(RESULTS.glob("*-*.json"))
    assert files
    assert [path.name for path in files if read_result(path) is None] == []
    write_page(tmp_path / "page.md", read_results(RESULTS))
    assert (tmp_path / "page.md").read_text() == PAGE.read_text()


def test_the_lists_of_other_data_are_not_shortened(tmp_path: Path) -> None:
    write_flat_dataset(tmp_path / "data", train_videos=1, test_videos=1, seed=0, size=(48, 64), frames=8)
    before = (tmp_path / "data" / "test" / "instance_list.npy").read_bytes()
    with pytest.raises(SystemExit, match="expected no folder, or one that this command has begun"):
        prepare(tmp_path / "data", 1, 1)
    assert (tmp_path / "data" / "test" / "instance_list.npy").read_bytes() == before


def test_data_of_another_number_of_videos_are_not_taken_for_those_that_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / ".made_for_the_ablation").write_text("--videos 20 --test-videos 4")
    with pytest.raises(SystemExit, match=r"was begun with --videos 20 --test-videos 4"):
        prepare(tmp_path, 1020, 120)


def test_results_of_other_data_are_not_mixed(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_flat_dataset(tmp_path / f"{seed}", train_videos=1, test_videos=1, seed=0, size=(48, 64), frames=8 + seed)
    expect_data_of_results(tmp_path / "0", tmp_path / "results")
    expect_data_of_results(tmp_path / "0", tmp_path / "results")
    with pytest.raises(SystemExit, match=r"results: holds results of other data than those in \S+/1"):
        expect_data_of_results(tmp_path / "1", tmp_path / "results")


def test_a_row_does_not_take_the_weights_of_a_training_that_is_not_done(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="wide-1/model: has no network; train that first"):
        job.main("flip", 1, tmp_path, tmp_path, tmp_path, "cpu", "")


def test_trainings_that_fail_are_told_of_and_no_page_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = [sys.executable, "-S", "-c", "raise SystemExit(3)"]
    monkeypatch.setattr("benchmarks.ablation.__main__.prepare", lambda *_: None)
    monkeypatch.setattr("benchmarks.ablation.__main__.expect_data_of_results", lambda *_: None)
    monkeypatch.setattr("benchmarks.ablation.__main__._Queue._start", lambda *_: subprocess.Popen(failing))
    page = tmp_path / "page.md"
    monkeypatch.setattr("sys.argv", ["ablation", *[str(tmp_path)] * 2, "--results", str(tmp_path), "--page", str(page)])
    with pytest.raises(SystemExit, match="trainings failed; the same command tries them again"):
        command.main()
    assert not page.exists()


def test_the_page_compares_the_seeds_that_both_rows_have(tmp_path: Path) -> None:
    write_result(tmp_path, "faithful", 1, 0.5, 0)
    write_result(tmp_path, "faithful", 2, 0.3, 0)
    write_result(tmp_path, "schedule", 1, 0.6, 0)
    write_page(tmp_path / "page.md", read_results(tmp_path))
    page = (tmp_path / "page.md").read_text()
    assert "averaged weights | 60.0 | 60.0 | 60.0 | 60.0 | +10.0 [+10.0, +10.0] |" in page
    assert "| `faithful` | the published network and training, narrow (`tiny`) | 40.0 |" in page
    assert "| `convex_hull` | 40.0 |" in page


def test_the_seconds_of_one_device_are_not_mixed_with_those_of_another(tmp_path: Path) -> None:
    write_result(tmp_path, "faithful", 1, 0.5, 0)
    write_result(tmp_path, "schedule", 1, 0.6, 0, device="GPU")
    write_page(tmp_path / "page.md", read_results(tmp_path))
    costs = (tmp_path / "page.md").read_text().partition("| row | parameters")[2].splitlines()
    assert costs[0].endswith("| seconds a step with reading, CPU | seconds a step with reading, GPU |")
    assert costs[2].endswith("| 2.00 |  |")
    assert costs[3].endswith("|  | 2.00 |")


def test_the_page_has_the_differences_of_each_seed_and_the_fresh_videos_apart(tmp_path: Path) -> None:
    for seed, mean in ((1, 0.5), (2, 0.4)):
        for fresh, less in (("", 0.0), ("fresh_", 0.1)):
            write_result(tmp_path, f"{fresh}faithful", seed, mean - less, 0)
            if not fresh:
                write_result(tmp_path, "wide", seed, 0.7, 0)
            write_result(tmp_path, "fresh_wide", seed, 0.65 - less, 0)
    write_page(tmp_path / "page.md", read_results(tmp_path))
    page = (tmp_path / "page.md").read_text()
    assert "| `fresh_wide` | `fresh_faithful` | +15.0, +25.0 | +15.0, +25.0 |" in page
    assert "| `convex_hull` | 45.0 | 45.0 | 45.0 |" in page
    assert "| `fresh_convex_hull` | 35.0 | 35.0 | 35.0 |" in page
    assert "| `wide` against `convex_hull` | +25.0 [+25.0, +25.0] |" in page
    assert "| `fresh_wide` against `fresh_convex_hull` | +20.0 [+20.0, +20.0] |" in page


def test_the_page_has_what_networks_expect_of_their_answers(tmp_path: Path) -> None:
    write_result(tmp_path, "faithful", 1, 0.5, 0)
    write_result(tmp_path, "wide", 1, 0.7, 0)
    path = path_of(tmp_path, "wide", 1)
    told = {"frames": 99, "told": 0.75, "reached": 0.7, "error": 0.125, "correlation": 0.814}
    path.write_text(json.dumps({**json.loads(path.read_text()), "confidence": told}))
    write_page(tmp_path / "page.md", read_results(tmp_path))
    assert "\n| `wide` | 99 | 75.0 | 70.0 | 12.5 | 0.81 |\n" in (tmp_path / "page.md").read_text()


def test_a_network_that_is_shown_frames_alone_sees_nothing_of_the_others() -> None:
    torch.manual_seed(0)
    network = job.FrameByFrame(load_config("small").model).eval()
    frames, matrices = torch.rand(1, 3, 3, 128, 128), torch.eye(3).expand(1, 3, 3, 3)
    visible, times = torch.rand(1, 3, 121, 121) > 0.5, torch.tensor([[4, 5, 9]])
    with torch.inference_mode():
        together = network(frames, matrices, visible=visible, times=times)
        alone = network(frames[:, 1:2], matrices[:, 1:2], visible=visible[:, 1:2], times=times[:, 1:2])
    assert together.amodal.shape == (1, 3, 121, 121)
    torch.testing.assert_close(together.amodal[:, 1:2], alone.amodal)
    torch.testing.assert_close(together.confidence[:, 1:2], alone.confidence)


def test_the_given_mask_is_an_answer() -> None:
    network = job.GivenMask(load_config("small").model)
    visible = torch.rand(1, 3, 121, 121) > 0.5
    answer = network(torch.rand(1, 3, 3, 128, 128), torch.eye(3).expand(1, 3, 3, 3), visible=visible)
    assert torch.equal(answer.amodal.sigmoid() > 0.5, visible)
    assert answer.confidence is None


@pytest.mark.slow
def test_a_row_is_trained_and_scored_and_another_takes_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_flat_dataset(tmp_path / "data", train_videos=2, test_videos=2, seed=0, size=(48, 64), frames=8)
    thin_out(tmp_path / "data", "train")
    monkeypatch.setitem(ROWS, "damaged_before", replace(ROWS["damaged_before"], weights=FIRST))
    results = tmp_path / "results"
    results.mkdir()
    job.main(FIRST, 1, tmp_path / "data", tmp_path, results, "cpu", "")
    job.main("damaged_before", 1, tmp_path / "data", tmp_path, results, "cpu", "")
    job.main("fresh_faithful", 1, tmp_path / "data", tmp_path, results, "cpu", "")
    found = read_results(results)
    baselines = {"visible_mask", "convex_hull"}
    fresh = {f"fresh_{name}" for name in (FIRST, *baselines)}
    assert set(found) == {FIRST, "damaged_before", *baselines, *fresh}
    names = {name: results.runs[1]["videos"] for name, results in found.items()}
    assert not set(names[FIRST]) & set(names["fresh_faithful"])
    assert all(0 < results.mean("strict miou_full") < 100 for results in found.values())


def test_half_of_the_test_videos_are_kept_for_the_end(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    np.save(
        tmp_path / "test" / "instance_list.npy",
        np.array([f"{video}-{track}" for video in (0, 1, 10, 2) for track in (0, 1)]),
    )
    assert videos_to_test(tmp_path, fresh=False) == ["0", "1"]
    assert videos_to_test(tmp_path, fresh=True) == ["10", "2"]


def test_thinning_out_keeps_some_tracks_of_each_video_and_is_stable(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    names = [f"{video}-{track}" for video in range(3) for track in range(9)]
    np.save(tmp_path / "test" / "instance_list.npy", np.array(names))
    thin_out(tmp_path, "test")
    kept = read_tracks(tmp_path, "test")
    assert [sum(track.video == str(video) for track in kept) for video in range(3)] == [3, 3, 3]
    thin_out(tmp_path, "test")
    assert read_tracks(tmp_path, "test") == kept
