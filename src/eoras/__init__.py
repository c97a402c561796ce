"""Amodal video segmentation: what the whole object looks like, hidden parts included (EoRaS, ICCV 2023).

The names below are loaded when first used, so that ``import eoras`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eoras.clip import Batch, Clip, collate
    from eoras.config import Config, ModelConfig, TrainingConfig, ViewConfig
    from eoras.config_files import load_config
    from eoras.data.kitti import KittiTracks
    from eoras.data.movi import MoviTracks
    from eoras.data.open import open_tracks
    from eoras.errors import CheckpointError, ConfigError, DataError, EorasError, RunError
    from eoras.evaluation.evaluate import Evaluation, evaluate
    from eoras.geometry import Box, paste
    from eoras.model.eoras import EoRaS, Masks
    from eoras.prediction.predictor import AmodalPredictor
    from eoras.prediction.result import Result

    __version__: str

__all__ = [
    "AmodalPredictor",
    "Batch",
    "Box",
    "CheckpointError",
    "Clip",
    "Config",
    "ConfigError",
    "DataError",
    "EoRaS",
    "EorasError",
    "Evaluation",
    "KittiTracks",
    "Masks",
    "ModelConfig",
    "MoviTracks",
    "Result",
    "RunError",
    "TrainingConfig",
    "ViewConfig",
    "__version__",
    "collate",
    "evaluate",
    "load_config",
    "open_tracks",
    "paste",
]

_HOMES = {
    "eoras.clip": ("Batch", "Clip", "collate"),
    "eoras.config": ("Config", "ModelConfig", "TrainingConfig", "ViewConfig"),
    "eoras.config_files": ("load_config",),
    "eoras.data.kitti": ("KittiTracks",),
    "eoras.data.movi": ("MoviTracks",),
    "eoras.data.open": ("open_tracks",),
    "eoras.errors": ("CheckpointError", "ConfigError", "DataError", "EorasError", "RunError"),
    "eoras.evaluation.evaluate": ("Evaluation", "evaluate"),
    "eoras.geometry": ("Box", "paste"),
    "eoras.model.eoras": ("EoRaS", "Masks"),
    "eoras.prediction.predictor": ("AmodalPredictor",),
    "eoras.prediction.result": ("Result",),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("eoras")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'eoras' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
