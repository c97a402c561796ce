"""Curves: what is drawn of which run, and what is said of what there is not."""

import sys

import numpy as np
import pytest

from eoras.errors import PackageError
from eoras.training.curves import draw_curves, smooth


def log(steps: int, *, validated: bool = True) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = [
        {
            "step": step,
            "loss": 1 / step,
            "amodal": 0.5 / step,
            "learning_rate": 1e-3,
            "machine": {"clips_per_second": 2},
        }
        for step in range(1, steps + 1)
    ]
    scores = {"validation/strict/miou_full": 0.5, "validation/strict/miou_occ": None}
    return [*lines, {"step": steps, "split": "test", **scores}] if validated else lines


def test_each_run_has_a_curve_in_its_own_colour_and_its_name_in_the_legend() -> None:
    figure = draw_curves({"one": log(200), "two": log(80)})
    loss, parts, scores, rate, gradient, pace = figure.axes
    thick = [line for line in loss.lines if line.get_linewidth() == 2]
    assert [np.size(line.get_xdata()) for line in thick] == [200, 80]
    assert len({line.get_color() for line in thick}) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]
    assert np.asarray(scores.lines[0].get_ydata()).tolist() == [50]  # in percent
    assert scores.get_title("left") == "validation (test split): strict mIoU, %"
    assert all(len(axes.lines) >= 2 for axes in (parts, rate, pace))
    assert [text.get_text() for text in gradient.texts] == ["not in these logs"]


def test_a_run_without_validation_is_drawn_all_the_same() -> None:
    figure = draw_curves({"one": log(3, validated=False)})
    assert [text.get_text() for text in figure.axes[2].texts] == ["not in these logs"]
    assert figure.axes[0].lines


def test_the_average_begins_with_the_first_value_keeps_constants_and_tames_noise() -> None:
    noise = np.random.default_rng(0).normal(size=1000) + 3
    for span in (1, 5, 100):
        np.testing.assert_allclose(smooth(np.full(50, 3.0), span), 3)
        assert smooth(noise, span)[0] == pytest.approx(noise[0])
    np.testing.assert_array_equal(smooth(noise, 1), noise)
    assert smooth(noise, 100)[200:].std() < 0.2 * noise.std()


def test_without_matplotlib_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(PackageError, match=r"pip install 'eoras\[plot\]'"):
        draw_curves({"one": log(3)})
