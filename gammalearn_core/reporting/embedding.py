"""What makes a page self-contained: its data, scripts and styles inside it, and nothing that could be asked for."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from collections.abc import Sequence
from importlib import resources
from typing import Any

from jinja2 import Environment
from jinja2 import FunctionLoader
from markupsafe import Markup

from gammalearn_core.reporting.charts import FEW
from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Matrix
from gammalearn_core.reporting.charts import plain

LIBRARIES = ("d3.min.js", "plot.umd.min.js")
OWN = ("draw.js", "controls.js", "gallery.js", "start.js")
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def page_data(
    items: Sequence[Chart | Matrix], runs: Sequence[Mapping[str, str]], gallery: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What the scripts draw.

    Parameters
    ----------
    items : sequence of Chart or Matrix
        In the order of the figures' numbers.
    runs : sequence of mapping
        ``label`` and ``id`` of each run.
    gallery : mapping, optional
        Cameras and images of events.
    """
    told = {"few": FEW, "runs": [dict(run) for run in runs], "items": [plain(item) for item in items]}
    return told | ({"gallery": dict(gallery)} if gallery else {})


def as_json(value: object) -> Markup:
    r"""JSON that can stand in a ``<script>``: no text in it can end that, or begin a comment.

    Examples
    --------
    >>> str(as_json({"name": "</script><!--"}))
    '{"name":"\\u003c/script\\u003e\\u003c!--"}'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character, escaped in _ESCAPED.items():
        text = text.replace(character, escaped)
    # Halves of surrogate pairs, which file names can have, are no text that can be stored.
    return Markup(text.encode("utf-8", "replace").decode("utf-8"))


def render(template: str, context: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """A whole page.

    Parameters
    ----------
    template : str
        Name of a file in ``page/``.
    context : mapping
        What the template is given.
    data : mapping
        What the scripts draw, see `page_data`.
    """
    scripts = [_text("vendored", name) for name in LIBRARIES] + [_text("page", name) for name in OWN]
    made = _environment().get_template(template)
    text = made.render(
        **context,
        policy=_policy(scripts),
        styles=Markup(_text("page", "page.css")),
        scripts=[Markup(script) for script in scripts],
        data=as_json(data),
    )
    return text.encode("utf-8", "replace").decode("utf-8")


def _policy(scripts: Sequence[str]) -> str:
    """Content security policy: these scripts may run, no other, and no request may be made."""
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    told = " ".join(f"'sha256-{h}'" for h in hashes)
    return f"default-src 'none'; script-src {told}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def _environment() -> Environment:
    loader = FunctionLoader(lambda name: _text("page", name))
    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, loader=loader)


def _text(folder: str, name: str) -> str:
    return resources.files(__package__).joinpath(folder, name).read_text(encoding="utf-8")


__all__ = ["as_json", "page_data", "render"]
