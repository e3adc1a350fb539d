"""``python -m gammalearn_hexconv.kernel``: compile the kernel where the plug-in is installed."""

from __future__ import annotations

from gammalearn_hexconv.kernel.building import main

if __name__ == "__main__":
    raise SystemExit(main())
