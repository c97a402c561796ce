"""``eoras synthesize`` as a user types it."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

Tell = Callable[..., Any]

SETTINGS = ("height=32", "width=48", "frames=2", "spawn.settle_seconds=2", "objects.static=[2,3]")
SMALL = [word for setting in SETTINGS for word in ("--set", setting)]


def test_a_set_is_made_and_said_where_and_trains(tell: Tell, place: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    told = tell("synthesize", data, "--videos", 2, "--seed", 5, "--workers", 1, *SMALL)
    assert (told.code, told.out) == (0, "")
    assert told.err == (
        f"eoras: {data} is complete; train on it with: eoras train --config tiny --data {data} --out RUN\n"
    )
    assert sorted(path.name for path in (data / "train").iterdir()) == ["0", "1", "instance_list.npy"]
    assert [path.name for path in sorted((data / "test").iterdir())] == ["0", "instance_list.npy"], "a fifth"
    words = ("--config", place / "settings.yaml", "--data", data, "--out", tmp_path / "run")
    assert tell("train", *words, "--set", "training.epochs=1").code == 0
    told = tell("evaluate", tmp_path / "run", "--data", data, "--json")
    assert json.loads(told.out)["baselines"]["visible_mask"]["strict"]["frames"] > 0


def test_several_presets_take_turns(tell: Tell, tmp_path: Path) -> None:
    words = ("synthesize", tmp_path, "--videos", 3, "--test-videos", 1, "--workers", 1, *SMALL)
    assert tell(*words, "--preset", "movi_b,falling").code == 0
    made = [tmp_path / "train" / str(index) / "metadata.json" for index in range(3)]
    made.append(tmp_path / "test" / "0" / "metadata.json")
    names = [json.loads(path.read_text())["metadata"]["parameters"]["name"] for path in made]
    assert names == ["movi_b", "falling", "movi_b", "movi_b"]
    told = tell(*words, "--preset", "movi_b,movi_x")
    assert told.code == 2
    assert "movi_x: no such configuration" in told.err


def test_each_process_of_a_launcher_makes_its_share(
    tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("synthesize", tmp_path / "data", "--videos", 2, "--test-videos", 0, "--workers", 1, *SMALL)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    told = tell(*words)
    assert told.err == f"eoras: done; other processes have 1 videos of {tmp_path / 'data'} to make\n"
    assert [path.name for path in (tmp_path / "data" / "train").iterdir()] == ["1"]
    monkeypatch.setenv("RANK", "0")
    assert "is complete" in tell(*words).err
    assert len(np.load(tmp_path / "data" / "train" / "instance_list.npy")) >= 2
    monkeypatch.setenv("RANK", "2")
    told = tell(*words)
    assert told.code == 2
    assert "RANK and WORLD_SIZE: expected" in told.err


def test_a_preview_is_a_picture_or_a_film(tell: Tell, tmp_path: Path) -> None:
    for name in ("sheet.png", "film.mp4"):
        told = tell("synthesize", "--preview", tmp_path / name, "--preset", "falling", *SMALL[:-2])
        assert (told.code, told.err) == (0, f"eoras: wrote {tmp_path / name}\n")
        assert (tmp_path / name).stat().st_size > 1000
    assert np.asarray(Image.open(tmp_path / "sheet.png")).std() > 5


def test_own_models_and_panoramas_are_used(tell: Tell, tmp_path: Path) -> None:
    models, panoramas, data = tmp_path / "models", tmp_path / "panoramas", tmp_path / "data"
    models.mkdir()
    panoramas.mkdir()
    corners = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"
    for name in ("first", "second"):
        (models / f"{name}.obj").write_text(corners)
        ramp = np.linspace(255, 60, 16).astype(np.uint8)[:, None, None] * np.ones((1, 32, 3), np.uint8)
        Image.fromarray(ramp).save(panoramas / f"{name}.png")
    told = tell(
        *("synthesize", data, "--videos", 1, "--test-videos", 1, "--workers", 1, *SMALL),
        *("--objects", models, "--backgrounds", panoramas),
    )
    assert told.code == 0, told.err
    shown = []
    for split in ("train", "test"):
        about = json.loads((data / split / "0" / "metadata.json").read_text())
        assets = {instance["asset_id"] for instance in about["instances"]}
        assert len(assets) == 1
        shown.append((assets.pop(), about["metadata"]["background"]))
    assert shown[0][0] != shown[1][0]
    assert shown[0][1] != shown[1][1]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("", "expected the data folder to make, or --preview FILE"),
        ("data --preset movi_c", "name a YAML file or one of falling, movi_b, movi_d"),
        ("data --set camera.pth=fixed", "camera.pth: unknown key; did you mean path?"),
        ("data --set frames=0", "frames: "),
        ("data --set objects.static=[5,3]", "the smaller number comes first, found [5"),
        ("data --videos=-1", "--videos"),
        ("data --workers 0", "--workers"),
        ("--preview sheet.gif", "expected a name that ends in .png or .mp4"),
        ("data --videos 1 --objects nowhere", "nowhere"),
        ("data --videos 1 --backgrounds nowhere", "nowhere: expected two panoramas or more"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    told = tell("synthesize", *words.split())
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith("eoras: ")
    assert told.err.count("\n") == 1
    assert hint in told.err
    assert not list(tmp_path.iterdir())


def test_an_interrupted_set_says_so_and_is_gone_on_with(eoras: Path, tmp_path: Path) -> None:
    words = [eoras, "synthesize", tmp_path / "data", "--videos", "40", "--workers", "2", *SMALL]
    process = subprocess.Popen(list(map(str, words)), stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not list(tmp_path.glob("data/train/[!.]*/metadata.json")):
        assert process.poll() is None, process.communicate()[1]
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert err.splitlines()[-1] == "eoras: interrupted; the finished videos stay, and the same command goes on"
    assert "Traceback" not in err
    finished = {path.parent.name for path in tmp_path.glob("data/train/[!.]*/metadata.json")}
    assert 0 < len(finished) < 40
    assert not list(tmp_path.glob("data/*/instance_list.npy"))
