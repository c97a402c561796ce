import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from loopback import Server, serving

from eoras.download.addresses import PUBLISHED
from eoras.download.transfer import transfer
from eoras.errors import ConfigError, RunError

CONTENT = np.random.default_rng(0).bytes(300_000)
OTHER = np.random.default_rng(1).bytes(300_000)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server({"set.zip": CONTENT})) as running:
        yield running


def fetch(server: Server, path: Path, size: int | None = None, sha256: str | None = None) -> None:
    transfer(f"{server.address}/set.zip", path, size=size, sha256=sha256, pause=0)


def break_off(server: Server, path: Path, at: int) -> None:
    """Leave a part of so many bytes."""
    server.cuts, server.failures = [at], []
    with pytest.raises(RunError, match=r"broke off.*set\.zip\.part keeps what came, and the same command goes on"):
        fetch_until_dead(server, path)
    assert path.with_name("set.zip.part").read_bytes() == CONTENT[:at]
    assert not path.exists()
    server.asked.clear()


def fetch_until_dead(server: Server, path: Path) -> None:
    """The first answer is cut, then the server is overloaded for good."""

    class Dead(list[int]):
        def __bool__(self) -> bool:
            return len(server.asked) > 1

        def pop(self, _: object = -1) -> int:
            return 503

    server.failures = Dead()
    try:
        fetch(server, path)
    finally:
        server.failures = []


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_leaves_nothing_beside_it(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "set.zip"
    fetch(server, path, size=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest())
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["set.zip"]


def test_a_file_that_is_there_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"mine")
    fetch(server, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == b"mine"
    assert not server.asked


def test_a_cut_connection_is_taken_up_where_it_was_cut(server: Server, tmp_path: Path) -> None:
    server.cuts = [100_000, 0, 50_000, 1]
    fetch(server, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    first, *later = server.asked
    assert first == (None, None)
    assert later == [(f"bytes={start}-", '"first"') for start in (100_000, 100_000, 150_000, 150_001)]


def test_a_server_that_is_overloaded_for_a_while_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.failures = [503, 429, 502]
    fetch(server, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_the_next_call_goes_on_with_the_part(server: Server, tmp_path: Path) -> None:
    break_off(server, tmp_path / "set.zip", 120_000)
    fetch(server, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert server.asked == [("bytes=120000-", '"first"')]
    assert names(tmp_path) == ["set.zip"]


def test_ctrl_c_leaves_a_part_that_goes_on(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eoras.download.transfer._BLOCK", 70_000)
    with monkeypatch.context() as patch:
        patch.setattr("eoras.download.transfer.tqdm", Interrupting)
        with pytest.raises(KeyboardInterrupt):
            fetch(server, tmp_path / "set.zip")
    assert names(tmp_path) == ["set.zip.part", "set.zip.part.mark"]
    assert (tmp_path / "set.zip.part").read_bytes() == CONTENT[:140_000]
    fetch(server, tmp_path / "set.zip")
    assert server.asked[1:] == [("bytes=140000-", '"first"')]
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


class Interrupting:
    """A progress bar that is interrupted at its second step."""

    def __init__(self, **_: object) -> None:
        self.total, self.n, self.steps = None, 0, 0

    def __enter__(self) -> "Interrupting":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, _: int) -> None:
        self.steps += 1
        if self.steps == 2:
            raise KeyboardInterrupt


def test_a_file_that_changed_meanwhile_is_fetched_from_its_beginning(server: Server, tmp_path: Path) -> None:
    break_off(server, tmp_path / "set.zip", 120_000)
    server.files["set.zip"], server.etag = OTHER, '"second"'
    fetch(server, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == OTHER


def test_another_mark_on_a_part_is_another_file(server: Server, tmp_path: Path) -> None:
    break_off(server, tmp_path / "set.zip", 120_000)
    (tmp_path / "set.zip.part.mark").write_text(f"{len(CONTENT)}\n")  # so that no condition is sent
    server.files["set.zip"] = OTHER
    fetch(server, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == OTHER


@pytest.mark.parametrize(("grown", "whole"), [(False, CONTENT), (True, OTHER + OTHER)])
def test_without_a_mark_the_size_decides_whether_a_part_goes_on(
    server: Server, tmp_path: Path, grown: bool, whole: bytes
) -> None:
    server.etag = 'W/"weak"'
    break_off(server, tmp_path / "set.zip", 120_000)
    server.files["set.zip"] = whole
    fetch(server, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == whole
    assert server.asked[0] == ("bytes=120000-", None)
    assert len(server.asked) == 1 + grown


def test_a_server_that_marks_only_whole_files_is_trusted_with_the_condition(server: Server, tmp_path: Path) -> None:
    server.mark_parts, server.cuts = False, [120_000]
    fetch(server, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_a_file_that_shrank_is_fetched_from_its_beginning(server: Server, tmp_path: Path) -> None:
    server.etag = None
    break_off(server, tmp_path / "set.zip", 120_000)
    server.files["set.zip"] = OTHER[:50_000]
    fetch(server, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == OTHER[:50_000]


def test_a_server_without_ranges_sends_the_whole_file_again(server: Server, tmp_path: Path) -> None:
    break_off(server, tmp_path / "set.zip", 120_000)
    server.ranges = False
    fetch(server, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_a_part_of_a_file_of_unknown_length_goes_on_where_it_was_cut(server: Server, tmp_path: Path) -> None:
    server.span, server.cuts = "bytes {start}-{end}/*", [120_000, 50_000]
    fetch(server, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert [asked for asked, _ in server.asked] == [None, "bytes=120000-", "bytes=170000-"]


def test_with_neither_mark_nor_length_a_part_may_be_that_of_another_file(server: Server, tmp_path: Path) -> None:
    server.etag, server.span = None, "bytes {start}-{end}/*"
    break_off(server, tmp_path / "set.zip", 120_000)
    server.files["set.zip"] = OTHER
    fetch(server, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == OTHER


@pytest.mark.parametrize("span", ["", "bytes */300000", "items {start}-{end}/{total}"])
def test_a_part_of_which_the_server_does_not_say_where_it_belongs_is_not_taken_for_the_file(
    server: Server, tmp_path: Path, span: str
) -> None:
    server.span = span
    break_off(server, tmp_path / "set.zip", 120_000)
    fetch(server, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert [asked for asked, _ in server.asked] == ["bytes=120000-", None]


@pytest.mark.parametrize("left", [b"", b"\xff\xfe", b"many\n"])
def test_a_part_whose_mark_is_lost_or_damaged_begins_anew(server: Server, tmp_path: Path, left: bytes) -> None:
    break_off(server, tmp_path / "set.zip", 120_000)
    (tmp_path / "set.zip.part.mark").write_bytes(left)
    fetch(server, tmp_path / "set.zip")
    assert server.asked == [(None, None)]
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


def test_a_whole_part_is_taken_without_asking(server: Server, tmp_path: Path) -> None:
    (tmp_path / "set.zip.part").write_bytes(CONTENT)
    (tmp_path / "set.zip.part.mark").write_text(f'{len(CONTENT)}\n"first"')
    fetch(server, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == CONTENT
    assert not server.asked


def test_a_server_that_tells_no_length_is_believed(server: Server, tmp_path: Path) -> None:
    server.length = False
    fetch(server, tmp_path / "set.zip")
    assert (tmp_path / "set.zip").read_bytes() == CONTENT


# What cannot be had


def test_too_few_bytes_are_an_error_and_stay(server: Server, tmp_path: Path) -> None:
    server.length = len(CONTENT) + 1
    with pytest.raises(RunError, match=r"(300000 of 300001 bytes came|the file has changed)"):
        fetch(server, tmp_path / "set.zip")
    assert not (tmp_path / "set.zip").exists()


@pytest.mark.parametrize("size", [len(CONTENT) - 1, len(CONTENT) + 1])
def test_another_size_than_the_known_one_is_refused(server: Server, tmp_path: Path, size: int) -> None:
    with pytest.raises(RunError, match=rf"set\.zip: expected {size} bytes, found 300000; it is another file"):
        fetch(server, tmp_path / "set.zip", size=size)
    assert names(tmp_path) == []


def test_more_bytes_than_expected_are_refused(server: Server, tmp_path: Path) -> None:
    server.length = False
    with pytest.raises(RunError, match=r"set\.zip: expected 1000 bytes, found more"):
        fetch(server, tmp_path / "set.zip", size=1000)
    assert not (tmp_path / "set.zip").exists()


def test_another_digest_is_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"expected SHA-256 abc, found [0-9a-f]{64}"):
        fetch(server, tmp_path / "set.zip", sha256="abc")
    assert not (tmp_path / "set.zip").exists()
    assert not (tmp_path / "set.zip.part").exists()


@pytest.mark.parametrize("code", [403, 404, 410])
def test_a_file_that_is_not_there_is_said_at_once(server: Server, tmp_path: Path, code: int) -> None:
    server.failures = [code]
    with pytest.raises(RunError, match=rf"set\.zip: expected a file, the server answers {code} .*--mirror"):
        fetch(server, tmp_path / "set.zip")
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", [404, 503, 0])
def test_what_a_server_says_does_not_steer_the_terminal(server: Server, tmp_path: Path, code: int) -> None:
    server.failures, server.reason = [code] * 20, "moved \x1b[31m"  # an answer with the code 0 is none
    with pytest.raises(RunError, match=r"moved \\x1b\[31m") as caught:
        fetch(server, tmp_path / "set.zip")
    assert str(caught.value).isprintable()


def test_a_web_page_is_no_file(server: Server, tmp_path: Path) -> None:
    server.kind = "text/html; charset=utf-8"
    with pytest.raises(RunError, match=r"set\.zip: expected a file, found a web page"):
        fetch(server, tmp_path / "set.zip")


def test_a_server_that_is_gone_is_named_after_some_attempts(tmp_path: Path) -> None:
    with serving(Server({})) as gone:
        address = gone.address
    with pytest.raises(RunError, match=r"http://127\.0\.0\.1:\d+/set\.zip: nothing came \(.*refused"):
        transfer(f"{address}/set.zip", tmp_path / "set.zip", pause=0)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://host/set.zip", "set.zip", "http:///set.zip", ""])
def test_other_addresses_than_those_of_the_web_are_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected an address that begins with http:// or https://"):
        transfer(address, tmp_path / "set.zip")


@pytest.mark.parametrize("address", ["http://host:port/set.zip", "http://host/a b"])
def test_an_address_that_is_none_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected an address, found something else"):
        transfer(address, tmp_path / "set.zip")


def test_a_disk_that_is_too_small_is_said_before_anything_comes(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1000))
    with pytest.raises(RunError, match=r"300,000 bytes are still to come, and 1,000 are free; make room"):
        fetch(server, tmp_path / "set.zip")
    assert names(tmp_path) == []


def test_published_files_have_places_of_their_own_and_lie_there_under_a_mirror() -> None:
    files = [file for group in PUBLISHED.values() for file in group]
    assert len({file.name for file in files}) == len({file.address for file in files}) == len(files)
    assert all(file.address.startswith("https://") for file in files)
    assert PUBLISHED["movi_b"][0].at(None) == "https://data.dgl.ai/dataset/EoRas/MOVi-B.tar.gz"
    assert PUBLISHED["checkpoints"][0].at("http://here/x/") == "http://here/x/movi_b/checkpoint-0050.pth.gz"
