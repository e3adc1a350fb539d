"""Pages of real runs: one by itself, and several compared."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs import EXAMPLES
from runs import read
from runs import run
from runs import run_folders
from runs import write_settings

from gammalearn_core.cli import main
from gammalearn_core.engine.folder import RunFolder
from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Series
from gammalearn_core.reporting.charts import plain
from gammalearn_core.reporting.choosing import choose
from gammalearn_core.reporting.compare_page import compare_page
from gammalearn_core.reporting.differences import settings_that_differ
from gammalearn_core.reporting.reading import predictions
from gammalearn_core.reporting.reading import read as read_run_folder
from gammalearn_core.reporting.run_page import make_page
from gammalearn_core.results.performance import EventResults

PROTONS = "proton_prod6_run1_v7.dl1.h5"
FEWER = f"ref('core.dl1', paths=[DATA + 'gamma_mono*.h5', DATA + '{PROTONS}'], cameras='NectarCam')"
EVIL = "</script><script>alert(1)</script><b>\"'&"
Copy = Callable[..., Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of three runs: ``first``, ``other`` with another seed, ``fewer`` with fewer data."""
    found = {}
    for name, settings in (
        ("first", {"reports": "[ref('core.html')]"}),
        ("other", {"seed": "2"}),
        ("fewer", {"data": FEWER}),
    ):
        file = write_settings(tmp_path_factory.mktemp(name), epochs="1", test="0.5", **settings)
        assert run(file, "--set", f'name="{name}"') == 0
        found[name] = run_folders(file, name)[0]
    return found


@pytest.fixture
def copy(made: dict[str, Path], tmp_path: Path) -> Copy:
    """``copy("first", experiment="…")``: a copy of a run whose ``run.json`` says something else."""

    def copy(name: str, **changed: Any) -> Path:
        number = len(list(tmp_path.glob("copy*")))
        folder = tmp_path / f"copy{number}" / made[name].name
        shutil.copytree(made[name], folder, ignore=shutil.ignore_patterns("checkpoints", "tensorboard"))
        RunFolder(folder).write_json(folder / "run.json", read(folder / "run.json") | changed)
        return folder

    return copy


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    told: dict[str, Any] = json.loads(found[1])
    return told


def text_of(html: str) -> str:
    without = re.sub(r"<(script|style).*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", without))


def test_a_run_writes_the_page_with_its_events_and_the_command_writes_it_again(
    made: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made["first"]
    first = (folder / "report.html").read_text(encoding="utf-8")
    assert main(["report", str(folder), "-o", str(tmp_path / "page.html"), "--svg", str(tmp_path / "svg")]) == 0
    again = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert data_of(first) == data_of(again)
    assert len(again.encode()) < 1_000_000
    ids = [item["id"] for item in data_of(again)["items"]]
    assert {"test_energy_bias", "test_angular_resolution", "test_migration", "gammaness", "loss"} <= set(ids)
    assert {p.stem for p in (tmp_path / "svg").iterdir()} == set(ids) == {p.stem for p in folder.glob("figures/*")}
    assert f"done: {tmp_path / 'page.html'}" in capsys.readouterr().out
    assert "finished 20" in text_of(again)


def test_images_of_events_are_those_of_the_data(made: dict[str, Path]) -> None:
    html = make_page(RunFolder(made["first"])).html
    gallery = data_of(html)["gallery"]
    assert len(gallery["events"]) == html.count("<canvas ") >= 6
    (camera,) = gallery["cameras"]
    assert camera["name"] == "NectarCam"
    assert {len(camera[n]) for n in ("x", "y", "shape")} == {1855}
    for event in gallery["events"]:
        assert len(event["charge"]) == 1855
        assert max(c for c in event["charge"] if c is not None) == 255
        assert all(abs(place) <= 10_500 for place in [*event.get("true", ()), *event.get("predicted", ())])


def test_the_image_of_an_event_lies_where_the_file_has_its_light(made: dict[str, Path]) -> None:
    from gammalearn_core.builtin.loaders.dl1 import DL1Source
    from gammalearn_core.reporting.images import find_images
    from gammalearn_core.reproducing.recorded import read_run

    folder = RunFolder(made["first"])
    predicted = predictions(read_run_folder(folder), folder)
    assert predicted is not None
    images = find_images(read_run(folder.path), predicted.events, data_root=None)
    files = sorted(EXAMPLES.glob("gamma_mono*.h5")) + sorted(EXAMPLES.glob("proton*.h5"))
    source = DL1Source(files, channels=["image"], cameras="NectarCam")
    keys = list(zip(*(source.events[n] for n in ("obs_id", "event_id", "tel_id", "true_energy")), strict=True))
    for place, image in enumerate(images):
        assert image is not None
        row = keys.index(
            tuple(predicted.events[n][place] for n in ("obs_id", "event_id", "tel_id", "true_energy"))  # type: ignore[arg-type]
        )
        batch = source.read(np.array([row]))
        np.testing.assert_array_equal(image.charges, batch.images["NectarCam"].pixels[0, 0].numpy())
    source.close()


def test_without_the_data_the_page_says_why_there_are_no_images(
    made: dict[str, Path], copy: Copy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = [item | {"path": f"nowhere/{Path(item['path']).name}"} for item in read(made["first"] / "run.json")["data"]]
    folder = copy("first", data=data)
    page, with_data = tmp_path / "page.html", tmp_path / "with.html"
    assert main(["report", str(folder), "-o", str(page)]) == 0
    text = text_of(page.read_text(encoding="utf-8"))
    assert "No images are shown: " in text
    assert "--data-root DIR says where the data are" in text
    assert "no images of events: " in capsys.readouterr().out
    assert main(["report", str(folder), "-o", str(with_data), "--data-root", str(EXAMPLES)]) == 0
    assert "gallery" in data_of(with_data.read_text(encoding="utf-8"))


def test_two_processes_with_other_hash_seeds_write_the_same_bytes(made: dict[str, Path], tmp_path: Path) -> None:
    written = []
    for seed in ("1", "2"):
        report, compare = tmp_path / f"report{seed}.html", tmp_path / f"compare{seed}.html"
        code = (
            "import sys; from gammalearn_core.cli import main;"
            "assert main(['report', sys.argv[1], '-o', sys.argv[3]]) == 0;"
            "assert main(['compare', sys.argv[1], sys.argv[2], '-o', sys.argv[4]]) == 0"
        )
        command = [sys.executable, "-c", code, str(made["first"]), str(made["other"]), str(report), str(compare)]
        environment = os.environ | {"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"}
        subprocess.run(command, check=True, env=environment, timeout=240, capture_output=True)
        written.append((report.read_bytes(), compare.read_bytes()))
    assert written[0] == written[1]


def test_runs_that_were_tested_on_the_same_events_are_compared_on_these(made: dict[str, Path], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert main(["compare", str(made["first"]), str(made["other"]), "-o", str(page)]) == 0
    html = page.read_text(encoding="utf-8")
    text = text_of(html)
    n = read(made["first"] / "run.json")["splits"]["test"]["samples"]
    assert f"All runs were tested on the same events ( {n} )" in text or f"the same events ({n})" in text
    assert f"on the same {n} events" in text
    told = data_of(html)
    assert [r["label"] for r in told["runs"]] == ["first", "other"]
    bias = next(item for item in told["items"] if item["id"] == "test_energy_bias")
    assert [s["run"] for s in bias["series"]] == [0, 1]
    values = [
        read(made[n] / "metrics.json")["performance"]["curves"]["energy_bias"]["value"] for n in ("first", "other")
    ]
    for series, value in zip(bias["series"], values, strict=True):
        assert series["y"] == [None if v is None else pytest.approx(v, rel=1e-5) for v in value]
    assert re.search(r"<tr><th>seed</th><td[^>]*>1</td><td[^>]*class=\"differs\">2</td></tr>", html)


def test_runs_with_other_test_events_are_measured_again_on_the_common_ones(made: dict[str, Path]) -> None:
    html = compare_page([RunFolder(made["first"]), RunFolder(made["fewer"])]).html
    records = [read(made[n] / "run.json")["splits"]["test"] for n in ("first", "fewer")]
    n = records[1]["samples"]
    assert 0 < n < records[0]["samples"]
    text = text_of(html)
    assert "Other test events." in text
    assert f"measured again on the {n} events" in text
    told = data_of(html)
    assert "test_effective_area" not in {item["id"] for item in told["items"]}
    bias = next(item for item in told["items"] if item["id"] == "test_energy_bias")
    assert [sum(series["n"]) for series in bias["series"]] == [records[1]["by_primary"]["0"]] * 2


def test_runs_without_a_common_test_event_are_refused_or_marked(
    made: dict[str, Path], copy: Copy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = read(made["other"] / "run.json")["splits"]
    splits["test"]["events_sha256"] = "0" * 64
    stranger = copy("other", splits=splits)
    shutil.rmtree(stranger / "predictions")
    command = ["compare", str(made["first"]), str(stranger), "-o", str(tmp_path / "page.html")]
    assert main(command) == 4
    assert "--different-events" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()
    assert main([*command, "--different-events"]) == 0
    text = text_of((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "Different test events: not to be compared." in text
    assert "each run on its own events" in text
    assert "Difference to" not in text


def test_a_hostile_name_is_text_in_both_pages(copy: Copy, made: dict[str, Path]) -> None:
    evil = copy("first", experiment=EVIL)
    told = RunFolder(evil)
    lines = (evil / "metrics.jsonl").read_text(encoding="utf-8").replace("energy/bias", "energy/<img src=x>")
    (evil / "metrics.jsonl").write_text(lines, encoding="utf-8")
    for page in (make_page(told), compare_page([told, RunFolder(made["other"])])):
        assert page.html.count("<script") == 7
        assert "<b>" not in page.html.replace("<figcaption><b>", "")
        assert "<img" not in page.html
        assert EVIL in [r["label"] for r in data_of(page.html)["runs"]]
        assert "<" not in page.html.partition('id="page-data">')[2].partition("</script>")[0]


def test_other_reports_add_references_and_charts_of_their_own(copy: Copy) -> None:
    folder = copy("first")
    told: dict[str, Any] = {"x_label": "true energy [TeV]", "y_label": "y"}
    own = Series("own", [1], [2])
    reference = Series(EVIL, [0.1, 1.0], [0.3, 0.2], kind="reference")
    charts = [
        Chart(id="test_energy_resolution", section="s", title="t", series=[reference], note="from a paper", **told),
        Chart(id="../sensitivity", section="Sensitivity", title="Sensitivity", series=[own], **told),
    ]
    (folder / "irf").mkdir()
    path = folder / "irf" / "charts.json"
    path.write_text(json.dumps({"schema": 1, "charts": [plain(c) for c in charts]}), encoding="utf-8")
    html = make_page(RunFolder(folder), events=False).html
    items = {item["id"]: item for item in data_of(html)["items"]}
    assert [s["kind"] for s in items["test_energy_resolution"]["series"]] == ["points", "points", "reference"]
    assert items["test_energy_resolution"]["note"] == "from a paper"
    assert items["_sensitivity"]["section"] == "Sensitivity"
    assert '<section id="sensitivity">' in html


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"schema": 2, "charts": []}',
        '{"schema": 1, "charts": [{"id": "a"}]}',
        '{"schema": 1, "charts": [{"id": "a", "section": "s", "title": "t", "x_label": "x", "y_label": "y",'
        ' "series": [{"label": "l", "x": [1, 2], "y": [1]}]}]}',
        '{"schema": 1, "charts": [{"id": "a", "series": [{"label": "l", "x": "no", "y": [1]}]}]}',
    ],
)
def test_what_another_report_has_written_wrongly_is_an_error_that_names_the_file(
    content: str, copy: Copy, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy("first")
    (folder / "irf").mkdir()
    (folder / "irf" / "charts.json").write_text(content, encoding="utf-8")
    assert main(["report", str(folder), "--no-events"]) == 4
    assert "irf/charts.json" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["metrics.json", "run.json", "specs.json"])
@pytest.mark.parametrize("content", ["{", "[1]", '{"performance": {"curves": {"auc": 3}}, "splits": 7, "schema": 1}'])
def test_damaged_files_give_no_traceback(
    file: str, content: str, copy: Copy, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy("first")
    (folder / file).write_text(content, encoding="utf-8")
    commands = (["report", "--no-events", str(folder)], ["compare", str(folder), str(copy("other"))])
    codes = [main([*command, "-o", str(folder / "page.html")]) for command in commands]
    told = capsys.readouterr().err
    assert set(codes) <= {0, 2, 4}
    assert told.count("error: ") == sum(code > 0 for code in codes)
    assert codes == [0, 0] or str(folder) in told or "one of the runs" in told


def test_damaged_predictions_are_told_in_the_page(copy: Copy, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copy("first")
    for path in (folder / "predictions").glob("*.h5"):
        path.write_bytes(path.read_bytes()[:5000])
    assert main(["report", str(folder)]) == 0
    assert "predictions are left out: " in capsys.readouterr().out
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "predictions are left out: " in text_of(html)
    assert "test_energy_bias" in {item["id"] for item in data_of(html)["items"]}


def test_only_pages_of_ours_are_replaced(
    made: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "thesis.html"
    other.write_text("<p>years of work</p>", encoding="utf-8")
    assert main(["report", str(made["first"]), "-o", str(other)]) == 2
    assert other.read_text(encoding="utf-8") == "<p>years of work</p>"
    assert main(["compare", str(made["first"]), str(made["other"]), "-o", str(tmp_path)]) == 2
    assert main(["compare", str(made["first"]), str(made["first"]), "-o", str(tmp_path / "page.html")]) == 2
    assert main(["report", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "is no page of gammalearn" in told
    assert "needs two different runs" in told
    assert "is not a run folder" in told


def test_the_best_the_typical_and_the_worst_are_chosen() -> None:
    n = 21
    rng = np.random.default_rng(1)
    offset = rng.permutation(np.arange(n) * 0.1)
    zeros = np.zeros(n)
    gammaness = rng.permutation(np.linspace(0, 1, n))
    primary = np.where(np.arange(n) < 17, 0, 101)
    results = EventResults(
        primary=primary, shower=np.arange(n), event=np.arange(n), true_alt=zeros, true_az=zeros,
        reco_alt=offset, reco_az=zeros, gammaness=gammaness,
    )  # fmt: skip
    chosen = {c.title: c.rows for c in choose(results, each=2)}
    gammas = np.sort(offset[:17])
    assert offset[chosen["Best"]].tolist() == gammas[:2].tolist()
    assert offset[chosen["Worst"]].tolist() == gammas[:-3:-1].tolist()
    assert offset[chosen["Typical"]][0] == np.median(gammas)
    assert primary[chosen["Taken for gammas"]].tolist() == [101, 101]
    assert gammaness[chosen["Taken for gammas"]].tolist() == sorted(gammaness[17:], reverse=True)[:2]
    rows = np.concatenate(list(chosen.values()))
    assert len(rows) == len(set(rows.tolist())) == 10


def test_the_settings_that_differ_are_those_that_were_changed(made: dict[str, Path]) -> None:
    runs = [read_run_folder(RunFolder(made[n])) for n in ("first", "other", "fewer")]
    found = {d.name: d.values for d in settings_that_differ(runs)}
    assert {n: v for n, v in found.items() if n != "data.labelled.paths"} == {
        "reports": ("—", "[]", "[]"),
        "reports[0]": ("core.html", "—", "—"),
        "seed": ("1", "2", "1"),
    }
    paths = found["data.labelled.paths"]
    assert PROTONS in paths[2]
    assert PROTONS not in paths[0] == paths[1]
