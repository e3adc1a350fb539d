"""What a turn of the camera does to directions and to DL1 parameters.

A turn is a matrix ``(n, 2, 2)`` on positions ``(x, y)`` of the camera frame, one a sample. As ``x`` goes along
altitude and ``y`` along azimuth, it acts on directions in the order (latitude, longitude).
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

import torch
from attrs import frozen
from torch import Tensor


def turn_offsets(offsets: Tensor, matrix: Tensor) -> Tensor:
    """Directions ``(fov_lon, fov_lat)`` (deg, (n, 2)) turned about the pointing, exactly, on the sphere.

    Examples
    --------
    >>> quarter = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]])
    >>> turn_offsets(torch.tensor([[0.0, 1.0]]), quarter).tolist()
    [[1.0, 0.0]]
    """
    lon, lat = offsets.double().deg2rad().unbind(dim=1)
    forward, across, up = lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()
    up, across = _turned(up, across, matrix)
    turned = torch.stack([torch.atan2(across, forward), torch.atan2(up, torch.hypot(forward, across))], dim=1)
    return turned.rad2deg().to(offsets.dtype)


def _turned(x: Tensor, y: Tensor, matrix: Tensor) -> tuple[Tensor, Tensor]:
    matrix = matrix.double()
    return matrix[:, 0, 0] * x + matrix[:, 0, 1] * y, matrix[:, 1, 0] * x + matrix[:, 1, 1] * y


@frozen
class _Frame:
    """Names that parameters have in one of the two frames that ctapipe computes them in."""

    hillas: str
    timing: str
    first: str
    second: str
    swapped: bool
    """Whether the first axis is the longitude, as in the telescope frame, and not the ``x`` of the camera frame."""

    @property
    def directed(self) -> tuple[str, str]:
        """Parameters whose sign says which way along the main axis is meant, as ``psi`` has it."""
        return f"{self.hillas}skewness", f"{self.timing}slope"

    @property
    def centre(self) -> tuple[str, str]:
        return f"{self.hillas}{self.first}", f"{self.hillas}{self.second}"

    @property
    def psi(self) -> str:
        return f"{self.hillas}psi"

    @property
    def phi(self) -> str:
        return f"{self.hillas}phi"

    @property
    def turned(self) -> tuple[str, ...]:
        return *self.centre, self.psi, self.phi, *self.directed

    @property
    def same(self) -> tuple[str, ...]:
        return *(f"{self.hillas}{n}" for n in _SAME_HILLAS), *(f"{self.timing}{n}" for n in ("intercept", "deviation"))


_SAME_HILLAS = (
    "intensity",
    "kurtosis",
    "length",
    "length_uncertainty",
    "psi_uncertainty",
    "r",
    "transverse_cog_uncertainty",
    "width",
    "width_uncertainty",
)
_FRAMES = (
    _Frame("hillas_", "timing_", "fov_lon", "fov_lat", swapped=True),
    _Frame("camera_frame_hillas_", "camera_frame_timing_", "x", "y", swapped=False),
)
_SAME_PREFIXES = ("concentration_", "intensity_", "leakage_", "morphology_", "peak_time_")
_SAME = {"file", "tel_id", "table_row", "obs_id", "event_id", "event_type", "multiplicity", "time", "domain"}
_SAME |= {"pointing_alt", "pointing_az"} | {name for frame in _FRAMES for name in frame.same}
TURNED = frozenset(name for frame in _FRAMES for name in frame.turned)
"""Columns that `turn_columns` turns."""


def unknown_columns(names: Sequence[str]) -> list[str]:
    """Those of which nothing says whether a turn of the camera changes them."""
    return [n for n in names if n not in TURNED and n not in _SAME and not n.startswith(_SAME_PREFIXES)]


def turn_columns(columns: Mapping[str, Tensor], matrix: Tensor) -> dict[str, Tensor]:
    """Per-image columns after a turn, as ctapipe would compute them of the turned image; others as they are.

    Raises
    ------
    ValueError
        A column cannot be turned without another one that is not there.
    """
    turned = dict(columns)
    for frame in _FRAMES:
        own = matrix.flip(1, 2) if frame.swapped else matrix
        _turn_centre(turned, columns, own, frame)
        _turn_psi(turned, columns, own, frame)
        if frame.phi in columns:
            x, y = _turned(*_unit(columns[frame.phi]), own)
            turned[frame.phi] = torch.atan2(y, x).rad2deg().to(columns[frame.phi].dtype)
    return turned


def _turn_centre(turned: dict[str, Tensor], columns: Mapping[str, Tensor], own: Tensor, frame: _Frame) -> None:
    first, second = frame.centre
    if first in columns or second in columns:
        _require(columns, first, needed_by=second)
        _require(columns, second, needed_by=first)
        # In the plane, not on the sphere: the centre of gravity is a mean over positions of pixels.
        x, y = _turned(columns[first].double(), columns[second].double(), own)
        turned[first], turned[second] = x.to(columns[first].dtype), y.to(columns[second].dtype)


def _turn_psi(turned: dict[str, Tensor], columns: Mapping[str, Tensor], own: Tensor, frame: _Frame) -> None:
    directed = [name for name in frame.directed if name in columns]
    for name in directed:
        _require(columns, frame.psi, needed_by=name)
    if frame.psi not in columns:
        return
    x, y = _turned(*_unit(columns[frame.psi]), own)
    # ctapipe has psi between -90 and 90 deg; what points the other way is turned round, with its signs.
    sign = torch.where(x < 0, -1.0, 1.0)
    turned[frame.psi] = torch.atan2(sign * y, sign * x).rad2deg().to(columns[frame.psi].dtype)
    for name in directed:
        turned[name] = columns[name] * sign.to(columns[name].dtype)


def _unit(degrees: Tensor) -> tuple[Tensor, Tensor]:
    angle = degrees.double().deg2rad()
    return angle.cos(), angle.sin()


def _require(columns: Mapping[str, Tensor], name: str, *, needed_by: str) -> None:
    if name not in columns:
        raise ValueError(f"the column {needed_by!r} cannot be turned without {name!r}: add it to columns=")


__all__ = ["TURNED", "turn_columns", "turn_offsets", "unknown_columns"]
