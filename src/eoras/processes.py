"""One process among many that work together: what they tell each other. Only here are torch's process groups set up."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from eoras.errors import ConfigError, RunError
from eoras.shares import Share, own_share

__all__ = ["Processes", "connect"]

T = TypeVar("T")

_ADDRESS = ("MASTER_ADDR", "MASTER_PORT")
_BUCKET = 2**23  # numbers that are sent together: 32 MiB, so that the copies stay small


@dataclass(frozen=True)
class Processes:
    """All processes of a command, as one of them sees them. Alone, it keeps what it has, and torch is not asked.

    Every process must call the same methods in the same order.

    Attributes:
        share: number of this process, and of all.
    """

    share: Share = field(default_factory=Share)

    @property
    def first(self) -> bool:
        """Whether this one writes and speaks for all."""
        return self.share.rank == 0

    @property
    def several(self) -> bool:
        """Whether there are others."""
        return self.share.size > 1

    def gather(self, value: T) -> list[T]:
        """The values of all processes, in their order, on each of them.

        Raises:
            RunError: another process has ended.
        """
        values: list[T] = [value] * self.share.size
        if self.several:
            with _talking():
                dist.all_gather_object(values, value)
        return values

    def sum(self, values: Sequence[float]) -> list[float]:
        """The sum of each value over the processes, in float64.

        Raises:
            RunError: another process has ended.
        """
        if not self.several:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64)
        with _talking():
            dist.all_reduce(sums)
        return sums.tolist()

    def any(self, flag: bool) -> bool:
        """Whether the flag is true on any process.

        Raises:
            RunError: another process has ended.
        """
        return self.sum([flag])[0] > 0

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Put the sum over the processes into each tensor, the same bits everywhere.

        Args:
            tensors: of one type, on one device, any shapes; the same on each process.

        Raises:
            RunError: another process has ended.
        """
        for bucket in _buckets(tensors) if self.several else ():
            flat = torch.cat([tensor.flatten() for tensor in bucket])
            with _talking():
                dist.all_reduce(flat)
            for tensor, part in zip(bucket, flat.split([tensor.numel() for tensor in bucket]), strict=True):
                tensor.copy_(part.view_as(tensor))

    def spread(self, tensors: Sequence[Tensor]) -> None:
        """Put the first process's values into each tensor.

        Raises:
            RunError: another process has ended.
        """
        for tensor in tensors if self.several else ():
            with _talking():
                dist.broadcast(tensor, src=0)


@contextmanager
def connect(device: torch.device) -> Iterator[Processes]:
    """Find the other processes that torchrun or SLURM has started, and part from them at the end.

    Args:
        device: where this process computes; tensors on a GPU travel by nccl, all else by gloo.

    Raises:
        ConfigError: the launcher's variables make no sense, or do not say where the first process listens.
        RunError: the others do not answer.
    """
    share = own_share()
    if share.size == 1:
        yield Processes()
        return
    missing = [name for name in _ADDRESS if name not in os.environ]
    if missing:
        raise ConfigError(
            f"{' and '.join(missing)}: expected where process 0 of {share.size} listens, found nothing; start with "
            "torchrun, or, under srun, export MASTER_ADDR (the first machine's name) and MASTER_PORT (a free port)"
        )
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    try:
        store, _, _ = next(rendezvous("env://", share.rank, share.size))
        # torchrun keeps its store when it starts processes anew, and the dead ones' addresses are still in it
        store = PrefixStore(f"start {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
        dist.init_process_group(backend, store=store, rank=share.rank, world_size=share.size)
    except (RuntimeError, ValueError) as error:  # an address that cannot be reached, a port that is no number
        where = ":".join(os.environ[name] for name in _ADDRESS)
        raise RunError(f"process {share.rank} of {share.size}: could not meet the others at {where}: {error}") from None
    try:
        yield Processes(share)
    finally:
        dist.destroy_process_group()


@contextmanager
def _talking() -> Iterator[None]:
    """Say what it means when the others do not answer: the cause stands in the message of the one that failed."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunError(
            f"process {dist.get_rank()}: another process has ended or cannot be reached, so this one ends too; the "
            f"cause is in the other's message ({reason})"
        ) from None


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Some tensors at a time."""
    bucket: list[Tensor] = []
    for tensor in tensors:
        bucket.append(tensor)
        if sum(item.numel() for item in bucket) >= _BUCKET:
            yield bucket
            bucket = []
    if bucket:
        yield bucket
