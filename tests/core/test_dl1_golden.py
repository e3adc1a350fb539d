"""``core.dl1`` against what ctapipe, or PyTables alone, finds in all real files of the tests and the examples.

The golden values are those of ``tests/golden/make_dl1_golden.py``, which uses nothing of this project.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from attrs import frozen
from conftest import EXAMPLES
from conftest import TESTS
from numpy.typing import NDArray

from gammalearn_core.api import Batch
from gammalearn_core.api import EventTable
from gammalearn_core.api import Images
from gammalearn_core.builtin.loaders.dl1 import DL1Source
from gammalearn_core.errors import DataError

GOLDEN = dict(np.load(TESTS / "dl1_golden.npz"))
IDS = np.column_stack([GOLDEN[n] for n in ("obs_id", "event_id", "tel_id")])
FILES = [str(name) for name in GOLDEN["files"]]
CHANNELS = ("image", "peak_time", "image_mask")
NOT_COLUMNS = ("image_", "peak_time_", "pointing_", "tel_")
COLUMNS = [n for n, values in GOLDEN.items() if values.dtype.kind == "f" and not n.startswith(NOT_COLUMNS)]
PIXELS = ("pix_x_sum", "pix_x_dot", "pix_y_sum", "pix_y_dot", "area_sum")


SHOWERS = ~np.isin(GOLDEN["event_type"], range(16))


@frozen
class Selection:
    """A file and one of its cameras, or all."""

    file: str
    camera: str | None
    telescopes: tuple[int, ...]

    @property
    def rows(self) -> NDArray[np.int64]:
        """Golden values of its images, those of calibration events left out."""
        of_file = (GOLDEN["file_index"] == FILES.index(self.file)) & SHOWERS
        return np.flatnonzero(of_file & np.isin(GOLDEN["tel_id"], self.telescopes))

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels that the file has."""
        return CHANNELS[:2] if np.isnan(GOLDEN["image_mask_sum"][self.rows]).any() else CHANNELS

    def __str__(self) -> str:
        return f"{self.file.partition('.dl1')[0]}-{self.camera or 'subarray'}"


def selections(file: str) -> list[Selection]:
    """Cameras of a file that have images, the same if their pixels are at the same places of the same scale."""
    number = FILES.index(file)
    seen = set(GOLDEN["tel_id"][GOLDEN["file_index"] == number].tolist())
    cameras: dict[tuple[int, ...], list[int]] = {}
    for i in np.flatnonzero(GOLDEN["tel_file_index"] == number):
        if int(GOLDEN["tel_tel_id"][i]) in seen:
            same = tuple(round(float(GOLDEN[f"tel_{n}"][i])) for n in ("n_pixels", "pix_x_dot", "focal_length"))
            cameras.setdefault(same, []).append(int(i))
    named = {str(GOLDEN["tel_camera"][indices[0]]): GOLDEN["tel_tel_id"][indices] for indices in cameras.values()}
    return [Selection(file, camera, tuple(ids.tolist())) for camera, ids in named.items()]


MONO = [s for file in FILES for s in selections(file)]
STEREO = [Selection(f, None, tuple(t for s in selections(f) for t in s.telescopes)) for f in FILES]


@frozen
class Read:
    """What the loader gives for a selection, and the golden values of the same images in the same order."""

    selection: Selection
    source: DL1Source
    batch: Batch
    table: EventTable
    golden: dict[str, NDArray[Any]]

    def of_group(self, group: Images) -> NDArray[np.int64]:
        """Rows of the table, and of the golden values, for the images of a group."""
        event = group.event.numpy()
        ids = (self.batch.events[n].numpy()[event] for n in ("obs_id", "event_id"))
        rows = {tuple(k): i for i, k in enumerate(np.column_stack([self.table[n] for n in ID_COLUMNS]).tolist())}
        return np.array([rows[k] for k in zip(*(i.tolist() for i in ids), group.telescope.tolist(), strict=True)])


ID_COLUMNS = ("obs_id", "event_id", "tel_id")


@pytest.fixture(scope="module", params=MONO + STEREO, ids=str)
def read(request: pytest.FixtureRequest) -> Iterator[Read]:
    """Every camera at telescope level, and every file with all its cameras at subarray level."""
    chosen: Selection = request.param
    path = next(p for folder in (TESTS, EXAMPLES) if (p := folder / chosen.file).exists())
    level, cameras = ("telescope", chosen.camera) if chosen.camera else ("subarray", None)
    source = DL1Source([path], chosen.channels, cameras=cameras, level=level)  # type: ignore[arg-type]
    table = source.events.images if level == "subarray" else source.events
    rows = {tuple(ids): int(row) for ids, row in zip(IDS[chosen.rows].tolist(), chosen.rows, strict=True)}
    order = [rows[k] for k in zip(*(table[n].tolist() for n in ID_COLUMNS), strict=True)]
    golden = {n: values[order] for n, values in GOLDEN.items() if len(values) == len(IDS)}
    yield Read(chosen, source, source.read(np.arange(len(source.events))), table, golden)
    source.close()


def numbers_of(image: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sum, and the sum weighted with the number of the pixel, which changes when pixels change places."""
    values = image.astype(np.float64)
    return np.column_stack([values.sum(axis=1), values @ np.arange(values.shape[1])])


def golden_telescope(selection: Selection, tel_id: int) -> dict[str, Any]:
    """Golden values of a telescope."""
    number = FILES.index(selection.file)
    (row,) = np.flatnonzero((GOLDEN["tel_file_index"] == number) & (GOLDEN["tel_tel_id"] == tel_id))
    return {n.removeprefix("tel_"): v[row] for n, v in GOLDEN.items() if n.startswith("tel_") and len(v) != len(IDS)}


def test_all_images_of_all_files_are_in_the_golden_values() -> None:
    assert len(FILES) == len({*TESTS.glob("*.h5"), *EXAMPLES.glob("*.h5")})
    assert sum(len(s.rows) for s in MONO) == sum(len(s.rows) for s in STEREO) == SHOWERS.sum() < len(IDS)


def test_the_images_are_those_of_the_golden_values_each_once(read: Read) -> None:
    ids = np.column_stack([read.table[n] for n in ID_COLUMNS])
    assert sorted(ids.tolist()) == sorted(IDS[read.selection.rows].tolist())
    assert sum(len(group) for group in read.batch.images.values()) == len(ids)


def test_the_pixels_have_the_golden_values(read: Read) -> None:
    for group in read.batch.images.values():
        rows = read.of_group(group)
        for i, channel in enumerate(read.selection.channels[:2]):
            numbers = numbers_of(group.pixels[:, i].numpy())
            golden = np.column_stack([read.golden[f"{channel}_{n}"][rows] for n in ("sum", "dot")])
            np.testing.assert_allclose(numbers, golden, rtol=1e-7, atol=1e-6, err_msg=channel)
        square = (group.pixels[:, 0].double() ** 2).sum(dim=1)
        np.testing.assert_allclose(square, read.golden["image_square"][rows], rtol=1e-7)


def test_the_cleaning_masks_have_the_golden_number_of_pixels(read: Read) -> None:
    groups = read.batch.images.values() if "image_mask" in read.selection.channels else ()
    for group in groups:
        golden = read.golden["image_mask_sum"][read.of_group(group)]
        assert group.pixels[:, 2].sum(dim=1).tolist() == golden.tolist()


def test_masks_that_a_file_does_not_have_are_refused() -> None:
    (without,) = (s for s in STEREO if "image_mask" not in s.channels)
    with pytest.raises(DataError, match="image_mask"):
        DL1Source([TESTS / without.file], CHANNELS)


def test_the_telescopes_point_where_the_golden_values_say(read: Read) -> None:
    for group in read.batch.images.values():
        rows = read.of_group(group)
        alt, az = group.pointing.numpy().T
        np.testing.assert_allclose(alt, read.golden["pointing_alt"][rows], rtol=0, atol=1e-6)
        apart = (az - read.golden["pointing_az"][rows] + 180) % 360 - 180
        np.testing.assert_allclose(apart, 0, atol=1e-5)


def test_truth_trigger_and_parameters_have_the_golden_values(read: Read) -> None:
    for name in ("event_type", *COLUMNS):
        known = np.isfinite(golden := read.golden[name].astype(np.float64))
        if not known.any():
            continue
        values = np.asarray(read.table[name], dtype=np.float64)
        np.testing.assert_allclose(values[known], golden[known], rtol=1e-9, atol=1e-9, err_msg=name)
        assert np.isnan(values[~known]).all(), name


def test_truth_that_the_file_does_not_tell_is_no_column(read: Read) -> None:
    told = {n for n in COLUMNS if n.startswith("true_") and np.isfinite(read.golden[n]).any()}
    assert told == {n for n in COLUMNS if n.startswith("true_") and n in read.table}


def test_telescopes_stand_at_the_golden_positions(read: Read) -> None:
    for group in read.batch.images.values():
        golden = [golden_telescope(read.selection, int(t)) for t in group.telescope]
        np.testing.assert_allclose(group.position, [[g[axis] for axis in "xyz"] for g in golden], rtol=1e-6)


def test_cameras_have_the_golden_pixels_and_focal_lengths(read: Read) -> None:
    for key, group in read.batch.images.items():
        geometry = read.source.inputs.cameras[key].geometry
        pixels = numbers_of(np.stack([geometry.x, geometry.y]).astype(np.float64)).ravel()
        mine = dict(zip(PIXELS, (*pixels, geometry.area.sum()), strict=True))
        for telescope in {int(t) for t in group.telescope}:
            golden = golden_telescope(read.selection, telescope)
            assert (geometry.n_pixels, geometry.focal_length) == pytest.approx(
                (golden["n_pixels"], golden["focal_length"]), rel=1e-6
            )
            assert [mine[n] for n in PIXELS] == pytest.approx([golden[n] for n in PIXELS], rel=1e-5, abs=0.01)
