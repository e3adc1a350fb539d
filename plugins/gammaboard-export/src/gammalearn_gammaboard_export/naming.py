"""Names of experiments that GammaBoard can tell apart.

The name is that of a folder, of a button, and of a curve: GammaBoard finds curves by it, or by it and an ending, and
takes every curve with CTA in its name for a reference. matplotlib would read a ``$`` as mathematics.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_LONGEST = 80
_ENDINGS = ("_reco", "_reco_noise", "_triggered", "_ratio_gamma", "_ratio_noise")
"""What GammaBoard adds to the name for other curves of an experiment."""


def safe_name(text: str) -> str:
    """Letters, digits, and ``. _ - +`` inside; never empty.

    Examples
    --------
    >>> safe_name("gammaphysnet_s1"), safe_name("../<b>Crab</b> $n_e$"), safe_name("CTA/γ")
    ('gammaphysnet_s1', 'b_Crab_b_n_e', 'cta')
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9.+-]+", "_", plain).replace("CTA", "cta")
    return plain[:_LONGEST].strip("._-+") or "run"


def free_name(label: str, run_id: str, taken: Mapping[str, str], identity: str) -> str:
    """A name that no other experiment has: the label, with the run's id where that is needed.

    Parameters
    ----------
    label : str
    run_id : str
        Empty if there is none.
    taken : mapping of str to str
        Identities of experiments by name. Names that differ in capitals only are one, as on some file systems.
    identity : str
        Of the run. It keeps a name that it has.

    Examples
    --------
    >>> free_name("quickstart", "20260101T000000Z-0123abcd", {"Quickstart": "another"}, "this")
    'quickstart_20260101T000000Z-0123abcd'
    >>> free_name("renamed", "20260101T000000Z-0123abcd", {"quickstart": "this"}, "this")
    'quickstart'
    """
    kept = next((name for name, owner in taken.items() if owner == identity), None)
    if kept is not None:
        return kept
    lower = {name.lower() for name in taken}
    short = safe_name(label)
    long = f"{short}_{safe_name(run_id)}" if run_id else short
    counted = (f"{long}_{number}" for number in range(2, len(taken) + 4))
    candidates = (name for name in (short, long, *counted) if not name.endswith(_ENDINGS))
    return next(name for name in candidates if name.lower() not in lower)


__all__ = ["free_name", "safe_name"]
