"""What a format is: a way to recognise, to read and perhaps to write it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from eoras.data.annotations import MaskVideo
from eoras.data.json_files import read_json
from eoras.errors import DataError

__all__ = ["Format", "Losses", "Source", "first_line", "read_lines"]

Losses = Counter[str]
"""What a written format could not hold: a sentence to how often."""


class Source:
    """A file or folder to read; a JSON file is read once, when it is first looked into.

    Args:
        path: the file, or the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def is_text(self) -> bool:
        """Whether it is no JSON, by its name."""
        return self.path.suffix.lower() == ".txt"

    @cached_property
    def record(self) -> Any:
        """What the JSON file holds.

        Raises:
            DataError: no such file, or no JSON.
        """
        return read_json(self.path)

    def keys(self, name: str) -> set[str]:
        """Keys of the entries of a list in the JSON file."""
        entries = self.record.get(name) if isinstance(self.record, dict) else None
        entries = entries if isinstance(entries, list) else []
        return {key for entry in entries if isinstance(entry, dict) for key in entry}


@dataclass(frozen=True, kw_only=True)
class Format:
    """A row of the table of formats.

    Attributes:
        is_folder: whether it is a folder, not a file.
        is_text: whether it is a file of lines, not of JSON.
        recognises: whether a source looks like this format.
        read: gives a source's videos, one at a time.
        write: makes a file or folder of videos and says what was lost; None where nothing is written.
    """

    is_folder: bool = False
    is_text: bool = False
    recognises: Callable[[Source], bool]
    read: Callable[[Source], Iterator[MaskVideo]]
    write: Callable[[Path, Iterable[MaskVideo]], Losses] | None = None


def first_line(path: Path) -> str:
    """The first line of a text that is not empty, cut after 10,000 characters; empty where there is none.

    Raises:
        DataError: the text cannot be read.
    """
    return next((line[:10_000] for line in read_lines(path) if line), "")


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a text, without the space around them.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from map(str.strip, file)
    except OSError as error:
        raise DataError(
            f"{path}: expected a text file, found none that can be read ({error.strerror}); check its permissions"
        ) from error
