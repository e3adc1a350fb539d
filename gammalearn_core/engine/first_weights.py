"""First weights of a network from other runs, as they are kept with the new run."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from attrs import field
from attrs import frozen
from torch import Tensor

from gammalearn_core.engine import checkpoint
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.errors import DataError

START = "start.pt"
WHERE = "start_from"


@frozen(kw_only=True)
class StartWeights:
    """Weights of another run, and whose they are."""

    run_id: str
    only: tuple[str, ...] = ()
    which: str = "best"
    into: str = ""
    """The module here that they are the weights of; the whole network if it is empty."""
    state: Mapping[str, Tensor] = field(repr=False, eq=False)
    """The weights that are taken, by their names in that run."""
    where: str = field(default=WHERE, eq=False)
    """The setting, for messages."""
    weights_sha256: str = field(init=False)
    """Canonical checksum of the weights."""

    @weights_sha256.default
    def _checksum(self) -> str:
        return checkpoint.weights_sha256(self.state)

    @property
    def placed(self) -> dict[str, Tensor]:
        """The weights by their names here."""
        return {f"{self.into}.{name}" if self.into else name: tensor for name, tensor in self.state.items()}

    def takes(self, name: str) -> bool:
        """Whether a weight of this name here is among those that are wanted."""
        inside = f"{self.into}." if self.into else ""
        return name.startswith(inside) and is_in(name.removeprefix(inside), self.only)

    def describe(self) -> dict[str, Any]:
        """What ``experiment.json`` and ``run.json`` say of them."""
        told: dict[str, Any] = {
            "run_id": self.run_id,
            "weights_sha256": self.weights_sha256,
            "only": list(self.only),
            "which": self.which,
        }
        return told | self._place()

    def saved(self) -> dict[str, Any]:
        """The weights and what they are, as `kept` reads them."""
        about = {"run_id": self.run_id, "only": list(self.only), "which": self.which}
        return {**about, **self._place(), "weights": dict(self.state)}

    def _place(self) -> dict[str, Any]:
        return {"into": self.into} if self.into else {}


def _tuple(parts: Iterable[StartWeights]) -> tuple[StartWeights, ...]:
    return tuple(parts)


@frozen
class FirstWeights:
    """The weights of one or several other runs that a network begins with."""

    parts: tuple[StartWeights, ...] = field(converter=_tuple)

    def describe(self) -> dict[str, Any] | list[dict[str, Any]]:
        """What ``experiment.json`` and ``run.json`` say of them: one, or a list of several."""
        told = [part.describe() for part in self.parts]
        return told[0] if len(told) == 1 else told

    def keep(self, folder: RunFolder) -> None:
        """Copy the weights into the folder of the run that begins with them, if they are not there yet."""
        path = folder.checkpoints / START
        if path.is_file():
            return
        saved = [part.saved() for part in self.parts]
        # Earlier versions read schema 1.
        simple = len(saved) == 1 and "into" not in saved[0]
        checkpoint.save(path, {"schema": 1, **saved[0]} if simple else {"schema": 2, "runs": saved})


def kept(folder: RunFolder) -> FirstWeights | None:
    """The weights that a run has begun with, if it has kept any.

    Raises
    ------
    DataError
        They are damaged.
    """
    path = folder.checkpoints / START
    if not path.is_file():
        return None
    state = checkpoint.load(path)
    try:
        saved = state["runs"] if state.get("schema") == 2 else [state]
        return FirstWeights([_read(item, number, len(saved)) for number, item in enumerate(saved)])
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} does not hold the first weights of a run") from error


def _read(saved: Mapping[str, Any], number: int, count: int) -> StartWeights:
    return StartWeights(
        run_id=saved["run_id"],
        only=tuple(saved["only"]),
        which=saved["which"],
        into=saved.get("into", ""),
        state=dict(saved["weights"]),
        where=WHERE if count == 1 else f"{WHERE}[{number}]",
    )


def is_in(name: str, modules: Iterable[str]) -> bool:
    """Whether a weight is one of these modules, all of them if there is none."""
    modules = tuple(modules)
    return not modules or any(name == m or name.startswith(f"{m}.") for m in modules)


__all__ = ["START", "WHERE", "FirstWeights", "StartWeights", "is_in", "kept"]
