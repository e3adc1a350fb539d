"""``python -m gammalearn_core`` is the command ``gammalearn``."""

from __future__ import annotations

import sys

from gammalearn_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
