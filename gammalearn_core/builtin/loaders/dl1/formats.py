"""What the loader knows of a DL1 file, whatever its format: telescopes, tables of images, and columns of each image."""

from __future__ import annotations

from abc import ABC
from abc import abstractmethod
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from typing import ClassVar
from typing import TypeVar

import h5py
import numpy as np
from attrs import field
from attrs import frozen
from numpy.typing import NDArray

from gammalearn_core.builtin.loaders.dl1.chunks import Layout
from gammalearn_core.builtin.loaders.dl1.chunks import decode_later
from gammalearn_core.builtin.loaders.dl1.chunks import layout
from gammalearn_core.builtin.loaders.dl1.chunks import read_chunk
from gammalearn_core.builtin.loaders.dl1.hdf5 import OpenFiles
from gammalearn_core.builtin.loaders.dl1.hdf5 import blamed
from gammalearn_core.builtin.loaders.dl1.ids import Ids
from gammalearn_core.builtin.loaders.dl1.ids import check_unique
from gammalearn_core.builtin.loaders.dl1.ids import event_ids
from gammalearn_core.builtin.loaders.dl1.ids import side_by_side
from gammalearn_core.builtin.loaders.dl1.ids import taken
from gammalearn_core.builtin.loaders.dl1.ids import whole_numbers
from gammalearn_core.builtin.loaders.dl1.instrument import Telescope
from gammalearn_core.builtin.loaders.dl1.nodes import find_table
from gammalearn_core.builtin.loaders.dl1.places import Places
from gammalearn_core.builtin.loaders.dl1.places import find_places
from gammalearn_core.data.columns import Decoder
from gammalearn_core.data.columns import decoders
from gammalearn_core.data.columns import label
from gammalearn_core.data.columns import match
from gammalearn_core.data.columns import read_numbers
from gammalearn_core.data.columns import row_type
from gammalearn_core.errors import DataError

_T = TypeVar("_T")
Column = Callable[[str], NDArray[Any]]
"""What reads the column of a name; files have dozens of columns each, and share a function among them."""
CALIBRATION = tuple(range(16))
"""``event_type`` of flat fields, pedestals and other calibration events (ctapipe's ``EventType``)."""
PIXEL_COLUMNS = ("image", "peak_time", "image_mask")


@frozen(kw_only=True, eq=False)
class ImageTable:
    """A table of images: of one telescope, or of several that have the same camera."""

    layout: Layout
    tel_id: int | None
    """The telescope; None if a column says it of each row."""
    telescopes: Mapping[int, int] = field(repr=False)
    """By ``tel_id``: number of images."""
    n_pixels: int
    decoders: Mapping[str, Decoder] = field(repr=False)
    """By column of pixels that it has: how it is decoded."""


@frozen(kw_only=True, eq=False)
class Piece:
    """Rows of a table of images that are used."""

    file: DL1File
    table: ImageTable
    rows: NDArray[np.int32] | None
    """Rows in their order; None for all."""

    def __len__(self) -> int:
        return self.table.layout.rows if self.rows is None else len(self.rows)

    def taken(self, values: NDArray[Any]) -> NDArray[Any]:
        """The used rows of a column of the table."""
        return values if self.rows is None else values[self.rows]


class Memory(dict[object, Any]):
    """What was made, by key."""

    def once(self, key: object, make: Callable[[], _T]) -> _T:
        """What ``make`` gives, made once until it is forgotten."""
        if key not in self:
            self[key] = make()
        found: _T = self[key]
        return found


class DL1File(ABC):
    """A DL1 file.

    Attributes
    ----------
    path : Path
    model : str
        Version of its data model.
    telescopes : dict of int to Telescope
        The subarray, by ``tel_id``.
    array : str
        What the subarray is called.
    images : tuple of ImageTable
        Tables that have rows.
    simulated : bool
        Whether there is truth.
    """

    format: ClassVar[str]
    equivalent_focal: bool = False
    """Whether DL1 parameters in degrees were made with the equivalent focal length, not with the effective one."""

    def __init__(self, path: Path, files: OpenFiles) -> None:
        self.path = path
        self._files = files
        self.telescopes: dict[int, Telescope] = {}
        self.array = ""
        self.images: tuple[ImageTable, ...] = ()
        self.model = ""
        self.simulated = False
        self._places: dict[ImageTable, Places] = {}
        self._row_types: dict[str, np.dtype[Any] | None] = {}
        self._memories: list[Memory] = []
        self._ids = self.memory()

    @contextmanager
    def open(self) -> Iterator[h5py.File]:
        """The file itself, until the end of the context."""
        with self._files.open(self.path) as h5:
            yield h5

    def chunk(self, table: ImageTable, number: int) -> Callable[[], NDArray[Any]]:
        """What decodes a chunk of images to rows, as `read_chunk` does; the file need not be open as HDF5 for it."""
        how = table.layout
        if table not in self._places:
            with self.open() as h5:
                self._places[table] = find_places(h5[how.path], how)
        places = self._places[table]
        start, size = int(places.start[number]), int(places.size[number])
        if not size:
            with self.open() as h5:
                return read_chunk(h5[how.path], how, number)
        with blamed(self.path):
            return decode_later(how, number, self._files.raw.read(self.path, start, size))

    @abstractmethod
    def usable(self, table: ImageTable) -> NDArray[np.bool_] | None:
        """Whether each image is of a shower, not of a calibration event; None if all are."""

    def direction(self, tel_id: int, obs_id: int) -> tuple[float, float] | None:
        """Altitude and azimuth (deg) of a telescope in a run; None if they follow the time.

        Raises
        ------
        DataError
            The file does not say where the telescope points to.
        """
        return None

    @abstractmethod
    def columns(self, pieces: Sequence[Piece]) -> dict[str, Column]:
        """By name: what reads a column of the images of these pieces of the file, one after the other."""

    @abstractmethod
    def _parameters_path(self, table: ImageTable) -> str:
        """Where the DL1 parameters of these images may be."""

    def table(self, h5: h5py.File, path: str) -> h5py.Dataset | None:
        """A table, or None if there is nothing."""
        found = find_table(h5, path)
        self._row_types[path] = None if found is None else row_type(found)
        return found

    def row_type_at(self, path: str) -> np.dtype[Any] | None:
        """The type of a row of a table, looked up once; None if there is no table."""
        if path not in self._row_types:
            with self.open() as h5:
                self.table(h5, path)
        return self._row_types[path]

    def prepare(self) -> None:  # noqa: B027 - not all formats need it
        """Look up now, while the file is open, what `usable` and `columns` would open it again for.

        Raises
        ------
        DataError
            It is damaged.
        """

    def ids(self, table: ImageTable) -> NDArray[np.int64]:
        """``obs_id``, ``event_id`` and ``tel_id`` of each image of a table, ``(n, 3)``."""

        def read() -> list[NDArray[np.int64]]:
            ids = self._read_ids(table)
            check_unique(ids, table.layout.where)
            return [_compact(c) for c in ids.T]

        return np.column_stack(self._ids.once(table, read))

    def memory(self) -> Memory:
        """A memory that `forget` clears."""
        self._memories.append(Memory())
        return self._memories[-1]

    def forget(self) -> None:
        """Let go of what was kept while columns were read; it is read again if others are named."""
        for memory in self._memories:
            memory.clear()

    def _read_ids(self, table: ImageTable) -> NDArray[np.int64]:
        with self.open() as h5:
            parameters = self.table(h5, self._parameters_path(table))
            if parameters is None or not len(parameters):
                return self._scanned(h5, table)
            listed = _ids(parameters, table)
            if len(listed) == table.layout.rows and self._ends_agree(h5, table, listed):
                return listed
            ids = self._scanned(h5, table)
            if (match(listed, ids) < 0).any():
                raise DataError(f"{self.path}: the tables {table.layout.path} and {parameters.name} list other events")
            return ids

    def _ends_agree(self, h5: h5py.File, table: ImageTable, ids: NDArray[np.int64]) -> bool:
        """Whether the first and the last chunk of images have these ids, so that all need not be decoded for them.

        One that is damaged tells nothing; the others are compared when they are read.
        """
        how = table.layout
        for number in {0, how.chunks - 1}:
            start, stop = how.span(number)
            try:
                rows = read_chunk(h5[how.path], how, number)()
            except DataError:
                continue
            if not np.array_equal(ids_of_rows(rows, table), ids[start:stop]):
                return False
        return True

    def _scanned(self, h5: h5py.File, table: ImageTable) -> NDArray[np.int64]:
        how = table.layout
        found = [ids_of_rows(read_chunk(h5[how.path], how, n)(), table) for n in range(how.chunks)]
        return np.concatenate(found) if found else np.empty((0, 3), dtype=np.int64)


def image_table(dataset: h5py.Dataset, tel_id: NDArray[Any] | int) -> ImageTable:
    """What a table of images is.

    Parameters
    ----------
    dataset : Dataset
    tel_id : int or array of int
        The telescope, or that of each row.

    Raises
    ------
    DataError
        It lacks a column that images need, or pixels do not stand in one row.
    """
    dtype = row_type(dataset)
    names = dtype.names or ()
    of_one = isinstance(tel_id, int)
    needed = ["obs_id", "event_id", "image", *([] if of_one else ["tel_id"])]
    missing = [n for n in needed if n not in names]
    if missing:
        raise DataError(f"{label(dataset)} has no column {missing[0]!r}")
    for name in ("obs_id", "event_id", *(() if of_one else ("tel_id",))):
        if dtype[name].shape or dtype[name].kind not in "iu":
            raise DataError(f"{label(dataset)}, column {name!r}: {dtype[name]} is not one whole number a row")
    known = [n for n in PIXEL_COLUMNS if n in names]
    shape = dtype["image"].shape
    if len(shape) == 2:
        raise DataError(f"{label(dataset)} has images of {shape[0]} gain channels: they must be gain-selected")
    for name in known:
        kinds = "fiub" if name == "image_mask" else "fiu"
        if dtype[name].shape != shape or len(shape) != 1 or dtype[name].base.kind not in kinds:
            raise DataError(f"{label(dataset)}, column {name!r}: {dtype[name]} is not one number a pixel")
    if "is_valid" in names and (dtype["is_valid"].shape or dtype["is_valid"].kind not in "biu"):
        raise DataError(f"{label(dataset)}, column 'is_valid': {dtype['is_valid']} is not yes or no for each row")
    return ImageTable(
        layout=layout(dataset),
        tel_id=tel_id if isinstance(tel_id, int) else None,
        telescopes={tel_id: len(dataset)} if isinstance(tel_id, int) else _counted(tel_id),
        n_pixels=shape[0],
        decoders=decoders(dataset, known),
    )


def _compact(column: NDArray[np.int64]) -> NDArray[np.int64]:
    """A column that takes no memory if it is one number."""
    if len(column) and (column == column[0]).all():
        return np.broadcast_to(column[:1].copy(), column.shape)
    return column.copy()


def _counted(tel_id: NDArray[Any]) -> dict[int, int]:
    telescopes, counts = np.unique(tel_id, return_counts=True)
    return dict(zip(telescopes.astype(int).tolist(), counts.tolist(), strict=True))


def check_telescope(tel_id: NDArray[Any], table: ImageTable, where: str) -> None:
    """Refuse rows that are of another telescope than the table of images.

    Raises
    ------
    DataError
        With that telescope.
    """
    others = np.empty(0) if table.tel_id is None else tel_id[tel_id != table.tel_id]
    if len(others):
        raise DataError(f"{where}: the rows are of telescope {others[0]}, not of telescope {table.tel_id}")


def simulated_index(file: DL1File, path: str, obs_id: Callable[[], NDArray[np.int64]]) -> dict[str, Column]:
    """The column ``simulated_spectral_index``, if the table of runs tells it."""
    kinds = file.row_type_at(path)
    if kinds is None or not {"obs_id", "spectral_index"} <= set(kinds.names or ()):
        return {}

    def read(name: str) -> NDArray[Any]:
        with file.open() as h5:
            runs = whole_numbers(h5[path], ["obs_id"])[:, 0]
            values = read_numbers(h5[path], ["spectral_index"])["spectral_index"]
        known, first, number = np.unique(runs, return_index=True, return_inverse=True)
        if not np.array_equal(values, values[first][number], equal_nan=True):
            raise DataError(f"{file.path}, table {path}: an obs_id has several spectral indices")
        return taken(values[first], match(obs_id()[:, None], known[:, None]))

    return {"simulated_spectral_index": read}


def _ids(dataset: h5py.Dataset, table: ImageTable) -> NDArray[np.int64]:
    if table.tel_id is None:
        return whole_numbers(dataset, ["obs_id", "event_id", "tel_id"])
    return np.column_stack([event_ids(dataset), np.full(len(dataset), table.tel_id)])


def ids_of_rows(rows: NDArray[Any], table: ImageTable) -> Ids:
    """``obs_id``, ``event_id`` and ``tel_id`` of stored images, ``(n, 3)``.

    Raises
    ------
    DataError
        They are of another telescope, or too large.
    """
    if "tel_id" in (rows.dtype.names or ()):
        check_telescope(rows["tel_id"], table, table.layout.where)
    tel_id = np.full(len(rows), table.tel_id) if table.tel_id is not None else rows["tel_id"]
    ids = {"obs_id": rows["obs_id"], "event_id": rows["event_id"], "tel_id": tel_id}
    return side_by_side(ids, table.layout.where)


__all__ = [
    "CALIBRATION",
    "PIXEL_COLUMNS",
    "Column",
    "DL1File",
    "ImageTable",
    "Memory",
    "Piece",
    "check_telescope",
    "ids_of_rows",
    "image_table",
    "simulated_index",
]
