"""What is done to a network before it is trained: what batch normalisation sees, less memory, or compiled layers."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any, cast

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.checkpoint import checkpoint

from eoras.config import TrainingConfig
from eoras.errors import ConfigError
from eoras.model.eoras import EoRaS
from eoras.model.heads import MaskHead

__all__ = ["prepare"]

_COMPILERS = {  # by device, what torch.compile looks for: its language, the variable that names it, usual names
    "cpu": ("C++", "CXX", ("clang++" if sys.platform == "darwin" else "g++",)),
    "cuda": ("C", "CC", ("gcc", "clang")),
}


def prepare(network: EoRaS, config: TrainingConfig) -> None:
    """Make ready for training, on the device where it is.

    Raises:
        ConfigError: ``compile`` without a compiler, of C++ on a CPU, of C on a GPU.
    """
    network.frames_apart = config.normalise_frames == "apart"
    if config.checkpoint_activations:
        _checkpoint_activations(network)
    if config.compile:
        _compile(network)


def _checkpoint_activations(network: EoRaS) -> None:
    """Keep only what goes into the large parts: the rest is computed again, with the same dropout, for the gradient."""
    walks = [network.slots_from_bev, network.slots_from_front]
    parts: list[nn.Module | None] = [network.backbone, network.bev, *walks, *network.front_from_slots.layers]
    for part in filter(None, parts):
        part.forward = partial(_forgetful, part, part.forward)


def _forgetful(part: nn.Module, forward: Callable[..., Any], *inputs: Any) -> Any:
    if not torch.is_grad_enabled():
        return forward(*inputs)
    contexts = partial(_first_and_again, part)
    return checkpoint(forward, *inputs, use_reentrant=False, context_fn=contexts)


def _first_and_again(part: nn.Module) -> tuple[Any, Any]:
    return nullcontext(), _keeping_statistics(part)


@contextmanager
def _keeping_statistics(part: nn.Module) -> Iterator[None]:
    """Inside, batch normalisations add to copies of their running statistics: they have counted this batch before."""
    norms = [module for module in part.modules() if isinstance(module, _NormBase)]
    counted = [dict(norm.named_buffers(recurse=False)) for norm in norms]
    _set_buffers(norms, [{name: value.clone() for name, value in buffers.items()} for buffers in counted])
    try:
        yield
    finally:
        _set_buffers(norms, counted)


def _set_buffers(norms: list[Any], buffers: list[dict[str, torch.Tensor]]) -> None:
    for norm, values in zip(norms, buffers, strict=True):
        for name, value in values.items():
            setattr(norm, name, value)


def _compile(network: EoRaS) -> None:
    """Let torch.compile write forward and backward anew; the first steps take minutes."""
    device = next(network.parameters()).device
    language, variable, usual = _COMPILERS[device.type]
    compilers = (os.environ[variable],) if variable in os.environ else usual
    if not any(map(shutil.which, compilers)):
        raise ConfigError(
            f"training.compile: compile needs a {language} compiler, found no {' or '.join(compilers)}; install one, "
            f"name it in the variable {variable}, or --set training.compile=false"
        )
    if device.type == "cuda":
        # Inductor gets the layout of a transposed convolution's gradient wrong there (pytorch/pytorch#171622).
        heads: list[nn.Module] = [head for head in network.heads.values() if isinstance(head, MaskHead)]
        for head in heads:
            head.forward = cast(Callable[..., Any], torch.compiler.disable(head.forward))
    network.compile()
