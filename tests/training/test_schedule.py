from typing import Any

import pytest

from eoras.config import TrainingConfig
from eoras.training.schedule import learning_rate


def rates(steps: int, **options: Any) -> list[float]:
    config = TrainingConfig(learning_rate=1.0, **options)
    return [learning_rate(config, step // 10, step, steps) for step in range(steps)]


def test_by_default_the_rate_is_constant_but_for_the_decay() -> None:
    assert rates(30) == [1.0] * 30
    assert rates(30, decay=0.5) == [1.0] * 10 + [0.5] * 10 + [0.25] * 10


def test_a_cosine_falls_from_the_rate_to_almost_nothing() -> None:
    found = rates(100, schedule="cosine")
    assert found[0] == 1
    assert found[50] == pytest.approx(0.5)
    assert 0 < found[-1] < 0.001
    assert found == sorted(found, reverse=True)


def test_the_first_steps_warm_up_evenly() -> None:
    assert rates(30, warmup_steps=4)[:6] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
