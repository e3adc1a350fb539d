"""Several processes that train one network: ``torchrun`` or ``srun`` around the same command.

Every process has the same network and a share of each batch. What is counted is summed over all of them, so that they
decide alike; only the first writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from typing import TypeVar

import ignite.distributed as idist
import torch
from attrs import frozen
from ignite.distributed import utils as ignite_state
from ignite.distributed.comp_models.base import _SerialModel
from torch import Tensor
from torch import distributed
from torch import nn
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.errors import GammalearnError
from gammalearn_core.errors import NonFiniteLossError
from gammalearn_core.errors import RunFailedError
from gammalearn_core.errors import StoppedError

_T = TypeVar("_T")
_PATIENCE = timedelta(hours=2)
"""How long a process waits for the others, such as for the first to look at all files."""


@frozen(kw_only=True)
class World:
    """The processes of a run.

    Examples
    --------
    >>> world = World()
    >>> world.first, world.total([1.0, 2.5]), world.share("a")
    (True, [1.0, 2.5], 'a')
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """Number of the process on its machine, which is that of its GPU."""

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def total(self, values: Iterable[float]) -> list[float]:
        """Sums over all processes, in double precision."""
        mine = list(values)
        if self.size == 1:
            return mine
        summed = torch.tensor(mine, dtype=torch.float64)
        distributed.all_reduce(summed)
        return [float(v) for v in summed.tolist()]

    def share(self, value: _T) -> _T:
        """What the first process has."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, src=0)
        return box[0]

    def gather(self, value: _T) -> list[_T]:
        """What every process has, the first one's first."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        distributed.all_gather_object(found, value)
        return found

    def interleave(self, part: Tensor) -> Tensor:
        """Rows of all processes, those of each in turn: row ``i`` is of process ``i % size``.

        Parameters
        ----------
        part : Tensor, (n, k), float64
            Its own rows; the first processes may have one more than the others.
        """
        if self.size == 1:
            return part
        (count,) = self.total([len(part)])
        longest = -(-int(count) // self.size)
        padded = part.new_zeros((longest, *part.shape[1:]))
        padded[: len(part)] = part
        found = [torch.empty_like(padded) for _ in range(self.size)]
        distributed.all_gather(found, padded)
        return torch.stack(found, dim=1).flatten(0, 1)[: int(count)]

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Let gradients be the mean of those of all processes; where one has none it counts as 0."""
        if self.size == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            distributed.all_reduce(parameter.grad)
            parameter.grad /= self.size

    def parallel(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The network as training calls it: the mean of all gradients follows each backward pass.

        Gloo carries what is counted; gradients on GPUs go by NCCL.
        """
        if self.size == 1 or not any(p.requires_grad for p in network.parameters()):
            return network
        group = distributed.new_group(backend="nccl") if device.type == "cuda" else None
        # Batches of one process may lack a camera, and with it the encoder of that camera.
        return DistributedDataParallel(network, process_group=group, find_unused_parameters=True)

    def copy_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Give tensors the values that the first process has."""
        if self.size > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, src=0)

    def together(self, action: Callable[[], _T]) -> _T:
        """What ``action`` gives, which all processes do; if it fails in any, all end, and one tells why."""
        if self.size == 1:
            return action()
        error, result = _attempt(action)
        codes = self.gather(error.exit_code if error else EXIT_DONE)
        telling = next((rank for rank, code in enumerate(codes) if code), None)
        if telling is None:
            assert result is not None
            return result[0]
        if error is not None and telling == self.rank:
            raise error
        raise SystemExit(codes[telling])

    def first_does(self, action: Callable[[], _T]) -> _T:
        """What ``action`` gives, which only the first process does; if it fails, all end."""
        if self.size == 1:
            return action()
        error, result = _attempt(action) if self.first else (None, None)
        code, value = self.share((error.exit_code if error else EXIT_DONE, result))
        if error is not None:
            raise error
        if code:
            raise SystemExit(code)
        assert value is not None
        return value[0]


def _attempt(action: Callable[[], _T]) -> tuple[GammalearnError | None, tuple[_T] | None]:
    try:
        return None, (action(),)
    except GammalearnError as error:
        return error, None


@contextmanager
def joined() -> Iterator[World]:
    """Join the processes that were started together, if any were.

    ``torchrun`` says so by its own variables, ``srun`` by those of the job step; a batch script that starts one process
    is alone, however many tasks the job has.
    """
    by_torchrun = "TORCHELASTIC_RUN_ID" in os.environ or {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= set(os.environ)
    size = int(os.environ.get("WORLD_SIZE" if by_torchrun else "SLURM_STEP_NUM_TASKS", "1"))
    if size == 1:
        yield World()
        return
    _join(by_torchrun=by_torchrun)
    try:
        yield World(rank=idist.get_rank(), size=idist.get_world_size(), local_rank=idist.get_local_rank())
    finally:
        idist.finalize()


def _join(*, by_torchrun: bool) -> None:
    try:
        if by_torchrun:
            _join_torchrun()
        else:
            idist.initialize("gloo", timeout=_PATIENCE)
    except (RuntimeError, ValueError, KeyError) as error:
        raise RunFailedError(f"the processes cannot be joined: {str(error).splitlines()[0]}") from error


def _join_torchrun() -> None:
    """As `ignite.distributed.initialize`, which takes torchrun within a Slurm job for srun."""
    if "SLURM_JOB_ID" in os.environ:
        os.environ["SLURM_LOCALID"] = os.environ["LOCAL_RANK"]
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    store, rank, size = next(rendezvous("env://", timeout=_PATIENCE))
    # torchrun keeps the store when it starts processes again, with the addresses of those that have died.
    store = distributed.PrefixStore(  # type: ignore[attr-defined]
        f"attempt_{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store
    )
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=_PATIENCE)
    idist.sync()


@contextmanager
def told_once(world: World) -> Iterator[None]:
    """Let errors that all processes have in common be those of the first; the others end with the same exit code."""
    try:
        yield
    except (StoppedError, NonFiniteLossError) as error:
        if world.first:
            raise
        raise SystemExit(error.exit_code) from error


def lost_contact(error: BaseException, world: World) -> bool:
    """Whether an error says that another process cannot be reached."""
    texts = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Timed out", "Connection refused")
    unreachable = isinstance(error, distributed.DistError) or any(text in str(error) for text in texts)
    return world.size > 1 and isinstance(error, RuntimeError) and unreachable


@contextmanager
def alone() -> Iterator[None]:
    """Let ignite's metrics believe that there is one process: each has seen all samples, so nothing is to be summed."""
    before = ignite_state._model, ignite_state._need_to_sync
    ignite_state._model, ignite_state._need_to_sync = _SerialModel(), False
    try:
        yield
    finally:
        ignite_state._model, ignite_state._need_to_sync = before


__all__ = ["World", "alone", "joined", "lost_contact", "told_once"]
