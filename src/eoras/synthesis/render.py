"""Rendering of scenes."""

from eoras.synthesis.annotate import Annotations, annotate

__all__ = ["Annotations", "annotate"]
