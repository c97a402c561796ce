"""What the tests of the page share."""

from collections.abc import Iterator

import pytest

from eoras.app.store import Store


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(100)
    yield store
    store.close()
