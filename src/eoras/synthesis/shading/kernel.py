"""How the kernels are compiled."""

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
_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "_nrt": False}

kernel = njit(**_OPTIONS)
inlined = njit(**_OPTIONS, inline="always")
