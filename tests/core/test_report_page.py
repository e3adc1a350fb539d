"""The page of a run, made of a run folder that is written by hand."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from gammalearn_core.builtin.reports.html import HtmlReport
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.quantities import Quantities
from gammalearn_core.reporting.training import LearningCurves
from gammalearn_core.reporting.training import learning_curves

VOID = {"meta", "br", "hr", "img", "link", "input"}
SHA = "0123456789abcdef" * 4

EXPERIMENT: dict[str, Any] = {
    "schema": 1,
    "name": "demo",
    "data": {"labelled": {"component": "core.dl1", "parameters": {"level": "telescope"}}},
    "network": {"component": "core.cnn2d", "parameters": {}},
    "targets": {task: {"component": f"core.{task}"} for task in ("energy", "particle", "direction")},
    "losses": {
        "energy": {"component": "core.l1"},
        "particle": {"component": "core.cross_entropy"},
        "direction": {"component": "core.smooth_l1"},
    },
    "balance": None,
    "epochs": 5,
    "threads": 1,
}
RUN: dict[str, Any] = {
    "schema": 1,
    "run_id": "20260102T030405Z-01234567",
    "experiment": "demo",
    "status": "running",
    "started": "2026-01-02T03:04:05Z",
    "finished": None,
    "error": None,
    "command": ["gammalearn", "run", "demo.py"],
    "settings_file": {"name": "demo.py", "sha256": SHA},
    "settings_sha256": SHA,
    "weights_sha256": None,
    "best_weights_sha256": None,
    "code": {"commit": "c0ffee", "branch": "main", "modified": True, "patch_sha256": SHA},
    "plugins": [
        {"name": "core", "distribution": "gammalearn-core", "version": "0.1.0", "status": "ok"},
        {"name": "hexconv", "distribution": "gammalearn-hexconv", "version": "0.4.2", "status": "ok"},
    ],
    "data": [{"path": "../data/gamma.dl1.h5", "bytes": 2665050, "sha256": "fedcba98" * 8}],
    "randomness": {"seed": 7},
    "determinism": {"threads": 2},
    "environment": {
        "gammalearn_core": "0.1.0",
        "python": "3.11.7",
        "system": "Linux x86_64",
        "cpu": "AVX2",
        "gpus": [],
        "packages": {"numpy": "2.0.1", "torch": "2.13.0"},
    },
    "cuts": [{"name": "core.intensity", "scope": "image", "before": 70000, "after": 56000}],
    "splits": {
        "train": {"samples": 44000, "by_primary": {"0": 38000, "1": 1000, "101": 5000}},
        "validation": {"samples": 6000, "by_primary": {"0": 4000, "1": 1000, "101": 1000}},
        "test": {"samples": 6000, "by_primary": {"0": 4000, "1": 993, "101": 1007}},
    },
}
VALIDATION: dict[str, Any] = {
    "loss": 3.0841,
    "energy/loss": 0.65296,
    "particle/loss": 0.69075,
    "direction/loss": 1.7404,
    "energy/bias": -0.34887,
    "energy/resolution_cta": 0.44909,
    "energy/n": 4000.0,
    "particle/accuracy": 0.66667,
    "particle/n": 6000.0,
    "particle/auc": 0.75123,
    "direction/resolution": 0.30054,
    "direction/median": 0.20047,
    "direction/n": 4000.0,
}
DEFINITIONS = {
    "loss": "weighted mean, joined over the tasks",
    "energy: core.energy_error": "bias: median of x; resolution_cta: 68.27 % quantile of |x|",
    "particle: core.accuracy": "share of events in the true class",
    "particle: core.auc": "probability that a gamma is above a background event",
    "direction: core.angular_error": "quantiles of the separation, in deg",
}
SETTINGS = 'experiment = Experiment(name="demo")\n'

Make = Callable[..., RunFolder]


def line(epoch: int, **changed: float | None) -> dict[str, Any]:
    factor = 1 + 1 / epoch
    validation = {k: v if k.endswith("/n") else v * factor for k, v in VALIDATION.items()}
    return {
        "epoch": epoch,
        "step": 10 * epoch,
        "seconds": 1.5,
        "learning_rate": [0.001 / epoch],
        "train": {k: v for k, v in validation.items() if k.endswith("loss")},
        "validation": validation | changed,
    }


def results(**splits: dict[str, Any]) -> dict[str, Any]:
    return {"schema": 1, "weights": "best", "epoch": 2, "splits": splits, "definitions": DEFINITIONS}


RESULTS = results(validation=VALIDATION, test={k: round(v * 1.1, 4) for k, v in VALIDATION.items()})
HISTORY = [line(1), line(2), line(3)]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(
        *,
        history: list[dict[str, Any]] = HISTORY,
        results: dict[str, Any] = RESULTS,
        experiment: dict[str, Any] = EXPERIMENT,
        settings: str = SETTINGS,
        name: str = "demo",
        **run: object,
    ) -> RunFolder:
        folder = RunFolder(tmp_path / "runs" / "demo" / RUN["run_id"])
        folder.path.mkdir(parents=True)
        folder.write_json(folder.run_json, RUN | {"experiment": name} | run)
        folder.write_json(folder.experiment_json, experiment)
        folder.write_json(folder.metrics_json, results)
        folder.settings.write_text(settings, encoding="utf-8")
        for one in history:
            folder.append_metrics(one)
        return folder

    return make


def write(folder: RunFolder) -> str:
    HtmlReport(folder)(folder.read_json(folder.metrics_json))
    return (folder.path / "report.html").read_text(encoding="utf-8")


def plain(text: str) -> str:
    """The text as a browser shows it: ASCII spaces and line breaks joined to one space."""
    return re.sub("[ \n\t]+", " ", text).strip(" ")


class Page(HTMLParser):
    """Tags, attributes and the text of a page; fails on tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        self.pre: list[str] = []
        self.scripts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "pre":
            self.pre.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"style", "script"} & set(self.open):
            if self.open[-1] == "script":
                self.scripts.append(data)
            return
        self.words.append(data)
        if "pre" in self.open:
            self.pre[-1] += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        return plain(" ".join(self.words))

    def row(self, first: str) -> list[str]:
        return next([plain(cell) for cell in row] for row in self.rows if row and row[0].strip() == first)

    @property
    def data(self) -> dict[str, Any]:
        """What the scripts draw."""
        found: dict[str, Any] = json.loads(self.scripts[0])
        return found

    def chart(self, id: str) -> dict[str, Any]:
        return next(item for item in self.data["items"] if item["id"] == id)


def curves_of(history: list[dict[str, Any]], best: int | None = 2) -> LearningCurves:
    samples = {name: split["samples"] for name, split in RUN["splits"].items()}
    return learning_curves(history, Quantities(EXPERIMENT, DEFINITIONS), best=best, samples=samples)


def curve(history: list[dict[str, Any]], id: str, best: int | None = 2) -> Chart:
    return next(c for c in curves_of(history, best).charts if c.id == id)


def svg_texts(svg: str) -> list[str]:
    return [e.text or "" for e in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_the_page_is_well_formed_and_has_every_section(make: Make) -> None:
    page = Page(write(make()))
    titles = [a["id"] for tag, a in page.tags if tag == "section"]
    assert titles == ["numbers", "events", "curves", "data", "settings", "provenance", "further"]
    assert page.text.startswith("demo · 20260102T030405Z-01234567 demo run 20260102T030405Z-01234567")


def test_the_page_asks_for_nothing_outside_itself(make: Make) -> None:
    html = write(make())
    page = Page(html)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"link", "img", "iframe", "object", "embed", "base", "form"}
    targets = [a[n] or "" for _, a in page.tags for n in ("src", "href", "xlink:href", "data", "action") if n in a]
    assert all(target.startswith("#") for target in targets)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert "://" not in re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)


def test_only_the_scripts_of_the_page_may_run_and_none_may_ask_for_anything(make: Make) -> None:
    page = Page(write(make()))
    policy = next(a["content"] or "" for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split("; ")}
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in page.scripts[1:]]
    assert len(hashes) == 6
    assert rules["default-src"] == ["'none'"]
    assert rules["script-src"] == [f"'sha256-{h}'" for h in hashes]
    assert set(rules) == {"default-src", "script-src", "style-src", "base-uri", "form-action"}
    assert not [name for _, a in page.tags for name in a if name.startswith("on")]


def test_scripts_of_others_are_those_that_were_published() -> None:
    vendored = resources.files("gammalearn_core.reporting") / "vendored"
    told = dict(re.findall(r"\| `([\w.]+\.js)` \|.*`([0-9a-f]{64})`", vendored.joinpath("README.md").read_text()))
    assert (
        set(told) == {p.name for p in vendored.iterdir() if p.name.endswith(".js")} == {"d3.min.js", "plot.umd.min.js"}
    )
    for name, sha256 in told.items():
        assert hashlib.sha256(vendored.joinpath(name).read_bytes()).hexdigest() == sha256
    assert all(
        "permission notice appear in all copies" in vendored.joinpath(f"LICENSE-{n}").read_text()
        for n in ("d3", "plot")
    )


def test_every_id_of_the_page_is_its_own_and_every_reference_has_one(make: Make) -> None:
    page = Page(write(make()))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    referred = [(a["href"] or "")[1:] for _, a in page.tags if "href" in a]
    assert referred
    assert set(referred) <= set(ids)


def test_every_figure_has_its_data_and_all_data_a_figure(make: Make) -> None:
    page = Page(write(make()))
    numbers = [int(a["data-item"] or "") for tag, a in page.tags if tag == "figure"]
    assert sorted(numbers) == list(range(len(page.data["items"])))
    assert [item["id"] for item in page.data["items"]][:2] == ["loss", "learning_rate"]


def test_the_files_that_it_names_are_those_that_it_wrote(make: Make) -> None:
    folder = make()
    before = set(folder.path.rglob("*"))
    written = HtmlReport(folder)(RESULTS)
    after = {p for p in folder.path.rglob("*") if p.is_file()}
    assert after - before == set(written)
    assert len(written) == len(set(written))
    assert {p.relative_to(folder.path).as_posix() for p in written} == {
        "report.html",
        "figures/loss.svg",
        "figures/learning_rate.svg",
        *(f"figures/{task}_loss.svg" for task in ("energy", "particle", "direction")),
        *(f"figures/energy_{name}.svg" for name in ("bias", "resolution_cta")),
        *(f"figures/particle_{name}.svg" for name in ("accuracy", "auc")),
        *(f"figures/direction_{name}.svg" for name in ("resolution", "median")),
    }


def test_twice_the_same_folder_gives_the_same_bytes(make: Make) -> None:
    folder = make()
    first = [(p, p.read_bytes()) for p in HtmlReport(folder)(RESULTS)]
    assert [(p, p.read_bytes()) for p in HtmlReport(folder)(RESULTS)] == first


def test_another_process_with_another_matplotlibrc_gives_the_same_bytes(make: Make, tmp_path: Path) -> None:
    folder = make()
    written = {p.relative_to(folder.path): p.read_bytes() for p in HtmlReport(folder)(RESULTS)}
    rc = tmp_path / "matplotlibrc"
    rc.write_text("lines.linewidth: 7\nfont.size: 20\nsvg.fonttype: path\naxes.facecolor: red\n")
    code = (
        "import json, sys; from pathlib import Path; from gammalearn_core.engine.folder import RunFolder;"
        "from gammalearn_core.builtin.reports.html import HtmlReport; run = RunFolder(Path(sys.argv[1]));"
        "HtmlReport(run)(run.read_json(run.metrics_json))"
    )
    environment = {"MATPLOTLIBRC": str(rc), "PYTHONHASHSEED": "3", "LC_ALL": "C", "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, str(folder.path)], check=True, env=environment, timeout=120)
    assert {path: (folder.path / path).read_bytes() for path in written} == written


def test_the_settings_of_matplotlib_are_as_they_were(make: Make) -> None:
    before = copy.deepcopy(dict(matplotlib.rcParams))
    write(make())
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("split", [0, 1])
def test_the_table_has_every_number_of_both_splits(make: Make, split: int) -> None:
    page = Page(write(make()))
    name = ("validation", "test")[split]
    shown = [row[1 + split].strip() for row in page.rows if len(row) == 4]
    for key, value in RESULTS["splits"][name].items():
        expected = f"n = {value:,.0f}".replace(",", "\u202f") if key.endswith("/n") else f"{value:#.4g}"
        assert expected.replace("-", "−") in shown, key


def test_each_number_stands_with_its_own_definition_and_unit(make: Make) -> None:
    page = Page(write(make()))
    assert page.row("bias")[3] == "median of x"
    assert page.row("resolution_cta")[3] == "68.27 % quantile of |x|"
    assert page.row("accuracy")[3] == DEFINITIONS["particle: core.accuracy"]
    assert page.row("auc")[3] == DEFINITIONS["particle: core.auc"]
    assert page.row("median [deg]")[3] == DEFINITIONS["direction: core.angular_error"]
    assert page.row("loss")[3] == DEFINITIONS["loss"]


def test_every_definition_is_on_the_page(make: Make) -> None:
    text = Page(write(make())).text
    parts = [part.partition(": ")[2] or part for whole in DEFINITIONS.values() for part in whole.split("; ")]
    assert [part for part in parts if part not in text] == []


def test_a_number_that_could_not_be_measured_is_a_dash_with_a_remark(make: Make) -> None:
    test = VALIDATION | {"particle/auc": None, "energy/bias": None, "energy/n": 0.0}
    page = Page(write(make(results=results(validation=VALIDATION, test=test))))
    assert page.row("auc")[2] == "—not measurable with these samples"
    assert page.row("bias")[2] == "—no sample has truth"


@pytest.mark.parametrize(("n", "warned"), [(9.0, True), (10.0, False)])
def test_fewer_than_ten_samples_are_warned_of(make: Make, n: float, warned: bool) -> None:
    html = write(make(results=results(test=VALIDATION | {"energy/n": n})))
    assert ("Too few samples." in Page(html).text) == warned
    assert ("n = 9 &lt; 10" in html) == warned


def test_values_that_could_not_be_measured_are_gaps_and_not_zero(make: Make) -> None:
    history = [line(1), line(2, **{"particle/auc": None}), line(3)]
    first, gap, last = curve(history, "particle_auc").series[0].y
    assert math.isnan(gap)
    assert min(first, last) > 0.75
    shown = Page(write(make(history=history))).chart("particle_auc")["series"][0]["y"]
    assert [v is None for v in shown] == [False, True, False]


def test_a_gap_breaks_the_line_in_the_figure(make: Make) -> None:
    broken = [line(e, **({"particle/auc": None} if e == 3 else {})) for e in range(1, 6)]
    folder = make(history=broken)
    write(folder)
    assert _moves((folder.figures / "particle_auc.svg").read_text(encoding="utf-8")) == 2
    assert _moves((folder.figures / "energy_bias.svg").read_text(encoding="utf-8")) == 1


def _moves(svg: str) -> int:
    """How many pieces the line of the validation has: the path of its colour that is not a marker's or the legend's."""
    paths = re.findall(r'<path d="([^"]*)"[^>]*style="fill: none; stroke: #0072b2', svg)
    return len(re.findall("M", max(paths, key=len)))


def test_an_epoch_whose_line_is_lost_is_a_gap() -> None:
    chart = curves_of([line(1), line(3)]).charts[0]
    assert chart.series[0].x == (1, 2, 3)
    assert [math.isnan(v) for v in chart.series[0].y] == [False, True, False]


def test_a_quantity_that_was_never_measured_is_named_and_not_drawn(make: Make) -> None:
    folder = make(history=[line(e, **{"particle/auc": None}) for e in (1, 2)])
    text = Page(write(folder)).text
    assert "no epoch could measure them: particle/auc." in text
    assert not (folder.figures / "particle_auc.svg").exists()


def test_points_of_few_samples_are_known() -> None:
    chart = curve([line(1, **{"energy/n": 9.0}), line(2)], "energy_bias")
    assert chart.series[0].n == (9, 4000)


def test_axes_are_labelled_with_units_and_the_best_epoch_is_marked(make: Make) -> None:
    folder = make()
    write(folder)
    texts = svg_texts((folder.figures / "direction_median.svg").read_text(encoding="utf-8"))
    assert {"epoch", "direction: median [deg]", "validation", "best epoch: 2"} <= set(texts)


def test_learning_rates_of_several_groups_are_several_curves() -> None:
    history = [line(e) | {"learning_rate": [0.1 / e, 1e-4 / e]} for e in (1, 2, 3)]
    chart = curve(history, "learning_rate")
    assert [s.label for s in chart.series] == ["group 0", "group 1"]
    assert chart.y_log


def test_without_any_epoch_the_page_is_written(make: Make) -> None:
    folder = make(history=[], results=results() | {"weights": "last", "epoch": 0})
    written = HtmlReport(folder)(folder.read_json(folder.metrics_json))
    assert written == [folder.path / "report.html"]
    text = Page(written[0].read_text(encoding="utf-8")).text
    assert "No epoch was completed." in text
    assert "Nothing was measured." in text


def test_one_epoch_is_drawn_as_a_point(make: Make) -> None:
    page = Page(write(make(history=[line(1)], results=RESULTS | {"epoch": 1})))
    assert "Training took 1 of at most 5 epochs" in page.text
    assert page.chart("loss")["series"][0]["y"] == [line(1)["train"]["loss"]]


def test_without_a_validation_split_the_training_is_shown(make: Make) -> None:
    history = [{k: v for k, v in line(e).items() if k != "validation"} for e in (1, 2)]
    splits = {k: v for k, v in RUN["splits"].items() if k != "validation"}
    folder = make(history=history, results=results(test=VALIDATION), splits=splits)
    page = Page(write(folder))
    assert "There is no validation split" in page.text
    assert "The training loss was lowest after epoch 2" in page.text
    assert [row for row in page.rows if row[:2] == ["", "test"]]
    assert not (folder.figures / "energy_bias.svg").exists()
    assert "train" in svg_texts((folder.figures / "loss.svg").read_text(encoding="utf-8"))


def test_without_a_test_split_the_page_says_so(make: Make) -> None:
    splits = RUN["splits"] | {"test": {"samples": 0, "by_primary": {}}}
    text = Page(write(make(results=results(validation=VALIDATION), splits=splits))).text
    assert "there is no test split, so nothing was tested" in text
    assert "quote the test split" not in text


def test_a_folder_with_nothing_else_in_it_has_a_page(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "demo" / "empty")
    folder.path.mkdir(parents=True)
    assert HtmlReport(folder)({}) == [folder.path / "report.html"]
    Page((folder.path / "report.html").read_text(encoding="utf-8"))


def test_the_summary_says_what_was_learned_from_what(make: Make) -> None:
    folder = make()
    folder.write_json(folder.specs_json, {"raw_inputs": {"level": "telescope", "cameras": {"LSTCam": {}}}})
    n, k = "44\u202f000", "\u202f000"
    assert (
        "The network core.cnn2d learned energy (core.l1), particle (core.cross_entropy) and direction"
        f" (core.smooth_l1) from {n} telescope images of LSTCam (38{k} gamma, 1{k} electron, 5{k} proton)."
        " Training took 3 of at most 5 epochs, 1.5 s each. The validation loss was lowest after epoch 2;"
        f" the weights of that epoch were tested on 6{k} telescope images."
    ) in Page(write(folder)).text


def test_a_run_that_is_about_to_finish_is_not_called_running(make: Make) -> None:
    text = Page(write(make())).text
    assert "started 2026-01-02 03:04 UTC" in text
    assert "running" not in text


def test_a_run_that_has_ended_shows_how(make: Make) -> None:
    changed = {"status": "failed", "finished": "2026-01-02T04:00:00Z", "error": "OSError: the <disk> is full"}
    text = Page(write(make(**changed))).text
    assert "failed 2026-01-02 04:00 UTC" in text
    assert "OSError: the <disk> is full" in text


def test_data_and_provenance_are_told(make: Make) -> None:
    page = Page(write(make(best_weights_sha256="ba5e" * 16)))
    assert page.row("core.intensity")[2:] == ["70\u202f000", "56\u202f000", "80.0 %"]
    assert page.row("split") == ["split", "samples", "gamma", "electron", "proton"]
    assert page.row("test") == ["test", "6\u202f000", "4\u202f000", "993", "1\u202f007"]
    assert page.row("gamma.dl1.h5") == ["gamma.dl1.h5", "2.7 MB", "fedcba98fedc…"]
    for told in ("hexconv 0.4.2", "torch 2.13.0", "python 3.11.7", "c0ffee on main, modified", "ba5e" * 16, "seed 7"):
        assert told in page.text


def test_checksums_of_weights_that_are_not_known_yet_are_promised(make: Make) -> None:
    assert "SHA-256 of best weights in run.json , once the run has ended" in Page(write(make())).text


def test_settings_are_verbatim(make: Make) -> None:
    settings = '\n\n# </pre><script>alert("&amp;")</script> {{ 7 * 7 }}\nexperiment = 1\n'
    folder = make(settings=settings)
    page = Page(write(folder))
    assert page.pre[0] == f"\n{settings}"  # a browser drops the line break after <pre>
    assert page.pre[1] == f"\n{folder.experiment_json.read_text(encoding='utf-8')}"


def test_names_cannot_break_the_page(make: Make) -> None:
    evil = "<b>\"'&$x^2$ 能/../.."
    experiment = EXPERIMENT | {"name": evil, "losses": {evil: {"component": evil}}, "targets": {}}
    one = {"loss": 1.0, f"{evil}/loss": 1.0, f"{evil}/<i>": 0.5, f"{evil}/n": 3.0}
    history = [{"epoch": e, "seconds": 1, "learning_rate": [0.1], "train": one, "validation": one} for e in (1, 2)]
    told = results(test=one) | {"definitions": {f"{evil}: {evil}.<i>": "<u>, in <s>"}}
    folder = make(experiment=experiment, history=history, results=told, settings=evil, name=evil)
    written = HtmlReport(folder)(told)
    page = Page(written[0].read_text(encoding="utf-8"))
    assert page.text.startswith(f"{evil} · 2026")
    assert not {tag for tag, _ in page.tags} & {"b", "i", "u", "s"}
    assert [item["title"] for item in page.data["items"]].count(f"{evil}: <i> [<s>]") == 1
    assert "<" not in page.scripts[0]
    assert all(path.resolve().is_relative_to(folder.path.resolve()) for path in written)
    texts = [text for path in written[1:] for text in svg_texts(path.read_text(encoding="utf-8"))]
    assert f"{evil}: <i> [<s>]" in texts


def test_names_that_would_be_the_same_file_have_each_their_own(make: Make) -> None:
    one = {"loss": 1.0, "energy/a b": 1.0, "energy/A_B": 2.0}
    folder = make(history=[{"epoch": 1, "learning_rate": [], "train": {}, "validation": one}])
    write(folder)
    assert sorted(p.name for p in folder.figures.iterdir()) == ["energy_A_B-2.svg", "energy_a_b.svg", "loss.svg"]
    assert len(Page((folder.path / "report.html").read_text(encoding="utf-8")).data["items"]) == 3


def test_tensorboard_is_started_by_a_relative_path(make: Make) -> None:
    folder = make()
    assert "There are no TensorBoard files" in Page(write(folder)).text
    folder.tensorboard.mkdir()
    page = Page(write(folder))
    assert page.pre[-1] == "\ntensorboard --logdir tensorboard\ntensorboard --logdir .."
    assert str(folder.path) not in page.text
