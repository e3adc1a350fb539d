"""The text of ``gammalearn info``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gammalearn_core.inspecting.describing import describe
from gammalearn_core.inspecting.records import CameraInfo
from gammalearn_core.inspecting.records import FileInfo
from gammalearn_core.inspecting.text import block
from gammalearn_core.inspecting.text import total
from gammalearn_core.inspecting.wording import angles
from gammalearn_core.inspecting.wording import digits
from gammalearn_core.inspecting.wording import size

Find = Callable[[str], Path]

NAMES = [
    "gamma_4lst_lasercal",
    "gamma_diffuse_prod6_run10",
    "gamma_prod3_large_trunc",
    "gamma_prod4_sst1m",
    "gamma_test",
    "proton_prod6_run201",
]
TEST = """\
gamma_test.dl1.h5
  format      ctapipe DL1, data model v7.1.0, by ctapipe 0.28.0, 2.6 MB
  events      9 gamma, 0.0251 to 0.628 TeV, of 7 showers in 1 run
  simulated   100 000 showers used 10 times each, 0.003 to 330 TeV, E^-2, point
              source, within 2500 m
  pointing    altitude 70.0 deg, azimuth 0.0 deg
  holds       images (image, peak_time, image_mask), parameters, truth
  storage     blosc (zstd, level 5), 1.9 MB unpacked, checksums everywhere

  camera     type  pixels  lattice      pitch    focal  telescopes  images
  NectarCam  MST     1855  hexagonal  50.0 mm  16.00 m    15 of 24      19
  LSTCam     LST     1855  hexagonal  50.0 mm  28.00 m      4 of 4       9
  SCTCam     MST   11 328  square      6.4 mm   5.59 m     8 of 26       8
  CHEC       SST     2048  square      5.8 mm   2.15 m     6 of 72       6

  warning     no effective focal length for ASTRI, LST, MST, SCT, using the
              equivalent one"""


def made(**changes: object) -> FileInfo:
    """A file that is made up."""
    return FileInfo(path=Path("made.h5"), **changes)  # type: ignore[arg-type]


def camera(name: str = "LSTCam", **changes: object) -> CameraInfo:
    """A camera that is made up."""
    facts = {
        "n_pixels": 1855,
        "types": ("LST",),
        "lattice": "hexagonal",
        "pitch": 0.05,
        "focal_length": 28.0,
        "telescopes": 1,
        "telescopes_in_array": 4,
        "rows": 10,
        "images": 10,
    }
    return CameraInfo(name=name, **(facts | changes))  # type: ignore[arg-type]


def test_a_block_tells_the_most_important_first(find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(find("gamma_test").parent)
    assert block(describe(Path("gamma_test.dl1.h5")), width=80, columns=False) == TEST


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", NAMES)
def test_no_line_is_wider_than_the_terminal(find: Find, name: str, width: int) -> None:
    lines = block(describe(find(name)), width=width, columns=True).splitlines()[1:]
    assert max(map(len, lines)) <= width
    assert not any(line != line.rstrip() for line in lines)
    assert all(ord(c) < 128 for line in lines for c in line)


def test_columns_are_listed_with_other_names_of_cameras(find: Find) -> None:
    text = block(describe(find("proton_prod6_run201")), width=1000, columns=True)
    assert "  names       LSTN-01 is also called LSTN-02, LSTN-04\n" in text
    assert "  of images   image, peak_time, image_mask, is_valid\n" in text
    assert "  parameters  hillas_intensity, hillas_skewness, " in text


def test_a_table_that_is_too_wide_leaves_out_what_matters_least() -> None:
    long = made(cameras=[camera("A" * 21)])
    lines = block(long, width=80, columns=False).splitlines()
    assert lines[2].split() == ["camera", "type", "pixels", "lattice", "pitch", "telescopes", "images"]
    narrow = block(long, width=60, columns=False).splitlines()
    assert narrow[2].split() == ["camera", "pixels", "lattice", "telescopes", "images"]


def test_numbers_stay_with_their_units_and_whole() -> None:
    info = made(size=1, events=1_234_567, simulated=True, particles={"gamma": 1_234_567}, energy_range=(0.01, 300.0))
    for width in range(40, 90):
        text = block(info, width=width, columns=False)
        assert "1 234 567" in text
        assert "300 TeV" in text


def test_events_without_truth_are_told_apart() -> None:
    info = made(events=5, runs=1, simulated=True, particles={"gamma": 3}, showers=2)
    assert "events      3 gamma, 2 without truth, of 2 showers in 1 run" in block(info, width=80, columns=False)


def test_particles_are_listed_with_their_numbers() -> None:
    info = made(events=30_000, runs=2, simulated=True, particles={"proton": 20_000, "gamma": 10_000})
    assert "events      20 000 proton, 10 000 gamma in 2 runs" in block(info, width=80, columns=False)


def test_observed_events_are_told_with_when_and_how_long() -> None:
    info = made(size=9, events=7, runs=1, simulated=False, time=("2024-01-01 20:00:00.000", "2024-01-01 20:19:30.000"))
    text = block(info, width=80, columns=False)
    assert "  events      7 observed, 1 run\n  observed    2024-01-01 20:00:00, for 19.5 minutes\n" in text


def test_a_problem_names_table_and_rows() -> None:
    info = made()
    info.warn("odd", table="/a")
    info.error("damaged: the checksum is wrong", table="/b", rows=(0, 200_000))
    info.error("damaged: the checksum is wrong", table="/b", rows=(7, 8))
    assert block(info, width=100, columns=False).splitlines() == [
        "made.h5",
        "  warning     /a: odd",
        "  error       /b, rows 0 to 199 999: damaged: the checksum is wrong",
        "  error       /b, row 7: damaged: the checksum is wrong",
        "  hint        copy the file again, leave it out, or set on_corrupt='skip' of core.dl1",
    ]


def test_very_many_problems_are_not_all_shown() -> None:
    info = made()
    for row in range(1000):
        info.error("damaged", table="/b", rows=(row, row + 1))
    lines = block(info, width=100, columns=False).splitlines()
    assert len(lines) == 23
    assert lines[-2] == "              and 980 problems more, which --json lists"


def test_names_in_a_file_cannot_control_the_terminal() -> None:
    info = made(data_model="v7\x1b[2J", format="ctapipe", size=1, cameras=[camera("a\x1b[31m\nb", types=("\x07",))])
    info.error("bad \x9b31m")
    text = block(info, width=80, columns=True)
    assert not set(text) & set("\x1b\x07\x9b")
    assert "a\\x1b[31m\\x0ab" in text


def test_sums_are_by_particle() -> None:
    files = [
        made(size=1_000_000, events=3, images=5, simulated=True, particles={"gamma": 3}, energy_range=(0.1, 2.0)),
        made(size=2_000_000, events=6, images=7, simulated=True, particles={"proton": 6}, energy_range=(0.5, 9.0)),
        made(size=3_000_000, events=2, images=2, simulated=False),
    ]
    sums = "total       3 files, 6.0 MB, 11 events (3 gamma, 6 proton, 2 observed), 0.1 to 9 TeV, 14 images, "
    assert total(files, width=200) == sums + "all usable"
    files[0].error("damaged")
    assert total(files, width=200) == sums + "1 file unusable"


@pytest.mark.parametrize(
    ("value", "text"), [(0.025118, "0.0251"), (1.0, "1"), (43.46, "43.5"), (330.0, "330"), (1234.4, "1234"), (0, "0")]
)
def test_energies_have_three_digits_and_no_exponent(value: float, text: str) -> None:
    assert digits(value) == text


def test_angles_have_one_decimal_and_north_is_0() -> None:
    assert [angles(a) for a in ((70, 70.01), (359.97, 359.98), (-0.01, 0.01), (359.5, 360.5))] == [
        "70.0 deg",
        "0.0 deg",
        "0.0 deg",
        "359.5 to 360.5 deg",
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (999_960, "1.0 MB"), (10**13, "10.0 TB"), (2 * 10**15, "2000.0 TB")],
)
def test_sizes_have_one_decimal(number: int, text: str) -> None:
    assert size(number) == text
