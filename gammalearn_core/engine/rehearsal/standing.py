"""What stands for a component while it is looked at."""

from __future__ import annotations

from typing import Any


class StandIn:
    """Has whatever the component has that it stands for, but for what it does itself.

    Examples
    --------
    >>> StandIn([3, 1, 2]).index(2)
    2
    """

    def __init__(self, component: Any) -> None:
        self._component = component

    def __getattr__(self, name: str) -> Any:
        if name == "_component":  # while it is being copied
            raise AttributeError(name)
        return getattr(self._component, name)


__all__ = ["StandIn"]
