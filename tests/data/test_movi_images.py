"""Reading loose images: what tracks share is decoded once, within bounds."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from eoras.config import ViewConfig
from eoras.data import MoviTracks
from eoras.data.movi_images import Recent

Write = Callable[..., Path]


class Reader:
    """Gives images of 100 bytes, and counts how often it is asked."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def __call__(self, path: Path, height: int, width: int) -> torch.Tensor:
        self.read.append(path.read_text())
        return torch.zeros(height, width, dtype=torch.uint8)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    for name in "abcd":
        (tmp_path / name).write_text(name)
    return [tmp_path / name for name in "abcd"]


def test_what_was_read_lately_is_not_read_again(paths: list[Path]) -> None:
    recent, reader = Recent(max_bytes=300), Reader()
    for index in (0, 1, 2, 0, 3, 0, 1):  # when 3 comes, 1 is the one longest unused
        recent.get(reader, paths[index], 10, 10)
    assert reader.read == ["a", "b", "c", "d", "b"]


def test_an_image_too_large_to_keep_is_given_all_the_same(paths: list[Path]) -> None:
    recent, reader = Recent(max_bytes=99), Reader()
    for _ in range(2):
        assert recent.get(reader, paths[0], 10, 10).shape == (10, 10)
    assert reader.read == ["a", "a"]


def test_a_file_that_has_changed_is_read_again(paths: list[Path]) -> None:
    recent, reader = Recent(), Reader()
    recent.get(reader, paths[0], 10, 10)
    paths[0].write_text("changed")
    recent.get(reader, paths[0], 10, 10)
    assert reader.read == ["a", "changed"]


def test_the_second_track_of_a_video_decodes_its_amodal_masks_alone(
    tmp_path: Path, write_split: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    import eoras.data.images

    opened: list[str] = []
    read = eoras.data.images._read
    monkeypatch.setattr(
        eoras.data.images, "_read", lambda path, *more: (opened.append(path.name), read(path, *more))[1]
    )
    tracks = MoviTracks(write_split(tmp_path), "train", ViewConfig())
    assert len(tracks[0]) == len(tracks[1]) == 6
    assert len(opened) == 4 * 6
    assert all(name.startswith("segmentation_1_") for name in opened[18:])
