"""Files: ECSV and FITS tables, and a JSON that says what everything is."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from astropy.io import fits
from astropy.table import QTable

from gammalearn_core import GammalearnError
from gammalearn_irf.computing import Computed
from gammalearn_irf.definitions import definitions
from gammalearn_irf.reading import Sample
from gammalearn_irf.reference import ReferenceCurve
from gammalearn_irf.spectra import SPECTRA

VERSION = version("gammalearn-irf")


def write_file(path: Path, write: Callable[[Path], object]) -> Path:
    """Let a function write a file so that it is whole or as it was.

    Raises
    ------
    GammalearnError
        The disk is full, or nothing can be written there.
    """
    part = path.with_name(f".part-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise GammalearnError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def write_tables(folder: Path, made: Computed) -> list[Path]:
    """An ECSV file a table, and all of them in ``benchmarks.fits``."""
    told = definitions(made.options)
    tables = {name: _described(name, table, told) for name, table in made.tables.items()}
    written = [write_file(folder / f"{name}.ecsv", partial(_write_ecsv, table)) for name, table in tables.items()]
    hdus = [fits.PrimaryHDU(), *(_hdu(name, table) for name, table in tables.items())]
    return [*written, write_fits(folder / "benchmarks.fits", hdus)]


def _write_ecsv(table: QTable, path: Path) -> None:
    table.write(path, format="ascii.ecsv", overwrite=True)


def _hdu(name: str, table: QTable) -> fits.BinTableHDU:
    plain = table.copy()
    plain.meta = {}
    return fits.BinTableHDU(plain, name=name.upper())


def _described(name: str, table: QTable, told: Mapping[str, str]) -> QTable:
    made = table.copy()
    made.meta = {"definition": told[name]}
    for column in made.colnames:
        made[column].info.description = told.get(f"{name}.{column}")
    return made


def write_fits(path: Path, hdus: Iterable[Any]) -> Path:
    """HDUs with checksums."""
    return write_file(path, lambda p: fits.HDUList(list(hdus)).writeto(p, overwrite=True, checksum=True))


def write_json(
    path: Path, made: Computed, samples: Mapping[int, Sample], *, run: str, references: Iterable[ReferenceCurve]
) -> Path:
    """Options, samples, definitions, numbers, notes, and whose the reference curves are."""
    content = {
        "schema": 1,
        "made_by": f"gammalearn-irf {VERSION}",
        "run": run,
        "options": attrs.asdict(made.options),
        "spectra": _spectra(made),
        "samples": {sample.name: _sample(sample) for sample in samples.values()},
        "notes": made.notes,
        "definitions": definitions(made.options),
        "tables": {name: _columns(table) for name, table in made.tables.items()},
        "references": _references(references),
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return write_file(path, lambda p: p.write_text(text, encoding="utf-8"))


def _spectra(made: Computed) -> dict[str, str]:
    names = {
        "gamma": made.options.gamma_spectrum,
        "proton": made.options.proton_spectrum,
        "electron": "irfdoc_electron",
    }
    return {particle: f"{name}: {SPECTRA[name][1]}" for particle, name in names.items()}


def _sample(sample: Sample) -> dict[str, Any]:
    thrown = sample.thrown
    return {
        "files": [path.name for path in sample.files],
        "algorithms": sample.algorithms,
        "simulated_showers": float(thrown.n_showers),
        "energy_TeV": [float(e.to_value("TeV")) for e in (thrown.energy_min, thrown.energy_max)],
        "spectral_index": float(thrown.spectral_index),
        "scatter_radius_m": float(thrown.max_impact.to_value("m")),
        "viewcone_deg": [float(v.to_value("deg")) for v in (thrown.viewcone_min, thrown.viewcone_max)],
        "triggered": sample.triggered,
        "predicted": len(sample.events),
    }


def _columns(table: QTable) -> dict[str, dict[str, Any]]:
    found = {}
    for name in table.colnames:
        column = table[name]
        values = column.value if hasattr(column, "unit") and column.unit is not None else column
        unit = str(getattr(column, "unit", None) or "")
        found[name] = {"unit": unit, "values": [_plain(value) for value in np.asarray(values).tolist()]}
    return found


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _references(curves: Iterable[ReferenceCurve]) -> list[dict[str, str]]:
    names = ("name", "version", "conditions", "citation", "licence", "acknowledgement", "source")
    sets = {curve.name: {name: getattr(curve, name) for name in names} for curve in curves}
    return list(sets.values())


__all__ = ["VERSION", "write_file", "write_fits", "write_json", "write_tables"]
