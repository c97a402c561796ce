"""What is printed of scores, as plain values and as text."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from eoras.evaluation.breakdown import breakdown
from eoras.evaluation.pasted import PastedScores
from eoras.evaluation.protocols import PROTOCOLS
from eoras.evaluation.significance import intervals

__all__ = ["compare_all", "describe", "summarize"]


def summarize(scores: PastedScores, protocols: Sequence[str] = tuple(PROTOCOLS)) -> dict[str, Any]:
    """A system's scores, one object a protocol, and what ``describe`` gives.

    Args:
        scores: of the system.
        protocols: those to compute.
    """
    return {**{name: scores.compute(name) for name in protocols}, **describe(scores, protocols)}


def describe(scores: PastedScores, protocols: Sequence[str]) -> dict[str, Any]:
    """The ``intervals`` of each protocol's means, and the ``breakdown`` of the masks that ``strict`` scores."""
    return {
        "intervals": {name: intervals(scores.table(name), name) for name in protocols},
        "breakdown": breakdown(scores.table("strict")),
    }


def compare_all(systems: Mapping[str, PastedScores]) -> list[dict[str, Any]]:
    """Compare each pair of systems under every protocol: ``first``, ``second``, and an object a protocol."""
    return [
        {
            "first": first,
            "second": second,
            **{name: systems[first].compare(systems[second], name) for name in PROTOCOLS},
        }
        for first, second in combinations(systems, 2)
    ]
