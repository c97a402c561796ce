"""How exactly a network computes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from eoras.errors import ConfigError

__all__ = ["autocast", "check_dtype", "exact_convolutions"]


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """Inside, convolutions on a GPU compute in float32, not in TF32, which is PyTorch's default; bfloat16 stays that.

    The setting is that of the whole process; afterwards it reads as it did, whichever of its two names a user has set.
    Where nothing was said of convolutions they then have their own setting, torch's default, so that who wants others
    must name convolutions (``torch.backends.cudnn.conv``), not all that computes.
    """
    cudnn = torch.backends.cudnn
    convolutions = getattr(cudnn, "conv", None)  # what torch has beside the old name since 2.9
    before = None if convolutions is None else convolutions.fp32_precision
    try:
        allowed = cudnn.allow_tf32
    except RuntimeError:  # torch refuses to tell where the new names say something that the old one cannot
        allowed = False
    if allowed:  # the old name alone would not do: convolutions then follow what the new ones say of all that computes
        cudnn.allow_tf32 = False
    if convolutions is not None:
        convolutions.fp32_precision = "ieee"
    try:
        yield
    finally:
        if allowed:
            cudnn.allow_tf32 = True
        if convolutions is not None:
            convolutions.fp32_precision = before


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
