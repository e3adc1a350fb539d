"""The command ``gammalearn info``: its files, output and exit codes, and the process that reads for it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401
import pytest
from test_info_problems import flip_a_byte

from gammalearn_core.cli import main
from gammalearn_core.errors import EXIT_DATA
from gammalearn_core.errors import EXIT_DONE
from gammalearn_core.inspecting.apart import Describer
from gammalearn_core.inspecting.paths import expand

Copy = Callable[..., Path]
Find = Callable[[str], Path]
Capture = pytest.CaptureFixture[str]


def output(capsys: Capture, *arguments: str | Path, code: int = EXIT_DONE) -> str:
    """What the command prints; nothing goes to standard error."""
    assert main(["info", *map(str, arguments)]) == code
    printed = capsys.readouterr()
    assert printed.err == ""
    return printed.out


def apart(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gammalearn_core", "info", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=False)


def test_one_file_is_described_with_its_columns(find: Find, capsys: Capture) -> None:
    text = output(capsys, find("gamma_4lst_lasercal"))
    assert text.startswith(f"{find('gamma_4lst_lasercal')}\n  format ")
    assert "  parameters  hillas_intensity" in text
    assert "total" not in text


def test_several_files_are_described_without_columns_and_summed(find: Find, capsys: Capture) -> None:
    text = output(capsys, find("gamma_4lst_lasercal"), find("proton_prod6_run1_v7"))
    blocks = text.split("\n\n")
    assert "  parameters  hillas_intensity" not in text
    assert blocks[-1].startswith("total       2 files, ")
    assert "6 events (3 gamma, 3 proton)" in blocks[-1]


def test_a_file_that_cannot_be_used_is_exit_code_4_and_the_others_are_described(
    find: Find, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "text.h5").write_text("not HDF5")
    bad = [tmp_path / "text.h5", tmp_path / "none.h5", tmp_path]
    text = output(capsys, *bad, find("gamma_4lst_lasercal"), code=EXIT_DATA)
    assert text.count("  error ") == 3
    assert "  events      3 gamma, " in text
    assert "3 files unusable" in " ".join(text.split())


def test_warnings_are_no_reason_to_fail(find: Find, capsys: Capture) -> None:
    assert "  warning     no effective focal length" in output(capsys, find("gamma_test"))


def test_damage_is_found_by_verify_alone(copy_of: Copy, capsys: Capture) -> None:
    path = copy_of("gamma_4lst_lasercal")
    flip_a_byte(path, "/dl1/event/telescope/images/tel_002")
    assert "  problems    none" in output(capsys, path)
    text = output(capsys, path, "--verify", code=EXIT_DATA)
    assert "  error       /dl1/event/telescope/images/tel_002, rows 0 to 2: damaged" in text
    assert "all of it was read" in text


def test_json_is_one_document(find: Find, tmp_path: Path, capsys: Capture) -> None:
    found = json.loads(output(capsys, find("gamma_4lst_lasercal"), tmp_path / "none.h5", "--json", code=EXIT_DATA))
    first, second = found["files"]
    assert (first["events"], first["usable"], first["problems"]) == (3, True, [])
    assert (second["format"], second["events"], second["cameras"], second["usable"]) == (None, None, [], False)
    (problem,) = second["problems"]
    assert problem == {"severity": "error", "what": "is not there", "table": None, "rows": None}


def test_a_pattern_in_quotes_is_expanded_and_each_file_described_once(
    copy_of: Copy, tmp_path: Path, capsys: Capture
) -> None:
    names = ["a.h5", "b.h5", "c[1].h5"]
    paths = [copy_of("gamma_prod6_za40_4lst", name) for name in names]
    (tmp_path / "d.h5").mkdir()
    found = json.loads(output(capsys, paths[1], f"{tmp_path}/*.h5", paths[2], "--json"))
    assert [Path(f["path"]).name for f in found["files"]] == ["b.h5", "a.h5", "c[1].h5"]


def test_a_pattern_that_matches_nothing_is_a_problem(tmp_path: Path, capsys: Capture) -> None:
    text = output(capsys, f"{tmp_path}/*.h5", code=EXIT_DATA)
    assert text == f"{tmp_path}/*.h5\n  error       matches no file\n"


def test_a_pattern_may_search_folders(copy_of: Copy, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    path = copy_of("gamma_prod6_za40_4lst", "deep/er/a.h5")
    assert expand([f"{tmp_path}/**/*.h5"]) == [path]


def test_without_a_file_the_usage_is_shown(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["info"])
    assert caught.value.code == 2


def test_piped_output_has_no_colours_and_no_progress(find: Find) -> None:
    done = apart(find("gamma_4lst_lasercal"), "--verify", TERM="xterm-256color")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines()[1:])) <= 80


def test_a_terminal_shows_colours_in_its_width(find: Find) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "gammalearn_core", "info", str(find("gamma_test"))]
    environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, env=environment) as process:
        os.close(theirs)
        text = b""
        try:
            while part := os.read(ours, 65536):
                text += part
        except OSError:
            pass  # Linux says so that the other side is closed.
        os.close(ours)
        process.wait()
    assert (
        b"\x1b[1;33m  warning\x1b[0m     no effective focal length for ASTRI, LST, MST, SCT, using the equivalent"
        in text
    )


def test_neither_process_imports_torch(find: Find, tmp_path: Path) -> None:
    hook = "import atexit, sys, pathlib, os\n" + (
        f"atexit.register(lambda: pathlib.Path({str(tmp_path)!r}, str(os.getpid())).write_text(' '.join(sys.modules)))"
    )
    (tmp_path / "sitecustomize.py").write_text(hook)
    done = apart(find("gamma_4lst_lasercal"), "--verify", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = [set(p.read_text().split()) for p in tmp_path.glob("[0-9]*")]
    (asks,) = [modules for modules in found if "gammalearn_core.cli.info" in modules]
    (reads,) = [modules for modules in found if "gammalearn_core.inspecting.damage" in modules]
    assert asks & {"torch", "ignite", "matplotlib", "numpy", "h5py"} == set()
    assert reads & {"torch", "ignite", "matplotlib"} == set()


def test_a_process_that_has_ended_is_started_again(find: Find) -> None:
    path = find("gamma_prod6_za40_4lst")
    with Describer(everything=False) as describer:
        first = describer.describe(path, str)
        assert describer._process is not None
        describer._process.kill()
        assert describer.describe(path, str) == first


@pytest.fixture
def deadly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose name has ``deadly`` in it ends the process that opens it, as HDF5 does with some damaged files."""
    folder = tmp_path / "site"
    folder.mkdir()
    lines = [
        "import os, signal, sys",
        "def hook(event, arguments):",
        "    if event == 'open' and 'deadly' in str(arguments[0]):",
        "        os.kill(os.getpid(), signal.SIGKILL)",
        "sys.addaudithook(hook)",
    ]
    (folder / "sitecustomize.py").write_text("\n".join(lines))
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.mark.usefixtures("deadly")
def test_a_file_that_ends_the_process_is_told_and_the_others_are_described(copy_of: Copy, capsys: Capture) -> None:
    paths = [copy_of("gamma_prod6_za40_4lst", name) for name in ("a.h5", "deadly.h5", "z.h5")]
    found = json.loads(output(capsys, *paths, "--json", code=EXIT_DATA))
    assert [f["events"] for f in found["files"]] == [1, None, 1]
    (problem,) = found["files"][1]["problems"]
    assert problem["what"].startswith("reading it ends the process that does (SIGKILL): ")


def test_nothing_is_imported_from_the_working_directory(
    find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    monkeypatch.chdir(tmp_path)
    with Describer(everything=False) as describer:
        assert describer.describe(find("gamma_prod6_za40_4lst"), str).events == 1


def test_files_on_the_command_line_may_be_relative(
    copy_of: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_of("gamma_prod6_za40_4lst", "a.h5")
    monkeypatch.chdir(tmp_path)
    with Describer(everything=False) as describer:
        assert describer.describe(Path("a.h5"), str).problems == []


def test_a_process_that_does_not_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (tmp_path / "h5py.py").write_text("raise ImportError('libhdf5.so: cannot open shared object file')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert main(["info", str(tmp_path / "a.h5")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: the process that reads files does not start: ")
    assert "libhdf5.so: cannot open shared object file" in said


def test_a_closed_pipe_is_not_an_error(find: Find) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "gammalearn_core", "info", str(find("gamma_4lst_lasercal"))]
    result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, b"")


def test_a_file_that_is_being_written_to_can_be_described(copy_of: Copy) -> None:
    path = copy_of("gamma_4lst_lasercal")
    with h5py.File(path, "r+"):
        assert apart(path).returncode == 0
