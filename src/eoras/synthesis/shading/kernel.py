"""How the kernels are compiled."""

from collections.abc import Callable
from typing import Any

from eoras.errors import PackageError

try:
    from numba import njit
except ModuleNotFoundError as error:
    raise PackageError.of(error.name, "synthesis") from error

__all__ = ["inlined", "kernel"]

# Kernels make no arrays (their results go into arrays that the caller brings), so nothing needs numba's counting of
# references; and what takes whole tables is laid into its caller, or handing over their many arrays would cost more
# than the work. Both together make shading six times as fast.
_OPTIONS: dict[str, Any] = {"nogil": True, "_nrt": False}


def kernel(function: Callable[..., Any], **options: Any) -> Any:
    """Compile a function when it is first called; the machine code is kept for the next process where it can be."""
    try:
        return njit(**_OPTIONS, **options, cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's can be written
        return njit(**_OPTIONS, **options)(function)


def inlined(function: Callable[..., Any]) -> Any:
    """The same for a function that is laid into those that call it."""
    return kernel(function, inline="always")
