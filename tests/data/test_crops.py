"""The frames of a clip, resized together, are those resized one by one."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import resize

from eoras.data.crops import crop_frames, crop_masks
from eoras.geometry import Box, crop
from eoras.resize import resize_mask

HEIGHT, WIDTH = 90, 200
corner = st.integers(0, HEIGHT - 1)
boxes = st.lists(
    st.builds(
        lambda top, left, height, width: Box(top, left, top + height, left + width),
        corner,
        corner,
        *[corner.map(lambda side: side + 1)] * 2,
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=25)
@given(boxes, st.integers(0, 1000))
def test_the_windows_of_a_clip_are_those_of_its_frames(boxes: list[Box], seed: int) -> None:
    frames = torch.randint(
        256, (len(boxes), 3, HEIGHT, WIDTH), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )
    masks = frames[:, 0] > 127
    shown, answers = crop_frames(list(frames), boxes), crop_masks(list(masks), boxes)
    assert shown.shape == (len(boxes), 3, 128, 128)
    assert shown.dtype == torch.float32
    for index, box in enumerate(boxes):
        cut = crop(frames[index], box).permute(1, 2, 0).double().numpy() / 255
        one = np.asarray(resize(cut, (128, 128), order=1, mode="reflect", anti_aliasing=True))
        np.testing.assert_allclose(shown[index].permute(1, 2, 0).numpy(), one, rtol=0, atol=2e-6)
        assert torch.equal(answers[index], resize_mask(crop(masks[index], box), 121, 121))


def test_frames_may_lie_in_memory_in_any_order() -> None:
    frame = torch.randint(256, (HEIGHT, WIDTH, 4), dtype=torch.uint8)[..., :3].permute(2, 0, 1)
    box = Box(3, 5, 70, 120)
    assert torch.equal(crop_frames([frame], [box]), crop_frames([frame.contiguous()], [box]))


def test_what_is_neither_bytes_nor_bool_is_refused() -> None:
    box = Box(3, 5, 70, 120)
    with pytest.raises(ValueError, match=r"frames: expected torch\.uint8, found torch\.float32"):
        crop_frames([torch.rand(3, HEIGHT, WIDTH)], [box])
    with pytest.raises(ValueError, match=r"masks: expected torch\.bool, found torch\.uint8"):
        crop_masks([torch.ones(HEIGHT, WIDTH, dtype=torch.uint8)], [box])


def test_windows_are_on_the_device_of_their_frames() -> None:
    frames = [torch.zeros(3, HEIGHT, WIDTH, dtype=torch.uint8, device="meta")]
    assert crop_frames(frames, [Box(3, 5, 70, 120)]).device.type == "meta"
