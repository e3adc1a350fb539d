"""The static check of the files that an experiment reads; only their first bytes are looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gammalearn_core import Problem
from gammalearn_core import SettingsError
from gammalearn_core import ref

HDF5 = b"\x89HDF\r\n\x1a\n"
Check = Callable[..., list[Problem]]


def data_problems(problems: Check, paths: object) -> list[tuple[str, str, str]]:
    found = problems(data=ref("core.dl1", paths=paths))
    assert {p.where for p in found} <= {"data core.dl1"}
    return [(p.what, p.hint, p.kind) for p in found]


def test_relative_paths_are_relative_to_the_folder(
    problems: Check, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert data_problems(problems, ["./gamma.h5"]) == []
    assert data_problems(problems, ["work [1]/gamma.h5"]) != []


def test_absolute_paths_and_path_objects_are_fine(problems: Check, folder: Path) -> None:
    assert data_problems(problems, [str(folder / "gamma.h5"), folder / "gamma.h5", Path("gamma.h5")]) == []


def test_a_pattern_that_matches_is_fine_whatever_the_folder_is_called(problems: Check) -> None:
    assert data_problems(problems, ["gam*.h5", "**/*.h5"]) == []


def test_a_missing_file_is_reported_with_a_suggestion(problems: Check) -> None:
    expected = ("there is no file 'gama.h5'", "did you mean 'gamma.h5'?", "settings")
    assert data_problems(problems, ["gama.h5", "gamma.h5"]) == [expected]


def test_a_pattern_without_a_match_is_reported(problems: Check, folder: Path) -> None:
    expected = ("no file matches 'proton_*.h5'", f"relative paths start from {folder}", "settings")
    assert data_problems(problems, "proton_*.h5") == [expected]


def test_a_folder_is_reported_with_the_pattern_to_write(problems: Check, folder: Path) -> None:
    (folder / "more").mkdir()
    assert data_problems(problems, ["more/"]) == [("'more/' is a folder", "write 'more/*.h5'", "settings")]


@pytest.mark.parametrize("path", ["~no_such_user_here/gamma.h5", "g" * 300 + ".h5", "gamma\0.h5"])
def test_a_path_that_cannot_exist_is_a_missing_file(path: str, problems: Check) -> None:
    assert [what for what, _, _ in data_problems(problems, [path])] == [f"there is no file {path!r}"]


@pytest.mark.parametrize("paths", [5, [5], {"gamma.h5": 1}])
def test_paths_of_the_wrong_type_are_reported(paths: object, problems: Check) -> None:
    assert data_problems(problems, paths)[0][0].startswith("paths must be a path or a list of paths, got ")


def test_missing_paths_are_reported(problems: Check) -> None:
    (found,) = problems(data=ref("core.dl1"))
    assert (found.where, found.what) == ("data core.dl1", "paths is required")


def test_empty_paths_are_reported(problems: Check) -> None:
    assert data_problems(problems, []) == [("paths is empty", "", "settings")]


def test_a_loader_names_the_parameter_that_holds_paths(extra: Check) -> None:
    assert [p.what for p in extra(data=ref("extra.text"))] == ["files is required"]


def test_a_loader_that_reads_no_files_needs_no_paths(extra: Check) -> None:
    assert extra(data=ref("extra.memory")) == []


def test_a_file_that_is_not_hdf5_is_a_problem_of_the_data(problems: Check, folder: Path) -> None:
    (folder / "gamma.h5").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    expected = (f"{folder / 'gamma.h5'} is not an HDF5 file", "is it complete, and unpacked?", "data")
    assert data_problems(problems, "gamma.h5") == [expected]
    assert SettingsError(problems()).exit_code == 4


def test_an_empty_file_is_not_hdf5(problems: Check, folder: Path) -> None:
    (folder / "gamma.h5").write_bytes(b"")
    assert [kind for _, _, kind in data_problems(problems, "gamma.h5")] == ["data"]


def test_wrong_data_and_wrong_settings_together_are_wrong_settings(problems: Check, folder: Path) -> None:
    (folder / "gamma.h5").write_bytes(b"")
    found = problems(network=ref("core.cnn"))
    assert {p.kind for p in found} == {"data", "settings"}
    assert SettingsError(found).exit_code == 2


@pytest.mark.parametrize("size", [512, 1024, 4096])
def test_hdf5_may_begin_with_a_user_block(size: int, problems: Check, folder: Path) -> None:
    (folder / "gamma.h5").write_bytes(b" " * size + HDF5)
    assert data_problems(problems, "gamma.h5") == []


def test_a_loader_of_another_format_is_not_asked_for_hdf5(extra: Check, folder: Path) -> None:
    (folder / "gamma.txt").write_text("not HDF5", encoding="utf-8")
    assert extra(data=ref("extra.text", files="gamma.txt")) == []
