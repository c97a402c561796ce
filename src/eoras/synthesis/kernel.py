"""How the kernels are compiled."""

from numba import njit

__all__ = ["kernel"]

# Kernels hand tables of many arrays to one another and make no arrays themselves, so nothing needs numba's counting of
# references; without it they take a fifth of the time. Their results go into arrays that the caller brings.
kernel = njit(cache=True, nogil=True, _nrt=False)
