"""`Experiment`: checked when it is made, all problems at once."""

from __future__ import annotations

import attrs
import pytest

from gammalearn_core import Experiment
from gammalearn_core import Problem
from gammalearn_core import SettingsError
from gammalearn_core import ref


def settings(**changes: object) -> dict[str, object]:
    """Settings that are sound but for the changes; ``...`` leaves one out."""
    sound = {
        "name": "energy",
        "data": ref("core.dl1", paths=["gamma.h5"]),
        "network": ref("core.cnn2d"),
        "losses": {"energy": ref("core.l1")},
    }
    return {name: value for name, value in (sound | changes).items() if value is not ...}


def problems(**changes: object) -> list[tuple[str, str]]:
    with pytest.raises(SettingsError) as caught:
        Experiment(**settings(**changes))  # type: ignore[arg-type]
    assert caught.value.exit_code == 2
    return [(p.where, p.what) for p in caught.value.problems]


def hints(**changes: object) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        Experiment(**settings(**changes))  # type: ignore[arg-type]
    return [p.hint for p in caught.value.problems]


def make_network(**parameters: object) -> None:
    """Stands for a network class."""


def test_an_experiment_has_defaults() -> None:
    experiment = Experiment(**settings())  # type: ignore[arg-type]
    assert (experiment.epochs, experiment.batch_size, experiment.seed, experiment.device) == (10, 64, 0, "auto")
    assert experiment.optimizer == ref("core.adamw")
    assert experiment.schedule is None
    assert experiment.reports == (ref("core.html"),)


def test_an_experiment_is_frozen() -> None:
    experiment = Experiment(**settings())  # type: ignore[arg-type]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        experiment.epochs = 3  # type: ignore[misc]


def test_an_experiment_can_be_varied() -> None:
    assert attrs.evolve(Experiment(**settings()), epochs=3).epochs == 3  # type: ignore[arg-type]


def test_a_single_source_is_the_labelled_one() -> None:
    assert list(Experiment(**settings()).data) == ["labelled"]  # type: ignore[arg-type]


def test_several_sources_keep_their_names() -> None:
    data = {"labelled": ref("core.dl1", paths="a.h5"), "unlabelled": ref("core.dl1", paths="b.h5")}
    assert Experiment(**settings(data=data)).data == data  # type: ignore[arg-type]


def test_a_task_without_a_target_has_the_cores_target_of_its_name() -> None:
    experiment = Experiment(**settings())  # type: ignore[arg-type]
    assert experiment.tasks == ("energy",)
    assert experiment.target_of("energy") == ref("core.energy")


def test_a_task_with_a_target_has_that_one() -> None:
    experiment = Experiment(**settings(targets={"energy": ref("mine.energy")}))  # type: ignore[arg-type]
    assert experiment.target_of("energy") == ref("mine.energy")


def test_all_problems_are_reported_at_once() -> None:
    found = problems(epoch=3, name=..., batch_size=0, network="core.cnn2d", seed=1.5)
    assert [where for where, _ in found] == ["epoch", "name", "network", "batch_size", "seed"]


def test_everything_that_is_required_is_reported_with_an_example() -> None:
    with pytest.raises(SettingsError) as caught:
        Experiment()  # type: ignore[call-arg]
    assert [(p.where, p.what) for p in caught.value.problems] == [
        (name, "is required") for name in ("name", "data", "network", "losses")
    ]
    assert all(p.hint.startswith(f"{p.where}=") for p in caught.value.problems)


def test_settings_are_keywords_only() -> None:
    with pytest.raises(SettingsError, match="takes keywords only"):
        Experiment("energy", **settings(name=...))  # type: ignore[arg-type,call-arg]


def test_an_unknown_setting_is_refused_with_a_suggestion() -> None:
    assert problems(epoch=3) == [("epoch", "there is no such setting")]
    assert hints(epoch=3) == ["did you mean 'epochs'?"]


WRONG = {
    "network": (5, "expected ref(…) or a callable, got 5"),
    "data": ([ref("core.dl1")], "expected ref(…) or a callable, got [ref('core.dl1')]"),
    "optimizer": (None, "expected ref(…) or a callable, got None"),
    "schedule": ("core.cosine", "expected ref(…), got the text 'core.cosine'"),
    "filters": (ref("core.energy"), "expected a list of ref(…), got ref('core.energy')"),
    "weights": (ref("core.balance_particles"), "expected a list of ref(…), got ref('core.balance_particles')"),
    "transforms": ("core.normalise", "expected a list of ref(…), got 'core.normalise'"),
    "handlers": (ref("core.tensorboard"), "expected a list of ref(…) or on(…), got ref('core.tensorboard')"),
    "losses": (ref("core.l1"), "expected a dictionary {'name': ref(…)}, got ref('core.l1')"),
    "targets": ([], "expected a dictionary {'name': ref(…)}, got []"),
    "metrics": ([], "expected a dictionary {'task': [ref(…)]}, got []"),
    "epochs": (True, "expected a whole number, got True"),
    "batch_size": (0, "must be at least 1, got 0"),
    "seed": (-1, "must be at least 0, got -1"),
    "threads": ("4", "expected a whole number, got '4'"),
    "validation": (1.0, "must be at least 0 and below 1, got 1.0"),
    "test": ("20%", "expected a share between 0 and 1, got '20%'"),
    "device": (0, "expected text, got 0"),
    "requires": ("gammalearn-hexconv", "expected a list of texts, got 'gammalearn-hexconv'"),
    "name": ("a/b", "'a/b' cannot be the name of a folder"),
}


@pytest.mark.parametrize("setting", WRONG)
def test_a_setting_of_the_wrong_type_is_refused(setting: str) -> None:
    value, what = WRONG[setting]
    assert (setting, what) in problems(**{setting: value})


def test_nan_is_not_a_share() -> None:
    assert problems(validation=float("nan")) == [("validation", "must be at least 0 and below 1, got nan")]


def test_text_instead_of_a_ref_is_answered_with_what_to_write() -> None:
    assert hints(network="core.cnn2d") == ["write ref('core.cnn2d')"]


def test_the_place_in_a_list_is_told() -> None:
    assert problems(filters=[ref("core.energy"), "core.intensity"])[0][0] == "filters[1]"
    assert problems(metrics={"energy": [ref("core.energy_error"), 3]})[0][0] == "metrics['energy'][1]"


def test_a_task_needs_a_plain_name() -> None:
    assert problems(losses={"Energy": ref("core.l1")})[0][1].startswith("'Energy' is not a name")


def test_there_must_be_something_to_learn() -> None:
    assert problems(losses={}) == [("losses", "there is nothing to learn")]


def test_validation_and_test_must_leave_something_to_train_on() -> None:
    expected = "together they leave no shower to train on: 0.5 + 0.5"
    assert problems(validation=0.5, test=0.5) == [("validation, test", expected)]


def sources(*names: str) -> dict[str, object]:
    return {name: ref("core.dl1", paths=f"{name}.h5") for name in names}


def test_a_share_does_not_count_for_a_split_that_a_source_is() -> None:
    experiment = Experiment(**settings(data=sources("train", "test"), validation=0.9))  # type: ignore[arg-type]
    assert list(experiment.data) == ["train", "test"]
    expected = "together they leave no shower to train on: 0.9 + 0.2"
    assert problems(data=sources("train", "unlabelled"), validation=0.9) == [("validation, test", expected)]


@pytest.mark.parametrize("names", [("labelled", "test"), ("validation",), ("validation", "test", "unlabelled")])
def test_given_splits_need_a_source_to_train_on(names: tuple[str, ...]) -> None:
    given = min(set(names) & {"validation", "test"})
    assert problems(data=sources(*names)) == [("data", f"there is a source {given!r}, but none to train on")]
    assert hints(data=sources(*names)) == ["call the source to train on 'train': {'train': ref(…), …}"]


@pytest.mark.parametrize(
    ("setting", "value"), [("targets", ref("core.energy")), ("metrics", [ref("core.energy_error")])]
)
def test_targets_and_metrics_belong_to_tasks(setting: str, value: object) -> None:
    assert problems(**{setting: {"energi": value}}) == [(f"{setting}['energi']", "there is no such task in losses")]
    assert hints(**{setting: {"energi": value}}) == ["did you mean 'energy'?"]


def test_a_callable_stands_for_a_ref_to_it() -> None:
    experiment = Experiment(**settings(network=make_network, handlers=[make_network]))  # type: ignore[arg-type]
    assert experiment.network == ref(make_network)
    assert experiment.handlers == (ref(make_network),)


@pytest.mark.parametrize(("kinds", "code"), [(["settings"], 2), (["data"], 4), (["data", "settings"], 2)])
def test_the_exit_code_is_that_of_data_only_if_nothing_else_is_wrong(kinds: list[str], code: int) -> None:
    assert SettingsError([Problem("here", "wrong", kind=kind) for kind in kinds]).exit_code == code  # type: ignore[arg-type]


def test_threads_beyond_reason_are_refused() -> None:
    with pytest.raises(SettingsError, match="threads: must be at most 1024, got 100000000000"):
        Experiment(
            name="x",
            data=ref("core.dl1", paths="x.h5"),
            network=ref("core.cnn2d"),
            losses={"energy": ref("core.l1")},
            threads=100_000_000_000,
        )
