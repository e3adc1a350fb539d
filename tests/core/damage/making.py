"""Damaged copies of real files, each a function of a seed."""

from __future__ import annotations

import shutil
import zlib
from pathlib import Path

import numpy as np
from attrs import frozen

from damage import attributes
from damage import columns
from damage import numbers
from damage import objects
from damage import raw
from damage import rows
from damage.kinds import KINDS
from damage.kinds import Effect
from damage.places import one_of

MODULES = (attributes, columns, numbers, objects, raw, rows)
FOLDERS = (Path(__file__).parents[2] / "data", Path(__file__).parents[3] / "examples" / "data")
BASES = (
    "gamma_4lst_lasercal.dl1.h5",
    "gamma_prod6_za40_4lst.dl1.h5",
    "gamma_diffuse_prod6_run10.dl1.h5",
    "gamma_diffuse_prod6_ctapipe_0.17.0.dl1.h5",
    "gamma_diffuse_prod6_ctapipe_0.23.2.dl1.h5",
    "gamma_lst_ctapipe_0.10.5_fixed_point.dl1.h5",
    "gamma_lst_ctapipe_0.12.0_camera_frame.dl1.h5",
    "gamma_lst_ctapipe_0.32.0_fixed_point.dl1.h5",
    "gamma_prod3_ctapipe_0.14.0_by_type.dl1.h5",
    "gamma_prod3_ctapipe_0.8.0_by_type.dl1.h5",
    "observed_like_ctapipe_0.32.0.dl1.h5",
    "lstchain-0.12.3_dl1_gamma_4LST.h5",
    "lstchain-0.9.14_dl1_gamma_4LST.h5",
    "gammalearn-0.8_dl1_gamma_example.h5",
    "gammalearn-0.15_dl1_gamma_example.h5",
    "gammalearn-0.15_dl1_realdata_example.h5",
)
"""Small files of both formats: data models v1 to v7, one table a telescope or a type, fixed point, observed."""
MIXED = tuple(name for name in BASES if "prod6_run10" in name or "diffuse" in name or "by_type" in name)
"""Those with several cameras."""
_NEED_SEVERAL = ("cameras_that_are_mixed", "tables_that_change_places")


@frozen
class Damaged:
    """A damaged copy."""

    path: Path
    base: Path
    kind: str
    seed: int
    effect: Effect

    def __str__(self) -> str:
        return f"{self.kind}, seed {self.seed}, {self.base.name}: {self.effect.what}"


def base(name: str) -> Path:
    """A real file."""
    return next(p for folder in FOLDERS if (p := folder / name).exists())


def damage(folder: Path, kind: str, seed: int) -> Damaged:
    """A copy of one of the real files, damaged in this way; the same for the same seed."""
    random = np.random.default_rng([seed, zlib.crc32(kind.encode())])
    original = base(one_of(random, MIXED if kind in _NEED_SEVERAL else BASES))
    path = Path(shutil.copyfile(original, folder / f"{kind}-{seed}.h5"))
    effect = KINDS[kind](path, random)
    return Damaged(path=path, base=original, kind=kind, seed=seed, effect=effect)


__all__ = ["BASES", "KINDS", "MIXED", "MODULES", "Damaged", "base", "damage"]
