from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from eoras.data.images import look_at_frame, read_frame, read_labels
from eoras.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16, 4), dtype=np.uint8)


def save(path: Path, pixels: np.ndarray, mode: str | None = None) -> Path:
    image = Image.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(path)
    return path


@pytest.mark.parametrize("channels", [3, 4])
def test_a_frame_is_its_colours_without_alpha(channels: int, tmp_path: Path) -> None:
    frame = read_frame(save(tmp_path / "frame.png", PIXELS[..., :channels]), 12, 16)
    assert frame.dtype == torch.uint8
    np.testing.assert_array_equal(frame.permute(1, 2, 0).numpy(), PIXELS[..., :3])


def test_labels_are_palette_indices_whatever_the_colours(tmp_path: Path) -> None:
    labels = PIXELS[..., 0]
    image = Image.fromarray(labels).convert("P")
    image.putdata(labels.flatten().tolist())
    image.putpalette(PIXELS.flatten().tolist())
    image.save(tmp_path / "labels.png")
    with Image.open(tmp_path / "labels.png") as saved:
        assert saved.mode == "P"
    np.testing.assert_array_equal(read_labels(tmp_path / "labels.png", 12, 16).numpy(), labels)


@pytest.mark.parametrize(("dtype", "suffix", "mode"), [("u1", "png", "L"), ("u2", "png", "I;16"), ("i4", "tiff", "I")])
def test_labels_are_grey_values_of_any_depth(dtype: str, suffix: str, mode: str, tmp_path: Path) -> None:
    labels = (PIXELS[..., 0].astype(np.int64) * (1 if dtype == "u1" else 200)).astype(dtype)
    path = save(tmp_path / f"labels.{suffix}", labels)
    with Image.open(path) as image:
        assert image.mode == mode
    read = read_labels(path, 12, 16)
    assert read.dtype == torch.int32
    np.testing.assert_array_equal(read.numpy(), labels)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "F"])
def test_labels_in_colour_are_an_error_with_a_cure(mode: str, tmp_path: Path) -> None:
    path = save(tmp_path / "labels.tiff", PIXELS, mode)
    with pytest.raises(DataError, match=rf"labels\.tiff: expected one label number a pixel .*found mode {mode}; write"):
        read_labels(path, 12, 16)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK"])
def test_a_frame_without_colours_is_an_error(mode: str, tmp_path: Path) -> None:
    path = save(tmp_path / "frame.tiff", PIXELS, mode)
    with pytest.raises(DataError, match=rf"frame\.tiff: expected colours .*found mode {mode}"):
        read_frame(path, 12, 16)


def test_another_size_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"frame\.png: expected 16 rows and 12 columns.*found 12 and 16"):
        read_frame(save(tmp_path / "frame.png", PIXELS), 16, 12)


@pytest.mark.parametrize("read", [read_frame, read_labels])
def test_a_missing_file_is_an_error(read: type, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png: expected an image, found no such file; restore it"):
        read(tmp_path / "gone.png", 12, 16)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0JFIF"])
def test_a_file_that_is_no_image_is_an_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "frame.png").write_bytes(content)
    with pytest.raises(DataError, match=r"frame\.png: expected a whole image, found one that cannot be read"):
        read_frame(tmp_path / "frame.png", 12, 16)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff"])
def test_a_file_cut_anywhere_gives_all_its_pixels_or_an_error(suffix: str, tmp_path: Path) -> None:
    whole = save(tmp_path / f"whole.{suffix}", PIXELS, "RGB")
    frame, content = read_frame(whole, 12, 16), whole.read_bytes()
    cut, errors = tmp_path / f"cut.{suffix}", 0
    for size in range(0, len(content), 3):
        cut.write_bytes(content[:size])
        try:
            assert torch.equal(read_frame(cut, 12, 16), frame), f"{size} of {len(content)} bytes gave other pixels"
        except DataError:
            errors += 1
    assert errors > len(content) // 4


def test_a_look_at_a_frame_finds_the_cut_of_a_png_wherever_it_is(tmp_path: Path) -> None:
    content = save(tmp_path / "whole.png", PIXELS, "RGB").read_bytes()
    path = tmp_path / "frame.png"
    for whole in (content, content + b"what a camera adds"):
        path.write_bytes(whole)
        look_at_frame(path, 12, 16)
    for size in range(0, len(content) - 8, 3):
        path.write_bytes(content[:size])
        with pytest.raises(DataError, match=r"frame\.png: expected a whole image"):
            look_at_frame(path, 12, 16)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
@pytest.mark.parametrize(("name", "height"), [("frame.png", 12), ("frame.png", 13), ("gone.png", 12)])
def test_a_look_at_a_frame_says_what_reading_it_would(mode: str, name: str, height: int, tmp_path: Path) -> None:
    save(tmp_path / "frame.png", PIXELS, mode)
    said = []
    for look in (look_at_frame, read_frame):
        try:
            look(tmp_path / name, height, 16)
            said.append("")
        except DataError as error:
            said.append(str(error))
    assert said[0] == said[1]


@pytest.mark.parametrize("limit", [50, 100])  # Pillow raises above twice the limit and warns above the limit
def test_a_decompression_bomb_is_an_error(limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "bomb.png", PIXELS)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(DataError, match=r"bomb\.png: expected a whole image.*decompression bomb"):
        read_frame(path, 12, 16)
