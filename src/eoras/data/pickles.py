"""Reading pickles that others made without running what may be in them."""

import os
import pickle
import pickletools
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from eoras.errors import DataError

__all__ = ["read_pickle"]

_CURE = "restore the file from where you had it"
_PLAIN = (bool, int, float, complex, str, bytes, bytearray, np.number, np.bool_, np.str_, np.bytes_)
_CONTAINERS = (dict, list, tuple, set, frozenset)


def read_pickle(path: Path) -> Any:
    """Read a pickle of builtin containers, numbers, strings, bytes and NumPy arrays of these (formats B.2).

    Raises:
        DataError: no such file, a truncated or damaged one, or one that holds anything else. Nothing of such a file
            is run.
    """
    try:
        with path.open("rb") as file:
            _check_places(file, path)
            value = _PlainUnpickler(file, path).load()
    except DataError:
        raise
    except FileNotFoundError as error:
        raise DataError(f"{path}: expected a pickle, found no such file; {_CURE}") from error
    except Exception as error:  # a damaged stream makes the unpickler raise almost anything
        raise DataError(
            f"{path}: expected a whole pickle, found a truncated or damaged one ({type(error).__name__}: {error}); "
            f"{_CURE}"
        ) from error
    _check_plain(value, path)
    return value


def _check_places(file: BinaryIO, path: Path) -> None:
    """Refuse a place in the unpickler's memory past any that so small a file needs: it would be made up to there."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    for opcode, place, _ in pickletools.genops(file):
        if opcode.name in ("PUT", "LONG_BINPUT") and isinstance(place, int) and place > size:
            raise DataError(f"{path}: expected a whole pickle of {size} bytes, found place {place} in it; {_CURE}")
    file.seek(0)


class _PlainUnpickler(pickle.Unpickler):
    """Knows the few functions that NumPy's arrays and numbers, and old bytes and sets, are put together with."""

    def __init__(self, file: Any, path: Path) -> None:
        super().__init__(file)
        self._path = path
        self._admitted = _admitted()  # anew, for a pickle can write into the attributes of a function

    def find_class(self, module: str, name: str) -> Any:
        home = module.replace("numpy._core.", "numpy.core.").replace("__builtin__", "builtins")  # by age of the file
        if (found := self._admitted.get((home, name))) is None:
            raise DataError(
                f"{self._path}: expected containers, numbers, strings, bytes and NumPy arrays, found a pickle that "
                f"would call {module}.{name}; nothing of it was run. Save the data again without it"
            )
        return found


def _admitted() -> dict[tuple[str, str], Any]:
    # Asked of NumPy itself: where its functions live differs from version to version.
    array, number = np.empty(0), np.float32(0)
    from_buffer: Any = array.__reduce_ex__(5)[0]
    reconstruct, scalar = array.__reduce__()[0], number.__reduce__()[0]

    def encode(text: str, encoding: str) -> bytes:  # in the pickles of old protocols bytes are written as text
        if encoding != "latin1":
            raise ValueError(f"bytes in the encoding {encoding!r}")
        return text.encode("latin-1")

    return {
        ("numpy.core.multiarray", "_reconstruct"): reconstruct,
        ("numpy.core.multiarray", "scalar"): scalar,
        ("numpy.core.numeric", "_frombuffer"): lambda *arguments: from_buffer(*arguments),
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("_codecs", "encode"): encode,
        ("builtins", "set"): set,
        ("builtins", "frozenset"): frozenset,
        ("builtins", "complex"): complex,
        ("builtins", "bytearray"): bytearray,
    }


def _check_plain(value: Any, path: Path) -> None:
    """Refuse what is none of the admitted types, such as an admitted function itself or an array of objects."""
    rest, seen = [value], set()
    while rest:
        item = rest.pop()
        if isinstance(item, _CONTAINERS):
            if id(item) not in seen:
                seen.add(id(item))
                rest.extend(item)
                rest.extend(item.values() if isinstance(item, dict) else ())
        elif isinstance(item, np.ndarray) and not item.dtype.hasobject:
            continue
        elif item is not None and not isinstance(item, _PLAIN):
            kind = f"array of {item.dtype}" if isinstance(item, np.ndarray) else type(item).__name__
            raise DataError(
                f"{path}: expected containers, numbers, strings, bytes and NumPy arrays, found {kind}; "
                "save the data again without it"
            )
