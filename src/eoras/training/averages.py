"""Running averages of a network's weights: most often they answer better than the weights of any one step."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch

from eoras.model.eoras import EoRaS

__all__ = ["Averages"]


class Averages:
    """Exponential averages of a network's weights and of its batch normalisations' statistics, in float32.

    Statistics are averaged as the weights they belong to. The first steps count for more, as the decay of update n is
    at most ``(1 + n) / (10 + n)``: otherwise the weights at the beginning would show for thousands of steps.

    Args:
        network: the averages begin with its weights; it stays as it is.
        decay: share of the averages that a step leaves; 0..1.

    Attributes:
        network: of the averaged weights; in evaluation mode, on the device of the other.
    """

    def __init__(self, network: EoRaS, decay: float) -> None:
        self.network = deepcopy(network).requires_grad_(False).eval()
        self._decay = decay
        self._updates = 0

    @torch.no_grad()
    def update(self, network: EoRaS) -> None:
        """Take the weights of a step into the averages."""
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        values = network.state_dict()
        for name, average in self.network.state_dict().items():
            if average.is_floating_point():
                average.lerp_(values[name], 1 - decay)
            else:
                average.copy_(values[name])  # how many batches were counted

    def state_dict(self, network: EoRaS) -> dict[str, Any]:
        """What going on needs beside the averages: the weights in training, and how often they were averaged."""
        return {"trained": network.state_dict(), "updates": self._updates}

    def load_state_dict(self, network: EoRaS, state: Mapping[str, Any] | None) -> None:
        """Go on from saved averages.

        Args:
            network: holds the averages.
            state: what ``state_dict`` gave; None to begin with these weights.
        """
        self.network.load_state_dict(network.state_dict())
        self._updates = 0 if state is None else int(state["updates"])
