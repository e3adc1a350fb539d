"""The plug-in system: names, hook specifications, records and the registry. Imports nothing heavy.

A plug-in is a distribution with one entry point in the group ``gammalearn_core.plugins``, which names a light module::

    [project.entry-points."gammalearn_core.plugins"]
    mine = "gammalearn_mine.plugin"

That module states the plug-in API it was written for, and yields records from hooks::

    from gammalearn_core import Network, hookimpl

    api_version = "1.0"

    @hookimpl
    def gammalearn_networks():
        yield Network(name="tiny", target="gammalearn_mine.tiny:Tiny", summary="The smallest network that learns")

Settings files then say ``ref("mine.tiny")``; ``gammalearn_mine.tiny`` is imported only when a run needs it.
"""

from __future__ import annotations

from gammalearn_core.plugin.loading import Entry
from gammalearn_core.plugin.loading import Plugin
from gammalearn_core.plugin.names import API_VERSION
from gammalearn_core.plugin.names import GROUP
from gammalearn_core.plugin.names import hookimpl
from gammalearn_core.plugin.registry import Registry
from gammalearn_core.plugin.switches import Switches

__all__ = ["API_VERSION", "GROUP", "Entry", "Plugin", "Registry", "Switches", "hookimpl"]
