"""Which telescopes of which files are used, and which of their cameras are the same."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np
from attrs import evolve
from attrs import frozen

from gammalearn_core.builtin.loaders.dl1.formats import DL1File
from gammalearn_core.data.geometry import CameraGeometry
from gammalearn_core.data.geometry import merge_same
from gammalearn_core.errors import DataError
from gammalearn_core.errors import Problem
from gammalearn_core.errors import SettingsError
from gammalearn_core.plugin.names import suggest

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Camera:
    """One geometry, and the telescopes that have it."""

    key: str
    geometry: CameraGeometry
    types: tuple[str, ...]
    telescopes: tuple[tuple[int, int], ...]
    """``(file number, tel_id)``, of telescopes that have images."""
    n_images: int

    def answers_to(self, name: str) -> bool:
        """Whether the name is its key, one of its names, or a type of its telescopes; case does not count."""
        names = (self.key, self.geometry.name, *self.geometry.aliases, *self.types)
        return name.casefold() in (n.casefold() for n in names)

    def __str__(self) -> str:
        g = self.geometry
        others = [n for n in (*g.aliases, *self.types) if n != self.key]
        also = f", also called {', '.join(dict.fromkeys(others))}" if others else ""
        return f"{self.key!r} ({g.n_pixels} pixels, {g.kind}, {self.n_images} images{also})"


def find_cameras(files: Sequence[DL1File]) -> list[Camera]:
    """Cameras that have images, the ones with most images first."""
    owners = {(n, tel): table for n, file in enumerate(files) for table in file.images for tel in table.telescopes}
    distinct, which = merge_same(evolve(files[n].telescopes[tel].geometry) for n, tel in owners)
    cameras = []
    for index, geometry in enumerate(distinct):
        mine = [owner for owner, i in zip(owners, which, strict=True) if i == index]
        types = dict.fromkeys(files[n].telescopes[tel].type for n, tel in mine)
        images = sum(owners[n, tel].telescopes[tel] for n, tel in mine)
        cameras.append(
            Camera(key=geometry.name, geometry=geometry, types=tuple(types), telescopes=tuple(mine), n_images=images)
        )
    return _unambiguous(sorted(cameras, key=lambda c: (-c.n_images, c.key)))


def check_telescopes(file: DL1File) -> None:
    """Refuse a file whose images are not those of telescopes that it describes.

    Raises
    ------
    DataError
        A telescope with images is not in the layout, or its camera has another number of pixels.
    """
    for table in file.images:
        unknown = sorted(set(table.telescopes) - set(file.telescopes))
        where = f"{file.path}, table {table.layout.path}"
        if unknown:
            raise DataError(f"{where}: the subarray's layout does not have telescope {unknown[0]}")
        for tel_id in table.telescopes:
            pixels = file.telescopes[tel_id].geometry.n_pixels
            if pixels != table.n_pixels:
                raise DataError(
                    f"{where}: images have {table.n_pixels} pixels, but the camera of telescope {tel_id} has {pixels}"
                )


def _unambiguous(cameras: list[Camera]) -> list[Camera]:
    """Keys made different where one name stands for two geometries: other pixels, or the same at another distance."""
    for suffix in (lambda g: g.fingerprint[:4], lambda g: f"{g.focal_length:.4g}m", lambda g: g.fingerprint):
        names = [c.key for c in cameras]
        cameras = [evolve(c, key=f"{c.key}-{suffix(c.geometry)}") if names.count(c.key) > 1 else c for c in cameras]
    return cameras


def choose(
    cameras: list[Camera],
    *,
    names: Iterable[str | CameraGeometry] | None,
    telescopes: Iterable[int] | None,
    files: Sequence[DL1File],
    mono: bool,
) -> list[Camera]:
    """Cameras that are wanted: by name, as the settings have it, or those with some geometries.

    A telescope that is wanted and has no images is in no event, if the files describe it with one of these cameras.

    Raises
    ------
    SettingsError
        None is left, a name means nothing here, or a mono data set would have several geometries.
    DataError
        None has any of the geometries.
    """
    called = [n for n in names or () if isinstance(n, str)]
    geometries = [n for n in names or () if not isinstance(n, str)]
    chosen = _like(cameras, geometries) if geometries else cameras if names is None else _named(cameras, called)
    for name in called:
        if not any(c.answers_to(name) for c in cameras):
            hint = suggest(name, [n for c in cameras for n in (c.key, *c.geometry.aliases, *c.types)])
            what = f"no camera or telescope type with images is called {name!r}{', ' + hint if hint else ''}"
            raise _choice_error("cameras", what, cameras)
    if telescopes is not None:
        wanted = set(telescopes)
        missing = wanted - {tel for c in chosen for _, tel in c.telescopes}
        for tel_id in sorted(missing):
            if not _described(tel_id, chosen, files):
                raise _choice_error("telescopes", f"telescope {tel_id} has no images in the chosen cameras", cameras)
            _log.warning("telescope %d has no images in %s", tel_id, _told(files))
        chosen = [evolve(c, telescopes=tuple(t for t in c.telescopes if t[1] in wanted)) for c in chosen]
        chosen = [c for c in chosen if c.telescopes]
    if not chosen:
        raise DataError("none of the files has images of a telescope")
    if mono and len(chosen) > 1:
        what = f"a mono network takes one geometry; choose one, such as cameras={chosen[0].key!r}"
        raise _choice_error("cameras", what, chosen)
    return chosen


def _described(tel_id: int, cameras: list[Camera], files: Sequence[DL1File]) -> bool:
    """Whether a file has the telescope, with one of these cameras."""
    found = (f.telescopes[tel_id].geometry for f in files if tel_id in f.telescopes)
    return any(c.geometry.same_as(geometry) for geometry in found for c in cameras)


def _told(files: Sequence[DL1File]) -> str:
    return str(files[0].path) if len(files) == 1 else f"any of {len(files)} files"


def _named(cameras: list[Camera], names: list[str]) -> list[Camera]:
    """Cameras that are meant: a key means one, any other name all that have it."""
    keys = {c.key for c in cameras}
    return [c for c in cameras if c.key in names or any(n not in keys and c.answers_to(n) for n in names)]


def _like(cameras: list[Camera], wanted: Sequence[CameraGeometry]) -> list[Camera]:
    """Cameras that are the same as one of these."""
    chosen = [c for c in cameras if any(c.geometry.same_as(geometry) for geometry in wanted)]
    if chosen:
        return chosen
    found = [c.geometry for c in cameras]
    text = f"images are those of {_listed(found)}, but {_listed(wanted)} is wanted"
    alike = [(one, other) for one in found for other in wanted if one.n_pixels == other.n_pixels]
    if alike:
        one, other = alike[0]
        apart = float(np.hypot(one.x - other.x, one.y - other.y).max(initial=0.0))
        text += f"; pixels of the same number are up to {apart:.2g} m apart"
    raise DataError(text)


def _listed(cameras: Sequence[CameraGeometry]) -> str:
    facts = (f"{c.n_pixels} pixels, {c.kind}, focal length {c.focal_length:.4g} m" for c in cameras)
    return " and ".join(f"{c.name} ({told})" for c, told in zip(cameras, facts, strict=True))


def _choice_error(setting: str, what: str, cameras: list[Camera]) -> SettingsError:
    listing = "\n".join(f"    {c}" for c in cameras)
    return SettingsError([Problem(setting, what, f"the files have images of\n{listing}")])


__all__ = ["Camera", "check_telescopes", "choose", "find_cameras"]
