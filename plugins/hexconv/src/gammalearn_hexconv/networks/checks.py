"""Checks of what settings say of a network."""

from __future__ import annotations

from gammalearn_core.api import OutputSpec


def check_whole(**values: object) -> None:
    """Each value is a whole number above 0, or a list of such numbers.

    Raises
    ------
    ValueError
        One is not, or a list is empty.
    """
    for name, value in values.items():
        numbers = value if isinstance(value, (list, tuple)) else [value]
        if not numbers or not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in numbers):
            raise ValueError(f"{name} must be whole numbers above 0, got {value!r}")


def check_stages(channels: object, depths: object) -> None:
    """Channels and depths are lists of whole numbers above 0, and as many.

    Raises
    ------
    ValueError
        They are not.
    """
    for name, value in (("channels", channels), ("depths", depths)):
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{name} must be a list with a whole number for each stage, got {value!r}")
    check_whole(channels=channels, depths=depths)
    if isinstance(channels, (list, tuple)) and isinstance(depths, (list, tuple)) and len(channels) != len(depths):
        raise ValueError(f"channels and depths must be as many, got {len(channels)} and {len(depths)}")


def check_share(**values: float) -> None:
    """Each value is from 0 to 1.

    Raises
    ------
    ValueError
        One is not.
    """
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be from 0 to 1, got {value!r}")


def check_tasks(outputs: OutputSpec) -> None:
    """There is a task.

    Raises
    ------
    ValueError
        There is none.
    """
    if not outputs.tasks:
        raise ValueError("a network needs at least one task, got none")


__all__ = ["check_share", "check_stages", "check_tasks", "check_whole"]
