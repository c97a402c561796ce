"""What stands before Gradio: it lets through what the page itself asks for, and takes uploads without their names.

Gradio takes names and addresses of files from requests: it stores uploads under the names they come with, copies files
that a request names, and fetches addresses. Here no name from a request reaches the file system or the network.
"""

import json
import posixpath
import re
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from eoras.app.limits import Limits
from eoras.app.store import UPLOAD, Store
from eoras.errors import PackageError, RunError

try:
    from starlette.concurrency import run_in_threadpool
    from starlette.datastructures import UploadFile
    from starlette.exceptions import HTTPException
    from starlette.formparsers import MultiPartException
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import JSONResponse, PlainTextResponse, Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
except ModuleNotFoundError as error:
    raise PackageError.of(error.name, "demo") from error

__all__ = ["Gate"]

_API = "/gradio_api"
_FILE, _UPLOAD, _JOIN = f"{_API}/file=", f"{_API}/upload", f"{_API}/queue/join"
_PROGRESS = f"{_API}/upload_progress"
_PAGE = re.compile(
    r"/|/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt)/?|/(assets|static|svelte)/.*"
    rf"|{_API}/(queue/(join|data)|heartbeat/\w+|upload|startup-events|app_id|cancel|reset)/?"
)
_WORDS = 1_000_000  # bytes of a request that is no upload, at most
_FRAME = 10_000  # bytes around a file in the request that brings it
_ONE_FILE = "expected one file"
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; form-action 'self'; frame-ancestors 'self'; "
    "object-src 'none'; base-uri 'self'"
)


class Gate:
    """An ASGI application around Gradio's.

    Args:
        app: Gradio's.
        store: where uploads go.
        limits: how large they may be.
        host: name or address at which the page is served.
    """

    def __init__(self, app: ASGIApp, store: Store, limits: Limits, host: str) -> None:
        self._app = app
        self._store = store
        self._limits = limits
        machine = socket.gethostname().lower()
        self._names = {"localhost", machine, f"{machine}.local", host.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            with suppress(ClientDisconnect):  # nobody waits for the answer any more
                try:
                    await self._answer(Request(scope, receive), send)
                except HTTPException as error:
                    await PlainTextResponse(error.detail, error.status_code)(scope, receive, send)

    async def _answer(self, request: Request, send: Send) -> None:
        path = request.scope["path"]
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if not self._is_ours(host):
            raise HTTPException(400, "the page is not served under this name; open it at its address")
        if origin is not None and origin.partition("://")[2] != host:
            raise HTTPException(403, "the request comes from another page")
        if path.rstrip("/") == _UPLOAD and request.method == "POST":
            response = await self._upload(request)
            await response(request.scope, request.receive, send)
            return
        receive = _at_most(_WORDS, request.receive, "the request is too large")
        if path == _PROGRESS:  # the page asks, and complains if nobody answers
            response = PlainTextResponse('data: {"msg": "done"}\n\n', media_type="text/event-stream")
            await response(request.scope, receive, send)
            return
        if path.startswith(_FILE):
            name = path.removeprefix(_FILE)
            if posixpath.normpath(name) != name or not name.startswith(f"{self._store.folder}/"):
                raise HTTPException(404, "not found")
        elif not _PAGE.fullmatch(path):
            raise HTTPException(404, "not found")
        if path.rstrip("/") == _JOIN:
            receive = await self._check_event(Request(request.scope, receive))
        await self._app(request.scope, receive, _with_policy(send))

    def _is_ours(self, host: str) -> bool:
        """Whether a browser came by an address or by our own name: any other name its owner may lead here any time."""
        with suppress(ValueError):
            name = urlsplit(f"//{host}").hostname or ""
            if name in self._names or ip_address(name):
                return True
        return False

    async def _check_event(self, request: Request) -> Receive:
        """Read an event of the page, in which no file may be named but uploads; give it to be read again."""
        body = b""
        async for chunk in request.stream():
            body += chunk
        try:
            event = json.loads(body)
        except (ValueError, RecursionError):
            raise HTTPException(400, "the request is not JSON") from None
        if not all(self._store.is_upload(path) for path in _paths(event)):
            raise HTTPException(400, "the file is no longer there; upload it again")
        rest: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            return rest.pop() if rest else await request.receive()

        return receive

    async def _upload(self, request: Request) -> Response:
        """Store one file under a name of ours."""
        most = self._limits.bytes + _FRAME
        length = request.headers.get("content-length", str(most))
        if not re.fullmatch(r"\d{1,18}", length, re.ASCII):
            raise HTTPException(400, "the length of the request is no number")
        if int(length) > most:
            raise HTTPException(413, self._limits.too_large)
        receive = _at_most(most, request.receive, self._limits.too_large)
        try:
            with self._store.new(int(length)) as folder:
                async with Request(request.scope, receive).form(max_files=1, max_fields=0) as form:
                    await run_in_threadpool(_keep, form.getlist("files"), folder / UPLOAD)
        except MultiPartException:
            raise HTTPException(400, _ONE_FILE) from None
        except RunError as error:
            raise HTTPException(507, str(error)) from None
        return JSONResponse([str(folder / UPLOAD)])


def _at_most(most: int, receive: Receive, told: str) -> Receive:
    """Take no more of a request than so many bytes."""
    taken = 0

    async def receiving() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise HTTPException(413, told)
        return message

    return receiving


def _keep(files: Sequence[UploadFile | str], path: Path) -> None:
    match files:
        case [UploadFile(file=file)]:
            with path.open("xb") as target:
                shutil.copyfileobj(file, target)
        case _:
            raise HTTPException(400, _ONE_FILE)


def _paths(value: Any) -> Iterator[Any]:
    """Whatever an event names as a path or an address of a file."""
    if isinstance(value, list):
        for item in value:
            yield from _paths(item)
    elif isinstance(value, dict):
        if "path" in value or "meta" in value:
            yield value.get("path")
        for item in value.values():
            yield from _paths(item)


def _with_policy(send: Send) -> Send:
    """Tell the browser to ask nobody else for anything."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", []), (b"content-security-policy", _POLICY.encode())]
            message = {**message, "headers": [*headers, (b"referrer-policy", b"no-referrer")]}
        await send(message)

    return sending
