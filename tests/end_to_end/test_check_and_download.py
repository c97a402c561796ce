"""``eoras check`` and ``eoras download`` as a user types them; the server is on the loopback address."""

import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loopback import Server, serving
from PIL import Image
from written_kitti import write_kitti_split

from eoras.data.formats import convert_masks

Tell = Callable[..., Any]


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server({})) as running:
        yield running


@pytest.fixture
def data(place: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    shutil.copytree(place / "data", tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def kitti(tmp_path: Path) -> Path:
    """A video a split, of a track with three annotated frames, and all five cameras."""
    root = tmp_path / "KINS_Video_Car"
    for split, day in (("train", 26), ("val", 28), ("test", 29)):
        write_kitti_split(root, split, video=f"2011_09_{day}_drive_0001_sync_02")
    for day in (3, 30):
        shutil.copy(root / "Kitti" / "calib" / "26.txt", root / "Kitti" / "calib" / f"{day}.txt")
    return root


def packed(folder: Path, name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.add(folder, name)
    return buffer.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for name, content in files.items():
            package.writestr(name, content)
    return buffer.getvalue()


def test_a_good_folder_is_counted_and_has_no_problems(tell: Tell, data: Path) -> None:
    told = tell("check", data)
    assert (told.code, told.err) == (0, "")
    lines = told.out.splitlines()
    assert lines[0] == f"{data}: MOVi; checked: every listed track"
    assert lines[-1] == "no problems found"
    assert "  videos        2" in lines
    assert "  sizes         48x64 in 2 of 2 videos" in lines
    assert sum("%" in line for line in lines) == 2 * 10, "two histograms"


def test_a_warning_is_exit_code_0_and_a_problem_1(tell: Tell, data: Path) -> None:
    (data / "train" / "0" / "data_ranges.json").write_text("{")
    told = tell("check", data)
    assert told.code == 0
    assert f"  warning: {data}/train/0/data_ranges.json: expected JSON" in told.out
    assert told.out.endswith("problems: 0, warnings: 1\n")
    (data / "train" / "1" / "segmentation_full_00001.png").unlink()
    told = tell("check", data)
    assert told.code == 1
    assert "missing image: 1\n  problem: " in told.out
    assert told.out.endswith("problems: 1, warnings: 1\n")


def test_of_many_problems_of_a_kind_twenty_are_shown_and_all_are_in_the_json(tell: Tell, data: Path) -> None:
    removed = sorted(data.glob("*/*/segmentation_[0-9]_*.png"))
    for path in removed:
        path.unlink()
    told = tell("check", data)
    assert told.out.count("  problem: ") == 20
    assert f"  and {len(removed) - 20} more; --json lists all" in told.out
    told = tell("check", data, "--json")
    report = json.loads(told.out)
    assert told.code == 1
    assert report["breaks"] is True
    assert sorted(problem["path"] for problem in report["problems"]) == list(map(str, removed))
    assert report["contents"]["train"]["videos"] == 2


def test_a_sheet_shows_tracks(tell: Tell, data: Path, tmp_path: Path) -> None:
    told = tell("check", data, "--sheet", tmp_path / "sheet.png")
    assert told.code == 0
    assert told.err.startswith(f"eoras: wrote {tmp_path / 'sheet.png'}, ")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert np.asarray(sheet).std() > 5
    told = tell("check", data, "--sheet", tmp_path / "sheet.jpg")
    assert told.code == 2
    assert "expected a name that ends in .png" in told.err


def test_kitti_is_checked_and_drawn(tell: Tell, kitti: Path, tmp_path: Path) -> None:
    told = tell("check", kitti, "--sheet", tmp_path / "sheet.png")
    assert told.code == 0
    assert told.out.startswith(f"{kitti}: KITTI (KINS_Video_Car); checked: every mask and box; ")
    assert "  track frames  12, of which 3 have an amodal mask" in told.out.splitlines()
    assert "\nnote: cameras lead to pixels, " in told.out
    assert told.out.endswith("no problems found\n")
    assert told.err == f"eoras: wrote {tmp_path / 'sheet.png'}, 1 tracks\n"
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert np.asarray(sheet).std() > 5
    next(kitti.rglob("0000000007.png")).unlink()
    told = tell("check", kitti)
    assert told.code == 1
    assert "missing image: 1\n  problem: " in told.out


def test_coco_video_is_checked_and_drawn(tell: Tell, data: Path, tmp_path: Path) -> None:
    for split in ("train", "test"):
        convert_masks(data / split, data / f"{split}.json", "coco_video")
        (data / split / "instance_list.npy").unlink()
    told = tell("check", data, "--sheet", tmp_path / "sheet.png")
    assert told.code == 0
    assert told.out.startswith(f"{data}: COCO-video; checked: every mask; ")
    assert told.out.endswith("no problems found\n")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert np.asarray(sheet).std() > 5
    (data / "train" / "0" / "rgba_full_00000.png").write_bytes(b"")
    told = tell("check", data)
    assert told.code == 1
    assert "damaged image: 1\n  problem: " in told.out


def test_what_is_no_data_is_said_in_a_line(tell: Tell, tmp_path: Path) -> None:
    told = tell("check", tmp_path)
    assert (told.code, told.out) == (2, "")
    assert "expected car_data/ and Kitti/ (KITTI), or train.json and test.json (COCO-video), or train/" in told.err


def test_data_are_fetched_unpacked_and_checked(tell: Tell, data: Path, tmp_path: Path, server: Server) -> None:
    server.files["MOVi-B.tar.gz"] = packed(data, "movib_bev")
    server.cuts = [1000]
    out = tmp_path / "out"
    told = tell("download", "movi_b", "--out", out, "--mirror", server.address)
    assert told.code == 0
    assert told.err == f"eoras: unpacked {out}/MOVi-B.tar.gz to {out}/MOVi-B; the archive is no longer needed\n"
    assert told.out.startswith(f"{out}/MOVi-B/movib_bev: MOVi; ")
    assert told.out.endswith("no problems found\n")
    assert len(server.asked) == 2
    (out / "MOVi-B.tar.gz").unlink()
    again = tell("download", "movi_b", "--out", out, "--mirror", server.address)
    assert (again.code, again.out, again.err) == (0, told.out, "")
    assert len(server.asked) == 2, "what is unpacked is not fetched again"


def test_both_archives_of_kitti_make_one_folder(tell: Tell, kitti: Path, tmp_path: Path, server: Server) -> None:
    files = {str(path.relative_to(kitti)): path.read_bytes() for path in kitti.rglob("*") if path.is_file()}
    extra = {name: content for name, content in files.items() if "calib" in name or name.endswith("full_mask.pkl")}
    base = {f"KINS_Video_Car/{name}": content for name, content in files.items() if name not in extra}
    server.files["KINS_Video_Car.zip"] = zipped(base)
    missing = {f"EoRaSMissing/{name.partition('/')[2]}": content for name, content in extra.items()}
    server.files["EoRaSMissing.zip"] = zipped(missing)
    out = tmp_path / "out"
    told = tell("download", "kitti", "--out", out, "--mirror", server.address)
    assert told.code == 0, told.out
    assert told.err.count("eoras: moved ") == len(extra) == 8
    assert told.out.endswith("no problems found\n")
    placed = out / "KINS_Video_Car" / "KINS_Video_Car"
    assert (placed / "Kitti" / "calib" / "30.txt").read_bytes() == files["Kitti/calib/30.txt"]


def test_checkpoints_are_fetched_and_what_to_do_with_them_is_said(tell: Tell, tmp_path: Path, server: Server) -> None:
    names = [f"{name}/checkpoint-0050.pth.gz" for name in ("movi_b", "movi_d", "kitti")]
    server.files |= {name: name.encode() for name in names}
    told = tell("download", "checkpoints", "--out", tmp_path, "--mirror", f"{server.address}/")
    assert (told.code, told.out) == (0, "")
    for name in names:
        assert (tmp_path / name).read_bytes() == name.encode()
        assert f"eoras convert checkpoint {tmp_path / name} MODEL --config {name.partition('/')[0]}" in told.err


def test_data_with_problems_are_exit_code_1(tell: Tell, data: Path, tmp_path: Path, server: Server) -> None:
    (data / "train" / "0" / "rgba_full_00000.png").unlink()
    server.files["MOVi-D.tar.gz"] = packed(data, ".")
    told = tell("download", "movi_d", "--out", tmp_path / "out", "--mirror", server.address)
    assert told.code == 1
    assert "rgba_full_00000.png" in told.out


@pytest.mark.parametrize(
    ("name", "mirror", "code", "hint"),
    [
        ("movi_b", "SERVER", 1, "/MOVi-B.tar.gz: expected a file, the server answers 404"),
        ("movi_b", "here", 2, "here/MOVi-B.tar.gz: expected an address that begins with http:// or https://"),
        ("movi_c", "SERVER", 2, "movi_c"),
    ],
)
def test_what_cannot_be_fetched_is_said_in_a_line(
    tell: Tell, tmp_path: Path, server: Server, name: str, mirror: str, code: int, hint: str
) -> None:
    address = mirror.replace("SERVER", server.address)
    told = tell("download", name, "--out", tmp_path / "out", "--mirror", address)
    assert (told.code, told.out) == (code, "")
    assert hint in told.err
    assert told.err.count("\n") == 1


def test_a_hostile_archive_leaves_nothing_behind(tell: Tell, tmp_path: Path, server: Server) -> None:
    server.files["MOVi-B.tar.gz"] = zipped({"train/good": b"x", "../../evil": b"x"})
    told = tell("download", "movi_b", "--out", tmp_path / "out", "--mirror", server.address)
    assert told.code == 2
    assert "MOVi-B.tar.gz: expected names inside the folder, found '../../evil'" in told.err
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "MOVi-B.tar.gz"]


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(
    tell: Tell, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("eoras.download.transfer.transfer", interrupt)
    told = tell("download", "movi_b", "--out", tmp_path, "--mirror", server.address)
    assert (told.code, told.err) == (130, "eoras: interrupted; what came stays, and the same command goes on\n")
