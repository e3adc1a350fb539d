"""What kind of file it is, and which tables and columns it has."""

from __future__ import annotations

from collections.abc import Sequence

import h5py
import numpy as np

from gammalearn_core.builtin.loaders.dl1 import ctapipe
from gammalearn_core.builtin.loaders.dl1 import lstchain
from gammalearn_core.builtin.loaders.dl1.formats import PIXEL_COLUMNS
from gammalearn_core.data.columns import read_columns
from gammalearn_core.data.columns import text
from gammalearn_core.inspecting.records import FileInfo
from gammalearn_core.inspecting.records import Range
from gammalearn_core.inspecting.records import Simulation

IDS = ("obs_id", "event_id", "tel_id")
TRUE_IMAGES = "/simulation/event/telescope/images"
_DL2 = "/dl2/event"
_LSTCHAIN_DL2 = f"{_DL2}/telescope/parameters"
_SPLIT = "GAMMALEARN SPLIT"


class Tables:
    """Tables of a file by path, and arrays."""

    def __init__(self, datasets: Sequence[h5py.Dataset]) -> None:
        self.all = list(datasets)
        self._tables = {str(d.name): d for d in datasets if d.dtype.names is not None}

    def within(self, folder: str) -> list[h5py.Dataset]:
        """Tables in a group that have rows."""
        return [t for path, t in self._tables.items() if path.rpartition("/")[0] == folder and t.size]

    def below(self, folder: str) -> list[str]:
        """Paths of tables in a group and in its groups, without the path of the group."""
        return [path.removeprefix(f"{folder}/") for path in self._tables if path.startswith(f"{folder}/")]

    def get(self, path: str) -> h5py.Dataset | None:
        """A table, or None."""
        return self._tables.get(path)


def describe_contents(info: FileInfo, h5: h5py.File, tables: Tables) -> None:
    """Format, versions, levels, and which of images, parameters, truth and predictions there are."""
    info.format = _format(h5, tables)
    info.data_model = _attribute(h5, lstchain.VERSION if info.format == "lstchain" else ctapipe.VERSION)
    info.software = _software(h5)
    images = tables.within(lstchain.IMAGES if info.format == "lstchain" else ctapipe.IMAGES)
    parameters = tables.within(ctapipe.PARAMETERS)
    info.predictions = _predictions(tables)
    truth = tables.get(ctapipe.SHOWER) is not None or any("mc_energy" in t.dtype.names for t in parameters)
    info.holds = {
        "images": bool(images),
        "true_images": any("true_image" in t.dtype.names for t in tables.within(TRUE_IMAGES)),
        "parameters": bool(parameters),
        "truth": truth,
        "predictions": bool(info.predictions),
        "waveforms": any(tables.within(f"/{level}/event/telescope") for level in ("r0", "r1", "dl0")),
    }
    info.levels = _levels(info.holds)
    info.split = _attribute(h5, _SPLIT)
    info.columns = {
        "channels": [n for n in _common(images) if n in PIXEL_COLUMNS],
        "images": _common(images),
        "parameters": _common(parameters),
        "truth": _common([t for t in [tables.get(ctapipe.SHOWER)] if t is not None]),
        "events": _common([t for t in [tables.get(ctapipe.TRIGGER)] if t is not None]),
    }


def _format(h5: h5py.File, tables: Tables) -> str | None:
    if lstchain.IMAGES in h5 or lstchain.VERSION in h5.attrs:
        return "lstchain"
    if ctapipe.IMAGES in h5 or ctapipe.VERSION in h5.attrs:
        return "ctapipe"
    names = [t.dtype.names for folder in (ctapipe.PARAMETERS, _LSTCHAIN_DL2) for t in tables.within(folder)]
    if not names:
        return None
    return "lstchain" if any("intensity" in n for n in names) else "ctapipe"


def _attribute(h5: h5py.File, name: str) -> str | None:
    value = h5.attrs.get(name)
    return None if value is None or isinstance(value, h5py.Empty) else str(text(value)) or None


def _software(h5: h5py.File) -> str | None:
    if lstchain.VERSION in h5.attrs:
        return f"lstchain {_attribute(h5, lstchain.VERSION)}"
    found = [_attribute(h5, f"CTA ACTIVITY SOFTWARE {part}") for part in ("NAME", "VERSION")]
    return " ".join(part for part in found if part) or None


def _levels(holds: dict[str, bool]) -> list[str]:
    known = {"R1": "waveforms", "DL2": "predictions"}
    levels = {level for level, what in known.items() if holds[what]}
    if holds["images"] or holds["parameters"]:
        levels.add("DL1")
    return sorted(levels, key=["R1", "DL1", "DL2"].index)


def _predictions(tables: Tables) -> list[str]:
    """``level/quantity/algorithm`` of ctapipe's tables; of lstchain's the columns that are reconstructed."""
    lstchain_tables = tables.within(_LSTCHAIN_DL2)
    names = [n for n in _common(lstchain_tables) if n.startswith("reco_") or n == "gammaness"]
    found = [f"telescope/{name}/lstchain" for name in names]
    if not lstchain_tables:
        found += ["/".join(path.split("/")[:3]) for path in tables.below(_DL2) if path.count("/") >= 2]
    return list(dict.fromkeys(found))


def _common(tables: Sequence[h5py.Dataset]) -> list[str]:
    """Columns that all of these tables have, without ids."""
    if not tables:
        return []
    return [n for n in tables[0].dtype.names if n not in IDS and all(n in t.dtype.names for t in tables)]


def describe_simulation(info: FileInfo, tables: Tables) -> None:
    """What was simulated, from the table of runs."""
    table = tables.get(lstchain.RUN if info.format == "lstchain" else ctapipe.RUN)
    if table is None or not table.size:
        return
    names = table.dtype.names
    # Before data model v2, and in lstchain, the number had another name.
    showers = next((n for n in ("n_showers", "num_showers") if n in names), "")
    ends = {
        "energy_range": ("energy_range_min", "energy_range_max"),
        "viewcone": ("min_viewcone_radius", "max_viewcone_radius"),
        "scatter_range": ("min_scatter_range", "max_scatter_range"),
    }
    needed = [showers, "shower_reuse", "spectral_index", *(n for pair in ends.values() for n in pair)]
    columns = read_columns(table, [n for n in needed if n in names])
    if not showers or not np.isfinite(columns[showers].astype(np.float64)).all():
        return
    number = columns[showers].astype(np.int64)
    reuse = columns["shower_reuse"].astype(np.int64) if "shower_reuse" in columns else np.ones_like(number)
    index = np.unique(columns.get("spectral_index", np.empty(0)))
    ranges = {name: _range(columns, *pair) for name, pair in ends.items()}
    info.simulation = Simulation(
        runs=len(number),
        n_showers=int(number.sum()),
        n_thrown=int((number * reuse).sum()),
        spectral_index=float(index[0]) if len(index) == 1 and np.isfinite(index[0]) else None,
        **ranges,
    )


def _range(columns: dict[str, np.ndarray], low: str, high: str) -> Range | None:
    if low not in columns or high not in columns:
        return None
    ends = float(columns[low].min()), float(columns[high].max())
    return ends if np.isfinite(ends).all() else None


__all__ = ["IDS", "Tables", "describe_contents", "describe_simulation"]
