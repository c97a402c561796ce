"""Whatever happens to the files of a data set, it is read, or refused in one sentence that names a file of it."""

import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from damage import damage
from hypothesis import given, settings
from hypothesis import strategies as st
from made_data import LAYOUTS, Layout, data_sets, write_data

from eoras.clip import Clip
from eoras.config import ViewConfig
from eoras.data import open_tracks
from eoras.data.caching import build_cache, verify_cache
from eoras.errors import DataError

VIEWS = st.builds(
    ViewConfig,
    boxes=st.sampled_from(["paper", "round"]),
    frames=st.sampled_from(["visible", "all"]),
    intrinsics=st.sampled_from(["kubric", "pixel", "unit"]),
)


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=30)
@given(data=st.data(), view=VIEWS, truth=st.booleans())
def test_damaged_data_are_read_or_refused(layout: Layout, data: st.DataObject, view: ViewConfig, truth: bool) -> None:
    videos = data.draw(data_sets(layout))
    with TemporaryDirectory() as folder:
        root, outside = Path(folder, "data"), Path(folder, "outside")
        root.mkdir()
        outside.mkdir()
        write_data(root, layout, videos)
        damage(data.draw, root, outside)
        try:
            tracks = open_tracks(root, "train", view, truth=truth)
        except DataError as error:
            assert_names_a_file(error, root)
            return
        for index in range(len(tracks)):
            try:
                assert_legal(tracks[index], truth)
            except DataError as error:
                assert_names_a_file(error, root)


def assert_names_a_file(error: DataError, root: Path) -> None:
    message = str(error)
    assert message.startswith(str(root)), message
    assert message.isprintable(), repr(message)


def assert_legal(clip: Clip, truth: bool) -> None:
    """Shapes, types and ranges of ``Clip``'s documentation."""
    length = len(clip)
    assert length > 0
    assert clip.frame_indices.dtype == torch.int64
    assert (clip.frames.dtype, clip.frames.shape) == (torch.float32, (length, 3, 128, 128))
    assert ((clip.frames >= 0) & (clip.frames <= 1)).all()
    assert (clip.intrinsics.dtype, clip.intrinsics.shape) == (torch.float32, (length, 3, 3))
    assert clip.intrinsics.isfinite().all()
    for masks in (clip.amodal, clip.visible):
        assert (masks.dtype, masks.shape) == (torch.bool, (length, 121, 121))
    assert (clip.available.dtype, clip.available.shape) == (torch.bool, (length,))
    assert len(clip.boxes) == length
    for box in clip.boxes:
        assert 0 <= box.top < clip.height
        assert 0 <= box.left < clip.width
        assert box.top < box.bottom <= clip.height + 1  # by one past the image as published (formats A.6)
        assert box.left < box.right <= clip.width + 1
    assert (clip.truth is not None) == truth
    if clip.truth is not None:
        for masks in (clip.truth.amodal, clip.truth.visible):
            assert (masks.dtype, masks.shape) == (torch.bool, (length, clip.height, clip.width))


@settings(max_examples=15)
@given(data=st.data())
def test_a_damaged_cache_is_passed_over_named_or_made_anew(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        root, outside = Path(folder, "data"), Path(folder, "outside")
        root.mkdir()
        outside.mkdir()
        write_data(root, "movi", data.draw(data_sets("movi")))
        assert build_cache(root) == []
        before = {path: path.read_bytes() for path in (root / ".eoras_cache").rglob("*.cache")}
        damage(data.draw, root / ".eoras_cache", outside)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            tracks = open_tracks(root, "train", ViewConfig(), truth=True)
            for index in range(len(tracks)):
                assert_legal(tracks[index], truth=True)
        assert len(told) <= 1
        assert all(str(root / ".eoras_cache") in str(warning.message) for warning in told)
        problems = verify_cache(root)
        assert (problems == []) == all(path.is_file() and path.read_bytes() == whole for path, whole in before.items())
        for problem in problems:
            assert problem.startswith(str(root / ".eoras_cache"))
        for path in before:
            if path.is_dir():
                path.rmdir()
        assert build_cache(root) == []
        for problem in verify_cache(root):  # only what sizes and times do not tell
            assert "remove the cache file" in problem
