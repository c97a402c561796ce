"""A server of files on the loopback address that misbehaves as it is told."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch

__all__ = ["Server", "serving"]


@dataclass
class Server:
    """What is served and how.

    Attributes:
        files: contents by path, without the slash in front.
        etag: mark of every file; None sends none.
        cuts: after how many bytes of a body the connection is cut, one for each of the next answers.
        failures: answers with these codes, one for each of the next requests.
        reason: what is said beside such a code; None: the usual words.
        mark_parts: whether a part of a file brings the mark.
        ranges: whether a part of a file can be had.
        span: what an answer with a part says of it.
        length: whether answers tell their length; a number is told in its place.
        kind: content type.
        asked: range and condition of each request, as they came.
        address: where it is.
    """

    files: dict[str, bytes]
    etag: str | None = '"first"'
    cuts: list[int] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    reason: str | None = None
    mark_parts: bool = True
    ranges: bool = True
    span: str = "bytes {start}-{end}/{total}"
    length: bool | int = True
    kind: str = "application/octet-stream"
    asked: list[tuple[str | None, str | None]] = field(default_factory=list)
    address: str = ""


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Serve inside the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _answer(self, server)

        def log_message(self, format: str, *args: object) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.address = f"http://127.0.0.1:{listener.server_address[1]}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with patch.dict(os.environ, {"no_proxy": "127.0.0.1"}):
            yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def _answer(request: BaseHTTPRequestHandler, server: Server) -> None:
    wanted, condition = request.headers["Range"], request.headers["If-Range"]
    server.asked.append((wanted, condition))
    content = server.files.get(request.path.removeprefix("/"))
    if server.failures or content is None:
        request.send_error(server.failures.pop(0) if server.failures else 404, server.reason)
        return
    start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and server.ranges else 0
    if condition not in (None, server.etag):
        start = 0
    if start >= len(content) > 0:
        request.send_error(416)
        return
    request.send_response(206 if start else 200)
    if start:
        span = server.span.format(start=start, end=len(content) - 1, total=len(content))
        request.send_header("Content-Range", span)
    if server.etag and (server.mark_parts or not start):
        request.send_header("ETag", server.etag)
    if server.length:
        told = len(content) - start if server.length is True else server.length
        request.send_header("Content-Length", str(told))
    request.send_header("Content-Type", server.kind)
    request.end_headers()
    body = content[start:]
    request.wfile.write(body[: server.cuts.pop(0)] if server.cuts else body)
