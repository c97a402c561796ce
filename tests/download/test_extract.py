import gzip
import io
import stat
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from eoras.download.arrange import arrange_kitti
from eoras.download.extract import extract
from eoras.errors import DataError, RunError

FILES = {"train/5/metadata.json": b"{}", "train/5/frame.png": np.random.default_rng(0).bytes(90_000), "empty": b""}
Write = Callable[[Path, dict[str, bytes]], None]


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w:gz") -> None:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(content)
            tar.addfile(item, io.BytesIO(content))


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in files.items():
            package.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def write_tar_xz(path: Path, files: dict[str, bytes]) -> None:
    write_tar(path, files, "w:xz")


def write_zip_lzma(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as package:
        for name, content in files.items():
            package.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_LZMA)


WRITERS = pytest.mark.parametrize("write", [write_tar, write_zip])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_refused(archive: Path, hint: str) -> None:
    """A message that names the archive, and nothing on the disk, inside the folder or out."""
    before = sorted(archive.parent.parent.rglob("*"))
    with pytest.raises(DataError, match=hint) as caught:
        extract(archive, archive.parent / "set")
    assert str(caught.value).startswith(f"{archive}: expected ")
    assert sorted(archive.parent.parent.rglob("*")) == before


@WRITERS
def test_an_archive_is_unpacked_into_its_folder(write: Write, tmp_path: Path) -> None:
    write(tmp_path / "archive", FILES)
    extract(tmp_path / "archive", tmp_path / "set")
    assert contents(tmp_path / "set") == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "set"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_may_be_packed_in_any_way_and_name_its_folders(mode: str, tmp_path: Path) -> None:
    (tmp_path / "source" / "train" / "empty").mkdir(parents=True)
    (tmp_path / "source" / "train" / "frame.png").write_bytes(b"pixels")
    with tarfile.open(tmp_path / "archive", mode) as tar:  # type: ignore[call-overload]
        tar.add(tmp_path / "source", "./")
    extract(tmp_path / "archive", tmp_path / "set")
    assert contents(tmp_path / "set") == {"train/frame.png": b"pixels"}
    assert (tmp_path / "set" / "train" / "empty").is_dir()


def test_rights_and_owners_of_the_archive_are_not_taken_over(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "archive", "w:gz") as tar:
        item = tarfile.TarInfo("tool")
        item.mode, item.uid = 0o4777, 12345
        tar.addfile(item)
    extract(tmp_path / "archive", tmp_path / "set")
    state = (tmp_path / "set" / "tool").stat()
    assert not state.st_mode & (stat.S_ISUID | stat.S_IXUSR | stat.S_IWOTH)
    assert state.st_uid != 12345


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    write_zip(tmp_path / "archive", FILES)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine").write_text("mine")
    with pytest.raises(RunError, match="set: could not be written"):
        extract(tmp_path / "archive", tmp_path / "set")
    assert contents(tmp_path / "set") == {"mine": b"mine"}


# Archives that mean harm


@WRITERS
@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "a/b/../../../evil", "/tmp/evil", "..", "C:\\evil", "a\\..\\evil", "C:evil"]
)
def test_names_outside_the_folder_are_refused(write: Write, name: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep" / "archive", {"good": b"good", name: b"evil"})
    assert_refused(tmp_path / "deep" / "archive", "names inside the folder, found .*nothing was unpacked")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_links_and_devices_in_a_tar_are_refused(kind: bytes, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    with tarfile.open(tmp_path / "deep" / "archive", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("good"))
        item = tarfile.TarInfo("link")
        item.type, item.linkname = kind, "good" if kind == tarfile.LNKTYPE else "/etc"
        tar.addfile(item)
    assert_refused(tmp_path / "deep" / "archive", "plain files, found a link or a device, 'link'")


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    with zipfile.ZipFile(tmp_path / "deep" / "archive", "w") as package:
        item = zipfile.ZipInfo("link")
        item.external_attr = (stat.S_IFLNK | 0o777) << 16
        package.writestr(item, "/etc")
    assert_refused(tmp_path / "deep" / "archive", "plain files, found a link or a device, 'link'")


@WRITERS
def test_a_bomb_is_refused_before_it_goes_off(write: Write, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep" / "archive", {"zeros": bytes(90 << 20)})
    assert (tmp_path / "deep" / "archive").stat().st_size < 200_000
    assert_refused(tmp_path / "deep" / "archive", r"at most [\d,]+ bytes, as its size suggests, found more: a bomb")


def test_a_bomb_of_empty_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eoras.download.extract._ALWAYS", 10_000)
    monkeypatch.setattr("eoras.download.extract._RATIO", 1)
    (tmp_path / "deep").mkdir()
    write_tar(tmp_path / "deep" / "archive", dict.fromkeys(map(str, range(200)), b""))
    assert_refused(tmp_path / "deep" / "archive", "a bomb")


@pytest.mark.parametrize("kind", [tarfile.DIRTYPE, tarfile.REGTYPE])
def test_an_entry_of_less_than_nothing_makes_no_room_for_a_bomb(kind: bytes, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    with tarfile.open(tmp_path / "deep" / "archive", "w:gz", format=tarfile.PAX_FORMAT) as tar:
        entry = tarfile.TarInfo("entry")
        entry.type, entry.pax_headers = kind, {"size": "-1000000000000"}
        tar.addfile(entry)
        bomb = tarfile.TarInfo("zeros")
        bomb.size = 90 << 20
        tar.addfile(bomb, io.BytesIO(bytes(bomb.size)))
    assert_refused(tmp_path / "deep" / "archive", "a damaged one")


def test_a_folder_takes_no_room_whatever_it_says(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "archive", "w:gz", format=tarfile.PAX_FORMAT) as tar:
        entry = tarfile.TarInfo("entry")
        entry.type, entry.pax_headers = tarfile.DIRTYPE, {"size": "1000000000000"}
        tar.addfile(entry)
    extract(tmp_path / "archive", tmp_path / "set")
    assert (tmp_path / "set" / "entry").is_dir()


def write_long_name(path: Path) -> None:
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("a" * (20 << 20)))


def write_long_header(path: Path) -> None:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("first"))
        item = tarfile.TarInfo("second")
        item.pax_headers = {"comment": "a" * (20 << 20)}
        tar.addfile(item)


def write_many_headers(path: Path) -> None:
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT) as tar:
        name = tarfile.TarInfo("name")
        name.type, name.size = tarfile.GNUTYPE_LONGNAME, 500_000
        for _ in range(40):
            tar.addfile(name, io.BytesIO(bytes(name.size)))
        tar.addfile(tarfile.TarInfo("file"))


@pytest.mark.parametrize("write_headers", [write_long_name, write_long_header, write_many_headers])
def test_headers_that_would_fill_the_memory_are_refused(write_headers: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write_headers(tmp_path / "deep" / "archive")
    tracemalloc.start()
    try:
        assert_refused(tmp_path / "deep" / "archive", r"a damaged one \(a header of more than 1,048,576 bytes\)")
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_headers_count_as_what_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eoras.download.extract._ALWAYS", 10_000)
    monkeypatch.setattr("eoras.download.extract._RATIO", 1)
    (tmp_path / "deep").mkdir()
    with tarfile.open(tmp_path / "deep" / "archive", "w:gz", format=tarfile.PAX_FORMAT) as tar:
        for name in "ab":
            item = tarfile.TarInfo(name)
            item.pax_headers = {"comment": "a" * 20_000}
            tar.addfile(item)
    assert_refused(tmp_path / "deep" / "archive", "a bomb")


def test_long_names_are_unpacked(tmp_path: Path) -> None:
    files = {"/".join(["a" * 200] * 5): b"content", "/".join(["b" * 200] * 5): b"other"}
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "archive", "w:xz", format=form) as tar:
            for name, content in files.items():
                item = tarfile.TarInfo(name)
                item.size = len(content)
                tar.addfile(item, io.BytesIO(content))
        extract(tmp_path / "archive", tmp_path / str(form))
        assert contents(tmp_path / str(form)) == files


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    archive = tmp_path / "deep" / "archive"
    write_zip(archive, {"zeros": bytes(5_000_000)})
    told, lie = (5_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    archive.write_bytes(archive.read_bytes().replace(told, lie))
    assert_refused(archive, "a damaged one")


def test_a_full_disk_is_said_before_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_zip(tmp_path / "archive", FILES)
    monkeypatch.setattr("eoras.download.extract._SPARE", 1 << 60)
    with pytest.raises(RunError, match=r"set: archive does not fit on the disk"):
        extract(tmp_path / "archive", tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


# Damaged archives


@WRITERS
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_an_archive_cut_short_is_damaged(write: Write, share: float, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    archive = tmp_path / "deep" / "archive"
    write(archive, FILES)
    archive.write_bytes(archive.read_bytes()[: int(share * archive.stat().st_size)])
    assert_refused(archive, "a whole archive, found a damaged one .*; delete it and fetch it again")


@pytest.mark.parametrize("write", [write_tar, write_tar_xz, write_zip, write_zip_lzma])
@pytest.mark.parametrize("place", [0.3, 0.6])
def test_an_archive_with_a_changed_byte_is_damaged(write: Write, place: float, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    archive = tmp_path / "deep" / "archive"
    write(archive, FILES)
    content = bytearray(archive.read_bytes())
    content[int(place * len(content))] ^= 255
    archive.write_bytes(content)
    assert_refused(archive, "a damaged one")


def test_a_tar_whose_map_of_holes_is_no_numbers_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    with tarfile.open(tmp_path / "deep" / "archive", "w", format=tarfile.PAX_FORMAT) as tar:
        item = tarfile.TarInfo("frame.png")
        item.pax_headers = {"GNU.sparse.map": "none"}
        tar.addfile(item)
    assert_refused(tmp_path / "deep" / "archive", "a damaged one")


@pytest.mark.parametrize(
    "content",
    [b"<html>moved</html>", gzip.compress(b"no tar", mtime=0), b"PK\x05\x06"],
    ids=["a page", "a gzip file of no tar", "the end of a zip file"],
)
def test_something_else_is_no_archive(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "archive").write_bytes(content)
    assert_refused(tmp_path / "deep" / "archive", "a damaged one")


def test_the_files_that_eoras_added_to_kitti_go_where_its_code_looks_for_them(tmp_path: Path) -> None:
    missing, root = tmp_path / "missing", tmp_path / "KINS_Video_Car"
    names = [
        "x/train_data_full_mask.pkl",
        "y/test_Kins_Kitti_file_matching.pkl",
        "calib/3.txt",
        "calib/30.txt",
        "a.txt",
    ]
    for name in names:
        (missing / name).parent.mkdir(parents=True, exist_ok=True)
        (missing / name).write_text(name)
    (root / "Kitti" / "calib").mkdir(parents=True)
    (root / "Kitti" / "calib" / "3.txt").write_text("mine")
    places = ["car_data/test_Kins_Kitti_file_matching.pkl", "car_data/train_data_full_mask.pkl", "Kitti/calib/30.txt"]
    assert sorted(arrange_kitti(missing, root)) == sorted(root / name for name in places)
    assert (root / "Kitti" / "calib" / "3.txt").read_text() == "mine"
    assert (root / "car_data" / "train_data_full_mask.pkl").read_text() == names[0]
    assert arrange_kitti(missing, root) == []
