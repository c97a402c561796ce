import numpy as np
import pytest
from PIL import Image

from eoras.errors import DataError
from eoras.synthesis.looks.environment import load_environment, random_environment
from eoras.synthesis.looks.radiance import read_radiance
from eoras.synthesis.shading.light import ambient_on_ground, light_of, panorama_directions


@pytest.mark.parametrize("split", ["train", "test"])
def test_surroundings_are_fit_to_light_a_scene(split):
    for seed in range(6):
        environment = random_environment(np.random.default_rng(seed), split)
        panorama = environment.panorama
        assert panorama.dtype == np.float32
        assert panorama.shape == (512, 1024, 3)
        assert np.isfinite(panorama).all()
        assert panorama.min() >= 0
        assert environment.sun_direction[2] > 0.3
        np.testing.assert_allclose(np.linalg.norm(environment.sun_direction), 1)
        assert (environment.sun_radiance > 0).all()


def test_training_and_test_share_no_surroundings():
    for parity, split in enumerate(("train", "test")):
        rng = np.random.default_rng(1)
        names = [random_environment(rng, split).name for _ in range(4)]
        assert {int(name.split("-")[1]) % 2 for name in names} == {parity}


def test_the_same_numbers_give_the_same_surroundings():
    first, second = (random_environment(np.random.default_rng(4), "train") for _ in range(2))
    assert first.name == second.name
    np.testing.assert_array_equal(first.panorama, second.panorama)


def test_an_even_sky_lights_all_sides_alike():
    np.testing.assert_allclose(ambient_on_ground(np.full((64, 128, 3), 2.0, np.float32)), 2.0, rtol=1e-3)


def test_columns_run_as_in_blender():
    directions = panorama_directions(64)
    np.testing.assert_allclose(directions[31:33, 63:65].mean(axis=(0, 1)), [1, 0, 0], atol=0.05)
    np.testing.assert_allclose(directions[31:33, 31:33].mean(axis=(0, 1)), [0, 1, 0], atol=0.05)
    np.testing.assert_allclose(directions[0].mean(axis=0), [0, 0, 1], atol=0.05)


def write_sunny(path):
    """A grey sky above darker ground, with a sun to the +y side, 45 degrees high."""
    panorama = np.full((64, 128, 3), 0.4, np.float32)
    panorama[32:] = 0.2
    panorama[15:17, 31:33] = 1.0 if path.suffix in (".png", ".jpg") else 500.0
    if path.suffix == ".exr":
        OpenEXR = pytest.importorskip("OpenEXR")  # noqa: N806
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, {"RGB": panorama}).write(str(path))
    elif path.suffix == ".hdr":
        path.write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 64 +X 128\n" + shared_exponents(panorama))
    else:
        Image.fromarray((255 * panorama).astype(np.uint8)).save(path)


def shared_exponents(panorama):
    mantissa, exponent = np.frexp(panorama.max(axis=-1))
    scale = mantissa * 256 / panorama.max(axis=-1)
    pixels = np.concatenate([panorama * scale[..., None], (exponent + 128)[..., None]], axis=-1)
    return pixels.astype(np.uint8).tobytes()


@pytest.mark.parametrize("cut", [0, 9])
def test_packed_radiance_pictures_are_read_and_cut_ones_refused(tmp_path, cut):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 32, 4)).astype(np.uint8)
    pixels[:, 20:] = pixels[:, 20:21]  # ends in runs
    packed = b"".join(
        bytes([2, 2, 0, 32])
        + b"".join(bytes([20, *row[:20, channel], 128 + 12, row[20, channel]]) for channel in range(4))
        for row in pixels
    )
    path = tmp_path / "place.hdr"
    path.write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 16 +X 32\n" + packed[: len(packed) - cut])
    if cut:
        with pytest.raises(ValueError, match="cut off"):
            read_radiance(path)
    else:
        expected = (pixels[..., :3] + 0.5) * 2.0 ** (pixels[..., 3:].astype(int) - 136)
        np.testing.assert_allclose(read_radiance(path), np.where(pixels[..., 3:] > 0, expected, 0), rtol=1e-6)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".hdr", ".exr"])
def test_panoramas_of_all_formats_are_read(tmp_path, suffix):
    path = tmp_path / f"place{suffix}"
    write_sunny(path)
    environment = load_environment(path)
    assert environment.name == "place"
    assert environment.panorama.shape == (64, 128, 3)
    np.testing.assert_allclose(environment.sun_direction, [0, np.sqrt(0.5), np.sqrt(0.5)], atol=0.1)
    assert environment.floor is None
    light = light_of(environment, 40.0)
    assert 0.01 < light.panorama.mean() < 2


def test_a_grey_panorama_of_16_bits_is_that_of_8_bits(tmp_path):
    codes = np.random.default_rng(0).integers(0, 256, (16, 32)).astype(np.uint8)
    Image.fromarray(codes).save(tmp_path / "coarse.png")
    Image.fromarray(codes * np.uint16(257)).save(tmp_path / "fine.png")
    coarse, fine = (load_environment(tmp_path / name).panorama for name in ("coarse.png", "fine.png"))
    np.testing.assert_allclose(fine, coarse, rtol=1e-5)


def test_the_sun_is_taken_out_of_the_sky(tmp_path):
    write_sunny(tmp_path / "place.exr")
    environment = load_environment(tmp_path / "place.exr")
    assert environment.panorama.max() < 20 * np.median(environment.panorama)
    assert environment.sun_radiance.mean() > 0.5
    assert environment.sun_radius < 0.05, "it throws sharp shadows"


def test_no_panorama_is_refused_with_what_to_do(tmp_path):
    Image.new("RGB", (100, 100)).save(tmp_path / "square.png")
    with pytest.raises(DataError, match=r"square.png: expected an equirectangular.*100 x 100 pixels.*another"):
        load_environment(tmp_path / "square.png")
    for name in ("broken.png", "broken.hdr", "broken.exr"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(DataError, match=f"{name}: expected a panorama"):
            load_environment(tmp_path / name)
    Image.new("RGB", (128, 64)).save(tmp_path / "black.png")
    with pytest.raises(DataError, match=r"black.png: expected radiances above 0"):
        load_environment(tmp_path / "black.png")
