"""The compiled kernel: whether it is there, and its operations for torch.

The operations are in `gammalearn_hexconv.kernel.ops`, which imports torch; this module does not.
"""

from __future__ import annotations

from gammalearn_hexconv.kernel.library import available
from gammalearn_hexconv.kernel.library import isa
from gammalearn_hexconv.kernel.library import why_not

__all__ = ["available", "isa", "why_not"]
