"""Reading JSON files of others: the first problem is told by its key."""

import json
from pathlib import Path
from reprlib import repr as shorten
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from eoras.errors import DataError

__all__ = ["LONGEST_SIDE", "MOST_FRAMES", "Finite", "Number", "Side", "check_record", "explain", "read_json"]

LONGEST_SIDE = 32768  # pixels of an image
MOST_FRAMES = 1_000_000  # of a video: a number past it is a slip, and would fill the memory
Number = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(ge=1, le=LONGEST_SIDE)]
Finite = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]  # past it sums and float32 overflow
T = TypeVar("T")


def read_json(path: Path) -> Any:
    """Read a whole JSON file.

    Raises:
        DataError: no such file, no JSON, or one with NaN or infinity, which are no JSON.
    """
    try:
        return json.loads(path.read_bytes(), parse_constant=_refuse)
    except OSError as error:
        raise DataError(
            f"{path}: expected a JSON file, found none that can be read ({error.strerror}); mend the path"
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected JSON, found something else ({error}); write it again") from error


def check_record(kind: type[T], record: Any, path: Path) -> T:
    """Read a record from what a JSON file holds; keys it does not know are passed over.

    Args:
        kind: the record's class, a pydantic dataclass or a list of them.
        record: what the file holds.
        path: the file, for the error.

    Raises:
        DataError: a key is missing or wrong.
    """
    try:
        return TypeAdapter(kind).validate_python(record)
    except ValidationError as error:
        raise DataError(f"{path}: {explain(error)}; write it again") from None


def explain(error: ValidationError) -> str:
    """The first problem of a file: the key, what was expected, what was found."""
    item = error.errors()[0]
    key = ".".join(map(str, item["loc"]))
    found = "" if item["type"] in ("missing", "value_error", "json_invalid") else f", found {shorten(item['input'])}"
    return (f"{key}: " if key else "") + item["msg"].removeprefix("Value error, ") + found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number of JSON")
