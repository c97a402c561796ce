import torch

from eoras.clip import Batch, Clip, collate
from eoras.geometry import Box


def clip(length: int) -> Clip:
    random = torch.Generator().manual_seed(length)
    masks = torch.rand(2, length, 121, 121, generator=random) < 0.5
    return Clip(
        video="5",
        track_id=0,
        frame_indices=torch.arange(length),
        boxes=(Box(0, 0, 8, 8),) * length,
        height=8,
        width=8,
        frames=torch.rand(length, 3, 128, 128, generator=random),
        intrinsics=torch.rand(length, 3, 3, generator=random),
        amodal=masks[0],
        visible=masks[1],
        given=masks[1] & masks[0],
        available=torch.ones(length, dtype=torch.bool),
    )


def test_clips_lie_side_by_side_and_the_shorter_are_padded_with_zeros() -> None:
    clips = [clip(2), clip(5), clip(1)]
    batch = collate(clips)
    assert batch.lengths.tolist() == [len(item) for item in clips] == [2, 5, 1]
    for name in ("frames", "intrinsics", "amodal", "visible", "given", "available"):
        rows = getattr(batch, name)
        assert rows.shape[:2] == (3, 5)
        for row, item in zip(rows, clips, strict=True):
            values = getattr(item, name)
            assert row.dtype == values.dtype
            assert torch.equal(row[: len(item)], values)
            assert not row[len(item) :].any()
    assert batch.times.tolist() == [[0, 1, 0, 0, 0], [0, 1, 2, 3, 4], [0, 0, 0, 0, 0]]


def test_present_is_false_in_the_padding_alone() -> None:
    assert collate([clip(1), clip(3)]).present.tolist() == [[True, False, False], [True, True, True]]


def test_a_batch_moves_as_a_whole() -> None:
    batch = collate([clip(1), clip(2)])
    moved = batch.to("meta")
    assert isinstance(moved, Batch)
    assert moved.frames.device.type == moved.lengths.device.type == "meta"
    assert moved.amodal.shape == batch.amodal.shape
