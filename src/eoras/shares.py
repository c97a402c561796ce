"""One process among many: its number, and which items it takes. No torch, no communication."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from eoras.errors import ConfigError

__all__ = ["Share", "local_rank", "own_share"]

T = TypeVar("T")

# What starts processes, and how it numbers them: torchrun, then SLURM's srun. A batch script itself is one process,
# though it sees SLURM_PROCID and SLURM_NTASKS, too.
_LAUNCHERS = (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"))
_LOCAL = ("LOCAL_RANK", "SLURM_LOCALID")


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

    def block_of(self, items: Sequence[T]) -> Sequence[T]:
        """Neighbouring items, as many as the other shares take or one more; all shares together hold each once."""
        begin, end = (len(items) * number // self.size for number in (self.rank, self.rank + 1))
        return items[begin:end]


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


def local_rank(environment: Mapping[str, str] | None = None) -> int:
    """The number of this process on its machine, from 0, as torchrun or SLURM numbers it.

    Args:
        environment: variables to read; None: those of the process.

    Raises:
        ConfigError: the variable makes no sense.
    """
    variables = os.environ if environment is None else environment
    name = next((name for name in _LOCAL if name in variables), None)
    if name is None:
        return 0
    if not variables[name].isdecimal():
        raise ConfigError(
            f"{name}: expected the number of this process on its machine, from 0, found {variables[name]!r}; start "
            "with torchrun or srun, or unset it"
        )
    return int(variables[name])


def _parse(rank_name: str, rank: str, size_name: str, size: str) -> Share:
    if not (rank.isdecimal() and size.isdecimal() and int(rank) < int(size)):
        raise ConfigError(
            f"{rank_name} and {size_name}: expected the number of this process, from 0, and of all processes, found "
            f"{rank!r} and {size!r}; start with torchrun or srun, or unset both"
        )
    return Share(int(rank), int(size))
