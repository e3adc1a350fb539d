"""The git repository of the settings file."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any


def describe_repository(folder: Path) -> dict[str, Any] | None:
    """Commit and state of the git repository that a folder is in; None if it is in none."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    patch = repository_patch(folder)
    return {
        "commit": commit.strip(),
        "branch": (_git(folder, "rev-parse", "--abbrev-ref", "HEAD") or "").strip(),
        "modified": bool(patch),
        "patch_sha256": hashlib.sha256(patch.encode()).hexdigest() if patch else None,
    }


def repository_patch(folder: Path) -> str:
    """Uncommitted changes of tracked files, as a patch."""
    return _git(folder, "diff", "HEAD") or ""


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


__all__ = ["describe_repository", "repository_patch"]
