"""The command, in processes of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from conftest import COMMAND
from conftest import ENVIRONMENT
from conftest import SIZES
from conftest import SMALL
from conftest import Showers
from conftest import contents
from conftest import small

from gammalearn_showers.dl1.part import PartFile
from gammalearn_showers.dl1.part import remove_part
from gammalearn_showers.production import Production
from gammalearn_showers.progress import ShowerProgress
from gammalearn_showers.work import Progress
from gammalearn_showers.work import Task
from gammalearn_showers.workers import WorkerError
from gammalearn_showers.workers import _Crew

FIRST = "gamma_run00001.dl1.h5"


def begin(folder: Path, *more: str, start_new_session: bool = False) -> subprocess.Popen[str]:
    """The command, running."""
    return subprocess.Popen(
        [*COMMAND, "-o", str(folder), *SMALL, *SIZES, *more],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        start_new_session=start_new_session,
    )


def wait_for(path: Path) -> None:
    end = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < end, f"{path} has not come"
        time.sleep(0.01)


def workers_of(pid: int) -> list[int]:
    """Processes that make files; Python's own tracker of resources ends by itself."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(p) for p in found if alive(int(p)) and b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_files_are_named_and_a_summary_is_told(showers: Showers, made: Path) -> None:
    assert sorted(contents(made)) == [f"gamma_run0000{n}.dl1.h5" for n in (1, 2, 3, 4)]
    done = showers("-o", made, *SMALL, *SIZES)
    assert done.returncode == 0
    assert "4 files with 1000 gamma events, 4 of them already there" in done.stdout
    assert "showers thrown" in done.stdout
    assert done.stderr == ""


def test_two_processes_make_the_same_files_as_one(showers: Showers, made: Path, tmp_path: Path) -> None:
    done = showers("-o", tmp_path, *SMALL, *SIZES, "--jobs", 2, env=ENVIRONMENT | {"TTY_COMPATIBLE": "1"})
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path) == contents(made)
    assert "1000/1000" in done.stderr, "no bar on a terminal"


def test_after_kill_the_same_command_goes_on(showers: Showers, made: Path, tmp_path: Path) -> None:
    process = begin(tmp_path, "--jobs", "2")
    wait_for(tmp_path / FIRST)
    workers = workers_of(process.pid)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    complete = [n for n in contents(tmp_path) if n.endswith(".dl1.h5")]
    assert 0 < len(complete) < 4
    end = time.monotonic() + 20
    while any(map(alive, workers)):
        assert time.monotonic() < end, "a process outlives the command"
        time.sleep(0.05)
    done = showers("-o", tmp_path, *SMALL, *SIZES)
    assert done.returncode == 0, done.stderr
    assert f"{len(complete)} of them already there" in done.stdout
    assert contents(tmp_path) == contents(made)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_and_leaves_no_part_of_a_file(tmp_path: Path, number: signal.Signals) -> None:
    process = begin(tmp_path, "--jobs", "2")
    wait_for(tmp_path / FIRST)
    workers = workers_of(process.pid)
    begun = time.monotonic()
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 75
    assert time.monotonic() - begun < 10
    assert told.splitlines()[-1] == f"error: stopped by {number.name}; the same command goes on with the missing files"
    assert "Traceback" not in told
    assert len(workers) == 2
    assert not any(map(alive, workers))
    assert [n for n in contents(tmp_path) if n.endswith(".part")] == []
    assert len(contents(tmp_path)) < 4


def test_what_a_killed_process_was_writing_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("gammalearn_showers.workers.work", write_for_ever)
    tasks = [Task(run=1, events=1, path=tmp_path / FIRST, provenance={})]
    part = tmp_path / f".{FIRST}.part"
    with _Crew(small().production(), tasks, jobs=1):
        wait_for(part)
    assert not part.exists()


def test_a_file_that_another_process_writes_is_not_removed(tmp_path: Path) -> None:
    file = PartFile(tmp_path / FIRST)
    remove_part(tmp_path / FIRST)
    assert file.part.exists()
    file.discard()


def test_a_signal_to_all_is_no_error_of_those_that_begin(tmp_path: Path) -> None:
    process = begin(tmp_path, "--jobs", "2", start_new_session=True)
    end = time.monotonic() + 60
    while not (workers := workers_of(process.pid)):
        assert time.monotonic() < end, "no process has begun"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 75
    assert told == "error: stopped by SIGINT; the same command goes on with the missing files\n"
    assert not any(map(alive, workers))


def test_a_process_that_is_gone_when_it_is_given_a_file_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("gammalearn_showers.workers.work", leave)
    tasks = [Task(run=run, events=1, path=tmp_path / str(run), provenance={}) for run in (1, 2)]
    with _Crew(small().production(), tasks, jobs=1) as crew:
        ((connection, process),) = crew._workers.items()
        process.join()
        with pytest.raises(WorkerError, match="ended with exit code 0"):
            crew._give(connection)


def leave(connection: Connection, production: Production) -> None:
    """What a process does that makes no file."""


def write_for_ever(connection: Connection, production: Production) -> None:
    """What a process does that has said nothing yet when the command ends."""
    PartFile(connection.recv().path)
    time.sleep(60)


def test_a_process_that_is_killed_ends_the_command(tmp_path: Path) -> None:
    process = begin(tmp_path)
    wait_for(tmp_path / FIRST)
    (worker,) = workers_of(process.pid)
    os.kill(worker, signal.SIGKILL)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "ended with exit code -9" in told
    assert "try fewer --jobs" in told


def test_two_commands_at_once_do_no_harm(made: Path, tmp_path: Path) -> None:
    both = [begin(tmp_path), begin(tmp_path)]
    told = [process.communicate(timeout=120)[1] for process in both]
    codes = [process.returncode for process in both]
    assert 0 in codes
    for code, text in zip(codes, told, strict=True):
        assert code == 0 or "is being written by another process" in text
    assert contents(tmp_path) == contents(made)


def test_more_events_add_files_and_the_short_one_is_made_again(showers: Showers, made: Path, tmp_path: Path) -> None:
    first = showers("-o", tmp_path, *SMALL, "--events", 300, "--events-per-file", 250)
    assert first.returncode == 0, first.stderr
    kept = (tmp_path / FIRST).stat().st_mtime_ns
    second = showers("-o", tmp_path, *SMALL, "--events", 500, "--events-per-file", 250)
    assert "1 of them already there" in second.stdout
    names = [FIRST, "gamma_run00002.dl1.h5"]
    assert contents(tmp_path) == {name: contents(made)[name] for name in names}
    assert (tmp_path / FIRST).stat().st_mtime_ns == kept


def test_files_of_other_parameters_are_never_touched(showers: Showers, made: Path) -> None:
    before = contents(made)
    done = showers("-o", made, *SMALL, *SIZES, "--zenith", 30, "--seed", 4)
    assert done.returncode == 2
    assert f"--zenith: {FIRST} was made with zenith 20, not 30" in done.stderr
    assert f"--seed: {FIRST} was made with seed 0, not 4" in done.stderr
    assert "choose another --output, or delete these files" in done.stderr
    assert contents(made) == before


def test_a_file_of_somebody_else_is_never_touched(showers: Showers, tmp_path: Path) -> None:
    (tmp_path / FIRST).write_text("mine")
    done = showers("-o", tmp_path, *SMALL, *SIZES)
    assert done.returncode == 2
    assert "cannot be opened as HDF5" in done.stderr
    assert contents(tmp_path) == {FIRST: b"mine"}


def test_all_that_is_wrong_is_told_together(showers: Showers, tmp_path: Path) -> None:
    done = showers(
        *("--particle", "gama", "--array", "4mts", "--camera", "NectrCam", "--zenith", 70, "--jobs", 0),
        *("--events", -1, "--energy-range", 3, -2, "--show", tmp_path / "x.gif", "--show-count", 99),
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: gammalearn showers: 9 problems\n")
    for option in ("events", "jobs", "show-count", "show", "particle", "zenith", "energy-range", "array", "camera"):
        assert f"\n  --{option}: " in done.stderr
    assert "did you mean 'gamma'?" in done.stderr
    assert "did you mean '4mst'?" in done.stderr


def test_without_a_folder_one_is_asked_for(showers: Showers) -> None:
    done = showers("--particle", "gamma")
    assert done.returncode == 2
    assert "say -o DIR, or --show to draw only" in done.stderr


@pytest.mark.parametrize("folder", ["/proc/showers", "/dev/null/showers", "/dev/null"])
def test_a_folder_that_cannot_be_made_is_an_error(showers: Showers, folder: str) -> None:
    done = showers("-o", folder, *SMALL)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: gammalearn showers: 1 problem\n  --output: {folder} ")


@pytest.mark.parametrize(
    "wrong",
    [
        ("-o", "~nobody-has-this-name/data"),
        ("-o", "n" * 300),
        ("--array", "n" * 300 + ".csv", "--show"),
        ("--show", "~nobody-has-this-name/a.png"),
        ("--show", "."),
        ("-o", "data", "--events", "1" + "0" * 400, "--events-per-file", "1" + "0" * 400),
    ],
)
def test_what_cannot_be_is_an_error_of_usage(showers: Showers, tmp_path: Path, wrong: tuple[str, ...]) -> None:
    done = showers(*wrong, cwd=tmp_path)
    assert done.returncode == 2
    assert "error: " in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_read_only_is_an_error(showers: Showers, tmp_path: Path) -> None:
    folder = tmp_path / "readonly"
    folder.mkdir(mode=0o555)
    others = {"preexec_fn": _drop_power} if os.geteuid() == 0 else {}
    done = showers("-o", folder, *SMALL, **others)
    assert done.returncode == 2
    assert f"--output: {folder} cannot be written to" in done.stderr
    assert list(folder.iterdir()) == []


def _drop_power() -> None:
    """Give up root's right to write everywhere (Linux: CAP_DAC_OVERRIDE)."""
    import ctypes

    libc = ctypes.CDLL(None)
    libc.prctl(24, 1, 0, 0, 0)
    libc.syscall(126 if os.uname().machine == "x86_64" else 91, _header(), _data())


def _header() -> bytes:
    import struct

    return struct.pack("Ii", 0x20080522, 0)


def _data() -> bytes:
    return bytes(24)


def test_a_disk_that_is_full_is_an_error_and_leaves_nothing(showers: Showers, tmp_path: Path) -> None:
    def limited() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    done = showers("-o", tmp_path, *SMALL, *SIZES, preexec_fn=limited)
    assert done.returncode == 1
    assert f"{tmp_path / FIRST} could not be written" in done.stderr
    assert contents(tmp_path) == {}


def tell(progress: ShowerProgress) -> None:
    with progress:
        for showers in (64, 128):
            progress(Progress(1, showers, showers // 16))


def test_no_progress_is_no_word(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    tell(ShowerProgress(10))
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    tell(ShowerProgress(10, shown=False))
    assert capsys.readouterr().err == ""


def test_progress_without_a_terminal_is_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gammalearn_showers.progress.INTERVAL", 0.0)
    tell(ShowerProgress(10, shown=True))
    assert capsys.readouterr().err.splitlines()[-1].startswith("8/10 events")
