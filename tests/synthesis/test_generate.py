"""Sets of made-up videos: the same bytes by whatever way, and nothing half made."""

import hashlib
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from eoras.config import ViewConfig
from eoras.data.movi import MoviTracks
from eoras.errors import DataError, PackageError, RunError
from eoras.shares import Share
from eoras.synthesis import generate as module
from eoras.synthesis.generate import generate, make_video
from eoras.synthesis.settings import SceneConfig, load_scene_config

SMALL = ("height=32", "width=48", "frames=3", "objects.static=[3, 4]", "spawn.settle_seconds=3.0")


def small(preset: str = "movi_b", *overrides: str) -> SceneConfig:
    return load_scene_config(preset, (*SMALL, *overrides))


def make(out: Path, *, train: int = 2, test: int = 1, seed: int = 3, **options: Any) -> int:
    return generate(out, [options.pop("config", small())], train_videos=train, test_videos=test, seed=seed, **options)


def fingerprint(folder: Path) -> dict[str, str]:
    """Hash of each file below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def metadata(out: Path, split: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((out / split).glob("*/metadata.json"))]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "set"
    assert make(out) == 0
    return out


def test_the_same_seed_gives_the_same_bytes_whatever_the_number_of_workers(made: Path, tmp_path: Path) -> None:
    make(tmp_path, workers=2)
    assert fingerprint(tmp_path) == fingerprint(made)


def test_shares_make_the_same_set_and_the_last_one_lists_its_tracks(made: Path, tmp_path: Path) -> None:
    assert make(tmp_path, share=Share(1, 2)) == 2
    assert not list(tmp_path.glob("*/instance_list.npy"))
    assert make(tmp_path, share=Share(0, 2)) == 0
    assert fingerprint(tmp_path) == fingerprint(made)


def test_a_set_can_be_extended_and_keeps_what_it_had(made: Path, tmp_path: Path) -> None:
    make(tmp_path, train=1, test=0)
    before = fingerprint(tmp_path / "train" / "0")
    make(tmp_path)
    assert fingerprint(tmp_path / "train" / "0") == before
    assert fingerprint(tmp_path) == fingerprint(made)


def test_an_interrupted_set_goes_on_to_the_same_bytes(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_at_the_second(folder: Path, config: SceneConfig, seed: int, index: int, split: Any) -> None:
        if index == 1:
            raise KeyboardInterrupt
        make_video(folder, config, seed, index, split)

    with monkeypatch.context() as patch:
        patch.setattr(module, "make_video", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            make(tmp_path)
    assert [path.name for path in (tmp_path / "train").iterdir()] == ["0"]
    make(tmp_path)
    assert fingerprint(tmp_path) == fingerprint(made)


def test_another_seed_gives_another_video(made: Path, tmp_path: Path) -> None:
    make(tmp_path, train=1, test=0, seed=4)
    assert fingerprint(tmp_path / "train" / "0") != fingerprint(made / "train" / "0")


@pytest.mark.parametrize(
    ("options", "differing"), [({"seed": 4}, "seed"), ({"config": small("movi_b", "fps=6")}, "parameters")]
)
def test_videos_of_other_arguments_are_not_mixed_in(made: Path, options: dict[str, Any], differing: str) -> None:
    before = fingerprint(made)
    with pytest.raises(DataError, match=rf"train/0/metadata\.json: expected .* found other values of {differing};"):
        make(made, train=5, **options)
    assert fingerprint(made) == before


def test_a_scene_without_objects_is_a_video_without_tracks(tmp_path: Path) -> None:
    make(tmp_path, train=1, test=0, config=small("movi_b", "objects.static=[0, 0]"))
    assert metadata(tmp_path, "train")[0]["instances"] == []
    assert (tmp_path / "train" / "0" / "rgba_full_00002.png").is_file()
    assert len(np.load(tmp_path / "train" / "instance_list.npy")) == 0


def add_model(folder: Path, k: int) -> None:
    trimesh.creation.box((1, 1, 0.3 + 0.05 * k)).export(folder / f"box_{k}.obj")


def add_panorama(folder: Path, k: int) -> None:
    Image.new("RGB", (32, 16), (10 * k, 200, 100)).save(folder / f"place_{k}.png")


@pytest.mark.parametrize(
    ("key", "kind", "add"), [("objects.folder", "models", add_model), ("backgrounds", "panoramas", add_panorama)]
)
def test_a_set_is_not_extended_when_others_of_the_own_files_would_be_held_out(
    tmp_path: Path, key: str, kind: str, add: Callable[[Path, int], None]
) -> None:
    own, out = tmp_path / "own", tmp_path / "out"
    own.mkdir()
    for k in range(3):
        add(own, k)
    config = small("movi_b", f"{key}={own}", "objects.static=[1, 1]")
    make(out, train=1, test=0, config=config)
    make(out, train=2, test=0, config=config)
    add(own, 3)
    with pytest.raises(
        DataError, match=rf"train/0/metadata\.json: expected a video made from the {kind} .* come or gone"
    ):
        make(out, train=3, test=0, config=config)
    next(own.glob("*_3.*")).unlink()
    assert make(out, train=3, test=0, config=config) == 0


@pytest.mark.parametrize("text", ["{", "[]", '{"metadata": 3}'])
def test_a_folder_of_something_else_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "train" / "0").mkdir(parents=True)
    (tmp_path / "train" / "0" / "metadata.json").write_text(text)
    with pytest.raises(DataError, match=r"train/0/metadata\.json: expected the metadata of a made-up video, found"):
        make(tmp_path)


def test_a_missing_package_is_named_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "embreex" else object())
    with pytest.raises(PackageError, match=r"^embreex is not installed; run: pip install 'eoras\[synthesis\]'$"):
        make(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def die(_: object) -> None:
    os._exit(9)


def test_a_worker_that_dies_is_told_of_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, train=1, test=0)
    before = fingerprint(tmp_path / "train" / "0")
    monkeypatch.setattr(module, "_make_in_worker", die)
    with pytest.raises(RunError, match="a worker died, killed or out of memory; the finished videos stay"):
        make(tmp_path, train=3, workers=2)
    assert fingerprint(tmp_path / "train" / "0") == before
    assert [path.name for path in (tmp_path / "train").glob("[!.]*/")] == ["0"]


def be_interrupted(_: object) -> None:
    signal.raise_signal(signal.SIGINT)


def test_a_worker_that_waits_leaves_ctrl_c_to_the_process_that_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_make_in_worker", be_interrupted)
    make(tmp_path, train=2, test=0, workers=2)


def test_an_error_in_a_worker_is_the_error_of_the_call(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    config = small("movi_b", f"backgrounds={tmp_path / 'empty'}")
    with pytest.raises(DataError, match=r"empty: expected two panoramas or more"):
        make(tmp_path / "out", config=config, workers=2)


def test_our_reader_reads_back_what_was_made(made: Path) -> None:
    tracks = MoviTracks(made, "train", ViewConfig(frames="all"), truth=True)
    assert len(tracks) >= 4
    for clip in tracks:
        assert clip.truth is not None
        assert clip.height == 32
        assert clip.width == 48
        assert (clip.truth.amodal | ~clip.truth.visible).all(), "what is seen belongs to the whole"
        assert clip.truth.visible.any()
        assert clip.frames.std() > 0.01
        np.testing.assert_allclose(clip.intrinsics[0].numpy()[2], [0, 0, -1])


def test_every_file_of_the_official_loader_is_there(made: Path) -> None:
    folder = made / "train" / "0"
    count = metadata(made, "train")[0]["metadata"]["num_instances"]
    for t in range(3):
        kinds = ["rgba_full", "rgba_bev_full", "segmentation_full"]
        kinds += [f"segmentation_{view}{k}" for view in ("", "bev_") for k in range(count)]
        assert all((folder / f"{kind}_{t:05d}.png").is_file() for kind in kinds)
        assert (folder / f"depth_full_{t:05d}.tiff").is_file()
    assert {path.name for path in folder.glob("*.json")} == {"metadata.json", "metadata_bev.json", "data_ranges.json"}
    above = json.loads((folder / "metadata_bev.json").read_text())["instances"]
    assert all(len(instance["bboxes"]) == 3 for instance in above), "a box for every frame"


def test_splits_share_no_background_no_material_and_no_colour(made: Path) -> None:
    train, test = metadata(made, "train"), metadata(made, "test")

    def values(videos: list[dict[str, Any]], key: str) -> set[str]:
        return {str(instance[key]) for video in videos for instance in video["instances"]}

    for key in ("material", "color"):
        assert values(train, key)
        assert not values(train, key) & values(test, key)
    assert not {v["metadata"]["background"] for v in train} & {v["metadata"]["background"] for v in test}


def test_what_was_drawn_is_recorded(made: Path) -> None:
    video = metadata(made, "train")[0]
    about = video["metadata"]
    assert about["preset"] == "movi_b"
    assert (about["seed"], about["index"], about["split"]) == (3, 0, "train")
    assert about["resolution"] == [about["width"], about["height"]] == [48, 32]
    assert about["parameters"]["spawn"]["settle_seconds"] == 3.0
    assert {"embreex", "numba"} <= about["versions"].keys()
    for instance in video["instances"]:
        assert {"asset_id", "mass", "friction", "restitution", "velocities", "positions", "quaternions"} <= set(
            instance
        )
        assert len(instance["positions"]) == len(instance["velocities"]) == 3
