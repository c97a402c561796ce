"""The parts of the page that need no browser: scenes, the private folder, uploaded masks, layers, limits."""

import os
import resource
import signal
import stat
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import gradio
import numpy as np
import pytest

from eoras.app.click_tab import ClickTab, Shown
from eoras.app.job import Completed, Desk
from eoras.app.limits import Limits
from eoras.app.mask_upload import unpack_masks
from eoras.app.pictures import LAYERS, alert, frame_table, show_layer
from eoras.app.scenes import LENGTH, SCENES, SIDE, draw_scene
from eoras.app.server import _ending_well, _sweeping, open_socket, serve
from eoras.app.store import UPLOAD, Store
from eoras.config_files import load_config
from eoras.data.masks import encode
from eoras.errors import ConfigError, DataError, PackageError, RunError
from eoras.model.eoras import EoRaS
from eoras.movi_files import label_image
from eoras.prediction.masks import read_tracks
from eoras.prediction.predictor import AmodalPredictor
from eoras.prediction.prompts import Prompt
from eoras.prediction.result import FrameResult, ObjectResult, Result
from eoras.video import write_mp4


@pytest.mark.parametrize("name", SCENES)
def test_in_each_scene_something_is_hidden_for_a_while(name: str) -> None:
    frames, labels = draw_scene(SCENES[name])
    assert (frames.dtype, frames.shape) == (np.uint8, (LENGTH, SIDE, SIDE, 3))
    areas = np.array([[(frame == number).sum() for frame in labels] for number in range(1, len(SCENES[name]) + 1)])
    assert (areas[-1] > 0).all()
    assert (areas.min(axis=1) < 0.6 * areas.max(axis=1)).any()
    if name == "Out of sight for a while":
        assert areas[0, 0] > 0
        assert areas[0].min() == 0
        assert areas[0, -1] > 0


def test_nobody_else_reads_the_folder_and_in_the_end_it_is_gone() -> None:
    store = Store(100)
    with store.new() as folder:
        (folder / UPLOAD).write_bytes(b"video")
    for place in (store.folder, folder):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    store.sweep()
    assert store.is_upload(str(folder / UPLOAD))
    store.close()
    assert not store.folder.exists()


def test_old_files_are_removed_while_the_page_is_served() -> None:
    store = Store(0.02)
    with store.new() as folder, _sweeping(store):
        pass
    with _sweeping(store):
        deadline = time.monotonic() + 60
        while folder.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    store.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_is_told_to_end_unwinds_and_stops_the_work(number: signal.Signals) -> None:
    closed = threading.Event()

    def close() -> None:
        signal.raise_signal(number)  # a second one is in nobody's way
        closed.set()

    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as ended, _ending_well(close):
            signal.raise_signal(number)
        assert ended.value.code == 128 + number
        assert closed.is_set()
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_a_process_under_nohup_outlives_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with _ending_well(lambda: None):
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_port_that_is_taken_is_told() -> None:
    with open_socket("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1, port {port}: cannot listen there .*; choose another --port"):
            open_socket("127.0.0.1", port)


def test_a_folder_is_removed_at_its_age_and_not_while_it_is_being_filled() -> None:
    store = Store(0)
    with store.new() as folder:
        (folder / UPLOAD).touch()
        store.sweep()
        assert folder.exists()
    (store.folder / "tmp1").touch()  # as Gradio does with each event that brings a file
    store.sweep()
    assert list(store.folder.iterdir()) == []
    with pytest.raises(KeyError), store.new() as folder:
        raise KeyError
    assert not folder.exists()
    store.close()


def test_there_is_room_for_so_much_and_what_is_being_filled_counts() -> None:
    store = Store(0, most=100)
    with store.new(60) as first:
        (first / UPLOAD).write_bytes(bytes(30))
        with pytest.raises(RunError, match="the page has no room for more"), store.new(60):
            pass
    with store.new(60):  # the first takes less than it asked for
        pass
    with pytest.raises(KeyError), store.new(70):
        raise KeyError
    with store.new() as result:
        (result / UPLOAD).write_bytes(bytes(300))
    with pytest.raises(RunError, match="the page has no room for more"), store.new():
        pass
    store.sweep()
    with store.new(100):
        pass
    store.close()


@pytest.mark.parametrize("name", ["/etc/passwd", "", "{folder}/../{folder}/upload", "{folder}", "{folder}//upload"])
def test_only_the_very_name_of_an_upload_is_one(name: str) -> None:
    store = Store(100)
    with store.new() as folder:
        (folder / UPLOAD).touch()
    assert not store.is_upload(name.replace("{folder}", str(folder)))
    store.close()


def masks_zip(path: Path, names: list[str]) -> Path:
    labels = np.zeros((8, 8), np.uint8)
    labels[2:5, 2:5] = 4
    label_image(labels).save(path.with_suffix(".png"))
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.write(path.with_suffix(".png"), name)
    return path


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["00000.png", "00001.png"], [4]),
        (["masks of my film/frame_0.png", "masks of my film/frame_1.png", "masks of my film/readme.txt"], [4]),
        (["a/7/0.png", "a/7/1.png", "a/9/0.png"], [7, 9]),
        (["../../../0.png", "/etc/1.png", "C:\\2.png"], [4]),
    ],
)
def test_a_zip_of_images_is_unpacked_under_our_names(names: list[str], ids: list[int], tmp_path: Path) -> None:
    upload = masks_zip(tmp_path / "upload", names)
    (tmp_path / "in" / "side").mkdir(parents=True)
    masks = unpack_masks(upload, tmp_path / "in" / "side")
    assert sorted(read_tracks(masks, length=3).tracks) == ids
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["side"]
    assert all(path.stem.isdigit() for path in masks.rglob("*"))


@pytest.mark.parametrize(
    "names",
    [
        ["car/00000.png", "person/00000.png"],
        ["a_00000.png", "b_00000.png"],
        ["00000.png", "00000.tif"],
        ["visible/1/00000.png", "amodal/1/00000.png"],
    ],
)
def test_no_object_is_lost_where_two_images_of_a_zip_are_of_one_frame(names: list[str], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"found two of frame 0; put each object into a folder 1/, 2/"):
        unpack_masks(masks_zip(tmp_path / "upload", names), tmp_path)


def test_images_beside_folders_of_objects_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected images, or folders 1/, 2/, ... of them, found both"):
        unpack_masks(masks_zip(tmp_path / "upload", ["00000.png", "2/00000.png"]), tmp_path)


def test_archives_of_arrays_and_texts_are_told_from_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "a", allow_pickle=False, masks=np.ones((2, 4, 4), np.uint8))
    np.save(tmp_path / "b.npy", np.ones((2, 4, 4), np.uint8))
    (tmp_path / "c").write_text('  {"videos": []}')
    (tmp_path / "d").write_text("1,1,2,2,5,5,1,1,1\n")
    names = [unpack_masks(tmp_path / name, tmp_path).name for name in ("a.npz", "b.npy", "c", "d")]
    assert names == ["masks.npz", "masks.npy", "masks.json", "masks.txt"]


@pytest.mark.parametrize(
    ("kind", "message"),
    [("torn", "expected an archive"), ("empty", "found none in it"), ("bomb", "expected at most 2 GiB")],
)
def test_a_zip_that_cannot_be_used_is_told(kind: str, message: str, tmp_path: Path) -> None:
    upload = masks_zip(tmp_path / "upload", ["0.png"] if kind != "empty" else ["readme.txt"])
    if kind == "torn":
        upload.write_bytes(upload.read_bytes()[:-30])
    if kind == "bomb":
        data = bytearray(upload.read_bytes())
        place = data.index(b"PK\x01\x02") + 24  # the size that the archive's list tells
        data[place : place + 4] = (2**31 + 1).to_bytes(4, "little")
        upload.write_bytes(data)
    with pytest.raises(DataError, match=message):
        unpack_masks(upload, tmp_path)


@pytest.mark.parametrize(
    ("own", "listed", "value"),
    [(35, None, 255), (6, 8, 1), (8, 10, 99)],
    ids=["flipped bits", "encrypted", "unknown compression"],
)
def test_a_damaged_or_unknown_archive_is_told(own: int, listed: int | None, value: int, tmp_path: Path) -> None:
    """A byte is changed in what stands before the image, or in the image, and in the list at the archive's end."""
    upload = tmp_path / "upload"
    with zipfile.ZipFile(upload, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.png", bytes(1000))
    data = bytearray(upload.read_bytes())
    data[own] = value
    if listed is not None:
        data[data.index(b"PK\x01\x02") + listed] = value
    upload.write_bytes(data)
    with pytest.raises(DataError, match=r"^the masks: expected an archive, found one that cannot be read \(.+\)"):
        unpack_masks(upload, tmp_path)


def test_a_full_disk_is_not_taken_for_a_damaged_archive(tmp_path: Path) -> None:
    upload = masks_zip(tmp_path / "upload", ["0.png"])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            unpack_masks(upload, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def two_halves() -> FrameResult:
    """An object of which the left half is seen, and one that is out of sight."""
    whole, seen = np.zeros((2, 64, 64), bool)
    whole[16:48, 16:48] = True
    seen[16:48, 16:32] = True
    items = {
        1: ObjectResult(object_id=1, amodal_rle=encode(whole), visible_rle=encode(seen), hidden=False),
        2: ObjectResult(object_id=2, amodal_rle=encode(np.roll(whole, 16, 0)), visible_rle=None, hidden=True),
    }
    return FrameResult(frame_index=3, height=64, width=64, objects=items)


def test_each_layer_is_drawn_where_it_belongs() -> None:
    frame = two_halves()
    frame = FrameResult(frame_index=3, height=64, width=64, objects={1: frame.objects[1]})
    pixels = np.full((64, 64, 3), 120, np.uint8)
    drawn = {layer: show_layer(pixels, frame, layer) for layer in LAYERS}
    np.testing.assert_array_equal(drawn["Video alone"], pixels)
    times = drawn["Seen"].shape[0] // 64
    assert times > 1
    left, right = (np.s_[36 * times : 44 * times, a * times : (a + 8) * times] for a in (20, 38))
    changed = {
        layer: tuple(bool((picture[half] != 120).any()) for half in (left, right))
        for layer, picture in drawn.items()
        if layer != "Video alone"
    }
    assert changed == {
        "Seen and hidden": (True, True),
        "Seen": (True, False),
        "Hidden": (False, True),
        "Whole": (True, True),
    }


def test_the_table_tells_what_is_hidden() -> None:
    table = frame_table(two_halves())
    assert table.count("<tr>") == 3
    assert "<td>512 px</td><td>512 px</td><td>50%</td>" in table
    assert "<td>0 px</td><td>1024 px</td><td>100% (out of sight)</td>" in table


def test_a_result_whose_files_are_gone_has_no_pictures(tmp_path: Path) -> None:
    assert Completed(folder=tmp_path, result=Result(frames=[two_halves()], info={})).pixels(3) is None


def test_without_gradio_the_cure_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "environ", {**os.environ, "TMPDIR": str(tmp_path)})
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setitem(sys.modules, "gradio", None)
    predictor = AmodalPredictor(EoRaS(load_config("tiny").model), device="cpu")
    with open_socket("127.0.0.1", 0) as listener, pytest.raises(PackageError, match=r"pip install 'eoras\[demo\]'"):
        serve(predictor, listener, "127.0.0.1", Limits(), print)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def clicking(tmp_path: Path, store: Store) -> tuple[ClickTab, str]:
    """A tab, and a video of 3 frames of 48x32 pixels."""
    video = tmp_path / "video"
    write_mp4(video.with_suffix(".mp4"), np.random.default_rng(0).integers(0, 256, (3, 32, 48, 3), dtype=np.uint8), 10)
    video.with_suffix(".mp4").rename(video)
    network: Any = None  # nothing is completed
    tracker: Any = object()
    return ClickTab(Desk(network, store, Limits(frames=3), tracker)), str(video)


def click(tab: ClickTab, video: str, shown: Shown, data: Any) -> Any:
    return tab.click(video, shown, gradio.EventData(None, data))[0]


@pytest.mark.parametrize("x", [0.0, 0.99917, 0.999999])
def test_a_click_at_the_border_is_inside_the_image(clicking: tuple[ClickTab, str], x: float) -> None:
    tab, video = clicking
    shown = click(tab, video, Shown(video), {"x": x, "y": x, "frame": 1})
    assert shown.objects == (Prompt(frame=1, click=(int(48 * x), int(32 * x))),)


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"x": 0.5, "y": 0.5},
        {"x": "nan", "y": 0.5, "frame": 0},
        {"x": 0.5, "y": 10**400, "frame": 0},
        {"x": [0.5], "y": 0.5, "frame": 0},
        {"x": 1.0, "y": 0.5, "frame": 0},
        {"x": 0.5, "y": 0.5, "frame": -1},
        {"x": 0.5, "y": 0.5, "frame": 3},
    ],
)
def test_what_is_no_click_of_the_page_changes_nothing(clicking: tuple[ClickTab, str], data: Any) -> None:
    tab, video = clicking
    assert click(tab, video, Shown(video), data) == gradio.skip()


def test_clicks_belong_to_their_video_and_are_not_without_number(clicking: tuple[ClickTab, str]) -> None:
    tab, video = clicking
    centre = {"x": 0.5, "y": 0.5, "frame": 0}
    assert click(tab, video, Shown("another"), centre) == gradio.skip()
    shown = Shown(video)
    for _ in range(20):
        shown = click(tab, video, shown, centre)
    assert len(shown.objects) == 20
    after, told = tab.click(video, shown, gradio.EventData(None, centre))
    assert after == shown
    assert "20 objects at a time, at most" in told


def test_a_frame_that_is_not_there_is_told_and_the_clicks_stay(clicking: tuple[ClickTab, str]) -> None:
    tab, video = clicking
    assert "The video has no frame 7; choose an earlier one" in tab.look(video, Shown(video), 7)


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("video", "the video is no longer there; upload it again"),
        ("masks", "the masks are no longer there; upload them again"),
    ],
)
def test_an_upload_that_is_gone_is_told_without_its_path(gone: str, message: str, store: Store, tmp_path: Path) -> None:
    files = {"video": tmp_path / "video", "masks": tmp_path / "masks"}
    write_mp4(files["video"].with_suffix(".mp4"), np.zeros((2, 32, 48, 3), np.uint8), 10)
    files["video"].with_suffix(".mp4").rename(files["video"])
    files["masks"].write_bytes(b"masks")
    files[gone].unlink()
    network: Any = None
    with pytest.raises(DataError, match=f"^{message}$"):
        Desk(network, store, Limits()).complete(files["video"], files["masks"], None, lambda *_: None)
    assert list(store.folder.iterdir()) == []


def test_a_video_that_is_too_long_is_told_before_anybody_clicks(store: Store, tmp_path: Path) -> None:
    write_mp4(tmp_path / "long.mp4", np.zeros((5, 32, 48, 3), np.uint8), 10)
    network: Any = None
    with pytest.raises(DataError, match="the video has more than 3 frames"):
        Desk(network, store, Limits(frames=3)).length_of(tmp_path / "long.mp4")


def test_a_video_is_not_refused_for_a_length_that_its_file_only_suggests(store: Store, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "uneven.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for time in (0, 1, 90):
            image = av.VideoFrame.from_ndarray(np.zeros((32, 48, 3), np.uint8), format="rgb24")
            image.pts = time
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    network: Any = None
    assert Desk(network, store, Limits(frames=5)).length_of(tmp_path / "uneven.mkv") == 5


class SlowNetwork:
    """Writes, as ``AmodalPredictor`` does, when it is told to go on, and makes the folder anew if it is gone."""

    def __init__(self) -> None:
        self.begun, self.may_go_on = threading.Event(), threading.Event()

    def write(self, out: Path, frames: Iterator[np.ndarray], *_: Any, **__: Any) -> None:
        next(frames)
        self.begun.set()
        assert self.may_go_on.wait(600)
        (out / "amodal").mkdir(parents=True)
        next(frames)


def test_nothing_is_left_where_the_page_is_closed_amid_a_job_and_the_next_never_begins(tmp_path: Path) -> None:
    write_mp4(tmp_path / "video.mp4", np.zeros((3, 32, 48, 3), np.uint8), 10)
    np.save(tmp_path / "masks.npy", np.ones((3, 32, 48), np.uint8))
    store, network, told = Store(100), SlowNetwork(), list[str]()
    anything: Any = network
    desk = Desk(anything, store, Limits())

    def complete() -> None:
        try:
            desk.complete(tmp_path / "video.mp4", tmp_path / "masks.npy", None, lambda *_: None)
        except RunError as error:
            told.append(str(error))

    def close() -> None:
        desk.close()
        store.close()

    jobs = [threading.Thread(target=complete) for _ in range(2)]
    jobs[0].start()
    assert network.begun.wait(600)
    jobs[1].start()
    closing = threading.Thread(target=close)
    closing.start()
    closing.join(0.2)
    assert closing.is_alive(), "it waits for the job"
    network.may_go_on.set()
    for thread in (*jobs, closing):
        thread.join(600)
    assert told == ["the page is being closed"] * 2
    assert not store.folder.exists()


def test_a_video_of_large_frames_is_told_wherever_it_is_looked_at(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = tmp_path / "large.mp4"
    write_mp4(video, np.zeros((2, 32, 48, 3), np.uint8), 10)
    monkeypatch.setattr("eoras.app.job._LARGEST", 32 * 48 - 1)
    network: Any = None
    desk = Desk(network, store, Limits())
    click = [Prompt(frame=0, click=(1, 1))]
    for ask in (
        lambda: desk.look(video, 0),
        lambda: desk.length_of(video),
        lambda: desk.complete(video, click, None, lambda *_: None),
    ):
        with pytest.raises(DataError, match=r"^the video: expected at most 1535 pixels a frame, found 48 x 32"):
            ask()


def test_a_message_stays_text() -> None:
    assert "<script" not in alert("found <script>alert(1)</script>")


@pytest.mark.parametrize("limit", ["megabytes", "frames", "minutes"])
def test_limits_are_above_0(limit: str) -> None:
    with pytest.raises(ConfigError, match=f"{limit}: expected a number above 0, found 0"):
        Limits(**{limit: 0})
