"""A random data set in any layout is read as it was written: frames, masks, boxes, what is annotated."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_data import LAYOUTS, Layout, MadeVideo, bounds, data_sets, listed_tracks, write_data

from eoras.clip import Clip
from eoras.config import ViewConfig
from eoras.data import Track, open_tracks
from eoras.data.crops import crop_frames
from eoras.geometry import Box

VIEWS = st.sampled_from([ViewConfig(boxes="round", enlarge=1, frames=frames) for frames in ("visible", "all")])


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=15)
@given(data=st.data(), view=VIEWS)
def test_what_is_read_is_what_was_written(layout: Layout, data: st.DataObject, view: ViewConfig) -> None:
    videos = data.draw(data_sets(layout))
    with TemporaryDirectory() as folder:
        root = Path(folder, "a data folder")
        root.mkdir()
        write_data(root, layout, videos)
        expected = list(listed_tracks(layout, videos))
        whole, cut = (open_tracks(root, "train", view, truth=truth) for truth in (True, False))
        assert whole.tracks == [Track(video.name, k) for video, k in expected]
        for index, (video, k) in enumerate(expected):
            assert_as_written(whole[index], video, k, video.shown_frames(k, layout, view))
            assert cut[index].truth is None
            assert torch.equal(cut[index].amodal, whole[index].amodal)


def assert_as_written(clip: Clip, video: MadeVideo, track_id: int, shown: list[int]) -> None:
    assert (clip.video, clip.track_id, clip.frame_indices.tolist()) == (video.name, track_id, shown)
    assert (clip.height, clip.width) == video.images.shape[1:3]
    assert clip.truth is not None
    np.testing.assert_array_equal(clip.truth.amodal.numpy(), video.amodal[track_id, shown])
    np.testing.assert_array_equal(clip.truth.visible.numpy(), video.visible[track_id, shown])
    np.testing.assert_array_equal(clip.available.numpy(), video.annotated[track_id, shown])
    for t, box in zip(shown, clip.boxes, strict=True):
        if video.visible[track_id, t].any():
            assert box == Box(*bounds(video.visible[track_id, t]).tolist())
    images = [torch.from_numpy(video.images[t]).permute(2, 0, 1) for t in shown]
    torch.testing.assert_close(clip.frames, crop_frames(images, clip.boxes), rtol=0, atol=0)
