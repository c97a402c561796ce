"""Amodal video segmentation: what the whole object looks like, hidden parts included (EoRaS, ICCV 2023).

The names below are loaded when first used, so that ``import eoras`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eoras.clip import Batch, Clip, collate
    from eoras.config import Config, ModelConfig, TrainingConfig, ViewConfig, load_config
    from eoras.errors import CheckpointError, ConfigError, DataError, EorasError, RunError
    from eoras.geometry import Box
    from eoras.model.eoras import EoRaS, Masks

    __version__: str

__all__ = [
    "Batch",
    "Box",
    "CheckpointError",
    "Clip",
    "Config",
    "ConfigError",
    "DataError",
    "EoRaS",
    "EorasError",
    "Masks",
    "ModelConfig",
    "RunError",
    "TrainingConfig",
    "ViewConfig",
    "__version__",
    "collate",
    "load_config",
]

_HOMES = {
    "eoras.clip": ("Batch", "Clip", "collate"),
    "eoras.config": ("Config", "ModelConfig", "TrainingConfig", "ViewConfig", "load_config"),
    "eoras.errors": ("CheckpointError", "ConfigError", "DataError", "EorasError", "RunError"),
    "eoras.geometry": ("Box",),
    "eoras.model.eoras": ("EoRaS", "Masks"),
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
