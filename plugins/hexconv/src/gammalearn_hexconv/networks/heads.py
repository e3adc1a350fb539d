"""`PooledHeads`: the tasks, from what is pooled over all pixels."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch import nn

from gammalearn_core.api import OutputSpec
from gammalearn_hexconv.lattice import HexLattice
from gammalearn_hexconv.networks.checks import check_share
from gammalearn_hexconv.networks.checks import check_tasks
from gammalearn_hexconv.networks.checks import check_whole
from gammalearn_hexconv.networks.pooling import Pool
from gammalearn_hexconv.steady import SteadyLinear


class PooledHeads(nn.Module):
    """Pooling, a hidden layer that all tasks share, and one linear layer a task.

    Takes ``(n, channels, lattice.n_pixels, 1)`` and gives the numbers of each task, ``(n, size)``.

    Parameters
    ----------
    channels : int
    lattice : HexLattice
        Where the pixels are.
    outputs : OutputSpec
        The tasks.
    hidden : int
        Width of the hidden layer.
    dropout : float
        Share of the hidden layer that is dropped in training, from 0 to 1.
    pooling : sequence of {"mean", "max", "centroid"}
        See `Pool`.

    Raises
    ------
    ValueError
        A parameter is wrong, or there is no task.

    Examples
    --------
    >>> from gammalearn_core.api import TaskSpec
    >>> tasks = {"energy": TaskSpec(name="energy", target="core.energy", size=1)}
    >>> lattice = HexLattice([(0, 0), (1, 0), (0, 1)])
    >>> heads = PooledHeads(16, lattice, outputs=OutputSpec(tasks=tasks), hidden=8, dropout=0.0, pooling=["mean"])
    >>> heads(torch.zeros(5, 16, 3, 1))["energy"].shape
    torch.Size([5, 1])
    """

    def __init__(
        self,
        channels: int,
        lattice: HexLattice,
        *,
        outputs: OutputSpec,
        hidden: int,
        dropout: float,
        pooling: Sequence[str],
    ) -> None:
        super().__init__()
        check_tasks(outputs)
        check_whole(hidden=hidden)
        check_share(dropout=dropout)
        self.pool = Pool(lattice, pooling)
        self.shared = nn.Sequential(SteadyLinear(self.pool.size * channels, hidden), nn.ReLU(), nn.Dropout(dropout))
        # Not a ModuleDict, which refuses names such as "type".
        self.tasks = tuple(outputs.tasks)
        self.heads = nn.ModuleList(SteadyLinear(hidden, task.size) for task in outputs.tasks.values())

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        features = self.shared(self.pool(pixels))
        return {task: head(features) for task, head in zip(self.tasks, self.heads, strict=True)}


__all__ = ["PooledHeads"]
