from __future__ import annotations

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.table import Table

from gammalearn_core import DataError
from gammalearn_core import UnknownComponentError
from gammalearn_showers.instrument import array_names
from gammalearn_showers.instrument import subarray
from gammalearn_showers.instrument import telescope_type

CSV = "tel_id,camera,x,y,z\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "site.csv"


def problems(path: Path, text: str | bytes) -> list[str]:
    """What is said of a file with this in it, by lines."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError) as caught:
        subarray(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("name", "cameras"),
    [
        ("4lst", ["LSTCam"] * 4),
        ("4mst", ["NectarCam"] * 4),
        ("lst-mono", ["LSTCam"]),
        ("mixed", ["LSTCam"] * 4 + ["NectarCam"] * 9),
        ("mst-mono", ["NectarCam"]),
    ],
)
def test_a_named_array_has_its_telescopes_about_its_centre(name: str, cameras: list[str]) -> None:
    array = subarray(name)
    assert array.name == name
    assert [array.types[t].camera.name for t in array.tel_type] == cameras
    assert array.tel_id.tolist() == list(range(1, len(cameras) + 1))
    assert array.position.shape == (len(array), 3)
    assert array.position.dtype == np.float64
    np.testing.assert_allclose(array.position.mean(axis=0), 0, atol=1e-9)
    assert (array.altitude, array.latitude, array.longitude) == (2156.0, 28.7617, -17.8917)


def test_the_names_of_arrays_are_sorted_and_all_there() -> None:
    assert list(array_names()) == sorted(array_names())
    assert {"4lst", "4mst", "lst-mono", "mst-mono", "mixed"} == set(array_names())


def test_the_large_telescopes_stand_as_on_la_palma() -> None:
    p = subarray("4lst").position
    np.testing.assert_allclose(p[1] - p[0], [35.63, 118.27, -12.5])
    np.testing.assert_allclose(p[3] - p[2], [-44.43, -113.99, 4.6])


def test_four_msts_are_a_square_of_160_m() -> None:
    p = subarray("4mst").position
    sides = np.linalg.norm(p - np.roll(p, 1, axis=0), axis=1)
    np.testing.assert_allclose(sides, 160)
    assert np.linalg.norm(p[0] - p[2]) == pytest.approx(160 * 2**0.5)


def test_another_camera_brings_its_telescope_to_all_places() -> None:
    array = subarray("mixed", camera="VERITAS")
    assert array.types == (telescope_type("VERITAS"),)
    assert (array.tel_type == 0).all()
    np.testing.assert_array_equal(array.position, subarray("mixed").position)


def test_another_camera_that_is_unknown_is_told() -> None:
    with pytest.raises(UnknownComponentError, match="did you mean 'FlashCam'"):
        subarray("4mst", camera="Flashcam")


def test_an_unknown_array_is_told_with_close_ones() -> None:
    with pytest.raises(UnknownComponentError, match="no array is named '4lsts'; did you mean '4lst'") as caught:
        subarray("4lsts")
    assert ".ecsv" in str(caught.value)


def test_a_csv_file_is_in_metres_and_sorted_by_number(file: Path) -> None:
    file.write_text(CSV + "7,FlashCam,1,2,3\n2,hex19,-4,5.5,0\n3,FlashCam,0,0,0\n", encoding="utf-8")
    array = subarray(str(file))
    assert array.name == "site"
    assert array.tel_id.tolist() == [2, 3, 7]
    assert [kind.camera.name for kind in array.types] == ["hex19", "FlashCam"]
    assert array.tel_type.tolist() == [0, 1, 1]
    np.testing.assert_array_equal(array.position, [[-4, 5.5, 0], [0, 0, 0], [1, 2, 3]])


def test_units_of_an_ecsv_file_are_honoured(tmp_path: Path) -> None:
    path = tmp_path / "site.ecsv"
    columns = {"x": [0.1, 0] * u.km, "y": [1, 2] * u.m, "z": [300.0, 0] * u.cm}
    Table({"tel_id": [1, 2], "camera": ["LSTCam", "LSTCam"], **columns, "colour": ["red", "blue"]}).write(path)
    np.testing.assert_allclose(subarray(path).position, [[100, 1, 3], [0, 2, 0]])


def test_a_file_may_get_another_camera_too(file: Path) -> None:
    file.write_text(CSV + "1,LSTCam,1,2,3\n", encoding="utf-8")
    assert [kind.camera.name for kind in subarray(file, camera="MAGICCam").types] == ["MAGICCam"]


def test_a_file_of_a_spreadsheet_is_read(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf" + CSV.encode().replace(b"\n", b"\r\n") + b"1,LSTCam,1,2,3\r\n")
    assert len(subarray(file)) == 1


def test_all_that_is_wrong_with_a_file_is_told(file: Path) -> None:
    told = problems(file, CSV + "1,LSTCam,0,0,nan\n1,NectarCm,1e9,,x\n0,,inf,2,3\n")
    assert told == [
        f"{file}: 7 problems in this array of telescopes",
        "  tel_id: 0 not from 1 to 32767",
        "  tel_id: 1 in more than one row",
        "  camera: none in row 3",
        "  camera: no camera is named 'NectarCm'; did you mean 'NectarCam'?",
        "  x: not a finite number in row 3",
        "  y: not a finite number in row 2",
        "  z: not a number in every row",
    ]


def test_missing_columns_are_told_with_what_else_is_wrong(file: Path) -> None:
    told = problems(file, "tel_id,camera,x\n1.5,LSTCam,1\n")
    assert told[1:] == [
        "  no column y, z; there are tel_id, camera, x",
        "  tel_id: not a whole number in every row",
    ]


@pytest.mark.parametrize("text", [CSV, ""])
def test_a_file_without_telescopes_is_refused(file: Path, text: str) -> None:
    assert "  there is no telescope in it" in problems(file, text)


def test_places_on_a_map_are_refused(file: Path) -> None:
    told = problems(file, CSV + "1,LSTCam,217611,3185066,0\n")
    assert [line.partition(":")[0] for line in told[1:]] == ["  x", "  y"]
    assert "farther than 20 km" in told[1]


@pytest.mark.parametrize("unit", ["s", "bananas"])
def test_units_that_are_no_lengths_are_refused(tmp_path: Path, unit: str) -> None:
    path = tmp_path / "site.ecsv"
    Table({"tel_id": [1], "camera": ["FACT"], "x": [1] * u.m, "y": [1] * u.m, "z": [1] * u.m}).write(path)
    text = path.read_text(encoding="utf-8").replace("name: y, unit: m", f"name: y, unit: {unit}")
    assert problems(path, text)[1:] == [f"  y: '{unit}' is not a unit of length"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("site.csv", b"\x89HDF\r\n\x1a\n\x00\xff\xfe" * 20, "cannot be read as CSV"),
        ("site.ecsv", b"\x89HDF\r\n\x1a\n\x00\xff\xfe" * 20, "cannot be read as ECSV"),
        ("site.ecsv", CSV.encode(), "ECSV header"),
        ("site.ecsv", b"# %ECSV 1.0\n# ---\n# datatype:\n# - {name: [}\n", "cannot be read as ECSV"),
        ("site.csv", CSV.encode() + b"1,LSTCam,1,2,3,4,5\n", "cannot be read as CSV"),
        ("site.h5", b"", "its name must end in .ecsv or .csv"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (line,) = problems(tmp_path / name, content)
    assert says in line


def test_a_file_that_is_not_there_is_told(file: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        subarray(file)


def test_a_folder_is_no_array(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    for path, says in ((tmp_path / "a.csv", "is not a file"), (tmp_path, "its name must end in")):
        with pytest.raises(DataError, match=says):
            subarray(path)
