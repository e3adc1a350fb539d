"""A disk that is full costs no more than what cannot be written; the run ends right, or goes on when there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from runs import record
from runs import run
from runs import run_folders
from runs import write_settings

FILLING = """
import os
from pathlib import Path

MARKER = Path(__file__).with_name("fill")


def fill(experiment, disk, epoch, free_again):
    '''Leave no room on the disk from the end of an epoch on, until a later one, or for ever.'''
    filling = Path(disk) / "filling"

    def write(trainer):
        if trainer.state.epoch == epoch and MARKER.exists():
            MARKER.unlink()
            descriptor = os.open(filling, os.O_WRONLY | os.O_CREAT)
            try:
                while os.write(descriptor, bytes(4096)):
                    pass
            except OSError:
                os.close(descriptor)
        elif trainer.state.epoch == free_again:
            filling.unlink(missing_ok=True)

    return write
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    path = tmp_path / "disk"
    path.mkdir()
    if (
        os.getuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", path], check=False).returncode
    ):
        pytest.skip("only the superuser can mount a small disk")
    yield path
    subprocess.run(["umount", "--lazy", path], check=True)


def settings_in(folder: Path, disk: Path, free_again: int) -> Path:
    folder.mkdir()
    if disk.name == "disk":
        (folder / "fill").touch()
    handler = f"ref(fill, disk={str(disk)!r}, epoch=2, free_again={free_again})"
    return write_settings(folder, FILLING, handlers=f"[ref('core.tensorboard', every=1), {handler}]", epochs="5")


def test_a_disk_that_is_full_for_a_while_changes_nothing(
    tmp_path: Path, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full = settings_in(tmp_path / "full", disk, free_again=4)
    whole = settings_in(tmp_path / "whole", tmp_path / "whole", free_again=2)
    assert run(full, logdir=disk / "runs") == 0
    error = capsys.readouterr().err
    assert "checkpoint best.pt is not written, an older one stands: the disk is full" in error
    assert "Traceback" not in error
    assert run(whole) == 0
    same_weights(full, whole, disk)


def test_a_disk_that_stays_full_can_be_gone_on_with_when_there_is_room(
    tmp_path: Path, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full = settings_in(tmp_path / "full", disk, free_again=99)
    whole = settings_in(tmp_path / "whole", tmp_path / "whole", free_again=99)
    assert run(full, logdir=disk / "runs") == 1
    error = capsys.readouterr().err
    assert f"error: the weights cannot be written to {disk}" in error
    assert "the same command goes on from the checkpoint that is there" in error
    assert "checkpoint best.pt is not written, an older one stands: the disk is full" in error
    assert "Traceback" not in error
    (disk / "filling").unlink()
    assert run(full, logdir=disk / "runs") == 0
    assert run(whole) == 0
    same_weights(full, whole, disk)


def same_weights(full: Path, whole: Path, disk: Path) -> None:
    """One run folder on the disk, with the weights of the run that had room."""
    (full.parent / "runs").symlink_to(disk / "runs")
    assert len(run_folders(full)) == 1
    for name in ("weights_sha256", "best_weights_sha256", "best_epoch"):
        assert record(full)[name] == record(whole)[name]
    assert (run_folders(full)[0] / "metrics.jsonl").read_text().count("\n") == 5
    assert not list(disk.glob("**/.*.part"))
