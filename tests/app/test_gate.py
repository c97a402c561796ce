"""What the gate lets through; an application that tells what it was asked stands in for Gradio."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from eoras.app.gate import Gate
from eoras.app.limits import Limits
from eoras.app.store import Store

_FORM = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.mp4"\r\n\r\n%s\r\n--b--\r\n'


async def behind(scope: Any, receive: Any, send: Any) -> None:
    """Read the whole request and say so."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"behind the gate: " + scope["path"].encode()})


@pytest.fixture
def gate(store: Store) -> Gate:
    return Gate(behind, store, Limits(megabytes=2), "127.0.0.1")


def exchange(gate: Gate, method: str, path: str, messages: list[Any], headers: dict[str, str]) -> list[Any]:
    """Send the messages of a request, and give those of the answer."""
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    told = {"host": "127.0.0.1:7860", **{key.replace("_", "-").lower(): value for key, value in headers.items()}}
    scope = {"type": "http", "method": method, "path": path, "query_string": b""}
    scope["headers"] = [(key.encode(), value.encode()) for key, value in told.items()]
    asyncio.run(gate(scope, receive, send))
    return sent


def ask(gate: Gate, method: str, path: str, *chunks: bytes, **headers: str) -> tuple[int, str]:
    """Send a request in chunks; give the answer's code and text."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    start, *rest = exchange(gate, method, path, [*messages, {"type": "http.request"}], headers)
    return start["status"], b"".join(message["body"] for message in rest).decode()


def upload(gate: Gate, content: bytes, path: str = "/gradio_api/upload") -> tuple[int, str]:
    return ask(gate, "POST", path, _FORM % content, Content_Type="multipart/form-data; boundary=b")


@pytest.mark.parametrize("path", ["/gradio_api/upload", "/gradio_api/upload/"])
def test_no_upload_passes_the_gate_however_its_address_is_written(path: str, gate: Gate, store: Store) -> None:
    code, text = upload(gate, b"content", path)
    assert code == 200
    (kept,) = json.loads(text)
    assert Path(kept).read_bytes() == b"content"
    assert store.is_upload(kept)


@pytest.mark.parametrize("path", ["/gradio_api/upload", "/gradio_api/queue/join"])
def test_a_request_that_is_broken_off_leaves_nothing_and_says_nothing(path: str, gate: Gate, store: Store) -> None:
    half = [{"type": "http.request", "body": _FORM[:20], "more_body": True}, {"type": "http.disconnect"}]
    assert exchange(gate, "POST", path, half, {"content-type": "multipart/form-data; boundary=b"}) == []
    assert list(store.folder.iterdir()) == []


@pytest.mark.parametrize("length", ["many", "-1", "1e3", "", "9" * 5000])
def test_a_length_that_is_no_number_is_refused(length: str, gate: Gate) -> None:
    answer = ask(gate, "POST", "/gradio_api/upload", _FORM % b"content", Content_Length=length)
    assert answer == (400, "the length of the request is no number")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://[", ""])
def test_an_event_from_another_page_is_refused(origin: str, gate: Gate) -> None:
    answer = ask(gate, "POST", "/gradio_api/queue/join", b"{}", Origin=origin)
    assert answer == (403, "the request comes from another page")


@pytest.mark.parametrize("path", ["cancel", "reset", "queue/join", "startup-events"])
def test_a_request_that_is_no_upload_is_small(path: str, gate: Gate) -> None:
    chunk = b" " * 400_000
    assert ask(gate, "POST", f"/gradio_api/{path}", chunk, chunk, b"{}")[0] == 200
    assert ask(gate, "POST", f"/gradio_api/{path}", chunk, chunk, chunk) == (413, "the request is too large")


def test_an_upload_is_refused_where_there_is_no_room_for_it_until_others_are_removed() -> None:
    store = Store(0, most=3000)
    gate = Gate(
        behind, store, Limits(megabytes=0.002), "127.0.0.1"
    )  # a request whose length is not told may take 12 kB
    full = (507, "the page has no room for more; wait until older files are removed")

    def send(content: bytes) -> tuple[int, str]:
        length = str(len(_FORM % content))
        kind = "multipart/form-data; boundary=b"
        return ask(gate, "POST", "/gradio_api/upload", _FORM % content, Content_Type=kind, Content_Length=length)

    assert upload(gate, b"x") == full
    assert send(b"x" * 1500)[0] == 200
    assert send(b"x" * 1500) == full
    assert send(b"x" * 500)[0] == 200
    store.sweep()
    assert send(b"x" * 1500)[0] == 200
    store.close()


@pytest.mark.parametrize(
    ("host", "asked", "is_served"),
    [
        ("127.0.0.1", "127.0.0.1:7860", True),
        ("127.0.0.1", "LocalHost:7860", True),
        ("127.0.0.1", "evil.example:7860", False),
        ("::1", "[::1]:7860", True),
        ("::1", "evil.example", False),
        ("0.0.0.0", "192.168.0.7:7860", True),
        ("0.0.0.0", "[fe80::1]", True),
        ("0.0.0.0", "evil.example:80", False),
        ("0.0.0.0", "workstation:7860", True),
        ("0.0.0.0", "workstation.local:7860", True),
        ("Studio.lan", "studio.lan:7860", True),
        ("studio.lan", "192.168.0.7", True),
        ("studio.lan", "studio.lan.evil.example", False),
        ("studio.lan", "[", False),
        ("studio.lan", "", False),
    ],
)
def test_the_page_is_served_at_addresses_and_at_its_own_name_alone(
    host: str, asked: str, is_served: bool, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "Workstation")
    code, text = ask(Gate(behind, store, Limits(), host), "GET", "/", Host=asked)
    assert (code, text.startswith("behind the gate")) == ((200, True) if is_served else (400, False))
