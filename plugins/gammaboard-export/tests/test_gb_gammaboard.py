"""The real GammaBoard opens what we write, and draws it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gb_truth import showers
from gb_truth import write_lstchain

from gammalearn_gammaboard_export.command import main

pytest.importorskip("ctaplot")

pytestmark = pytest.mark.filterwarnings("ignore")
MakeRun = Callable[..., Path]
NAME = "gammaphysnet_s1"
OTHER = "gammaphysnet"
"""Its name is in that of the other."""
RESOLUTIONS = ("Angular resolution", "Energy resolution", "Impact resolution")


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without what the notebook changes, without figures, and without files that GammaBoard leaves open."""
    import matplotlib.pyplot as plt
    import tables
    from ctaplot.ana import ana
    from ctaplot.gammaboard import gammaboard

    plt.switch_backend("agg")
    for owner in (gammaboard.Experiment, ana, gammaboard):
        for name, value in vars(owner).copy().items():
            if callable(value) and not name.startswith("__"):
                monkeypatch.setattr(owner, name, value)
    level = logging.getLogger("matplotlib").level
    yield
    logging.getLogger("matplotlib").setLevel(level)
    if hasattr(gammaboard.Experiment, "repaired"):
        del gammaboard.Experiment.repaired
    plt.close("all")
    tables.file._open_files.close_all()


class Board:
    """GammaBoard, and hands to use it."""

    def __init__(self, gammaboard: Any) -> None:
        self.board = gammaboard
        self.carousel, self.tabs = gammaboard.exp_box.children[1].children

    def click(self, name: str) -> Any:
        """The button of an experiment, which must do it without an exception."""
        (button,) = [b for b in self.carousel.children if b.description == name]
        button.click()
        return self.board.experiments_dict[name]

    def widget(self, kind: str) -> Any:
        """Of the experiment that was clicked last."""
        from ipywidgets import Widget

        found: list[Widget] = []
        left = list(self.tabs.children[self.tabs.selected_index].children)
        while left:
            one = left.pop()
            left += getattr(one, "children", ())
            found += [one] if type(one).__name__ == kind else []
        (widget,) = found
        return widget

    def drawn(self) -> dict[str, dict[str, Any]]:
        """Numbers that are drawn, by plot and label."""
        found: dict[str, dict[str, Any]] = {}
        titles = [*RESOLUTIONS, "Effective area", "ROC", "ratio", "precision"]
        for title, axes in zip(titles, self.board._fig_resolution.axes[:7], strict=True):
            curves = {c.get_label(): c.lines[0].get_ydata() for c in axes.containers}
            curves |= {c.get_label(): c.get_ydata() for c in axes.lines if not c.get_label().startswith("_")}
            found[title] = {name: np.asarray(getattr(y, "value", y), dtype=float) for name, y in curves.items()}
        return found


@pytest.fixture
def board(make_run: MakeRun, tmp_path: Path) -> Callable[..., Board]:
    """``board("gammalearn")``: a run in GammaBoard as ctaplot has it."""

    def make(*options: str, **facts: Any) -> Board:
        from ctaplot.gammaboard import GammaBoard

        run = make_run(**facts)
        main([str(run), "-o", str(tmp_path / "board"), *options])
        return Board(GammaBoard(str(tmp_path / "board")))

    return make


@pytest.fixture
def notebook(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Board]:
    """``notebook({})``: a board of the notebook beside the files, with an experiment for each mapping of facts."""

    def make(*facts: dict[str, Any]) -> Board:
        runs = [make_run(run_id=f"2026010{n}T000000Z-01234567", **fact) for n, fact in enumerate(facts)]
        main([*map(str, runs), "-o", str(tmp_path / "board")])
        monkeypatch.chdir(tmp_path / "board")
        cells = json.loads(Path("gammaboard.ipynb").read_text())["cells"]
        names: dict[str, Any] = {}
        for cell in cells[2:]:
            exec("".join(cell["source"]).removeprefix("%matplotlib widget\n"), names)
        made = Board(names["gammaboard"])
        made.matrices = names["figure"]  # type: ignore[attr-defined]
        return made

    return make


@pytest.mark.parametrize("layout", ["gammalearn", "lstchain"])
def test_every_plot_is_drawn(board: Callable[..., Board], layout: str) -> None:
    shown = board("--layout", layout)
    experiment = shown.click(NAME)
    assert len(experiment.data) == 720
    assert len(experiment.mc_trig_events) == 400
    assert {kind: config["num_showers"] for kind, config in experiment.run_configs.items()} == {0: 5000, 101: 5000}
    assert experiment.gammaness_cut == 0.5
    assert 0.9 < experiment.auc < 1
    assert experiment.info["settings"]["network.depth"] == 3
    drawn = shown.drawn()
    for title in RESOLUTIONS:
        assert {*drawn[title]} == {NAME, f"{NAME}_reco"}
        assert np.count_nonzero(drawn[title][NAME]) == (17 if title == "Energy resolution" else 16)
    endings = ("", "_triggered", "_reco", "_reco_noise")
    assert {*drawn["Effective area"]} == {f"{NAME}{ending}" for ending in endings}
    assert {*drawn["ratio"]} == {f"{NAME}_ratio_gamma", f"{NAME}_ratio_noise"}
    assert {*drawn["ROC"]} == {*drawn["precision"]} == {NAME}
    assert all(np.nanmax(curve) > 0 for curves in drawn.values() for curve in curves.values())


@pytest.mark.parametrize("layout", ["gammalearn", "lstchain"])
def test_files_of_lstchain_are_drawn(tmp_path: Path, layout: str) -> None:
    from ctaplot.gammaboard import GammaBoard

    for primary, name in ((0, "gamma"), (101, "proton")):
        write_lstchain(tmp_path / "dl2" / f"{name}.dl2.h5", showers(primary=primary))
    main([str(tmp_path / "dl2"), "-o", str(tmp_path / "board"), "--layout", layout])
    shown = Board(GammaBoard(str(tmp_path / "board")))
    assert len(shown.click("dl2").data) == 720
    assert len(shown.drawn()["Effective area"]) == 4
    assert np.nanmax(shown.drawn()["ROC"]["dl2"]) == 1


def test_numbers_are_those_of_the_run(board: Callable[..., Board]) -> None:
    shown = board()
    shown.click(NAME)
    drawn = shown.drawn()
    angular = drawn["Angular resolution"][NAME]
    # Gaussian in two coordinates: 0.1 deg in altitude, 0.3 deg times the cosine of 70 deg in azimuth.
    assert np.median(angular[angular > 0]) == pytest.approx(0.152, rel=0.15)
    impact = drawn["Impact resolution"][NAME]
    assert np.median(impact[impact > 0]) == pytest.approx(20 * np.sqrt(-2 * np.log(0.3173)), rel=0.15)
    energy = drawn["Energy resolution"][NAME]
    assert np.median(energy[energy > 0]) == pytest.approx(0.2, rel=0.2)


def test_experiments_are_shown_and_hidden(board: Callable[..., Board]) -> None:
    shown = board()
    axes = shown.board._fig_resolution.axes[0]
    shown.click(NAME)
    assert all(c.lines[0].get_visible() for c in axes.containers)
    shown.click(NAME)
    assert not any(c.lines[0].get_visible() for c in axes.containers)


def test_in_the_notebook_the_slider_and_the_colour_work(notebook: Callable[..., Board]) -> None:
    shown = notebook({"name": OTHER}, {"name": NAME})
    shown.click(NAME)
    shown.click(OTHER)
    before = shown.drawn()
    shown.widget("FloatSlider").value = 0.8
    shown.widget("Text").value = "#cc00cc"
    after = shown.drawn()
    assert shown.board.experiments_dict[OTHER].gammaness_cut == 0.8
    for title, curves in after.items():
        assert {*curves} == {*before[title]}, title
        assert len(shown.board._fig_resolution.axes[0].containers) == 4
    colours = {c.get_label(): c.lines[0].get_color() for c in shown.board._fig_resolution.axes[0].containers}
    assert colours[OTHER] == colours[f"{OTHER}_reco"] == "#cc00cc"
    assert "#cc00cc" not in (colours[NAME], colours[f"{NAME}_reco"])
    np.testing.assert_array_equal(after["ROC"][NAME], before["ROC"][NAME])
    area = after["Effective area"][f"{OTHER}_reco_noise"]
    assert area.sum() < before["Effective area"][f"{OTHER}_reco_noise"].sum()
    assert after["Energy resolution"][OTHER].shape == before["Energy resolution"][OTHER].shape


def test_in_the_notebook_a_cut_that_nothing_passes_is_no_error(notebook: Callable[..., Board]) -> None:
    shown = notebook({})
    shown.click(NAME)
    shown.widget("FloatSlider").value = 1.0
    assert {*shown.drawn()["Energy resolution"]} == {NAME}


def test_in_the_notebook_bins_without_events_are_gaps(notebook: Callable[..., Board]) -> None:
    shown = notebook({})
    shown.click(NAME)
    for title in RESOLUTIONS:
        curve = shown.drawn()[title][NAME]
        assert np.isnan(curve).sum() == (1 if title == "Energy resolution" else 2)
        assert not np.any(curve == 0)


@pytest.mark.parametrize(
    ("tasks", "empty"),
    [
        (("energy", "direction", "impact"), {"ROC", "precision"}),
        (("energy", "direction", "particle"), {"Impact resolution"}),
        (("energy", "particle"), {"Angular resolution", "Impact resolution"}),
        (("direction", "particle"), {"Energy resolution", "Impact resolution", "ratio"}),
        (("energy",), {"Angular resolution", "Impact resolution", "ROC", "precision"}),
    ],
)
def test_in_the_notebook_what_is_not_predicted_is_not_drawn(
    notebook: Callable[..., Board], tasks: tuple[str, ...], empty: set[str]
) -> None:
    shown = notebook({"tasks": tasks})
    shown.click(NAME)
    drawn = shown.drawn()
    nothing = {title for title, curves in drawn.items() if not any(np.isfinite(y).any() for y in curves.values())}
    assert nothing == empty
    # Images and lines of the matrices: energy, altitude, azimuth, impact x and y.
    matrices = [bool(axes.collections) for axes in shown.matrices.axes[:5]]  # type: ignore[attr-defined]
    known = ["energy" in tasks, "direction" in tasks, "direction" in tasks, "impact" in tasks, "impact" in tasks]
    assert matrices == known


@pytest.mark.parametrize("tasks", [("energy",), ("direction", "particle"), ("energy", "direction", "impact")])
def test_without_the_notebook_what_is_predicted_is_drawn_too(
    board: Callable[..., Board], tasks: tuple[str, ...]
) -> None:
    shown = board(tasks=tasks)
    shown.click(NAME)
    drawn = shown.drawn()
    assert {*drawn["Angular resolution"]} == {NAME, f"{NAME}_reco"}
    assert len(drawn["Effective area"]) == 4
    assert ("particle" in tasks) == bool(drawn["ROC"])


def test_a_run_of_gammas_only_opens(board: Callable[..., Board]) -> None:
    shown = board(primaries=(0,))
    experiment = shown.click(NAME)
    assert len(experiment.data) == 360
    assert np.isfinite(shown.drawn()["Angular resolution"][NAME]).any()


def test_a_hostile_name_is_a_button_and_a_curve(board: Callable[..., Board]) -> None:
    shown = board(name="../<script>alert(1)</script> $x_{1$ CTA")
    name = "script_alert_1_script_x_1_cta"
    shown.click(name)
    assert name in shown.drawn()["Effective area"]
    shown.board._fig_resolution.canvas.draw()
