"""What goes into a format comes out of it: overlaps, empty frames, frames that are not annotated, borders."""

import json
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from small_videos import HEIGHT, WIDTH, content, free_videos, images, layered_videos, rectangle

from eoras.config import ViewConfig
from eoras.data import MoviTracks
from eoras.data.annotations import MaskVideo
from eoras.data.formats import FORMATS, convert_masks, read_masks
from eoras.data.images import read_frame
from eoras.data.masks import encode
from eoras.errors import DataError
from eoras.geometry import Box

NOT_LISTED = "tracks are seen in no frame with an amodal mask and not listed, so nobody trains on them"
CAMERA = ((9.0, 0.0, 4.5), (0.0, 9.0, 3.5), (0.0, 0.0, 1.0))


@contextmanager
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def write(target: str, out: Path, *videos: MaskVideo) -> dict[str, int]:
    writer = FORMATS[target].write
    assert writer is not None
    return {sentence: count for sentence, count in writer(out, videos).items() if count}


@settings(max_examples=40)
@given(free_videos())
def test_a_masks_file_gives_back_all_that_a_video_holds(video: MaskVideo) -> None:
    with folder() as tmp:
        video = replace(video, images=(None, *(tmp / f"{t}.jpg" for t in range(1, video.length))))
        assert write("coco_video", tmp / "masks.json", video, replace(video, name="other")) == {}
        first, other = read_masks(tmp / "masks.json")
        assert content(first) == content(video)
        assert other.name == "other"
        assert first.images == video.images


@settings(max_examples=25)
@given(layered_videos(together=False))
def test_the_layout_of_movi_gives_back_the_masks_and_the_frames(video: MaskVideo) -> None:
    with folder() as tmp:
        pictures = images(tmp, video.length)
        video = replace(video, images=pictures, pixel_intrinsics=CAMERA)
        hidden = sum(not any(rle and rle.area for rle in track.visible) for track in video.tracks)
        assert write("movi", tmp / "train", video) == ({NOT_LISTED: hidden} if hidden else {})
        (back,) = read_masks(tmp / "train")
        assert content(back) == content(video)
        assert np.allclose(back.pixel_intrinsics or 0, CAMERA)
        for old, new in zip(pictures, back.images, strict=True):
            assert new is not None
            assert read_frame(new, HEIGHT, WIDTH).equal(read_frame(old, HEIGHT, WIDTH))


@settings(max_examples=25)
@given(layered_videos(together=True))
def test_folders_of_palette_images_give_back_the_masks(video: MaskVideo) -> None:
    with folder() as tmp:
        assert write("davis", tmp / "out", video) == {}
        (back,) = read_masks(tmp / "out")
        assert content(back) == content(video)


@settings(max_examples=15)
@given(layered_videos(together=True))
def test_a_chain_through_all_written_formats_changes_nothing(video: MaskVideo) -> None:
    with folder() as tmp:
        write("coco_video", tmp / "0.json", replace(video, images=images(tmp, video.length)))
        convert_masks(tmp / "0.json", tmp / "1", "davis")
        convert_masks(tmp / "1", tmp / "2", "movi")
        convert_masks(tmp / "2", tmp / "3.json", "coco_video")
        (back,) = read_masks(tmp / "3.json")
        assert content(back) == content(video)


@settings(max_examples=15)
@given(layered_videos(together=False))
def test_a_converted_video_is_one_to_train_on(video: MaskVideo) -> None:
    with folder() as tmp:
        write("movi", tmp / "train", replace(video, images=images(tmp / "images", video.length)))
        expected = {
            track.track_id: [t for t, rle in enumerate(track.visible) if rle and rle.area] for track in video.tracks
        }
        expected = {number: frames for number, frames in expected.items() if frames}
        if not expected:
            return
        tracks = MoviTracks(tmp, "train", ViewConfig(), truth=True)
        assert {clip.track_id: clip.frame_indices.tolist() for clip in map(tracks.__getitem__, range(len(tracks)))} == (
            expected
        )


def test_amodal_boxes_past_the_image_are_kept(tmp_path: Path, video: MaskVideo) -> None:
    (track,) = video.tracks
    box = Box(-3, 2, 4, 20)
    video = replace(video, tracks=(replace(track, amodal_boxes=(box, None)),))
    write("coco_video", tmp_path / "masks.json", video)
    (back,) = read_masks(tmp_path / "masks.json")
    assert back.tracks[0].amodal_boxes == (box, Box(2, 0, 4, 3))
    assert write("davis", tmp_path / "davis", video) == {"amodal boxes differ from their masks' and are left out": 1}


def test_a_masks_file_is_what_tools_for_youtube_vis_read(tmp_path: Path, video: MaskVideo) -> None:
    write("coco_video", tmp_path / "masks.json", replace(video, images=(tmp_path / "a" / "0.jpg", None)))
    record = json.loads((tmp_path / "masks.json").read_text())
    assert record["format_version"] == 1
    assert record["categories"] == [{"id": 1, "name": "object"}]
    assert record["videos"] == [
        {"id": 1, "name": "v", "width": 9, "height": 7, "length": 2, "file_names": ["a/0.jpg", None]}
    ]
    (annotation,) = record["annotations"]
    assert {key: annotation[key] for key in ("id", "video_id", "track_id", "category_id")} == {
        "id": 1,
        "video_id": 1,
        "track_id": 0,
        "category_id": 1,
    }
    assert annotation["bboxes"] == [[0, 2, 1, 2], None]
    assert annotation["amodal_bboxes"] == [[0, 2, 3, 2], [0, 2, 3, 2]]
    assert annotation["areas"] == [2, None]
    assert annotation["visibility"] == [2 / 6, None]
    assert annotation["segmentations"][1] is None
    assert annotation["amodal_segmentations"][0]["size"] == [7, 9]


@pytest.mark.parametrize("target", ["movi", "davis"])
def test_what_a_layout_cannot_hold_is_counted(target: str, tmp_path: Path, video: MaskVideo) -> None:
    (track,) = video.tracks
    mask = encode(rectangle(2, 0, 4, 1))
    other = replace(track, track_id=1, category="car", visible=(mask, mask))
    video = replace(video, images=images(tmp_path, 2), tracks=(track, other))
    losses = write(target, tmp_path / "out", video)
    assert losses["visible masks overlap one before them and are painted over it"] == 1
    assert losses["visible masks are not annotated and read as not seen"] == 1
    assert ("categories of objects are left out" in losses) == (target == "davis")
    assert ("videos tell no camera and get that of Kubric, 35 mm on 32 mm" in losses) == (target == "movi")


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("davis", "tracks without a pixel in any visible mask, and without amodal ones, are left out"),
        ("movi", NOT_LISTED),
    ],
)
def test_tracks_that_disappear_are_counted(target: str, sentence: str, tmp_path: Path, video: MaskVideo) -> None:
    unseen = (encode(rectangle(0, 0, 0, 0)), None)
    others = [replace(video.tracks[0], track_id=number, visible=unseen, amodal=(None, None)) for number in (1, 2)]
    video = replace(video, images=images(tmp_path, 2), tracks=(video.tracks[0], *others))
    assert write(target, tmp_path / "out", video)[sentence] == 2
    assert sentence not in write(target, tmp_path / "kept", replace(video, tracks=video.tracks[:1]))
    if target == "davis":
        assert [track.track_id for track in next(read_masks(tmp_path / "out")).tracks] == [0]
    else:
        assert np.load(tmp_path / "out" / "instance_list.npy").tolist() == ["v-0"]


def test_images_outside_the_folder_of_a_masks_file_are_told(tmp_path: Path, video: MaskVideo) -> None:
    video = replace(video, images=images(tmp_path / "images", 2))
    losses = write("coco_video", tmp_path / "masks" / "masks.json", video)
    assert list(losses.values()) == [2]
    assert "write the JSON file above them" in next(iter(losses))
    assert next(read_masks(tmp_path / "masks" / "masks.json")).images == (None, None)


def test_images_whose_names_cannot_be_printed_are_told_and_the_file_can_be_read(
    tmp_path: Path, video: MaskVideo
) -> None:
    named = tmp_path / "0.png"
    losses = write("coco_video", tmp_path / "masks.json", replace(video, images=(named, tmp_path / "a\nb.png")))
    assert list(losses.values()) == [1]
    assert "their names cannot be printed" in next(iter(losses))
    assert next(read_masks(tmp_path / "masks.json")).images == (named, None)


def test_more_objects_than_eight_bits_are_told_apart_in_the_layout_of_movi(tmp_path: Path, video: MaskVideo) -> None:
    track = replace(video.tracks[0], track_id=299)
    video = replace(video, images=images(tmp_path, 2), tracks=(track,))
    write("movi", tmp_path / "out", video)
    (back,) = read_masks(tmp_path / "out")
    assert back.tracks[0].track_id == 299
    assert back.tracks[0].amodal == track.amodal
    with pytest.raises(DataError, match=r"v: expected a track_id of 0 to 252, as DAVIS' layout holds, found 299"):
        write("davis", tmp_path / "davis", video)


@pytest.mark.parametrize("target", ["coco_video", "davis", "movi"])
def test_videos_are_taken_one_at_a_time(target: str, tmp_path: Path, video: MaskVideo) -> None:
    pictures, given = images(tmp_path, 2), list[weakref.ref[MaskVideo]]()

    def videos() -> Iterator[MaskVideo]:
        for number in range(5):
            assert sum(one() is not None for one in given) <= 1
            made = replace(video, name=str(number), images=pictures)
            given.append(weakref.ref(made))
            yield made
            del made

    writer = FORMATS[target].write
    assert writer is not None
    writer(tmp_path / "out", videos())
    assert len(list(read_masks(tmp_path / "out"))) == 5


def test_a_video_without_images_has_no_place_in_the_layout_of_movi(tmp_path: Path, video: MaskVideo) -> None:
    with pytest.raises(DataError, match=r"v: expected an image of frame 0, which MOVi's layout needs, found none"):
        write("movi", tmp_path / "out", video)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["images", "missing.png", "text.png"])
@pytest.mark.parametrize("target", ["movi", "davis"])
def test_an_image_that_cannot_be_read_is_an_error_and_nothing_is_left(
    target: str, name: str, tmp_path: Path, video: MaskVideo
) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(DataError, match=rf"{name}: expected "):
        write(target, tmp_path / "out", replace(video, images=(tmp_path / name, None)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "text.png"]
