"""Settings changed on the command line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from gammalearn_core import Experiment
from gammalearn_core import SettingsError
from gammalearn_core import on
from gammalearn_core import ref
from gammalearn_core import uniform
from gammalearn_core import weights_of
from gammalearn_core.plugin import Registry
from gammalearn_core.settings import load_settings
from gammalearn_core.settings.overrides import COMPONENTS
from gammalearn_core.settings.overrides import fork
from gammalearn_core.settings.overrides import override

Gammalearn = Callable[..., "subprocess.CompletedProcess[str]"]

FILE = """
experiment = Experiment(
    name="energy",
    data=ref("core.dl1", paths=["gamma.h5"]),
    network=ref("core.cnn2d"),
    losses={"energy": ref("core.l1")},
)
"""


def callback(experiment: object) -> object:
    return None


@pytest.fixture
def experiment() -> Experiment:
    return Experiment(
        name="two tasks",
        data=ref("core.dl1", paths=["a.h5"], level="telescope"),
        network=ref("a.net", encoder=ref("a.encoder", depth=1), options={"norms": [1, 2], 5: "five"}),
        losses={"energy": ref("core.smooth_l1"), "particle": ref("core.cross_entropy")},
        metrics={"energy": [ref("a.metric", bins=3), ref("a.other")]},
        filters=[ref("core.intensity", minimum=10), ref("core.cut", "x > 3")],
        handlers=[ref("a.patient", patience=1), on("EPOCH_COMPLETED", ref("a.saver", every=1), every=2)],
        start_from=weights_of("runs/a"),
        search={"optimizer.lr": uniform(0.1, 0.2)},
    )


def problems(experiment: Experiment, *texts: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        override(experiment, texts)
    return [str(p).replace("\n   ", "") for p in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("epochs=5", "epochs", 5),
        ("precision=bf16", "precision", "bf16"),
        ("name=2026", "name", "2026"),
        ("name='quoted'", "name", "quoted"),
        ("name=a=b", "name", "a=b"),
        ("max_time=1-02:03:04", "max_time", "1-02:03:04"),
        ("max_time=None", "max_time", None),
        ("clip_norm=1", "clip_norm", 1.0),
        ("compile=True", "compile", True),
        ("requires=['attrs']", "requires", ("attrs",)),
        ("optimizer.lr=1e-3", "optimizer", ref("core.adamw", lr=1e-3)),
        ("optimizer=core.sgd", "optimizer", ref("core.sgd")),
        ("schedule=None", "schedule", None),
        ("balance=core.uncertainty", "balance", ref("core.uncertainty")),
        ("filters=[]", "filters", ()),
        ("transforms=['a.b', 'a.c']", "transforms", (ref("a.b"), ref("a.c"))),
        ("losses.energy=core.mse", "losses.energy", ref("core.mse")),
        ("losses.energy.beta=0.5", "losses.energy", ref("core.smooth_l1", beta=0.5)),
        ("losses={'energy': 'core.mse'}", "losses", {"energy": ref("core.mse")}),
        ("filters.0.minimum=50", "filters.0", ref("core.intensity", minimum=50)),
        ("filters.1=core.leakage", "filters.1", ref("core.leakage")),
        ("filters.1.0=x > 4", "filters.1", ref("core.cut", "x > 4")),
        ("data.paths=['b.h5']", "data.labelled", ref("core.dl1", paths=["b.h5"], level="telescope")),
        ("data.labelled.level=subarray", "data.labelled", ref("core.dl1", paths=["a.h5"], level="subarray")),
        ("network.width=3", "network.width", 3),
        ("network.encoder.depth=3", "network.encoder", ref("a.encoder", depth=3)),
        ("network.encoder=a.deep", "network.encoder", ref("a.deep")),
        ("network.options.norms.1=7", "network.options.norms", [1, 7]),
        ("network.options.5=six", "network.options.5", "six"),
        ("network.options={'a': 1}", "network.options", {"a": 1}),
        ("metrics.energy.1.bins=4", "metrics.energy.1", ref("a.other", bins=4)),
        ("metrics.particle=['a.auc']", "metrics.particle", (ref("a.auc"),)),
        ("targets.particle.classes=['gamma']", "targets.particle", ref("core.particle", classes=["gamma"])),
        ("handlers.0.patience=3", "handlers.0", ref("a.patient", patience=3)),
        ("handlers.1.every=3", "handlers.1", on("EPOCH_COMPLETED", ref("a.saver", every=1), every=3)),
        ("handlers.1.event=STARTED", "handlers.1", on("STARTED", ref("a.saver", every=1), every=2)),
        ("handlers.1.path=x", "handlers.1", on("EPOCH_COMPLETED", ref("a.saver", every=1, path="x"), every=2)),
        ("handlers.1.handler.every=4", "handlers.1", on("EPOCH_COMPLETED", ref("a.saver", every=4), every=2)),
        ("handlers.1.handler=a.b", "handlers.1", on("EPOCH_COMPLETED", ref("a.b"), every=2)),
        ("start_from=runs/b", "start_from", weights_of("runs/b")),
        ("start_from.only=encoder", "start_from", weights_of("runs/a", only="encoder")),
        ("start_from=None", "start_from", None),
    ],
)
def test_a_key_leads_to_what_it_names(experiment: Experiment, text: str, path: str, expected: object) -> None:
    found: object = override(experiment, [text])
    for key in path.split("."):
        if isinstance(found, (Experiment, type(ref("a.b")))):
            found = getattr(found, key) if isinstance(found, Experiment) else found.parameters[key]
        elif isinstance(found, tuple):
            found = found[int(key)]
        else:
            assert isinstance(found, dict)
            found = {str(k): v for k, v in found.items()}[key]
    assert found == expected
    assert type(found) is type(expected)


def test_the_experiment_of_the_file_stays_as_it_is(experiment: Experiment) -> None:
    before = repr(experiment)
    override(experiment, ["network.options.norms.0=9", "network.encoder.depth=9", "losses.energy.beta=1"])
    assert repr(experiment) == before


def test_all_else_stays_as_the_file_has_it(experiment: Experiment) -> None:
    changed = override(experiment, ["network.encoder.depth=9"])
    names = [f.name for f in attrs.fields(Experiment) if f.name != "network"]
    assert [getattr(changed, n) for n in names] == [getattr(experiment, n) for n in names]
    assert changed.network.parameters["options"] == experiment.network.parameters["options"]


def test_a_component_is_set_before_its_parameters_whatever_the_order(experiment: Experiment) -> None:
    changed = override(experiment, ["optimizer.lr=0.1", "optimizer=core.sgd", "schedule.warm=2", "schedule=a.b"])
    assert override(experiment, ["start_from.which=last", "start_from=b"]).start_from == weights_of("b", which="last")
    assert (changed.optimizer, changed.schedule) == (ref("core.sgd", lr=0.1), ref("a.b", warm=2))


def test_the_last_of_two_values_counts(experiment: Experiment) -> None:
    assert override(experiment, ["epochs=3", "epochs=4"]).epochs == 4


def test_a_source_of_several_is_named(experiment: Experiment) -> None:
    several = attrs.evolve(experiment, data={"train": ref("core.dl1"), "test": ref("core.dl1")})
    assert override(several, ["data.test.paths=b.h5"]).data["test"] == ref("core.dl1", paths="b.h5")
    assert problems(several, "data.paths=b.h5") == ["--set data.paths: there is no 'paths' there are train, test"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("epochs", "--set epochs: expected key=value --set epochs=5"),
        ("=5", "--set : expected key=value --set epochs=5"),
        ("epoch=5", "--set epoch: there is no such setting did you mean 'epochs'?"),
        ("epochs=0", "--set epochs: must be at least 1, got 0"),
        ("epochs=many", "--set epochs: expected a whole number, got 'many'"),
        ("epochs.first=1", "--set epochs.first: 10 has no 'first'"),
        ("network=5", "--set network: expected ref(…) or a callable, got 5"),
        ("network=None", "--set network: expected ref(…) or a callable, got None"),
        ("filters=a.b", "--set filters: expected a list of ref(…), got ref('a.b') put it in square brackets"),
        (
            "network.encodr.depth=3",
            "--set network.encodr.depth: a.net is given no 'encodr' that could hold 'depth' did you mean 'encoder'?",
        ),
        (
            "optimizer.betas.0=0.8",
            "--set optimizer.betas.0: core.adamw is given no 'betas' that could hold '0' "
            "there is none yet: set the whole",
        ),
        ("network.a-b=3", "--set network.a-b: 'a-b' cannot be the name of a parameter"),
        ("network..x=3", "--set network..x: '' cannot be the name of a parameter"),
        ("network.options.norm=3", "--set network.options.norm: there is no 'norm' did you mean 'norms'?"),
        ("losses.enrgy.beta=1", "--set losses.enrgy.beta: there is no 'enrgy' did you mean 'energy'?"),
        ("losses.enrgy=core.l1", "--set losses.enrgy: there is no 'enrgy' did you mean 'energy'?"),
        ("metrics.enrgy=[]", "--set metrics.enrgy: there is no 'enrgy' did you mean 'energy'?"),
        ("metrics.particle.0.x=1", "--set metrics.particle.0.x: there is no number 0 in the list it is empty"),
        ("filters.2.x=1", "--set filters.2.x: there is no number 2 in the list those there are: 0 to 1"),
        ("filters.last.x=1", "--set filters.last.x: expected a number in the list, counted from 0, got 'last'"),
        ("filters.0.0=1", "--set filters.0.0: there is no number 0 in the list it is empty"),
        ("schedule.gamma=1", "--set schedule.gamma: None has no 'gamma' set it to something first"),
        ("handlers.1.every=0", "--set handlers.1.every: every must be a whole number above 0, got 0"),
        (
            "handlers.1.event=EPOCH_COMPLETE",
            "--set handlers.1.event: ignite has no event 'EPOCH_COMPLETE' "
            "did you mean 'EPOCH_COMPLETED' or 'GET_BATCH_COMPLETED' or 'COMPLETED'?",
        ),
        ("start_from.which=newest", "--set start_from.which: which must be 'best' or 'last', got 'newest'"),
        ("start_from.part=x", "--set start_from.part: weights_of has no 'part' there are run, only, which, into"),
        ("validation=0.9", "--set validation: together they leave no shower to train on: 0.9 + 0.2"),
        (
            "search={}",
            "--set search: what a sweep varies is said by the settings file alone write search={…} there",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_key(experiment: Experiment, text: str, told: str) -> None:
    assert problems(experiment, text) == [told]


def test_all_problems_are_told_at_once(experiment: Experiment) -> None:
    found = problems(experiment, "epoch=5", "epochs=0", "filters.7.x=1", "seed", "batch_size=x", "threads=2")
    keys = ["epoch", "seed", "filters.7.x", "epochs", "batch_size"]
    assert sorted(f.partition(":")[0] for f in found) == sorted(f"--set {key}" for key in keys)


def test_a_problem_that_another_setting_causes_keeps_its_place(experiment: Experiment) -> None:
    assert problems(experiment, "losses={'direction': 'core.mse'}") == [
        "metrics['energy']: there is no such task in losses add losses={'energy': ref(…)}"
    ]


@pytest.mark.parametrize("text", ["[" * 100_000, "1in x", "'\\d'", "\0", "1" * 5000, "{[]: 1}"])
def test_a_value_that_python_cannot_read_is_text(experiment: Experiment, text: str) -> None:
    expected = "\\d" if "d" in text else text
    assert override(experiment, [f"network.x={text}"]).network.parameters["x"] == expected


def test_every_setting_that_holds_components_takes_their_ids() -> None:
    kinds = {f.name: str(f.type) for f in attrs.fields(Experiment)}
    assert {name for name, kind in kinds.items() if "Ref" in kind} == set(COMPONENTS)


def test_a_callable_of_the_file_keeps_its_place() -> None:
    made = Experiment(name="x", data=ref("a.b"), network=ref("a.b"), losses={"energy": ref("a.b")}, handlers=[callback])
    assert override(made, ["handlers.0.n=1"]).handlers[0] == ref(callback, n=1)


def test_a_fork_starts_from_the_working_directory(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert fork(experiment, Path("runs/c")).start_from == weights_of(tmp_path / "runs" / "c")
    assert experiment.start_from == weights_of("runs/a")


def test_a_part_of_the_weights_of_a_fork_can_be_taken(
    write_settings: Callable[..., Path], core_only: Registry, tmp_path: Path
) -> None:
    file = load_settings(write_settings(FILE), core_only, ["start_from.only=body"], fork_of=tmp_path)
    assert file.experiment.start_from == weights_of(tmp_path, only="body")


def test_the_file_that_is_loaded_has_the_overrides(write_settings: Callable[..., Path], core_only: Registry) -> None:
    file = load_settings(write_settings(FILE), core_only, ["epochs=7"])
    assert (file.experiment.epochs, file.overrides) == (7, ("epochs=7",))
    assert file.module.experiment.epochs == 10


def test_wrong_overrides_are_told_with_the_file(write_settings: Callable[..., Path], core_only: Registry) -> None:
    path = write_settings(FILE)
    with pytest.raises(SettingsError) as caught:
        load_settings(path, core_only, ["epoch=7"])
    assert (caught.value.file, caught.value.exit_code) == (str(path), 2)


def test_check_looks_at_the_settings_with_the_overrides(
    write_settings: Callable[..., Path], gammalearn: Gammalearn
) -> None:
    path = write_settings(FILE)
    (path.parent / "gamma.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    assert gammalearn("check", path, "--set", "network=core.cnn2d").returncode == 0
    done = gammalearn("check", path, "--set", "network=core.cnn", "--set", "start_from=runs/a")
    assert done.returncode == 2
    assert "'core.cnn'" in done.stderr
    assert "start_from: there is no run folder 'runs/a'" in done.stderr
