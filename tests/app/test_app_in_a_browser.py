"""The page as a person uses it, and as somebody misuses it: ``eoras app`` in a process of its own, and Chromium."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image
from toy_tracker import save_toy_tracker

from eoras.app.pictures import LAYERS
from eoras.app.scenes import LENGTH, SIDE
from eoras.config import ModelConfig
from eoras.model.eoras import EoRaS
from eoras.prediction.result import Result
from eoras.video import write_mp4

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_PATIENCE = 300_000  # milliseconds, for a machine that is busy with other things
_CHATTER = "Method not implemented."  # Gradio's own client says so whenever it closes a stream
_FRAMES, _MEGABYTES = 30, 0.5
HOSTILE = ["../../x", "<script>document.title='owned'</script>", "é" * 100, "..", ".npz", "con.\n.mp4"]


@dataclass
class App:
    """A page that is being served."""

    process: subprocess.Popen[str]
    port: int
    folder: Path
    log: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
        """Send a request that a browser would not send; give the answer's code and text."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.putrequest(method, path, skip_host="Host" in headers)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            connection.putheader(key.replace("_", "-"), value)
        connection.endheaders(body)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        connection.close()
        return answer.status, text

    def upload(self, name: str, content: bytes) -> tuple[int, str]:
        """Upload a file as the page does, under a name of which no browser would make a file."""
        kind = f'Content-Disposition: form-data; name="files"; filename="{name}"'
        body = b"--b\r\n" + f"{kind}\r\nContent-Type: video/mp4\r\n\r\n".encode() + content + b"\r\n--b--\r\n"
        return self.ask("POST", "/gradio_api/upload", body, Content_Type="multipart/form-data; boundary=b")

    def files(self) -> set[Path]:
        return {path.relative_to(self.folder) for path in self.folder.rglob("*")}


def start(model: Path, place: Path, *words: str) -> App:
    """Serve a page on any port, its temporary files below ``place``."""
    temporary = place / "tmp"
    temporary.mkdir()
    log = place / "log"
    command = [sys.executable, "-m", "eoras", "app", "--model", str(model), "--port", "0", "--device", "cpu", *words]
    with log.open("w") as file:
        environment = {**os.environ, "TMPDIR": str(temporary)}
        process = subprocess.Popen(command, stderr=file, stdout=file, text=True, env=environment)
    while (found := re.search(r"http://127\.0\.0\.1:(\d+) ", log.read_text())) is None:
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    (folder,) = temporary.iterdir()
    return App(process, int(found[1]), folder, log)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network drawn at random."""
    torch.manual_seed(0)
    small = ModelConfig(
        backbone_depths=(1, 1, 1, 1),
        backbone_width=16,
        pyramid_channels=16,
        bev_channels=(8,),
        width=16,
        feedforward=16,
        num_layers=1,
        num_heads=2,
    )
    folder = tmp_path_factory.mktemp("net")
    EoRaS(small).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def app(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The page with small limits; in the end its log holds no traceback, and its files are gone."""
    tracker = tmp_path_factory.mktemp("tracker") / "toy"
    save_toy_tracker(tracker)
    words = ["--max-frames", str(_FRAMES), "--max-megabytes", str(_MEGABYTES), "--tracker", str(tracker)]
    app = start(model, tmp_path_factory.mktemp("place"), *words)
    yield app
    app.process.send_signal(signal.SIGINT)
    assert app.process.wait(600) == 0
    assert not app.folder.exists()
    assert app.log.read_text().splitlines() == [
        f"eoras: the page is at {app.address} (Ctrl-C ends it)",
        "eoras: the page is closed, its files are removed",
    ]


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs the program chromium, Debian's package of that name")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"], timeout=_PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(browser: "Browser", app: App) -> Iterator["Page"]:
    """The page; whatever it complains about, or asks of anybody else, is a failure."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(f"{message.text} ({message.location['url']})"))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.set_default_timeout(_PATIENCE)
    page.goto(app.address)
    yield page
    page.close()
    assert [text for text in said if not text.startswith(_CHATTER)] == []
    assert {url.split("/")[2] for url in asked if not url.startswith(("data:", "blob:"))} == {f"127.0.0.1:{app.port}"}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``video.mp4`` of 5 frames, ``masks.npz`` for it, ``long.mp4``."""
    folder = tmp_path_factory.mktemp("films")
    frames = np.random.default_rng(0).integers(0, 256, (5, 32, 48, 3), dtype=np.uint8)
    write_mp4(folder / "video.mp4", frames, 10)
    write_mp4(folder / "long.mp4", np.zeros((_FRAMES + 1, 32, 48, 3), np.uint8), 10)
    masks = np.zeros((5, 32, 48), np.uint8)
    masks[:, 4:20, 8:30] = 3
    np.savez(folder / "masks.npz", allow_pickle=False, masks=masks)
    return folder


def own(page: "Page", video: tuple[str, bytes], masks: tuple[str, bytes]) -> str:
    """Upload a video and masks, ask for the answer, and give what the page says then."""
    from playwright.sync_api import expect

    page.get_by_role("tab", name="Your video").click()
    clear = page.get_by_role("tabpanel").get_by_label("Clear").filter(visible=True)
    while count := clear.count():
        clear.first.click()
        expect(clear).to_have_count(count - 1)
    names = page.locator("td.filename")
    for number, (name, content) in enumerate((video, masks)):
        chooser = page.locator("input[type=file]").first
        chooser.set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": content})
        names.nth(number).wait_for()
    page.get_by_role("button", name="Complete the objects").click()
    page.locator("#status p").wait_for(state="detached")
    page.locator("#status p").wait_for()
    return page.locator("#status p").inner_text()


def test_an_example_is_completed_looked_at_and_downloaded(page: "Page", tmp_path: Path) -> None:
    page.get_by_label("Three shapes cross").click()
    page.get_by_role("button", name="Complete the example").click()
    page.get_by_text(f"Done: 3 objects in {LENGTH} frames of {SIDE} x {SIDE} pixels.").wait_for()
    picture = page.locator("#picture img")
    assert "objects 1, 2, 3" in (picture.get_attribute("alt") or "")
    assert page.locator("#objects tbody tr").count() == 3

    slider = page.get_by_role("slider", name="Frame")
    slider.fill("2")
    seen = {}
    for layer in LAYERS:
        page.get_by_label(layer, exact=True).click()
        page.locator(f"#picture img[alt^='Frame 2, {layer.lower()},']").wait_for()
        seen[layer] = picture.get_attribute("src")
    assert len(set(seen.values())) == len(LAYERS)

    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "eoras-result.zip"
    with zipfile.ZipFile(download.value.path()) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path)
    fixed = {"result.json", "overlay.mp4", "contact_sheet.png"}
    assert fixed <= set(names)
    assert all(re.fullmatch(r"(amodal|visible)/[123]/\d{5}\.png", name) for name in set(names) - fixed)
    result = Result.load(tmp_path)
    assert (len(result), result.object_ids) == (LENGTH, [1, 2, 3])
    mask = np.asarray(Image.open(tmp_path / "amodal" / "2" / "00002.png")) > 0
    np.testing.assert_array_equal(mask, result[2].amodal[2])


def test_an_own_video_with_hostile_names_is_completed(page: "Page", films: Path, app: App) -> None:
    video = (HOSTILE[1], (films / "video.mp4").read_bytes())
    masks = ("'\"><img src=x onerror=document.title='owned'>.npz", (films / "masks.npz").read_bytes())
    assert own(page, video, masks).startswith("Done: 1 objects in 5 frames of 48 x 32 pixels.")
    assert page.title() == "eoras: whole objects"
    assert not any(set("<>'") & set(str(path)) for path in app.files())


def test_objects_that_are_clicked_on_are_followed_and_completed(page: "Page", films: Path) -> None:
    page.get_by_role("tab", name="Click on objects").click()
    button = page.get_by_role("button", name="Follow and complete the objects")
    button.click()
    page.get_by_text("No object is shown; upload a video and click on an object in it").wait_for()

    chooser = page.locator("input[type=file]").first
    film = (films / "video.mp4").read_bytes()
    chooser.set_input_files({"name": "a.mp4", "mimeType": "application/octet-stream", "buffer": film})
    picture = page.locator("#clicked img")
    picture.wait_for()
    place = picture.bounding_box()
    assert place is not None
    listed = page.locator("#clicked li")

    def click(number: int, across: float, down: float, frame: int) -> None:
        picture.click(position={"x": across * place["width"], "y": down * place["height"]})
        listed.nth(number - 1).wait_for()
        found = re.fullmatch(rf"Object {number}: frame {frame}, x (\d+), y (\d+)", listed.nth(number - 1).inner_text())
        assert found is not None
        assert abs(int(found[1]) + 0.5 - 48 * across) < 1  # of 48 columns the one under the pointer
        assert abs(int(found[2]) + 0.5 - 32 * down) < 1

    click(1, 0.25, 0.5, 0)
    page.get_by_role("button", name="Forget the clicks").click()
    page.get_by_text("Nothing is clicked on yet.").wait_for()
    click(1, 0.75, 0.25, 0)
    page.get_by_role("slider", name="Frame to click on").fill("2")
    page.locator("#clicked img[alt='Frame 2, to click on']").wait_for()
    click(2, 0.5, 0.75, 2)
    button.click()
    page.get_by_text("Done: 2 objects in 5 frames of 48 x 32 pixels.").wait_for()
    assert page.locator("#picture img").count() == 1


def test_what_is_wrong_with_a_video_to_click_on_is_told_beside_it(page: "Page") -> None:
    page.get_by_role("tab", name="Click on objects").click()
    page.get_by_role("tabpanel").get_by_label("Clear").filter(visible=True).first.click()
    page.locator("#clicked img").wait_for(state="detached")
    chooser = page.locator("input[type=file]").first
    chooser.set_input_files({"name": "a.mp4", "mimeType": "application/octet-stream", "buffer": b"no video" * 99})
    page.locator("#clicked [role=alert]").filter(has_text="The video: expected a video").wait_for()


def test_what_is_wrong_with_a_file_is_told_on_the_page(page: "Page", films: Path) -> None:
    video, masks = (films / "video.mp4").read_bytes(), (films / "masks.npz").read_bytes()
    cases = [
        (b"no video" * 99, masks, "The video: expected a video, found a file that cannot be read as one"),
        (video[:-4], masks[:-4], "The masks: expected an archive, found one that cannot be read"),
        (video, b"[1, <script>alert(1)</script>]", "The masks.json: "),
        ((films / "long.mp4").read_bytes(), masks, f"The video has more than {_FRAMES} frames"),
    ]
    for film, shown, message in cases:
        assert own(page, ("a.mp4", film), ("b.npz", shown)).startswith(message)
        assert page.locator("#status [role=alert]").count() == 1
        assert page.locator("#picture img").count() == 0


def test_an_upload_without_masks_is_told(page: "Page") -> None:
    page.get_by_role("tab", name="Your video").click()
    page.get_by_role("tabpanel").get_by_label("Clear").filter(visible=True).last.click()
    page.get_by_role("button", name="Complete the objects").click()
    page.get_by_text("No masks are given; upload a file first").wait_for()


@pytest.mark.parametrize("name", HOSTILE)
def test_the_name_of_an_upload_reaches_no_file(name: str, app: App) -> None:
    before = app.files()
    code, text = app.upload(name.replace("\n", "%0A"), b"content")
    assert code == 200
    (path,) = json.loads(text)
    new = app.files() - before
    assert {place.name for place in new if (app.folder / place).is_file()} == {"upload"}
    assert {place for place in new if place.suffix} == set()
    assert Path(path).read_bytes() == b"content"


def test_an_upload_that_is_too_large_is_refused_and_not_kept(app: App) -> None:
    before = app.files()
    code, text = app.upload("a", b"x" * round(_MEGABYTES * 1e6 + 20_000))
    assert (code, text.startswith(f"the file is larger than {_MEGABYTES:g} MB")) == (413, True)
    assert app.files() == before


def test_words_that_are_too_many_are_refused(app: App) -> None:
    code, _ = app.ask("POST", "/gradio_api/cancel", b" " * 1_000_100, Content_Type="application/json")
    assert code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file={folder}/../../../etc/passwd",
        "/gradio_api/file={folder}/%2e%2e/log",
        "/gradio_api/file=http://127.0.0.1:1/",
        "/gradio_api/proxy=http://127.0.0.1:1/",
        "/gradio_api/info",
        "/docs",
        "/monitoring",
    ],
)
def test_nothing_but_the_page_and_its_files_is_served(path: str, app: App) -> None:
    assert app.ask("GET", path.replace("{folder}", str(app.folder))) == (404, "not found")


@pytest.mark.parametrize("path", ["/etc/passwd", "http://127.0.0.1:1/a", "{folder}/example-0/video.mp4", 3])
def test_a_request_can_name_no_file_but_an_upload(path: str | int, app: App) -> None:
    named = path.replace("{folder}", str(app.folder)) if isinstance(path, str) else path
    file = {"path": named, "meta": {"_type": "gradio.FileData"}}
    event = {"data": [file, file, 60, "Seen"], "fn_index": 3, "session_hash": "x"}
    code, text = app.ask("POST", "/gradio_api/queue/join", json.dumps(event).encode(), Content_Type="application/json")
    assert (code, text) == (400, "the file is no longer there; upload it again")


def test_pages_of_other_names_are_refused(app: App) -> None:
    assert app.ask("GET", "/", Host="evil.example")[0] == 400
    assert app.ask("POST", "/gradio_api/queue/join", b"{}", Origin="http://evil.example")[0] == 403
    assert app.ask("GET", "/", Origin=app.address)[0] == 200
