"""The notebook that shows GammaBoard beside the experiments.

That of ctaplot draws nothing in today's Jupyter: ``%matplotlib notebook`` is of one that is gone.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from gammalearn_gammaboard_export.writing.whole import write_bytes

NOTEBOOK = "gammaboard.ipynb"
_TITLE = """\
# GammaBoard

Run all cells (*Run*, *Run All Cells*), then click the experiments.
`pip install ctaplot h5py ipympl notebook` has all that is needed."""
_SHOW = """\
# A button an experiment; click it. The board shows what is in the folder of this notebook.
from ctaplot.gammaboard import GammaBoard

gammaboard = GammaBoard(".", figsize=(10, 16))
for part in gammaboard.exp_box.children[1].children:
    part.layout.height, part.layout.overflow = "320px", "auto"
gammaboard.exp_box"""
_MATRICES = """\
# Migration matrices of one experiment: say its name, and run this cell again.
from ctaplot.gammaboard import plot_migration_matrices

name = sorted(gammaboard.experiments_dict)[0]
experiment = gammaboard.experiments_dict[name]
if not experiment.get_loaded():
    experiment.load_data()
figure = plot_migration_matrices(experiment, colorbar=False, figsize=(11, 2.7))"""


def write_notebook(folder: Path) -> Path:
    """Write it; the same bytes wherever.

    Raises
    ------
    GammalearnError
        The disk is full, or nothing can be written there.
    """
    text = json.dumps(notebook(), indent=1, ensure_ascii=False) + "\n"
    return write_bytes(folder / NOTEBOOK, text.encode())


def notebook() -> dict[str, Any]:
    """Of format 4.5."""
    codes = {
        "needs": launcher_code("needs"),
        "repairs": f"%matplotlib widget\n{launcher_code('repairs')}",
        "show": _SHOW,
        "matrices": _MATRICES,
    }
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": _lines(_TITLE)}
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    cells = [title, *(_cell(name, code) for name, code in codes.items())]
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cell(name: str, code: str) -> dict[str, Any]:
    """What only makes the others work is folded away."""
    folded = {"jupyter": {"source_hidden": True}} if name in ("needs", "repairs") else {}
    outcome: dict[str, Any] = {"execution_count": None, "outputs": []}
    return {"cell_type": "code", "id": name, "metadata": folded, **outcome, "source": _lines(code)}


def _lines(text: str) -> list[str]:
    return text.strip("\n").splitlines(keepends=True)


def launcher_code(name: str) -> str:
    """The code of a module of `launcher`."""
    return (files("gammalearn_gammaboard_export.launcher") / f"{name}.py").read_text(encoding="utf-8")


__all__ = ["NOTEBOOK", "launcher_code", "notebook", "write_notebook"]
