"""``gammalearn run --debug``: a rehearsal of everything that a run does, with few events.

``rehearse`` goes through the stages. ``few`` chooses the events, ``watching`` sees what components give, ``ranges`` and
``sizes`` measure it, ``comparing`` finds what a checkpoint does not hold, ``handlers`` sees that all are called,
``timing`` projects, ``troubles`` collects what goes wrong, and ``page`` and ``telling`` print.
"""

from __future__ import annotations

from gammalearn_core.engine.rehearsal.rehearse import rehearse

__all__ = ["rehearse"]
