"""Weights on disk: model folders of ``model.safetensors`` and ``config.json``, and filling a network from entries."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from eoras.config import ModelConfig, describe, parse
from eoras.errors import CheckpointError, ConfigError
from eoras.files import write_beside

__all__ = ["fill", "load_imagenet", "read_folder", "write_folder"]

WEIGHTS, CONFIG = "model.safetensors", "config.json"
_IMAGENET_URL = "https://download.pytorch.org/models/resnet50-19c8e357.pth"


def write_folder(folder: Path, network: nn.Module, config: ModelConfig) -> None:
    """Write a model folder; what it holds already is replaced file by file.

    Raises:
        RunError: the folder cannot be written, or the disk is full.
    """
    entries = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    with write_beside(folder / WEIGHTS) as path:
        save_file(entries, path, metadata={"format": "pt"})
    with write_beside(folder / CONFIG) as path:
        path.write_text(json.dumps(describe(config), indent=2) + "\n", encoding="utf-8")


def read_folder(folder: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Read a model folder.

    Raises:
        CheckpointError: a file is missing or damaged.
    """
    try:
        config = parse(ModelConfig, json.loads((folder / CONFIG).read_text(encoding="utf-8")), folder / CONFIG)
        return config, load_file(folder / WEIGHTS)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{folder}: expected a model folder with {WEIGHTS} and {CONFIG}, found no {Path(error.filename).name}"
            if error.filename
            else f"{folder}: expected a model folder with {WEIGHTS} and {CONFIG}; {error}"
        ) from None
    except (OSError, ValueError, SafetensorError) as error:
        if isinstance(error, ConfigError):
            raise
        raise CheckpointError(f"{folder}: a damaged model folder ({error}); copy or convert it again") from None


def fill(
    network: nn.Module, entries: Mapping[str, Tensor], where: str | Path, name_of: Callable[[str], str] = str
) -> None:
    """Copy entries into a network; each must be there, known, and of the right shape.

    A network with ``visible_input`` takes the stem of one without: the fourth channel starts at zero.

    Args:
        network: what is filled.
        entries: names to tensors.
        where: what the message of an error begins with.
        name_of: the name in ``entries`` of one of the network's own entries.

    Raises:
        CheckpointError: naming the missing, unknown or misshapen entries.
    """
    own = network.state_dict()
    expected = {name_of(name): name for name in own}
    missing = [name for name in expected if name not in entries]
    unknown = [name for name in entries if name not in expected]
    for problem, names in (("missing", missing), ("unknown", unknown)):
        if names:
            raise _unfit(where, f"{problem} entries: {_some(names)}")
    values = {name: _with_mask_channel(entries[given], own[name]) for given, name in expected.items()}
    misshapen = [
        f"{given} (expected {tuple(own[name].shape)}, found {tuple(values[name].shape)})"
        for given, name in expected.items()
        if values[name].shape != own[name].shape
    ]
    if misshapen:
        raise _unfit(where, f"misshapen entries: {_some(misshapen)}")
    network.load_state_dict(values)


def _with_mask_channel(value: Tensor, own: Tensor) -> Tensor:
    """A stem for RGB widened by a fourth channel of zeros if the network's own has one; anything else as it is."""
    if value.ndim == own.ndim == 4 and value.shape[1] == 3 and own.shape[1] == 4:
        return torch.cat((value, torch.zeros_like(value[:, :1])), dim=1)
    return value


def _unfit(where: str | Path, problem: str) -> CheckpointError:
    return CheckpointError(f"{where}: {problem}; is it a checkpoint of another network or configuration?")


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
