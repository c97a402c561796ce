"""One process among many that walk over the same items: which of them it takes. No torch, no communication."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from eoras.errors import ConfigError

__all__ = ["Share", "own_share"]

T = TypeVar("T")

# What starts processes, and how it numbers them: torchrun and most MPI launchers, then SLURM's srun.
_LAUNCHERS = (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS"))


@dataclass(frozen=True)
class Share:
    """A part of the work.

    Attributes:
        rank: number of the process, from 0.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    def of(self, items: Sequence[T]) -> Sequence[T]:
        """Every ``size``-th of the items, from the one of number ``rank`` on; all shares together hold each once."""
        return items[self.rank :: self.size]


def own_share(environment: Mapping[str, str] | None = None) -> Share:
    """The share of this process, as torchrun or SLURM numbers it; all of the work where neither has started it.

    Args:
        environment: variables to read; None: those of the process.

    Raises:
        ConfigError: the variables make no sense.
    """
    variables = os.environ if environment is None else environment
    for rank, size in _LAUNCHERS:
        if rank in variables and size in variables:
            return _parse(rank, variables[rank], size, variables[size])
    return Share()


def _parse(rank_name: str, rank: str, size_name: str, size: str) -> Share:
    if not (rank.isdecimal() and size.isdecimal() and int(rank) < int(size)):
        raise ConfigError(
            f"{rank_name} and {size_name}: expected the number of this process, from 0, and of all processes, found "
            f"{rank!r} and {size!r}; start with torchrun or srun, or unset both"
        )
    return Share(int(rank), int(size))
