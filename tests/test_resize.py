import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import resize

from eoras.resize import resize_images, resize_mask

side = st.integers(1, 400)
seed = st.integers(0, 2**32 - 1)


def resize_grey(image: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return resize_images([image[None]], height, width)[0, 0]


def scikit_image(image: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.asarray(resize(image, (height, width), order=1, mode="reflect", anti_aliasing=True))


@settings(max_examples=60, deadline=None)
@given(side, side, side, side, seed)
def test_an_image_is_resized_as_scikit_image_does(height: int, width: int, rows: int, columns: int, seed: int) -> None:
    image = np.random.default_rng(seed).random((height, width), dtype=np.float32)
    ours = resize_grey(torch.from_numpy(image), rows, columns)
    assert ours.dtype == torch.float32
    np.testing.assert_allclose(ours.numpy(), scikit_image(image, rows, columns), rtol=0, atol=2e-6)


@settings(max_examples=60, deadline=None)
@given(side, side, side, side, seed)
def test_a_mask_is_resized_as_scikit_image_does(height: int, width: int, rows: int, columns: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    ours = resize_mask(torch.from_numpy(mask), rows, columns)
    np.testing.assert_array_equal(ours.numpy(), resize(mask, (rows, columns)))


def test_every_crop_becomes_the_published_windows() -> None:
    for source in range(1, 401):
        stripes = np.arange(source)[None] % 3
        image = (stripes / 2).astype(np.float32)
        ours = resize_grey(torch.from_numpy(image), 1, 128).numpy()
        np.testing.assert_allclose(ours, scikit_image(image, 1, 128), rtol=0, atol=2e-6)
        mask = stripes == 1
        np.testing.assert_array_equal(resize_mask(torch.from_numpy(mask), 1, 121).numpy(), resize(mask, (1, 121)))


@given(side, side, seed)
@settings(max_examples=30, deadline=None)
def test_the_size_it_has_already_changes_nothing(height: int, width: int, seed: int) -> None:
    image = torch.rand(2, height, width, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(resize_images([image], height, width)[0], image)
    assert torch.equal(resize_mask(image < 0.5, height, width), image < 0.5)


@given(side, side)
@settings(max_examples=30, deadline=None)
def test_a_resized_image_keeps_its_range(source: int, target: int) -> None:
    image = (torch.arange(source * source).view(source, source) % 7 == 0).float()
    resized = resize_grey(image, target, target)
    assert resized.min() > -1e-6
    assert resized.max() < 1 + 1e-6


def test_images_of_different_sizes_are_resized_as_each_alone() -> None:
    random = torch.Generator().manual_seed(0)
    images = [torch.rand(3, *size, generator=random) for size in ((37, 50), (1, 200), (121, 3))]
    together = resize_images(images, 16, 90)
    assert together.shape == (3, 3, 16, 90)
    for index, image in enumerate(images):
        torch.testing.assert_close(together[index], resize_images([image], 16, 90)[0], rtol=0, atol=1e-6)


def test_leading_axes_of_a_mask_are_resized_one_by_one() -> None:
    masks = torch.rand(2, 3, 37, 50, generator=torch.Generator().manual_seed(0)) > 0.5
    together = resize_mask(masks, 16, 90)
    for index in np.ndindex(2, 3):
        assert torch.equal(together[index], resize_mask(masks[index], 16, 90))
