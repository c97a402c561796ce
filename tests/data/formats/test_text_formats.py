"""Text of KITTI-MOTS and MOTChallenge."""

import errno
from pathlib import Path

import numpy as np
import pytest
from small_videos import HEIGHT, WIDTH, rectangle

from eoras.data.formats import convert_masks, read_masks
from eoras.data.masks import decode, encode
from eoras.errors import DataError
from eoras.geometry import Box

MASK = rectangle(1, 2, 5, 6)
COUNTS = encode(MASK).counts
SEQUENCE = "[Sequence]\nname=street\nimWidth=64\nimHeight=48\nseqLength=3\n"


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_kitti_mots_gives_visible_masks_by_the_numbers_of_the_file(tmp_path: Path) -> None:
    lines = [
        f"2 1005 1 {HEIGHT} {WIDTH} {COUNTS}",
        f"0 2001 2 {HEIGHT} {WIDTH} {COUNTS}",
        f"3 10000 10 {HEIGHT} {WIDTH} {COUNTS}",
    ]
    (video,) = read_masks(written(tmp_path / "0002.txt", "\n".join(lines) + "\n"))
    assert (video.name, video.height, video.width, video.length) == ("0002", HEIGHT, WIDTH, 4)
    assert [(track.track_id, track.category) for track in video.tracks] == [(1005, "car"), (2001, "pedestrian")]
    car, _ = video.tracks
    assert [rle and rle.area for rle in car.visible] == [0, 0, MASK.sum(), 0]
    assert car.visible[2] is not None
    np.testing.assert_array_equal(decode(car.visible[2]), MASK)
    assert car.amodal == (None,) * 4


def test_kitti_mots_goes_to_coco_video(tmp_path: Path) -> None:
    source = written(tmp_path / "0002.txt", f"0 7 1 {HEIGHT} {WIDTH} {COUNTS}\n")
    assert convert_masks(source, tmp_path / "masks.json", "coco_video") == {}
    (video,) = read_masks(tmp_path / "masks.json")
    assert video.tracks[0].visible == (encode(MASK),)


def test_boxes_of_mot_are_amodal_ones_in_the_size_that_seqinfo_tells(tmp_path: Path) -> None:
    (tmp_path / "gt").mkdir()
    (tmp_path / "seqinfo.ini").write_text(SEQUENCE)
    source = written(tmp_path / "gt" / "gt.txt", "2,5,1,1,10,20,1,1,0.5\n1,5,-3.6,2,10,20,1,1,1\n1,6,1,1,2,2,0,1,1\n")
    (video,) = read_masks(source)
    assert (video.name, video.height, video.width, video.length) == ("street", 48, 64, 3)
    (track,) = video.tracks
    assert track.track_id == 5
    assert track.amodal_boxes == (Box(1, -5, 21, 5), Box(0, 0, 20, 10), None)
    assert track.visible == track.amodal == (None,) * 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,5,1,1,10,20,1\n2,5,1,1,10,20,1\n", "expected seqinfo.ini beside it or in the folder above"),
        ("1,5,1,1,10,20,1\n1,5,1,1,10,20,1\n", "line 2: track 5 stands twice in frame 1"),
        ("1,-1,1,1,10,20,1\n", "with frames from 1 and ids from 0, found"),
        ("1,5,1,1,10,20,1\n0,5,1,1,10,20,1\n", "line 2: expected 'frame,id,left,top,width,height,...'"),
        ("1,5,1,1,10,20,1\n2,5,1,1,0,20,1\n", "line 2: expected"),
        ("1,5,1,1,10,20,1\n2,5,nan,1,10,20,1\n", "line 2: expected"),
        (
            f"0 1 1 {HEIGHT} {WIDTH} {COUNTS}\n0 1 1 {HEIGHT} {WIDTH} {COUNTS}\n",
            "line 2: track 1 stands twice in frame 0",
        ),
        (f"0 1 1 {HEIGHT} {WIDTH} {COUNTS}\n1 1 1 {HEIGHT} 4 {COUNTS}\n", "line 2.size: expected"),
        (f"0 1 1 {HEIGHT} {WIDTH} {COUNTS}\n1 1 1\n", "line 2: expected 'frame id class height width mask'"),
        (f"0 1 1 {HEIGHT} {WIDTH} 1\n", "line 1.counts: expected the lengths of runs"),
        (f"99999999 1 1 {HEIGHT} {WIDTH} {COUNTS}\n", "line 1: expected a frame and a size that can be"),
        ("\n", "expected masks in one of the formats"),
        ("hello\n", "expected masks in one of the formats"),
    ],
)
def test_lines_that_cannot_be_read_are_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "seqinfo.ini").write_text("" if "seqinfo" in message else SEQUENCE)
    with pytest.raises(DataError) as caught:
        list(read_masks(written(tmp_path / "masks.txt", text)))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "line", [f"999998 {{}} 1 {HEIGHT} {WIDTH} {COUNTS}\n", "999999,{},1,1,10,20,1\n"], ids=["mots", "mot"]
)
def test_a_few_lines_that_would_fill_the_memory_are_told(line: str, tmp_path: Path) -> None:
    (tmp_path / "seqinfo.ini").write_text(SEQUENCE)
    source = written(tmp_path / "masks.txt", "".join(line.format(track_id) for track_id in range(20)))
    message = r"masks\.txt: expected at most 20,000,000 places .*, found 20,999,979; look for a frame's number"
    with pytest.raises(DataError, match=message):
        list(read_masks(source))


def test_what_no_track_of_a_text_tells_takes_memory_once(tmp_path: Path) -> None:
    lines = [f"8 {track_id} 1 {HEIGHT} {WIDTH} {COUNTS}\n" for track_id in (1, 2)]
    (video,) = read_masks(written(tmp_path / "masks.txt", "".join(lines)))
    one, other = video.tracks
    assert one.amodal is other.amodal


@pytest.mark.parametrize("line", [f"0 7 1 {HEIGHT} {WIDTH} {COUNTS}", "1,5,1,1,10,20"])
def test_a_text_that_may_not_be_read_is_told(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, **_: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    source = written(tmp_path / "a.txt", line)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match=r"a\.txt: expected a text file, found none that can be read \(Permission"):
        list(read_masks(source))
