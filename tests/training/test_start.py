"""Setting up: what a run trains on, what it is validated on, what it starts from, and what it keeps as best."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from flat_scenes.scenes import write_flat_dataset
from same_run import assert_same, assert_same_run, log_of
from torch import Tensor

from eoras.cli.train import _is_restart, _remarks
from eoras.config import Config, ModelConfig, TrainingConfig
from eoras.data import MoviTracks, read_tracks
from eoras.data.movi_metadata import read_metadata
from eoras.data.open import VideoTracks
from eoras.errors import CheckpointError, ConfigError, DataError
from eoras.evaluation.evaluate import Evaluation, evaluate
from eoras.model.eoras import EoRaS
from eoras.processes import Processes
from eoras.shares import Share
from eoras.training.loop import Trainer
from eoras.training.start import begin, resume

Start = Callable[..., Trainer]

CPU = torch.device("cpu")


def weights(network: EoRaS) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def videos(tracks: VideoTracks) -> set[str]:
    return {track.video for track in tracks.tracks}


def record_videos_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders of the videos that are read from now on, as ``SPLIT/VIDEO``."""
    opened: list[str] = []
    monkeypatch.setattr(
        "eoras.data.movi.read_metadata",
        lambda path, read=read_metadata: (opened.append("/".join(path.parts[-3:-1])), read(path))[1],
    )
    return opened


# Validation


def test_tracks_of_held_out_videos_are_never_trained_on(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = start(tmp_path, epochs=1, validation="held_out")
    assert trainer.validation is not None
    opened = record_videos_read(monkeypatch)
    monkeypatch.setattr(Trainer, "_validate", lambda *_: None)
    assert trainer.train()
    assert set(opened) == {f"train/{video}" for video in videos(trainer.training)}
    assert videos(trainer.validation).isdisjoint(videos(trainer.training))
    assert videos(trainer.validation) | videos(trainer.training) == {"0", "1", "2"}


def test_both_sides_of_the_split_are_whole_videos_and_stay_the_same_after_resuming(
    start: Start, flat: Path, tmp_path: Path
) -> None:
    trainer = start(tmp_path, validation="held_out")
    assert trainer.validation is not None
    both = [*trainer.training.tracks, *trainer.validation.tracks]
    assert sorted(map(str, both)) == sorted(map(str, read_tracks(flat, "train")))
    again = resume(tmp_path, CPU)
    assert again.validation is not None
    assert again.training.tracks == trainer.training.tracks
    assert again.validation.tracks == trainer.validation.tracks


def test_validation_test_trains_on_every_video_and_looks_at_the_test_split(
    start: Start, flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = start(tmp_path, epochs=1, validation="test")
    assert trainer.training.tracks == read_tracks(flat, "train")
    opened = record_videos_read(monkeypatch)
    assert trainer.train()
    assert set(opened) == {"train/0", "train/1", "train/2", "test/0"}


def test_validation_none_trains_on_every_video_and_chooses_no_best(start: Start, flat: Path, tmp_path: Path) -> None:
    trainer = start(tmp_path, epochs=1, validation="none")
    assert trainer.validation is None
    assert trainer.training.tracks == read_tracks(flat, "train")
    assert trainer.train()
    assert not (tmp_path / "best").exists()
    assert not any("validation" in name for line in log_of(tmp_path) for name in line)


def test_a_single_video_is_trained_on(start: Start, tmp_path: Path) -> None:
    write_flat_dataset(tmp_path / "data", train_videos=1, test_videos=0, seed=0, size=(48, 64), frames=2)
    trainer = start(tmp_path / "run", data=tmp_path / "data", validation="held_out")
    assert videos(trainer.training) == {"0"}
    assert trainer.validation is None


def test_best_holds_the_weights_of_the_highest_strict_score_of_the_whole_object(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, seen = [None, 0.2, 0.5, 0.5, 0.3, 0.6], []

    def scripted(network: EoRaS, *_: object, **__: object) -> Evaluation:
        seen.append(weights(network))
        network_scores = {"paper": 1 / len(seen), "strict": scores[len(seen) - 1]}
        scored = {protocol: {"miou_full": score, "miou_occ": None} for protocol, score in network_scores.items()}
        return Evaluation(network=scored, baselines={}, videos=1, tracks=1, union=False)

    monkeypatch.setattr("eoras.training.loop.evaluate", scripted)
    options = {"validation": "test", "batch_size": 8}
    assert start(tmp_path, epochs=1, **options).train()
    assert not (tmp_path / "best").exists()
    for epochs, best in ((2, 1), (4, 2), (5, 2), (6, 5)):
        trainer = resume(tmp_path, CPU, overrides=[f"training.epochs={epochs}"])
        assert trainer.train()
        assert trainer.place.best == scores[best]
        assert_same(weights(EoRaS.from_pretrained(tmp_path / "best")), seen[best])
    assert len(seen) == len(scores)
    assert any(not torch.equal(seen[2][name], seen[3][name]) for name in seen[2])


def test_the_logged_score_is_that_of_the_weights_it_chose(start: Start, flat: Path, tmp_path: Path) -> None:
    trainer = start(tmp_path, epochs=3, validation="test", learning_rate=5e-3, save_steps=100)
    assert trainer.train()
    lines = [line for line in log_of(tmp_path) if "validation/strict/miou_full" in line]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    tracks = MoviTracks(flat, "test", trainer.network.config.view, truth=True)
    scores = evaluate(EoRaS.from_pretrained(tmp_path / "best"), tracks, device="cpu", baselines=()).network
    best = max(lines, key=lambda line: line["validation/strict/miou_full"])
    for protocol in ("paper", "strict"):
        for name in ("miou_full", "miou_occ"):
            assert best[f"validation/{protocol}/{name}"] == pytest.approx(scores[protocol][name], abs=1e-9)


# What a run starts from


def test_a_run_that_starts_from_a_model_has_its_weights(start: Start, flat: Path, tmp_path: Path) -> None:
    first = start(tmp_path / "first", epochs=1)
    assert first.train()
    second = begin(tmp_path / "second", first.run.config, flat, CPU, init=str(tmp_path / "first"))
    assert_same(weights(second.network), weights(first.network))
    assert second.place.step == 0


def test_a_run_killed_before_its_first_checkpoint_still_starts_from_the_model_it_was_given(
    start: Start, flat: Path, tmp_path: Path
) -> None:
    first = start(tmp_path / "first", epochs=1)
    assert first.train()
    for name in ("killed", "unbroken"):
        unbroken = begin(tmp_path / name, first.run.config, flat, CPU, init=str(tmp_path / "first"))
    assert unbroken.train()
    assert resume(tmp_path / "killed", CPU).train()
    assert_same_run(tmp_path / "killed", tmp_path / "unbroken")
    assert log_of(tmp_path / "killed") != log_of(tmp_path / "first")


def test_a_run_killed_before_its_first_checkpoint_begins_again(start: Start, tmp_path: Path) -> None:
    trainer = start(tmp_path, epochs=1)
    again = resume(tmp_path, CPU)
    assert again.place == trainer.place
    assert_same(weights(again.network), weights(trainer.network))


def test_a_head_that_the_model_lacks_begins_anew_and_one_that_is_not_wanted_stays_out(
    start: Start, small: ModelConfig, flat: Path, tmp_path: Path
) -> None:
    first = start(tmp_path / "first", epochs=1)
    assert first.train()
    other = replace(first.run.config, model=replace(small, mask_heads=("amodal",), confidence=True))
    torch.manual_seed(other.training.seed)
    fresh = weights(EoRaS(other.model))
    found = weights(begin(tmp_path / "second", other, flat, CPU, init=str(tmp_path / "first")).network)
    of_confidence = {name: value for name, value in fresh.items() if name.startswith("confidence.")}
    assert of_confidence
    assert not {name for name in found if name.startswith("heads.visible.")}
    assert_same(found, {name: weights(first.network)[name] for name in found.keys() - of_confidence} | of_confidence)


def test_weights_that_would_mean_something_else_are_refused_or_told_of(
    start: Start, flat: Path, tmp_path: Path
) -> None:
    trainer = start(tmp_path / "first", epochs=1)
    assert trainer.train()
    config, first, told = trainer.run.config, str(tmp_path / "first"), list[str]()
    heads = replace(config, model=replace(config.model, num_heads=4))
    with pytest.raises(
        ConfigError, match=r"first/\S+: its weights are those of 2 attention heads, found model.num_heads=4"
    ):
        begin(tmp_path / "run", heads, flat, CPU, init=first)
    normalised = replace(config, model=replace(config.model, normalise=True))
    begin(tmp_path / "run", normalised, flat, CPU, init=first, dry=True, tell=told.append)
    assert [text.partition(": ")[2] for text in told] == [
        "its weights were trained with model.normalise=False, and go on with True"
    ]


def test_a_run_that_began_from_a_model_does_not_go_on_from_random_weights(start: Start, tmp_path: Path) -> None:
    assert start(tmp_path / "first", epochs=1).train()
    start(tmp_path / "run", init=str(tmp_path / "first"))
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    with pytest.raises(CheckpointError, match=r"run: expected a checkpoint, found none, .*first; begin anew"):
        resume(tmp_path / "run", CPU)


def test_a_model_of_another_shape_is_refused_and_nothing_is_written(
    start: Start, small: ModelConfig, flat: Path, tmp_path: Path
) -> None:
    first = start(tmp_path / "first", epochs=1)
    assert first.train()
    wider = replace(first.run.config, model=replace(small, width=32))
    with pytest.raises(CheckpointError, match=r"misshapen entries: slots \(expected \(2, 32\), found \(2, 16\)\)"):
        begin(tmp_path / "second", wider, flat, CPU, init=str(tmp_path / "first"))
    assert not (tmp_path / "second").exists()


def test_a_folder_that_holds_a_run_is_refused_by_every_process_before_anything_else(
    start: Start, flat: Path, tmp_path: Path
) -> None:
    """One alone would wait for the others, and they for it."""
    config = start(tmp_path).run.config
    for rank in range(2):
        with pytest.raises(ConfigError, match="expected a new or empty folder for the run"):
            begin(tmp_path, config, flat / "nowhere", CPU, processes=Processes(Share(rank, 2)))


# Where the data are


def test_data_that_have_moved_are_found_where_the_user_says(start: Start, flat: Path, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(flat)
    trainer = start(tmp_path / "run", data=tmp_path / "data", epochs=1)
    assert trainer.run.data == flat.resolve()
    moved = resume(tmp_path / "run", CPU, data=tmp_path / "data")
    assert moved.train()
    with pytest.raises(DataError, match=r"nowhere: expected train/instance_list.npy"):
        resume(tmp_path / "run", CPU, data=tmp_path / "nowhere")


def test_where_data_and_cache_have_moved_is_remembered(start: Start, flat: Path, tmp_path: Path) -> None:
    shutil.copytree(flat, tmp_path / "old")
    run = start(tmp_path / "run", data=tmp_path / "old", epochs=1).run
    before = json.loads((run.folder / "run.json").read_text())
    (tmp_path / "old").rename(tmp_path / "new")
    resume(run.folder, CPU, data=tmp_path / "new", cache=tmp_path / "cache")
    again = resume(run.folder, CPU)
    assert (again.run.data, again.run.cache) == (tmp_path / "new", tmp_path / "cache")
    after = json.loads((run.folder / "run.json").read_text())
    assert after == {**before, "data": str(tmp_path / "new"), "cache": str(tmp_path / "cache")}


def test_a_run_that_never_knew_its_data_asks_for_them(start: Start, tmp_path: Path) -> None:
    trainer = start(tmp_path)
    origin = tmp_path / "run.json"
    origin.write_text(origin.read_text().replace(f'"{trainer.run.data}"', "null"))
    with pytest.raises(ConfigError, match="does not know its data folder; add --data DIR"):
        resume(tmp_path, CPU)


def test_data_without_a_list_are_refused_and_nothing_is_written(start: Start, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected train/instance_list.npy"):
        start(tmp_path / "run", data=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_folders_and_the_device_may_be_named_by_text(flat: Path, small: ModelConfig, tmp_path: Path) -> None:
    config = Config(model=small, training=TrainingConfig(validation="none", workers=0, clip_length=2, batch_size=7))
    begun = begin(str(tmp_path / "run"), config, str(flat), "cpu", cache=str(tmp_path / "cache"))
    again = resume(str(tmp_path / "run"), "cpu", str(flat), cache=str(tmp_path / "cache"))
    assert begun.run == again.run
    assert again.run.cache == tmp_path / "cache"
    assert len(again.rehearse(1)) == 1


# What is said before it begins


def test_another_number_of_processes_or_too_many_of_them_is_remarked(start: Start, tmp_path: Path) -> None:
    trainer = start(tmp_path, batch_size=2, accumulate=2)
    changed = "1 processes have come this far, {} go on: the same clips in each step, other dropout"
    idle = (
        "a step has 4 clips, fewer than the {} processes: some have nothing to do; start fewer, or raise "
        "training.batch_size"
    )
    for size, remarks in {1: [], 4: [changed], 5: [changed, idle]}.items():
        trainer.processes = Processes(Share(0, size))
        assert list(_remarks(trainer)) == [remark.format(size) for remark in remarks]
    trainer.place = replace(trainer.place, processes=5)
    assert list(_remarks(trainer)) == [idle.format(5)]


@pytest.mark.parametrize(("count", "is_restart"), [(None, False), ("0", False), ("1", True)])
def test_only_a_restart_goes_on_with_the_run_that_is_there(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: str | None, is_restart: bool
) -> None:
    settings = start(tmp_path / "run").run.config
    monkeypatch.delenv("TORCHELASTIC_RESTART_COUNT", raising=False)
    if count is not None:
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", count)
    assert _is_restart(tmp_path / "run", settings) is is_restart
    assert not _is_restart(tmp_path / "new", settings)
    assert not _is_restart(tmp_path / "run", replace(settings, training=replace(settings.training, epochs=9)))
