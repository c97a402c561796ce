"""Fetching one file over HTTP: what has come stays, and the next attempt goes on from there."""

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, InvalidURL
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tqdm import tqdm

from eoras.errors import ConfigError, RunError
from eoras.files import sha256_of, write_beside, writing

__all__ = ["transfer"]

_BLOCK = 1 << 20  # bytes read at a time
_ATTEMPTS = 5  # in a row that bring nothing new
_TIMEOUT = 60  # seconds without a byte
_PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers of a server that may do better later


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What a server sends, from which byte on, and of how many in all; its mark changes when the file does."""

    body: Any
    start: int
    total: int | None
    mark: str


class _BrokenError(Exception):
    """The connection was cut, or the server is overloaded: worth another attempt."""


def transfer(
    address: str,
    path: Path,
    *,
    size: int | None = None,
    sha256: str | None = None,
    pause: float = 1.0,
    progress: bool = False,
) -> None:
    """Fetch a file, unless it is there.

    It grows as ``NAME.part``, beside it ``NAME.part.mark`` holds the server's mark of the file, and it is renamed when
    it is whole. Whatever interrupts the transfer, the next call goes on with it: with a strong ETag or a date the
    server itself sees to it that the file is still the same (If-Range), without either the size must be.

    Args:
        address: beginning with http:// or https://.
        path: where it goes.
        size: bytes it must have; None: as many as the server says.
        sha256: hexadecimal digest it must have; None: any.
        pause: seconds before a second attempt; doubled before each further one that brings nothing.
        progress: show a bar on standard error, where that is a terminal.

    Raises:
        ConfigError: ``address`` is of another kind.
        RunError: the server cannot be reached or has no such file, size or digest are wrong, or there is no room.
    """
    if not re.match(r"https?://[^/]", address):
        raise ConfigError(f"{address}: expected an address that begins with http:// or https://")
    if path.exists():
        return
    part, mark = _part(path), _mark(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with tqdm(unit="B", unit_scale=True, desc=path.name, disable=None if progress else True) as bar:
        _persist(address, path, size, pause, bar)
    if sha256 is not None and (found := sha256_of(part)) != sha256:
        part.unlink()
        raise RunError(f"{address}: expected SHA-256 {sha256}, found {found}; fetched in vain, try again or elsewhere")
    with writing(path):
        part.replace(path)
        mark.unlink(missing_ok=True)


def _persist(address: str, path: Path, size: int | None, pause: float, bar: Any) -> None:
    """Attempt until the file is whole, or ``_ATTEMPTS`` in a row have brought nothing."""
    failed, longest = 0, _length(_part(path))
    while True:
        try:
            return _attempt(address, path, size, bar)
        except _BrokenError as error:
            failed = 1 if _length(_part(path)) > longest else failed + 1
            longest = max(longest, _length(_part(path)))
            if failed == _ATTEMPTS:
                raise _give_up(address, path, error) from None
            bar.set_description(f"{path.name} ({error}; trying again)")
        time.sleep(pause * 2 ** (failed - 1))


def _give_up(address: str, path: Path, error: _BrokenError) -> RunError:
    if not _length(_part(path)):
        return RunError(f"{address}: nothing came ({error}); try again later, or name another place with --mirror")
    return RunError(
        f"{address}: the transfer broke off ({error}); {_part(path)} keeps what came, and the same command goes on"
    )


def _attempt(address: str, path: Path, size: int | None, bar: Any) -> None:
    """Fetch what is missing.

    Raises:
        _BrokenError: not all of it came.
        RunError: it cannot come.
    """
    part, (known, _) = _part(path), _read_mark(path)
    if known is not None and known == _length(part) and size in (None, known):
        return
    with _ask(address, path) as answer:
        told = known if answer.start and answer.total is None else answer.total
        total = told if size is None else size
        if told is not None and told != total:
            raise RunError(f"{address}: expected {total} bytes, found {told}; it is another file, look for news")
        _require_room(path, (total or 0) - answer.start)
        if answer.start == 0:
            with write_beside(_mark(path)) as beside:
                beside.write_text(f"{'' if total is None else total}\n{answer.mark}", encoding="utf-8")
        bar.total, bar.n = total, answer.start
        _append(part, answer, bar)
    length = _length(part)
    if total is not None and length < total:
        raise _BrokenError(f"{length} of {total} bytes came")
    if total is not None and length > total:
        part.unlink()
        raise RunError(f"{address}: expected {total} bytes, found more; try again or elsewhere")


def _append(part: Path, answer: _Answer, bar: Any) -> None:
    """Write what comes; in the order of time, so that the part is good up to its length."""
    with writing(part), part.open("ab" if answer.start else "wb") as file:
        for block in _blocks(answer.body):
            file.write(block)
            bar.update(len(block))


def _blocks(body: Any) -> Iterator[bytes]:
    try:
        while block := body.read(_BLOCK):
            yield block
    except (OSError, HTTPException) as error:
        raise _BrokenError(_printable(error) or type(error).__name__) from None


@contextmanager
def _ask(address: str, path: Path) -> Iterator[_Answer]:
    """Ask for what is missing; a server that cannot give it alone sends the whole file."""
    have, (total, mark) = _length(_part(path)), _read_mark(path)
    headers = {"User-Agent": "eoras", "Accept-Encoding": "identity"}
    if have and (mark or total):
        headers |= {"Range": f"bytes={have}-"} | ({"If-Range": mark} if mark else {})
    try:
        response = urlopen(Request(address, headers=headers), timeout=_TIMEOUT)
    except HTTPError as error:
        error.close()
        raise _refusal(address, path, error) from None
    except (InvalidURL, ValueError) as error:
        raise ConfigError(f"{address}: expected an address, found something else ({error})") from None
    except (OSError, HTTPException) as error:
        raise _BrokenError(_printable(getattr(error, "reason", error))) from None
    with response:
        if response.headers.get_content_type() == "text/html":
            raise RunError(f"{address}: expected a file, found a web page; name another place with --mirror")
        answer = _understand(response)
        if answer is None:
            _part(path).unlink(missing_ok=True)
            raise _BrokenError("the server does not say which part it sends; from the beginning")
        same_length = answer.total == total or (mark and None in (answer.total, total))  # then the mark decides
        same = same_length and answer.mark in ("", mark)
        if answer.start and not (same and answer.start == have):
            _part(path).unlink()
            raise _BrokenError("the file has changed; from the beginning")
        yield answer


def _understand(response: Any) -> _Answer | None:
    """Where what the server sends belongs; None where it sends a part and does not say which."""
    tag = response.headers.get("ETag", "")
    mark = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")  # weak tags do not serve here
    start, length = "0", response.headers.get("Content-Length", "")
    if response.status == 206:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if not span:
            return None
        start, length = span.groups()
    return _Answer(body=response, start=int(start), total=int(length) if length.isdecimal() else None, mark=mark)


def _refusal(address: str, path: Path, error: HTTPError) -> Exception:
    if error.code == 416:  # the part is longer than the file
        _part(path).unlink(missing_ok=True)
        return _BrokenError("the file has changed; from the beginning")
    if error.code in _PASSING:
        return _BrokenError(f"the server answers {error.code} {_printable(error.reason)}")
    return RunError(
        f"{address}: expected a file, the server answers {error.code} {_printable(error.reason)}; "
        "it may have moved: look for news of it, or name another place with --mirror"
    )


def _printable(reason: object) -> str:
    """What a server says, without what would steer a terminal."""
    return str(reason) if str(reason).isprintable() else repr(str(reason))


def _require_room(path: Path, missing: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if missing > free:
        raise RunError(
            f"{path}: {missing:,} bytes are still to come, and {free:,} are free; make room, or use a larger disk"
        )


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _mark(path: Path) -> Path:
    return path.with_name(f"{path.name}.part.mark")


def _read_mark(path: Path) -> tuple[int | None, str]:
    """How long the file is of which we have a part, and the server's mark of it."""
    try:
        total, _, mark = _mark(path).read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None, ""
    return int(total) if total.isdecimal() else None, mark


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
