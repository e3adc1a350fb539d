"""Cameras by name: twelve real ones from tables, and hexagonal ones of any size."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import as_file
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from gammalearn_core import UnknownComponentError
from gammalearn_showers.instrument.camera import Camera

TABLES = (
    "ASTRICam",
    "CHEC",
    "DigiCam",
    "FACT",
    "FlashCam",
    "HESS-I",
    "HESS-II",
    "LSTCam",
    "MAGICCam",
    "NectarCam",
    "SCTCam",
    "VERITAS",
)
HEXAGON_AREA = 1855 * 0.75**0.5 * 0.05**2
"""Area of all pixels of NectarCam in m2, that `hexagonal` cameras have too."""
MOST_RINGS = 60
"""Of `hexagonal`: 10 981 pixels, about those of SCTCam."""


@cache
def camera(name: str) -> Camera:
    """The camera of this name; the same object whenever it is asked for.

    Parameters
    ----------
    name : str
        One of `camera_names`, or ``"hexN"`` for N pixels in whole rings (see `hexagonal`).

    Raises
    ------
    UnknownComponentError
        There is no such camera.

    Examples
    --------
    >>> camera("MAGICCam").n_pixels
    1039
    >>> camera("hex1801").n_pixels
    1801
    """
    count = re.fullmatch(r"hex([1-9][0-9]{0,8})", name)
    if count:
        return hexagonal(int(count[1]))
    if name not in TABLES:
        raise UnknownComponentError(unknown("camera", name, [*TABLES, "hex1801"]))
    return _read(name)


def camera_names() -> tuple[str, ...]:
    """Names of the cameras that tables are of, in alphabetical order; `camera` also knows ``"hexN"``."""
    return TABLES


def hexagonal(count: int) -> Camera:
    """A hexagonal camera of whole rings of pixels about one in the middle.

    Its pixels have the area of NectarCam's together (4.0 m2, thus its field of view), whatever their number: of 1801
    pixels, each is 0.0507 m wide. Pixels touch along x; they are numbered along rows from the least y and x.

    Parameters
    ----------
    count : int
        Number of pixels, ``1 + 3 n (n + 1)`` with n from 1 to 60.

    Returns
    -------
    Camera
        Named ``"hex<count>"``.

    Raises
    ------
    UnknownComponentError
        No rings have this many pixels.
    """
    rings = round((count / 3) ** 0.5 - 0.5)
    if count != pixels_of(rings) or not 1 <= rings <= MOST_RINGS:
        rings = min(max(rings, 1), MOST_RINGS)
        close = sorted({pixels_of(max(rings - 1, 1)), pixels_of(rings), pixels_of(min(rings + 1, MOST_RINGS))})
        raise UnknownComponentError(
            f"no camera 'hex{count}': whole rings of hexagons have 1 + 3 n (n + 1) pixels, n from 1 to {MOST_RINGS}; "
            f"such as {', '.join(f'hex{n}' for n in close)}"
        )
    pitch = (HEXAGON_AREA / (0.75**0.5 * count)) ** 0.5
    r, q = np.mgrid[-rings : rings + 1, -rings : rings + 1]
    inside = np.abs(q + r) <= rings
    q, r = q[inside], r[inside]
    return Camera(
        name=f"hex{count}",
        x=pitch * (q + r / 2),
        y=pitch * 0.75**0.5 * r,
        area=np.full(count, 0.75**0.5 * pitch**2),
        shape="hexagon",
        pixel_rotation=0.0,
    )


def pixels_of(rings: int) -> int:
    """Number of hexagons in this many rings about one."""
    return 1 + 3 * rings * (rings + 1)


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """What is said of a name that nothing has: those that are close, or else all."""
    lower = {k.lower(): k for k in known}
    close = [lower[k] for k in difflib.get_close_matches(name.lower(), lower)]
    hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"there are {', '.join(lower.values())}"
    return f"no {kind} is named {name!r}; {hint}"


def _read(name: str) -> Camera:
    from astropy.table import Table

    with as_file(files("gammalearn_showers.instrument") / "tables" / f"{name}.camgeom.fits.gz") as path:
        # As Table, not as ctapipe reads it: the table of MAGICCam has no version.
        table = Table.read(path, hdu=1, format="fits")
    header = table.meta
    shape = "hexagon" if header["PIX_TYPE"] == "hexagonal" else "square"
    turned = float(header["CAM_ROT"])
    place = (_values(table, "pix_x", "m") + 1j * _values(table, "pix_y", "m")) * np.exp(-1j * np.radians(turned))
    area = _values(table, "pix_area", "m2")
    if name == "FACT":
        # The table has the area of hexagons 7.8 mm wide; they are 9.5 mm (pyfact's instrument.constants).
        area = np.full(len(area), 0.75**0.5 * 9.5e-3**2)
    return Camera(
        name=name,
        x=np.ascontiguousarray(place.real),
        y=np.ascontiguousarray(place.imag),
        area=area,
        shape=shape,
        pixel_rotation=float(header["PIX_ROT"]) - turned,
    )


def _values(table: object, name: str, unit: str) -> NDArray[np.float64]:
    column = table[name]  # type: ignore[index]
    return np.asarray(column.quantity.to_value(unit), dtype=np.float64)


__all__ = ["HEXAGON_AREA", "MOST_RINGS", "TABLES", "camera", "camera_names", "hexagonal", "pixels_of", "unknown"]
