"""One process among many that work together: what they tell each other. Only here are torch's process groups set up."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
import torch.distributed.nn.functional  # before there is a group: see connect
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from eoras.errors import ConfigError, RunError
from eoras.shares import Share, own_share

__all__ = ["Processes", "connect", "expect_one_kind", "expect_own_gpus"]

T = TypeVar("T")

_ADDRESS = ("MASTER_ADDR", "MASTER_PORT")
_BUCKET = 2**23  # numbers that are sent together: 32 MiB, so that the copies stay small

# How long one process waits for another, such as for one with harder tracks to validate, or on a slower disk. gloo
# notices at once when a process ends; nccl does not, but there the launcher ends the others. So this only bounds the
# wait for a process that hangs. The 30 minutes that torch gives them to meet would end good runs here.
_PATIENCE = timedelta(days=1)

# What fails on this process's own GPU; AcceleratorError since torch 2.8.
_OWN_FAULTS = (torch.cuda.OutOfMemoryError, getattr(torch, "AcceleratorError", torch.cuda.OutOfMemoryError))


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
def connect(device: torch.device, tell: Callable[[str], object] = lambda _: None) -> Iterator[Processes]:
    """Find the other processes that torchrun or SLURM has started, and part from them at the end.

    Args:
        device: where this process computes, the current one if it is a GPU; tensors there travel by nccl, all else by
            gloo.
        tell: is told by the first process where it waits for the others, if there are any.

    Raises:
        ConfigError: the launcher's variables make no sense, or do not say where the first process listens, or processes
            share a GPU, or not all have one.
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
    where = ":".join(os.environ[name] for name in _ADDRESS)
    if share.rank == 0:
        tell(f"process 0 of {share.size} waits for the others at {where}")
    # torch's optimisers import torch.distributed.nn.functional. Were that the first import of it, the defaults of its
    # functions would be this group, which would then outlive destroy_process_group, its threads with it; and a thread
    # that lets go of a tensor while Python ends aborts the process.
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    try:
        store, _, _ = next(rendezvous("env://", share.rank, share.size))
        # torchrun keeps its store when it starts processes anew, and the dead ones' addresses are still in it
        store = PrefixStore(f"start {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
        dist.init_process_group(backend, store=store, rank=share.rank, world_size=share.size, timeout=_PATIENCE)
    except (RuntimeError, ValueError) as error:  # an address that cannot be reached, a port that is no number
        raise RunError(f"process {share.rank} of {share.size}: could not meet the others at {where}: {error}") from None
    processes = Processes(share)
    try:
        expect_one_kind(device.type, processes)
        if device.type == "cuda":
            expect_own_gpus(str(torch.cuda.get_device_properties(device).uuid), processes)
        yield processes
    except BaseException:
        if device.type != "cuda":  # nccl would wait for the others, who wait for this one; it ends with the process
            dist.destroy_process_group()
        raise
    dist.destroy_process_group()


def expect_one_kind(kind: str, processes: Processes) -> None:
    """Make sure that all processes compute on a GPU, or none; else some would wait for what the others never send.

    Args:
        kind: what this one computes on, ``cuda`` or ``cpu``.
        processes: all that work together.

    Raises:
        ConfigError: they differ.
    """
    kinds = processes.gather(kind)
    other = next((rank for rank, found in enumerate(kinds) if found != kinds[0]), None)
    if other is not None:
        raise ConfigError(
            f"--device: expected the same for all processes, found {kinds[0]} for process 0 and {kinds[other]} for "
            f"process {other}; see 'eoras doctor' on its machine, or give --device cpu to all"
        )


def expect_own_gpus(gpu: str, processes: Processes) -> None:
    """Make sure that no two processes share a GPU; that each sees one does not tell, for srun may show each its own.

    Args:
        gpu: what no other GPU is called, on any machine.
        processes: all that work together.

    Raises:
        ConfigError: two have the same one.
    """
    gpus = processes.gather(gpu)
    if len(set(gpus)) < len(gpus):
        raise ConfigError(
            f"expected a GPU for each process, found {len(gpus)} processes on {len(set(gpus))}; start as many as there "
            "are GPUs (torchrun --nproc-per-node), or let CUDA_VISIBLE_DEVICES show each process another one"
        )


@contextmanager
def _talking() -> Iterator[None]:
    """Say what it means when the others do not answer: the cause stands in the message of the one that failed."""
    try:
        yield
    except _OWN_FAULTS:
        raise
    except RuntimeError as error:
        who = f"process {dist.get_rank()}"
        reason = "; ".join(line.strip() for line in str(error).splitlines() if line.strip()) or type(error).__name__
        if isinstance(error, dist.DistBackendError):  # of nccl, which fails for many reasons and names them last
            raise RunError(f"{who}: could not exchange tensors with the others: {reason}") from error
        raise RunError(
            f"{who}: another process has ended or cannot be reached, so this one ends too; the cause is in the other's "
            f"message ({reason})"
        ) from error


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
