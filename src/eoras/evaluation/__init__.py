"""Scores under named protocols, and baselines; needs numpy alone. ``eoras.evaluation.evaluate`` scores a network."""

from eoras.evaluation.baselines import BASELINES, convex_hull, visible_mask
from eoras.evaluation.scores import Scores

__all__ = ["BASELINES", "Scores", "convex_hull", "visible_mask"]
