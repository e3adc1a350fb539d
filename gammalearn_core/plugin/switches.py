"""Which plug-ins the user has switched off, read before anything is imported."""

from __future__ import annotations

import os
from collections.abc import Mapping

from attrs import frozen

from gammalearn_core.plugin.names import CORE
from gammalearn_core.plugin.names import LOCAL

ENV_ONLY = "GAMMALEARN_PLUGINS"
ENV_DISABLED = "GAMMALEARN_DISABLED_PLUGINS"
ENV_STRICT = "GAMMALEARN_STRICT_PLUGINS"


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


@frozen(kw_only=True)
class Switches:
    """The installed plug-ins that may be loaded. Names of plug-ins and of distributions both work.

    Examples
    --------
    >>> Switches.read({"GAMMALEARN_DISABLED_PLUGINS": "stereo"}).reason("stereo", "gammalearn-stereo")
    'by GAMMALEARN_DISABLED_PLUGINS'
    >>> Switches.read({}).reason("stereo", "gammalearn-stereo")
    ''
    """

    only: frozenset[str] | None = None
    """If given, nothing else is loaded (``GAMMALEARN_PLUGINS``; empty means none)."""
    disabled: frozenset[str] = frozenset()
    """Never loaded (``GAMMALEARN_DISABLED_PLUGINS``)."""
    option: frozenset[str] = frozenset()
    """Switched off by ``--no-plugins=a,b``."""
    none: bool = False
    """``--no-plugins`` without names: only the core."""
    strict: bool = False
    """Raise at the first plug-in that fails (``GAMMALEARN_STRICT_PLUGINS=1``)."""

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None, no_plugins: str | None = None) -> Switches:
        """Switches from the environment and from the value of ``--no-plugins`` (None if it was not given)."""
        environ = os.environ if environ is None else environ
        only = environ.get(ENV_ONLY)
        return cls(
            only=None if only is None else _names(only),
            disabled=_names(environ.get(ENV_DISABLED, "")),
            option=_names(no_plugins or ""),
            none=no_plugins == "",
            strict=environ.get(ENV_STRICT, "") not in ("", "0"),
        )

    def reason(self, plugin: str, distribution: str) -> str:
        """Why a plug-in is off, or an empty string. The core, and the hooks of a settings file, are never off."""
        names = {plugin, distribution}
        if plugin in (CORE, LOCAL):
            return ""
        if self.none or names & self.option:
            return "by --no-plugins"
        if names & self.disabled:
            return f"by {ENV_DISABLED}"
        if self.only is not None and not names & self.only:
            return f"by {ENV_ONLY}"
        return ""


__all__ = ["ENV_DISABLED", "ENV_ONLY", "ENV_STRICT", "Switches"]
