"""Devices with too little memory: how that is known, and told."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from eoras.errors import EorasError, MemoryShortError
from eoras.model.eoras import EoRaS

__all__ = ["enough_memory", "enough_to_hold", "is_out_of_memory", "lighter", "move"]

# What the CPU's allocator says, CUDA outside of torch's allocator, and its libraries.
_SAID = ("can't allocate memory", "not enough memory", "CUDA error: out of memory", "_STATUS_ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a device has too little memory; of our own errors none does."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return not isinstance(error, EorasError) and any(said in str(error) for said in _SAID)


@contextmanager
def enough_memory(lacking: str, advice: str) -> Iterator[None]:
    """Inside, too little memory is an error with a message for the user.

    Args:
        lacking: which memory does not hold what.
        advice: what to do.

    Raises:
        MemoryShortError: there was too little.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MemoryShortError(f"{lacking} ({reason}); {advice}") from None


def enough_to_hold(what: str, device: torch.device | str) -> AbstractContextManager[None]:
    """Inside, too little memory of a device to hold something is an error for the user.

    Raises:
        MemoryShortError: there was too little.
    """
    advice = "end what else runs there" + ("" if torch.device(device).type == "cpu" else ", or take --device cpu")
    return enough_memory(f"{device}: its memory does not hold {what}", advice)


def lighter(device: torch.device | str, dtype: str) -> str:
    """What to do where a network that computes in ``dtype`` on a device needs too much there."""
    ways = ["take --dtype bfloat16"] if dtype == "float32" else []
    if torch.device(device).type != "cpu":
        ways.append("--device cpu")
    return ", or ".join(ways or ["end what else needs it"])


def move(network: EoRaS, device: torch.device | str) -> EoRaS:
    """Bring a network to a device.

    Raises:
        MemoryShortError: it has too little memory.
    """
    with enough_to_hold("the network", device):
        return network.to(device)
