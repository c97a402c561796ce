"""What NumPy's files say of the array they hold, looked at before it is read."""

from typing import Any

import numpy as np

__all__ = ["read_header"]


def read_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read what stands before the numbers; the file then goes on with them.

    Args:
        file: a ``.npy``, open in bytes at its start.

    Returns:
        Shape, whether the order is Fortran's, and type.

    Raises:
        Exception: one of ``UNREADABLE_ARCHIVE``, where it is no such file.
    """
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)
