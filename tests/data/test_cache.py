"""The cache: the same clips as from the images, and never those of other images."""

import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from eoras.cli import main
from eoras.clip import Clip
from eoras.config import ViewConfig
from eoras.data import MoviTracks, TrainingOrder
from eoras.data.cache import cache_path, open_cached, write_cached
from eoras.data.caching import build_cache, verify_cache
from eoras.data.movi_images import LooseImages, Recent
from eoras.data.reading import read_batches
from eoras.data.windows import OwnBatches
from eoras.errors import DataError
from eoras.shares import Share

GOLDEN = Path(__file__).parents[1] / "golden" / "movi"
NOWHERE = Path("/nowhere")
OPEN_FILES = Path("/proc/self/fd")
Write = Callable[..., Path]
forking = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # Python 3.12 and newer


@pytest.fixture
def data(tmp_path: Path, write_video: Write, write_split: Write) -> Path:
    """Two training videos of two tracks each; in one of them an object is hidden for two frames."""
    root = write_split(tmp_path / "data", hidden=(2, 3))
    write_video(root / "train" / "6", num_frames=4)
    np.save(root / "train" / "instance_list.npy", np.array(["5-0", "5-1", "6-0", "6-1"]))
    return root


def clips(root: Path, cache: Path | None = None, split: str = "train", **view: object) -> list[Clip]:
    return list(MoviTracks(root, split, ViewConfig(**view), truth=True, cache=cache))  # type: ignore[arg-type]


def assert_same(ones: list[Clip], others: list[Clip]) -> None:
    """Equal to the last bit."""
    for one, other in zip(ones, others, strict=True):
        for name in [field.name for field in fields(Clip) if field.name != "truth"]:
            a, b = getattr(one, name), getattr(other, name)
            assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b, name
        assert one.truth is not None
        assert other.truth is not None
        assert torch.equal(one.truth.amodal, other.truth.amodal)
        assert torch.equal(one.truth.visible, other.truth.visible)
        assert one.truth.others is not None
        assert other.truth.others is not None
        assert torch.equal(one.truth.others, other.truth.others)


def files(root: Path) -> list[str]:
    """All files of the cache, hidden leftovers too."""
    return sorted(str(path.relative_to(root)) for path in (root / ".eoras_cache").rglob("*") if path.is_file())


WHOLE = [".eoras_cache/train/5.cache", ".eoras_cache/train/6.cache"]


# Reading


@pytest.mark.parametrize("frames", ["visible", "all"])
@pytest.mark.parametrize("boxes", ["paper", "round"])
def test_a_clip_from_the_cache_is_the_clip_from_the_images(data: Path, frames: str, boxes: str) -> None:
    assert build_cache(data) == []
    assert_same(clips(data, frames=frames, boxes=boxes), clips(data, NOWHERE, frames=frames, boxes=boxes))


def test_objects_that_are_not_listed_are_seen_in_the_cache_too(data: Path) -> None:
    np.save(data / "train" / "instance_list.npy", np.array(["5-0", "6-0"]))
    assert build_cache(data) == []
    cached = clips(data)
    assert_same(cached, clips(data, NOWHERE))
    assert all(clip.truth is not None and clip.truth.others is not None and clip.truth.others.any() for clip in cached)


def test_a_published_track_from_the_cache_is_the_one_from_the_images(tmp_path: Path) -> None:
    assert build_cache(GOLDEN, tmp_path) == []
    assert_same(clips(GOLDEN, tmp_path, "test"), clips(GOLDEN, NOWHERE, "test"))


@pytest.mark.parametrize("mark", ["car_data/train_data.pkl", "train.json", "test.json"])
def test_layouts_that_are_not_cached_are_told(mark: str, tmp_path: Path) -> None:
    (tmp_path / mark).parent.mkdir(exist_ok=True)
    (tmp_path / mark).touch()
    for act in (build_cache, verify_cache):
        with pytest.raises(DataError, match="expected MOVi or MOViD-A, found KITTI or COCO-video"):
            act(tmp_path)


def test_no_image_is_decoded_that_is_cached(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_cache(data)
    expected = clips(data)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("an image was opened"))
    assert_same(clips(data), expected)


def test_a_folder_without_cache_is_read_without_a_word(data: Path) -> None:
    assert len(clips(data)) == 4
    assert not (data / ".eoras_cache").exists()


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="counts open files as Linux shows them")
def test_caches_that_are_read_keep_no_file_open(data: Path) -> None:
    build_cache(data)
    before = len(list(OPEN_FILES.iterdir()))
    tracks = MoviTracks(data, "train", ViewConfig())
    assert [len(tracks[index]) for index in (0, 2)] == [4, 4]
    assert len(list(OPEN_FILES.iterdir())) == before


def test_writing_to_a_frame_leaves_the_cache_alone(data: Path) -> None:
    build_cache(data)
    path = cache_path(data, "train", "5")
    images = open_cached(path, data / "train" / "5", [0])
    assert images is not None
    before = path.read_bytes()
    images.picture(0, 0).frame.fill_(7)
    assert path.read_bytes() == before


def test_more_objects_than_a_byte_can_number_are_told_apart(data: Path, tmp_path: Path) -> None:
    folder = data / "train" / "6"
    labels = np.zeros((48, 64), dtype=np.uint16)
    labels[3:9, 5:20], labels[10:20, 30:40] = 300, 44  # 44 is 300 in a byte
    for index in range(4):
        for name in ("full", "299"):
            Image.fromarray(labels).save(folder / f"segmentation_{name}_{index:05d}.png")
    write_cached(tmp_path / "6.cache", folder, [1, 299])
    images = open_cached(tmp_path / "6.cache", folder, [1, 299])
    assert images is not None
    picture, loose = images.picture(2, 299), LooseImages(folder, 48, 64, Recent()).picture(2, 299)
    assert torch.equal(picture.visible, loose.visible)
    assert torch.equal(picture.amodal, loose.amodal)
    assert picture.visible.sum() == 6 * 15


@forking
def test_batches_are_the_same_from_any_number_of_workers_cached_or_not(data: Path) -> None:
    build_cache(data)

    def frames(cache: Path | None, workers: int) -> torch.Tensor:
        tracks = MoviTracks(data, "train", ViewConfig(), clip_length=3, cache=cache)
        order = TrainingOrder([track.video for track in tracks.tracks], 0, 1)
        return torch.cat([batch.frames for batch in read_batches(tracks, OwnBatches(order, 1), workers)])

    expected = frames(NOWHERE, 0)
    for cache, workers in ((NOWHERE, 2), (None, 0), (None, 2)):
        assert torch.equal(frames(cache, workers), expected)


# Staleness and damage


def assert_rebuilt(data: Path, reason: str) -> None:
    """A reader says once why it does not use a cache, and decodes; then the cache is made anew."""
    with pytest.warns(UserWarning, match=reason) as told:
        read = clips(data)
    assert len(told) == 1
    assert_same(read, clips(data, NOWHERE))
    assert build_cache(data) == []
    assert_same(clips(data), clips(data, NOWHERE))
    assert verify_cache(data) == []
    assert files(data) == WHOLE


def repaint(path: Path) -> None:
    with Image.open(path) as image:
        pixels = np.array(image)
    Image.fromarray(255 - pixels if pixels.ndim == 3 else pixels[::-1].copy()).save(path)


@pytest.mark.parametrize("name", ["rgba_full_00001.png", "segmentation_full_00003.png", "segmentation_1_00000.png"])
def test_a_changed_image_makes_the_cache_of_its_video_stale(data: Path, name: str) -> None:
    build_cache(data)
    repaint(data / "train" / "5" / name)
    assert_rebuilt(
        data, rf"5\.cache: .*{name} has changed since it was read, or is gone; build it again with: eoras cache DATA"
    )


def test_only_the_stale_video_is_decoded_again(data: Path) -> None:
    build_cache(data)
    before = {path: (data / path).stat().st_mtime_ns for path in files(data)}
    repaint(data / "train" / "5" / "rgba_full_00001.png")
    build_cache(data)
    changed = [path for path in files(data) if (data / path).stat().st_mtime_ns != before[path]]
    assert changed == [".eoras_cache/train/5.cache"]


def test_other_metadata_make_the_cache_stale(data: Path) -> None:
    build_cache(data)
    path = data / "train" / "6" / "metadata.json"
    metadata = json.loads(path.read_text())
    metadata["metadata"]["num_frames"] = 3
    for instance in metadata["instances"]:
        del instance["bboxes"][3:], instance["bbox_frames"][3:]
    path.write_text(json.dumps(metadata))
    assert_rebuilt(data, r"6\.cache: .*metadata.json gives another length, size or number of objects")


def test_an_object_that_comes_onto_the_list_makes_the_cache_stale(data: Path) -> None:
    tracks = np.load(data / "train" / "instance_list.npy")
    np.save(data / "train" / "instance_list.npy", tracks[:3])
    build_cache(data)
    np.save(data / "train" / "instance_list.npy", tracks)
    assert_rebuilt(data, r"6\.cache: .*found none of track 1")


@pytest.mark.parametrize("kept", [0, 20, 1000, -1])
def test_a_cache_cut_short_is_named_and_made_anew(data: Path, kept: int) -> None:
    build_cache(data)
    path = cache_path(data, "train", "5")
    path.write_bytes(path.read_bytes()[:kept])
    assert_rebuilt(data, r"5\.cache: expected a whole cache file")


@pytest.mark.parametrize("place", [-1, -20, -50, -100])
def test_a_cache_damaged_at_its_end_is_named_and_made_anew(data: Path, place: int) -> None:
    build_cache(data)
    flip(cache_path(data, "train", "5"), place)
    assert_rebuilt(data, r"5\.cache: expected a whole cache file")


@pytest.mark.parametrize(
    "change",
    [
        {"sources": {}},
        {"sources": {"rgba_full_00000.png": [1, 2]}},
        {"sources": [["rgba_full_00000.png", [1, 2, ""]]]},
        {"sources": ["abc"]},
        {"sources": None},
        {"payload": None},
        {"objects": [0, 1, 2]},
        {"objects": 7},
        {"last_label": "x"},
        {"last_label": 300},
    ],
    ids=str,
)
def test_a_cache_whose_list_of_sources_or_sizes_was_made_up_is_named_and_made_anew(
    change: dict[str, object], data: Path
) -> None:
    build_cache(data)
    path = cache_path(data, "train", "5")
    forge(path, change)
    assert any("5.cache: expected a whole cache file" in problem for problem in verify_cache(data))
    assert_rebuilt(data, r"5\.cache: expected a whole cache file")


def forge(path: Path, change: dict[str, object]) -> None:
    """Change what a cache says of itself, with the hash that fits."""
    content = path.read_bytes()
    start = content.rindex(b'{"frames"')
    header = json.loads(content[start:-56]) | change
    text = json.dumps({key: value for key, value in header.items() if value is not None}).encode()
    end = struct.pack("<Q32s16s", len(text), hashlib.sha256(text).digest(), content[-16:])
    path.write_bytes(content[:start] + text + end)


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_verifying_finds_what_sizes_and_times_do_not_tell(data: Path) -> None:
    build_cache(data)
    flip(cache_path(data, "train", "6"), 5000)
    image = data / "train" / "5" / "rgba_full_00002.png"
    state = image.stat()
    flip(image, 100)
    os.utime(image, ns=(state.st_atime_ns, state.st_mtime_ns))
    clips(data, frames="visible")
    changed, damaged = sorted(verify_cache(data))
    assert f"{image} has other contents than when it was read" in changed
    assert "6.cache: expected the bytes it was made with, found others: the file is damaged" in damaged


def test_verifying_names_a_video_that_is_not_cached(data: Path) -> None:
    build_cache(data)
    cache_path(data, "train", "6").unlink()
    (problem,) = verify_cache(data)
    assert "6.cache: expected the cache of" in problem


# Building


def test_a_video_that_cannot_be_cached_is_named_and_the_others_are(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = data / "train" / "5" / "segmentation_1_00002.png"
    missing.unlink()
    assert main(["cache", str(data)]) == 1
    told = capsys.readouterr().err
    assert f"eoras: {missing}: expected an image, found none that can be read" in told
    assert "eoras: 1 videos are not in" in told
    assert files(data) == WHOLE[1:]


def test_the_command_builds_and_verifies(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in (([], "is complete"), ([], "is complete"), (["--verify"], "is whole")):
        assert main(["cache", str(data), *words]) == 0
        assert told in capsys.readouterr().err
    assert files(data) == WHOLE


def test_all_shares_together_cache_each_video(data: Path) -> None:
    build_cache(data, share=Share(0, 2))
    assert len(files(data)) == 1
    build_cache(data, share=Share(1, 2))
    assert files(data) == WHOLE


def test_two_processes_build_one_cache(data: Path) -> None:
    for index in range(7, 15):
        shutil.copytree(data / "train" / "6", data / "train" / str(index))
    names = [f"{video}-{track}" for video in range(5, 15) for track in (0, 1)]
    np.save(data / "train" / "instance_list.npy", np.array(names))
    command = [sys.executable, "-m", "eoras", "cache", str(data)]
    builders = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for builder in builders:
        told = builder.communicate(timeout=600)[1]
        assert builder.returncode == 0, told
    assert len(files(data)) == 10
    assert verify_cache(data) == []


def test_each_process_has_an_order_of_its_own_though_containers_number_them_alike(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{video}-0" for video in range(100)]
    np.save(data / "train" / "instance_list.npy", np.array(names))
    orders: list[list[str]] = []
    monkeypatch.setattr("eoras.data.caching._walk", lambda videos, *_: orders.append([v.folder.name for v in videos]))
    build_cache(data)
    build_cache(data)
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


KILLED = """
import os, signal, sys
from pathlib import Path
import eoras.data.cache
from eoras.data.caching import build_cache
read = eoras.data.cache.read_frame
def read_or_die(path, *size):
    if path.name.endswith("2.png"):
        os.kill(os.getpid(), signal.SIGKILL)
    return read(path, *size)
eoras.data.cache.read_frame = read_or_die
build_cache(Path(sys.argv[1]))
"""


def test_what_a_killed_process_leaves_is_not_read_and_goes_away(data: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, data], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = files(data)
    assert left.endswith(".part")
    assert_same(clips(data), clips(data, NOWHERE))
    assert build_cache(data) == []
    assert files(data) == sorted([left, *WHOLE])  # for all one knows somebody still writes to it
    os.utime(data / left, (0, 0))
    build_cache(data)
    assert files(data) == WHOLE


def test_what_another_user_left_and_cannot_be_removed_is_passed_over(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = data / ".eoras_cache" / "train" / ".5.cache.12.part"
    left.parent.mkdir(parents=True)
    left.touch()
    os.utime(left, (0, 0))
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == left:
            raise PermissionError
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert build_cache(data) == []
    assert files(data) == sorted([str(left.relative_to(data)), *WHOLE])


def test_a_folder_that_cannot_be_written_has_its_cache_elsewhere(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / ".eoras_cache").write_text("in the way, as root may write everywhere")
    assert main(["cache", str(data)]) == 1
    told = capsys.readouterr().err
    assert "could not be written" in told
    assert "--cache DIR names another place, here and for 'eoras train'" in told
    assert main(["cache", str(data), "--cache", str(tmp_path / "cache")]) == 0
    expected = clips(data, NOWHERE)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("an image was opened"))
    assert_same(clips(data, tmp_path / "cache"), expected)


LIMITED = """
import resource, sys
from eoras.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
sys.exit(main(["cache", sys.argv[1]]))
"""


def test_a_full_disk_is_said_and_leaves_nothing(data: Path) -> None:
    told = subprocess.run([sys.executable, "-c", LIMITED, data], capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert ".cache: could not be written: the disk, or your share of it, is full" in told.stderr
    assert "Traceback" not in told.stderr
    assert files(data) == []


def test_a_list_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected train/instance_list"):
        build_cache(tmp_path)
