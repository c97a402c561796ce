"""Reading ahead: the processes that do it end when the reading does, however it ends."""

import gc
import multiprocessing
from collections.abc import Iterator
from typing import Any

import pytest

from eoras.data.reading import read_in_order
from eoras.errors import DataError

forking = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")  # Python 3.12 and newer


class Numbers:
    """Eight tracks, of which one may be damaged."""

    def __init__(self, damaged: int | None = None) -> None:
        self._damaged = damaged

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Any:
        if index == self._damaged:
            raise DataError("the damaged one")
        return index


@pytest.fixture
def others() -> Iterator[set[Any]]:
    """Processes that there are before; nobody collects garbage meanwhile."""
    gc.disable()
    yield set(multiprocessing.active_children())
    gc.enable()


@forking
def test_all_is_read_in_order_and_nobody_stays(others: set[Any]) -> None:
    assert list(read_in_order(Numbers(), 2)) == list(range(8))
    assert set(multiprocessing.active_children()) == others


@forking
def test_after_an_error_nobody_stays_though_its_traceback_does(others: set[Any]) -> None:
    read = []
    with pytest.raises(DataError, match="the damaged one") as caught:
        read.extend(read_in_order(Numbers(damaged=3), 2))
    assert caught.traceback
    assert set(multiprocessing.active_children()) == others


@forking
def test_who_stops_reading_leaves_nobody(others: set[Any]) -> None:
    readings = read_in_order(Numbers(), 2)
    assert next(readings) == 0
    del readings
    assert set(multiprocessing.active_children()) == others


@forking
def test_an_error_of_who_reads_leaves_nobody(others: set[Any]) -> None:
    def read() -> None:
        for _ in read_in_order(Numbers(), 2):
            raise LookupError

    with pytest.raises(LookupError) as caught:
        read()
    assert caught.traceback
    assert set(multiprocessing.active_children()) == others
