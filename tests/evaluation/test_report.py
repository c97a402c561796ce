"""The report: what is on the page, and that a browser shows it from disk and runs nothing of the data's."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from flat_scenes.scenes import write_flat_dataset

from eoras.cli import main
from eoras.config import ViewConfig
from eoras.data.open import VideoTracks, open_tracks
from eoras.errors import DataError
from eoras.evaluation import Scores
from eoras.evaluation.pasted import PastedScores
from eoras.evaluation.predictions_files import read_predictions
from eoras.evaluation.report.html import bar_chart, table
from eoras.evaluation.report.page import write_report
from eoras.evaluation.report.strips import draw_strip
from eoras.evaluation.report.tracks import TrackScore, choose, score_tracks
from eoras.evaluation.score import score_predictions
from eoras.movi_files import write_instance_list

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = "<script>document.title='owned'<\"'&"  # a folder's name can hold no slash
WORSE = (
    f"{HOSTILE}</title></script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``data``, one of whose videos has a hostile name, and ``masks``: the visible parts, some of them moved."""
    place = tmp_path_factory.mktemp("place")
    write_flat_dataset(place / "data", train_videos=1, test_videos=3, seed=3, size=(48, 64), frames=3)
    test = place / "data" / "test"
    (test / "2").rename(test / HOSTILE)
    write_instance_list(test)
    tracks = tracks_of(place)
    (place / "masks").mkdir()
    for video in {track.video for track in tracks.tracks}:
        masks = {}
        for number, track in enumerate(tracks.tracks):
            if track.video == video:
                truth = tracks.truth_of(number)
                masks[str(track.track_id)] = np.zeros((3, 48, 64), bool)
                moved = np.roll(truth.masks.amodal.numpy(), number, axis=2)
                masks[str(track.track_id)][truth.frame_indices.numpy()] = moved
        np.savez_compressed(place / "masks" / f"{video}.npz", allow_pickle=False, **masks)
    return place


def tracks_of(place: Path) -> VideoTracks:
    return open_tracks(place / "data", "test", ViewConfig(), truth=True)


@pytest.fixture(scope="module")
def report(place: Path) -> Path:
    """A page whose every name is hostile, of two systems."""
    masks, tracks = read_predictions(place / "masks"), tracks_of(place)
    scored = score_predictions(tracks, [masks, masks])
    write_report(place / "report", WORSE, {WORSE: masks, "theirs": masks}, tracks, scored)
    return place / "report" / "index.html"


def test_the_command_writes_one_small_file(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["score", place / "masks", "--data", place / "data", "--workers", 0, "--report", tmp_path / "out"]
    for _ in range(2):  # a second call writes it anew
        assert main([str(word) for word in words]) == 0
        assert f"eoras: wrote {tmp_path / 'out' / 'index.html'}" in capsys.readouterr().err
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["index.html"]
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "masks on data, test" in page
    assert len(page) < 1_000_000
    for word in ("paper full", "diffvas occ", "visible mask", "convex hull", "crop and paste", "0-25", "outline F"):
        assert word in page


def test_a_frame_that_is_missing_is_an_error_and_leaves_no_page(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "data", tmp_path / "data")
    for frame in (tmp_path / "data" / "test").glob("*/rgba_full_*"):
        frame.unlink()
    masks = read_predictions(place / "masks")
    tracks = open_tracks(tmp_path / "data", "test", ViewConfig(), truth=True)
    scored = score_predictions(tracks, [masks])
    with pytest.raises(DataError, match="rgba_full"):
        write_report(tmp_path / "report", "title", {"masks": masks}, tracks, scored)
    assert not (tmp_path / "report").exists()


def test_a_track_scores_the_mean_of_its_frames() -> None:
    amodal = np.zeros((2, 4, 8), bool)
    amodal[0] = True
    amodal[1, :2] = True
    visible = amodal.copy()
    visible[0, :, 4:] = False  # 16 of 48 pixels occluded
    prediction = amodal.copy()
    prediction[0, :2, 4:] = False  # IoU 24 / 32, of the occluded region 8 / 16
    scores = PastedScores()
    for track_id, answer in ((0, prediction), (1, amodal)):
        counted = Scores()
        counted.update(amodal, visible, answer, video="a", track_id=track_id)
        scores.add("strict", "a", track_id, counted.table().counts)
    best, other = score_tracks(scores)
    assert (best.track_id, best.miou_full, best.miou_occ) == (1, 1.0, 1.0)
    assert (other.track_id, other.miou_full, other.miou_occ) == (0, 0.875, 0.5)
    assert (other.frames, other.bin, round(other.occlusion, 3)) == (2, "25-50", 33.333)


def test_the_best_median_and_worst_are_chosen_of_all_and_of_each_part() -> None:
    def of(number: int) -> TrackScore:
        occlusion = 60.0 if 5 <= number <= 12 else 0.0
        return TrackScore(
            video="a", track_id=number, frames=1, occlusion=occlusion, miou_full=1 - number / 100, miou_occ=None
        )

    picks = choose([of(number) for number in range(40)], limit=48)
    chosen = [(pick.kind, pick.among, pick.track.track_id) for pick in picks]
    assert chosen[:9] == [
        *(("best", "all", number) for number in (0, 1, 2)),
        *(("median", "all", number) for number in (18, 19, 20)),
        *(("worst", "all", number) for number in (39, 38, 37)),
    ]
    assert chosen[9:] == [
        ("median", "0 % occluded", 23),  # its best and its worst are there already
        ("best", "50-75 % occluded", 5),
        ("median", "50-75 % occluded", 8),
        ("worst", "50-75 % occluded", 12),
    ]
    few = choose([of(number) for number in range(40)], limit=3)
    assert [pick.kind for pick in few] == ["best", "median", "worst"]
    assert [pick.kind for pick in choose([of(0)], limit=48)] == ["best"]


def test_a_strip_shows_some_frames_of_a_long_track(place: Path) -> None:
    clip = tracks_of(place)[0]
    assert clip.truth is not None
    frames = draw_strip(clip, clip.truth.amodal.numpy())
    assert [frame.frame_index for frame in frames] == clip.frame_indices.tolist()
    assert all(frame.iou == 1 and max(frame.size) == 160 for frame in frames)
    assert all(frame.frame.startswith("data:image/jpeg;base64,") for frame in frames)


def test_tables_and_charts_escape_what_they_are_given() -> None:
    shown = table(WORSE, [WORSE], [[WORSE], [(WORSE, WORSE)]], [{"video": WORSE}, {}])
    shown += bar_chart(WORSE, [WORSE], {WORSE: [50.0]})
    assert "<script" not in shown
    assert "<img" not in shown
    assert shown.count("&lt;script&gt;") > 8


# In a browser

_PATIENCE = 300_000  # milliseconds, for a machine that is busy with other things


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs the program chromium, Debian's package of that name")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox"],  # root has none
            timeout=_PATIENCE,
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "Browser", report: Path) -> Iterator["Page"]:
    """The page, opened from disk; whatever it complains about or asks for, but itself, is a failure."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.set_default_timeout(_PATIENCE)
    page.goto(report.as_uri())
    yield page
    page.close()
    assert said == []
    assert {url for url in asked if not url.startswith("data:")} == {report.as_uri()}


def shown(page: "Page") -> list[tuple[str, str, float]]:
    """Kind, video and occlusion of the filmstrips that can be seen."""
    strips = page.locator("article.strip:visible").evaluate_all(
        "strips => strips.map(({dataset: d}) => [d.kind, d.video, Number(d.occlusion)])"
    )
    return [(kind, video, occlusion) for kind, video, occlusion in strips]


def background(page: "Page") -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_it_opens_from_disk_and_all_its_pictures_show(page: "Page") -> None:
    sizes = page.evaluate("[...document.images].map((image) => image.complete && image.naturalWidth)")
    assert len(sizes) > 20
    assert all(sizes)
    assert page.locator("h2").all_inner_texts() == ["Scores", "Distributions", "Tracks"]
    assert page.locator("svg rect").count() > 20


def test_a_hostile_name_stays_text(page: "Page") -> None:
    assert page.title() == WORSE
    assert page.locator("h1").inner_text() == WORSE
    assert page.locator("script").count() == 1
    assert page.get_by_text(HOSTILE).count() > 1


def test_filmstrips_are_filtered_by_occlusion_video_and_kind(page: "Page") -> None:
    everything = shown(page)
    page.get_by_label("Occluded from").fill("25")
    page.get_by_label("Occluded to").fill("75")
    assert shown(page) == [strip for strip in everything if 25 <= strip[2] <= 75]
    assert 0 < len(shown(page)) < len(everything)
    assert page.locator("output").inner_text() == f"{len(shown(page))} of {len(everything)} filmstrips"
    page.get_by_role("button", name="Reset").click()
    page.get_by_role("searchbox").fill("<SCRIPT>")
    assert {video for _, video, _ in shown(page)} == {HOSTILE}
    page.locator("summary", has_text="all").last.click()
    assert {row.get_attribute("data-video") for row in page.locator("tr[data-video]:visible").all()} == {HOSTILE}
    page.get_by_role("button", name="Reset").click()
    page.get_by_label("Show").select_option("worst")
    assert {kind for kind, _, _ in shown(page)} == {"worst"}
    page.get_by_role("button", name="Reset").click()
    assert shown(page) == everything


def test_outlines_can_be_hidden(page: "Page") -> None:
    overlay = page.locator(".overlay").first
    assert overlay.is_visible()
    page.get_by_label("outlines").uncheck()
    assert not overlay.is_visible()


def test_it_is_light_or_dark_as_the_system_is_or_the_button_says(page: "Page") -> None:
    light = background(page)
    page.get_by_role("button", name="Dark").click()
    dark = background(page)
    assert dark != light
    page.emulate_media(color_scheme="dark")
    page.get_by_role("button", name="Light").click()
    assert background(page) == light
    page.reload()
    assert background(page) == dark


def test_the_keyboard_reaches_everything(page: "Page") -> None:
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**#tracks")
    reached = set()
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.name || document.activeElement.className"))
    assert {"from", "to", "video", "kind", "outlines", "film"} <= reached


def test_it_is_no_wider_than_a_phone(page: "Page") -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
