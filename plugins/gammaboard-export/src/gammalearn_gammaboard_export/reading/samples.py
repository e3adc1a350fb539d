"""What the files of a run hold, gammas apart from everything else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import evolve
from attrs import frozen

from gammalearn_core import DataError
from gammalearn_gammaboard_export.reading import ctapipe
from gammalearn_gammaboard_export.reading import lstchain
from gammalearn_gammaboard_export.reading.sample import GAMMA
from gammalearn_gammaboard_export.reading.sample import KINDS
from gammalearn_gammaboard_export.reading.sample import Sample
from gammalearn_gammaboard_export.reading.tables import opened
from gammalearn_gammaboard_export.reading.thrown import together


@frozen(kw_only=True)
class Samples:
    """Of one run."""

    gammas: Sample
    background: Sample | None
    notes: tuple[str, ...]
    """What could not be used, and why."""


def read_samples(files: Sequence[Path]) -> Samples:
    """Gammas, and all the others as one background.

    Raises
    ------
    DataError
        A file is damaged, files do not belong together, or there are no simulated gammas.
    """
    gammas: list[Sample] = []
    others: list[Sample] = []
    notes = []
    for path in files:
        found = _read(path)
        if isinstance(found, str):
            notes.append(found)
        elif found.primaries == (GAMMA,):
            gammas.append(found)
        elif GAMMA in found.primaries:
            raise DataError(f"{path} holds gammas and other particles: GammaBoard needs a file for each")
        else:
            others.append(found)
    if not any(map(len, gammas)):
        folder = files[0].parent
        what = "; ".join(notes) or "no event of one has all predictions"
        raise DataError(f"{folder} has no simulated gammas, which all that GammaBoard shows is about ({what})")
    _check_kinds([sample for sample in (*gammas, *others) if len(sample)])
    return Samples(
        gammas=_joined(gammas), background=_joined(others) if any(map(len, others)) else None, notes=tuple(notes)
    )


def _read(path: Path) -> Sample | str:
    with opened(path) as h5:
        reader = next((one for one in (lstchain, ctapipe) if one.holds(h5)), None)
        if reader is None:
            raise DataError(f"{path} is no DL2 file of ctapipe's or lstchain's layout")
        found = reader.read(h5, path)
    return f"{path.name} has no simulated truth, and is not used" if found is None else found


def _check_kinds(samples: list[Sample]) -> None:
    """What one file predicts and another does not cannot be in one table."""
    first = samples[0]
    for other in samples[1:]:
        differing = [kind for kind in KINDS if other.knows(kind) != first.knows(kind)]
        if differing:
            what = f"differ in what they predict ({', '.join(differing)})"
            raise DataError(f"{other.files[0]} and {first.files[0]} {what}, and cannot be one experiment")


def _joined(parts: list[Sample]) -> Sample:
    """Files without a predicted event still count as showers and as triggers."""
    filled = [part for part in parts if len(part)]
    first = filled[0]
    cameras = {part.camera for part in filled}
    ids = [name for name in first.ids if all(name in part.ids for part in filled)]
    primaries = sorted({primary for part in parts for primary in part.primaries})
    mixed = "there are several particles, and GammaBoard takes one value"
    return evolve(
        first,
        primaries=tuple(primaries),
        columns={n: np.concatenate([part.columns[n] for part in filled]) for n in first.columns},
        ids={n: np.concatenate([part.ids[n] for part in filled]) for n in ids},
        triggered=np.concatenate([part.triggered for part in parts]),
        thrown=together([part.thrown for part in parts]) if len(primaries) == 1 else mixed,
        camera=cameras.pop() if len(cameras) == 1 else "",
        files=tuple(part.files[0] for part in parts),
    )


__all__ = ["Samples", "read_samples"]
