"""How exactly a network computes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from eoras.errors import ConfigError

__all__ = ["autocast", "check_dtype", "exact_convolutions"]


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


def autocast(device: torch.device | str, dtype: str) -> torch.autocast:
    """What to compute in: inside, with ``bfloat16``, PyTorch's automatic mixed precision; with ``float32`` nothing.

    Args:
        device: what is computed on.
        dtype: ``float32`` or ``bfloat16``.

    Raises:
        ConfigError: it is something else.
    """
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=check_dtype(dtype) == "bfloat16")


def check_dtype(dtype: str) -> str:
    """See that a precision is known.

    Raises:
        ConfigError: it is not.
    """
    if dtype not in ("float32", "bfloat16"):
        raise ConfigError(f"dtype: expected 'float32' or 'bfloat16', found {dtype!r}; give one of these names")
    return dtype
