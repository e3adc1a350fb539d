"""Pages in headless Chromium: they ask for nothing, complain of nothing, draw everything, and their switches work."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from chromium import EXECUTABLE
from chromium import Tab
from chromium import browser

from gammalearn_core.data.geometry import CameraGeometry
from gammalearn_core.reporting.cameras import drawn_camera
from gammalearn_core.reporting.charts import Chart
from gammalearn_core.reporting.charts import Matrix
from gammalearn_core.reporting.charts import Series
from gammalearn_core.reporting.embedding import page_data
from gammalearn_core.reporting.embedding import render
from gammalearn_core.reporting.merging import merged
from gammalearn_core.reporting.sections import arrange

pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="there is no chromium on the PATH")

EVIL = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked=2'>=1+1"
GAP = math.nan
EDGES = [0.1, 0.3, 1.0, 3.0, 10.0]
TOLD: dict[str, Any] = {"section": "Section", "title": EVIL, "x_label": "true energy [TeV]", "y_label": "value"}


def points(label: str, shift: float = 0.0) -> Series:
    x = [math.sqrt(a * b) for a, b in pairwise(EDGES)]
    y = [0.3 + shift, GAP, 0.2 + shift, 0.1 + shift]
    return Series(label, x, y, [v - 0.05 for v in y], [v + 0.05 for v in y[:-1]] + [GAP], [50, 0, 12, 3], edges=EDGES)


def steps(label: str) -> Series:
    return Series(label, [0, 0.25, 0.5, 1], [0.5, 0, 0.25], n=[20, 0, 4], kind="steps")


REFERENCE = Series("others", [0.1, 10], [0.4, 0.1], kind="reference")
CURVE = Series("validation", [1, 2, 3], [0.5, GAP, 0.3], kind="line")
ITEMS: list[Chart | Matrix] = [
    Chart(id="points", series=[points(EVIL), points("second", 0.1), REFERENCE], x_log=True, **TOLD),
    Chart(id="steps", series=[steps("gamma"), steps("proton")], **TOLD),
    Chart(id="line", series=[CURVE], x_marks=[(3, "best epoch: 3")], **TOLD),
    Matrix(
        id="matrix", x_edges=[0.1, 1, 10], y_edges=[0.1, 1, 10], counts=[[0.9, GAP], [0.1, 0.5]], n=[40, 4],
        x_log=True, y_log=True, diagonal=True, **TOLD,
    ),
]  # fmt: skip


def page(path: Path, items: list[Chart | Matrix], labels: list[str], gallery: dict[str, Any] | None = None) -> Path:
    """A page with nothing but figures, from the templates of the real ones."""
    arranged = arrange(items)
    runs = [{"label": label, "id": str(number)} for number, label in enumerate(labels)]
    context: dict[str, Any] = {
        "arranged": arranged, "labels": labels, "title": EVIL, "runs": [], "numbers": [], "paired": [], "notes": [],
        "contents": [], "made_by": "", "save_as": "data", "settings": [], "surroundings": [],
        "tested": {"kind": "different", "why": "why"},
    }  # fmt: skip
    html = render("compare.html.j2", context, page_data(arranged.items, runs, gallery))
    if gallery:
        canvas = "".join(f'<canvas data-event="{n}"></canvas>' for n in range(len(gallery["events"])))
        html = html.replace("</main>", f"{canvas}</main>")
    path.write_text(html, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def shared_tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("chromium") / "profile") as tab:
        yield tab


@pytest.fixture
def tab(shared_tab: Tab) -> Iterator[Tab]:
    """A browser that must have nothing to complain of at the end, and must have asked for nothing but the page."""
    shared_tab.errors.clear()
    shared_tab.requests.clear()
    yield shared_tab
    assert shared_tab.errors == []
    assert {address.partition(":")[0] for address in shared_tab.requests} == {"file"}
    assert len(shared_tab.requests) == 1
    assert shared_tab.run("window.hacked === undefined && document.images.length === 0")


def count(tab: Tab, id: str, selector: str) -> int:
    """Elements of the plot of a figure."""
    number = next(n for n, item in enumerate(arrange(ITEMS).items) if item.id == id)
    whole = json.dumps(f"figure[data-item='{number}'] .plot {selector}")
    found: int = tab.run(f"document.querySelectorAll({whole}).length")
    return found


def click(tab: Tab, selector: str) -> None:
    tab.run(f"document.querySelector({selector!r}).click()")


def test_everything_is_drawn_gaps_are_gaps_and_few_samples_are_hollow(tab: Tab, tmp_path: Path) -> None:
    tab.open(page(tmp_path / "page.html", ITEMS, ["run"]))
    tab.wait("document.body.dataset.drawn === '4'")
    assert tab.run("document.title") == EVIL
    assert tab.run("document.querySelector('figure h4').textContent") == EVIL
    # Two series of three points each, of which one is of few samples; the gap has none.
    assert count(tab, "points", "g[aria-label=dot] > *") == 6
    assert count(tab, "points", "g[aria-label=dot] [fill='var(--paper)']") == 2
    # Symbols are paths, or circles; intervals are lines upright, bins lines across.
    assert count(tab, "points", "g[aria-label=rule] line") >= 12
    assert count(tab, "points", "g[aria-label=line] path") == 1
    assert count(tab, "line", "g[aria-label=dot] > *") == 2
    assert "best epoch: 3" in tab.run("document.querySelectorAll('.plot')[2].textContent")
    assert count(tab, "matrix", "g[aria-label=rect] rect") == 3
    assert count(tab, "steps", "g[aria-label=line] path") == 2


def test_scales_and_series_can_be_switched(tab: Tab, tmp_path: Path) -> None:
    tab.open(page(tmp_path / "page.html", ITEMS, ["run"]))
    tab.wait("document.body.dataset.drawn === '4'")
    before = tab.run("document.querySelector('.plot').innerHTML")
    click(tab, "input[name=log-y]")
    assert tab.run("state.items[0].yLog")
    logarithmic = tab.run("document.querySelector('.plot').innerHTML")
    assert logarithmic != before
    click(tab, "input[name=log-y]")
    assert tab.run("document.querySelector('.plot').innerHTML").count("<path") == before.count("<path")
    click(tab, ".legend button")
    assert tab.run("document.querySelector('.legend button').getAttribute('aria-pressed')") == "false"
    assert count(tab, "points", "g[aria-label=dot] > *") == 3
    click(tab, ".legend button")
    assert count(tab, "points", "g[aria-label=dot] > *") == 6


def test_values_are_told_where_the_pointer_is(tab: Tab, tmp_path: Path) -> None:
    tab.open(page(tmp_path / "page.html", ITEMS[:1], ["run"]))
    tab.wait("document.body.dataset.drawn === '1'")
    place = tab.run(
        "(() => { document.querySelector('.plot').scrollIntoView({block: 'center'});"
        " const box = document.querySelector('g[aria-label=dot] > *').getBoundingClientRect();"
        " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
    )
    tab.call("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1], pointerType="mouse")
    tab.wait("document.querySelector('g[aria-label=tip] text')?.textContent.includes('n = 50')")
    told = tab.run("document.querySelector('g[aria-label=tip]').textContent")
    assert "value: 0.3 (0.25 to 0.35)" in told
    assert "true energy [TeV]: 0.1 to 0.3" in told


def test_the_data_behind_a_figure_can_be_saved(tab: Tab, tmp_path: Path) -> None:
    tab.open(page(tmp_path / "page.html", ITEMS, ["run"]))
    tab.wait("document.body.dataset.drawn === '4'")
    tab.run("window.saved = {}; download = (name, text) => { window.saved[name] = text; }; true")
    tab.run("document.querySelectorAll('.bar .to button').forEach((b) => b.click())")
    click(tab, "button.save")
    saved = tab.run("window.saved")
    assert set(saved) == {f"{item.id}.{end}" for item in ITEMS for end in ("csv", "json", "svg")} | {"data.json"}
    rows = list(csv.DictReader(io.StringIO(saved["points.csv"])))
    first, gap = rows[0], rows[1]
    assert first["series"] == EVIL
    assert [first[n] for n in ("x_low", "x_high", "y: value", "y_low", "y_high", "n")] == [
        *("0.1", "0.3", "0.3", "0.25", "0.35", "50"),
    ]
    assert (gap["y: value"], gap["n"]) == ("", "0")
    assert saved["points.svg"].startswith("<svg")
    assert "var(--" not in saved["points.svg"]
    assert "<script" not in saved["points.svg"]
    assert '"id":"matrix"' in saved["data.json"]
    assert tab.run("cell('=1+1')") == "'=1+1"


def test_a_file_is_saved_by_the_browser(tab: Tab, tmp_path: Path) -> None:
    tab.open(page(tmp_path / "page.html", ITEMS[:1], ["run"]))
    folder = tmp_path / "saved"
    tab.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    click(tab, ".bar .to button")
    tab.wait("true")
    for _ in range(200):
        if (folder / "points.csv").is_file():
            break
        tab.run("new Promise((done) => setTimeout(done, 50))")
    assert (folder / "points.csv").read_text(encoding="utf-8").startswith("run,series,kind,")
    tab.requests[:] = [address for address in tab.requests if not address.startswith("blob:")]


def test_events_are_drawn_on_their_pixels(tab: Tab, tmp_path: Path) -> None:
    x = [0.05 * (i + j / 2) for i in range(-2, 3) for j in range(-2, 3)]
    y = [0.05 * math.sqrt(0.75) * j for _ in range(-2, 3) for j in range(-2, 3)]
    geometry = CameraGeometry(name="hex", x=x, y=y, area=[0.05**2 * math.sqrt(0.75)] * 25, focal_length=10)
    charge: list[int | None] = [0] * 25
    charge[12], charge[3] = 255, None
    events = [{"camera": 0, "charge": charge, "true": [4000, -2000]}, {"camera": 0, "charge": [0] * 25}]
    tab.open(page(tmp_path / "page.html", ITEMS[:1], ["run"], {"cameras": [drawn_camera(geometry)], "events": events}))
    pixels = (
        "[...document.querySelectorAll('canvas')].map((c) => [c.width, [...c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.width).data]])"
    )
    images = tab.run(pixels)

    def colour(number: int, x: float, y: float) -> list[int]:
        width, values = images[number]
        start = 4 * (int(y * width) * width + int(x * width))
        found: list[int] = values[start : start + 4]
        return found

    assert colour(0, 0.5, 0.5) == [253, 231, 37, 255]
    assert colour(1, 0.5, 0.5) == [68, 1, 84, 255]
    assert colour(0, 0.01, 0.01)[3] == 0
    # A white cross, to the right and below the middle.
    assert colour(0, 0.5 + 4000 / 21200, 0.5 + 2000 / 21200) == [255, 255, 255, 255]


def test_the_page_is_dark_where_the_user_wants_it_and_whole_on_paper(tab: Tab, tmp_path: Path) -> None:
    many: list[Chart | Matrix] = [
        Chart(id=f"c{n}", series=[points("own")], **{**TOLD, "section": f"Section {n}"}) for n in range(30)
    ]
    tab.open(page(tmp_path / "page.html", many, ["run"]), height=300)
    background = "getComputedStyle(document.body).backgroundColor"
    assert tab.run(background) == "rgb(255, 255, 255)"
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert tab.run(background) == "rgb(20, 24, 29)"
    assert int(tab.run("document.body.dataset.drawn || '0'")) < 30
    paper = tab.call("Page.printToPDF")
    tab.call("Emulation.setEmulatedMedia", features=[])
    assert tab.run("document.body.dataset.drawn") == "30"
    assert len(paper["data"]) > 10_000


def test_twenty_runs_stay_usable_and_each_can_be_hidden(tab: Tab, tmp_path: Path) -> None:
    labels = [f"run {n} {EVIL}" for n in range(20)]
    runs = [
        [
            Chart(id="points", series=[points("68 %", n / 50), points("50 %", n / 50), REFERENCE], x_log=True, **TOLD),
            *[Chart(id=f"more{m}", series=[steps("gamma"), steps("proton")], **TOLD) for m in range(30)],
            ITEMS[3],
        ]
        for n in range(20)
    ]
    path = page(tmp_path / "page.html", merged(runs, labels), labels)
    assert path.stat().st_size < 2_000_000
    tab.open(path)
    assert tab.run("document.querySelectorAll('.runs input').length") == 20
    seconds = tab.run("(() => { const t = performance.now(); figures.forEach(see); return performance.now() - t; })()")
    assert seconds < 20_000
    assert tab.run("document.body.dataset.drawn") == "51"
    dots = "document.querySelectorAll('.plot')[0].querySelectorAll('g[aria-label=dot] > *').length"
    # Of many runs only the first quantity is shown, until the other is asked for.
    assert tab.run(dots) == 60
    click(tab, ".legend button:nth-child(2)")
    assert tab.run(dots) == 120
    click(tab, ".runs label:nth-child(4) input")
    assert tab.run(dots) == 114
    assert tab.run("figures.filter((f) => f.element.classList.contains('off-run')).length") == 1
    click(tab, ".runs .all button:nth-child(2)")
    assert tab.run(dots) == 0
    click(tab, ".runs .all button")
    assert tab.run(dots) == 120
