"""Going on with a training that the official code began."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from eoras.errors import CheckpointError
from eoras.model.eoras import EoRaS
from eoras.model.official import official_name, parameter_names, without_prefix

__all__ = ["load_official_optimizer"]


def load_official_optimizer(
    optimizer: Optimizer, network: EoRaS, entries: Mapping[str, Tensor], state: Mapping[str, Any]
) -> None:
    """Give our optimiser the moments of the official one.

    The official state numbers parameters in the order of its ``model.parameters()``, frozen position codes and
    discarded convolutions included; ours numbers its own.

    Args:
        optimizer: of the network's parameters.
        network: built from the same entries.
        entries: ``model`` of the published checkpoint; its order is that of the official parameters.
        state: ``optim`` of the published checkpoint.

    Raises:
        CheckpointError: the state does not belong to these entries.
    """
    names = parameter_names(without_prefix(entries))
    if not isinstance(state, Mapping) or not {"state", "param_groups"} <= state.keys():
        raise CheckpointError("expected 'optim' to be the state of an AdamW; convert it without --with-optimizer")
    numbered = [number for group in state["param_groups"] for number in group["params"]]
    if len(numbered) != len(names):
        raise CheckpointError(
            f"published checkpoint: expected an optimiser of {len(names)} parameters, as in 'model', "
            f"found {len(numbered)}; convert it without --with-optimizer"
        )
    moments = {name: state["state"].get(number) for number, name in zip(numbered, names, strict=True)}
    ours = {}
    for number, (name, parameter) in enumerate(network.named_parameters()):
        of_parameter = moments[official_name(name)]
        if of_parameter is None:
            continue
        shape = tuple(of_parameter["exp_avg"].shape)
        if shape != tuple(parameter.shape):
            raise CheckpointError(
                f"published checkpoint: expected moments of shape {tuple(parameter.shape)} for {official_name(name)}, "
                f"found {shape}; convert it without --with-optimizer"
            )
        ours[number] = {**of_parameter, "step": torch.as_tensor(of_parameter["step"], dtype=torch.float32)}
    optimizer.load_state_dict({"state": ours, "param_groups": optimizer.state_dict()["param_groups"]})
