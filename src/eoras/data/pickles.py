"""Reading pickles that others made without running what may be in them."""

import io
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from reprlib import repr as shorten
from types import FunctionType
from typing import Any, ClassVar, NoReturn

import numpy as np

from eoras.errors import DataError

__all__ = ["read_pickle"]

_CURE = "restore the file from where you had it"
_PLAIN = (bool, int, float, complex, str, bytes, bytearray, np.number, np.bool_, np.str_, np.bytes_)
_CONTAINERS = (dict, list, tuple, set, frozenset)
_COPIES = 4  # of all its bytes, that a pickle may ask for; old protocols need two
_CODE = re.compile(r"[biufcSU]\d{1,6}")


def read_pickle(path: Path) -> Any:
    """Read a pickle of builtin containers, numbers, strings, bytes and NumPy arrays of these (formats B.2).

    Raises:
        DataError: no such file, a truncated or damaged one, or one that holds anything else. Nothing of such a file
            is run.
    """
    try:
        value = _PlainUnpickler(path.read_bytes()).load()
        _check_plain(value)
    except _NotPlainError as error:
        raise DataError(
            f"{path}: expected containers, numbers, strings, bytes and NumPy arrays, found {error}; "
            "save the data again without it"
        ) from None
    except FileNotFoundError as error:
        raise DataError(f"{path}: expected a pickle, found no such file; {_CURE}") from error
    except Exception as error:  # a damaged stream makes the unpickler raise almost anything
        raise DataError(
            f"{path}: expected a whole pickle, found a truncated or damaged one ({type(error).__name__}: {error}); "
            f"{_CURE}"
        ) from error
    return value


class _NotPlainError(Exception):
    """Something that is none of the admitted types; the message says what."""


class _PlainUnpickler(pickle._Unpickler):
    """Calls nothing but the functions below, changes nothing but what it made itself, and checks what it hands NumPy.

    Python's own, not the one in C: that calls and fills whatever it is told to, and to choose freely what NumPy's
    ``ndarray`` and ``dtype`` are called and filled with is to choose what is read and written anywhere in memory.
    """

    # As Python's own has them.
    stack: list[Any]
    metastack: list[list[Any]]
    pop_mark: Callable[[], list[Any]]
    read: Callable[[int], bytes]
    readline: Callable[[], bytes]

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))  # of which no length that is claimed asks for more than there is
        self._left = _COPIES * len(data)

    def find_class(self, module: str, name: str) -> Any:
        home = module.replace("numpy._core.", "numpy.core.").replace("__builtin__", "builtins")  # by age of the file
        if (found := _ADMITTED.get((home, name))) is None:
            called = f"{module}.{name}"
            called = called if called.isprintable() else ascii(called)
            raise _NotPlainError(f"a pickle that would call {called}; nothing of it was run")
        return found

    def _reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if type(function) is not FunctionType:  # ours are the only ones that find_class gives
            raise _unfit("a function", function)
        self._count(arguments)
        self.stack[-1] = function(*arguments)

    def _build(self) -> None:
        state = self.stack.pop()
        value = self.stack[-1]
        self._count(state)
        if type(value) is np.ndarray:
            _fill(value, *state)
        elif isinstance(value, np.dtype):
            _set_order(value, *state)
        else:
            raise _unfit("an array or a dtype", value)

    def _count(self, arguments: Any) -> None:
        """What is named again and again would be copied each time."""
        self._left -= sum(len(one) for one in arguments if isinstance(one, (str, bytes, bytearray, list)))
        if self._left < 0:
            raise ValueError("expected values of its own size, found copies without end")

    def _last(self, kind: type) -> Any:
        value = self.stack[-1]
        if type(value) is not kind:
            raise _unfit(f"a {kind.__name__}", value)
        return value

    def _append(self) -> None:
        item = self.stack.pop()
        self._last(list).append(item)

    def _append_many(self) -> None:
        items = self.pop_mark()
        self._last(list).extend(items)

    def _add_many(self) -> None:
        items = self.pop_mark()
        self._last(set).update(items)

    def _set_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._last(dict)[key] = value

    def _set_many(self) -> None:
        items = self.pop_mark()
        self._last(dict).update(zip(items[::2], items[1::2], strict=True))

    def _make_bytearray(self) -> None:
        size = int.from_bytes(self.read(8), "little")
        self.stack.append(bytearray(self.read(size)))

    def _name_and_refuse(self) -> NoReturn:
        self.find_class(*(self.readline()[:-1].decode() for _ in range(2)))
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ValueError("an instruction that no plain value needs")

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = pickle._Unpickler.dispatch | {
        pickle.REDUCE[0]: _reduce,
        pickle.BUILD[0]: _build,
        pickle.APPEND[0]: _append,
        pickle.APPENDS[0]: _append_many,
        pickle.ADDITEMS[0]: _add_many,
        pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: _set_many,
        pickle.BYTEARRAY8[0]: _make_bytearray,
        pickle.INST[0]: _name_and_refuse,
        pickle.OBJ[0]: _refuse,
        pickle.NEWOBJ[0]: _refuse,
        pickle.NEWOBJ_EX[0]: _refuse,
        pickle.EXT1[0]: _refuse,
        pickle.EXT2[0]: _refuse,
        pickle.EXT4[0]: _refuse,
        pickle.NEXT_BUFFER[0]: _refuse,
        pickle.READONLY_BUFFER[0]: _refuse,
    }


# What a pickle puts values together with. What they are called with is the file's choice.


def _reconstruct(kind: object, *_: object) -> np.ndarray:
    if kind is not np.ndarray:
        raise _unfit("numpy.ndarray", kind)
    return np.empty(0, np.int8)  # it is filled afterwards


def _fill(array: Any, _: object, shape: object, dtype: object, by_column: object, data: object) -> None:
    size = _itemsize(dtype) * math.prod(_lengths(shape))
    if size != len(_exact(data, bytes)):
        raise ValueError(f"expected {size} bytes of an array, found another number")
    array.__setstate__((1, shape, dtype, bool(by_column), data))


def _from_buffer(data: object, dtype: object, shape: object, *order: object) -> np.ndarray:
    _itemsize(dtype)
    return _FROM_BUFFER(_exact(data, bytes, bytearray), dtype, _lengths(shape), *order)


def _scalar(dtype: object, data: object) -> Any:
    if not isinstance(dtype, np.dtype) or len(_exact(data, bytes)) != dtype.itemsize:
        raise _unfit("a dtype and the bytes of one value", dtype)
    return _SCALAR(dtype, data)


def _dtype(code: Any, *_: object) -> np.dtype:
    if not _CODE.fullmatch(_exact(code, str)):
        raise _NotPlainError(f"values of the dtype {shorten(code)}")
    return np.dtype(code, align=False, copy=True)  # a copy, for its order is set afterwards


def _set_order(dtype: Any, _: object, order: object, *rest: object) -> None:
    if _exact(order, str) not in ("<", ">", "|", "=") or rest[:3] != (None, None, None) or len(rest) != 6:
        raise ValueError("expected a dtype of numbers or strings, found one of another kind")
    if rest[3] not in (-1, dtype.itemsize):
        raise ValueError(f"expected a dtype of {dtype.itemsize} bytes, found another length")
    # All but the order is its own: the file's would say how long a value is, and whether it points into memory.
    dtype.__setstate__((3, order, None, None, None, dtype.itemsize, dtype.alignment, dtype.flags))


def _encode(text: object, encoding: object) -> bytes:  # in the pickles of old protocols bytes are written as text
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"bytes in the encoding {shorten(encoding)}")
    return _exact(text, str).encode("latin-1")


def _bytearray(data: object = b"", *encoding: object) -> bytearray:
    return bytearray(_encode(data, *encoding) if encoding else _exact(data, bytes))


def _itemsize(dtype: object) -> int:
    if not isinstance(dtype, np.dtype) or not dtype.itemsize:
        raise _unfit("a dtype of values with a length", dtype)
    return dtype.itemsize


def _lengths(shape: Any) -> tuple[int, ...]:
    if any(_exact(length, int) < 0 for length in _exact(shape, tuple)):
        raise _unfit("lengths of an array", shape)
    return shape


def _exact(value: Any, *kinds: type) -> Any:
    """The value, if it is of one of the kinds and not of one derived from it, which may do anything."""
    if type(value) not in kinds:
        raise _unfit(" or ".join(kind.__name__ for kind in kinds), value)
    return value


def _unfit(expected: str, found: object) -> ValueError:
    return ValueError(f"expected {expected}, found {type(found).__name__}")


# Asked of NumPy itself: where its functions live differs from version to version.
_FROM_BUFFER: Any = np.empty(0).__reduce_ex__(5)[0]
_SCALAR: Any = np.float32(0).__reduce__()[0]

_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy", "ndarray"): np.ndarray,  # named only, never called
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
    ("builtins", "set"): lambda items: set(_exact(items, list)),
    ("builtins", "frozenset"): lambda items: frozenset(_exact(items, list)),
    ("builtins", "complex"): lambda real, imaginary: complex(_exact(real, float), _exact(imaginary, float)),
    ("builtins", "bytearray"): _bytearray,
    ("builtins", "bytes"): lambda: b"",  # old protocols ask for no other in this way
}


def _check_plain(value: Any) -> None:
    """Refuse what is none of the admitted types, such as an admitted function itself."""
    rest, seen = [value], set()
    while rest:
        item = rest.pop()
        if isinstance(item, _CONTAINERS):
            if id(item) not in seen:
                seen.add(id(item))
                rest.extend(item)
                rest.extend(item.values() if isinstance(item, dict) else ())
        elif item is not None and not isinstance(item, (*_PLAIN, np.ndarray)):
            raise _NotPlainError(type(item).__name__)
