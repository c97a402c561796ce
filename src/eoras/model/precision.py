"""What float32 means on a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["exact_convolutions"]


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """Inside, convolutions on a GPU compute in float32, not in TF32, which is PyTorch's default; bfloat16 stays that.

    The setting is that of the whole process; afterwards it is as it was.
    """
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before
