"""The static check: names, kinds, facts, files and requirements, with nothing heavy imported."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Callable

import pytest

from gammalearn_core import Problem
from gammalearn_core import on
from gammalearn_core import ref

Check = Callable[..., list[Problem]]


def test_a_sound_experiment_has_no_problem(problems: Check) -> None:
    assert problems() == []


def test_all_problems_are_reported_at_once(problems: Check) -> None:
    found = problems(
        data=ref("core.dl1", paths=["gama.h5"]),
        network=ref("core.cnn"),
        losses={"energy": ref("core.auc")},
        requires=["gammalearn-nowhere"],
    )
    assert [p.where for p in found] == ["requires", "network", "losses['energy']", "data core.dl1"]


def test_an_unknown_component_is_reported_with_a_suggestion(problems: Check) -> None:
    (found,) = problems(network=ref("core.cnn2"))
    assert found == Problem("network", "no component is named 'core.cnn2', did you mean 'core.cnn2d'?")


def test_a_component_in_the_wrong_place_is_reported(problems: Check) -> None:
    (found,) = problems(filters=[ref("core.energy"), ref("core.normalise")])
    assert found == Problem("filters[1]", "'core.normalise' is a transform, not a filter")


def test_a_handler_given_with_on_is_looked_up_too(problems: Check) -> None:
    (found,) = problems(handlers=[on("COMPLETED", ref("core.tensorbord"))])
    assert found.where == "handlers[0]"
    assert "'core.tensorboard'" in found.what


def test_callables_are_not_looked_up(problems: Check) -> None:
    assert problems(network=dict, losses={"energy": dict}, handlers=[on("COMPLETED", dict)]) == []


def test_a_task_that_the_core_has_no_target_for_is_told_to_name_one(problems: Check) -> None:
    (found,) = problems(losses={"mass": ref("core.l1")})
    assert found.where == "targets['mass']"
    assert "targets={'mass': ref(…)}" in found.hint


def test_the_place_of_a_named_source_is_told(problems: Check) -> None:
    sources = {"labelled": ref("core.dl1", paths="gamma.h5"), "unlabelled": ref("core.dl2", paths="gamma.h5")}
    assert [p.where for p in problems(data=sources)] == ["data['unlabelled']"]


@pytest.mark.parametrize(
    ("changes", "where", "what"),
    [
        (
            {"losses": {"energy": ref("core.fixed_weights")}},
            "losses['energy']",
            "'fixed_weights' is a balance, not a loss",
        ),
        ({"balance": ref("core.l1")}, "balance", "'l1' is a loss, not a balance"),
        ({"optimizer": ref("core.cosine")}, "optimizer", "'cosine' is a schedule, not an optimizer"),
        ({"schedule": ref("core.sgd")}, "schedule", "'sgd' is an optimizer, not a schedule"),
        ({"weights": [ref("core.energy")]}, "weights[0]", "'energy' is a filter, not a weight"),
        (
            {"filters": [ref("core.cut", "x > 1"), ref("core.balance_particles")]},
            "filters[1]",
            "'balance_particles' is a weight, not a filter",
        ),
    ],
)
def test_the_parts_of_a_kind_are_told_apart(changes: dict[str, object], where: str, what: str, problems: Check) -> None:
    assert [(p.where, p.what) for p in problems(**changes)] == [(where, what)]


def test_weights_are_looked_up(problems: Check) -> None:
    (found,) = problems(weights=[ref("core.balance_particles"), ref("core.energy_spectrm", index=-2.7)])
    assert found.where == "weights[1]"
    assert "did you mean 'core.energy_spectrum'" in found.what


def test_parameters_of_a_loader_need_their_names(problems: Check) -> None:
    (found,) = problems(data=ref("core.dl1", "gamma.h5"))
    assert found == Problem("data core.dl1", "parameters of a loader are given by name", "write paths='gamma.h5'")


def test_a_loss_that_does_not_fit_its_target_is_reported(problems: Check) -> None:
    (found,) = problems(losses={"energy": ref("core.cross_entropy")})
    expected = "'cross_entropy' is for class targets, and 'energy' is scalar"
    assert (found.where, found.what) == ("losses['energy']", expected)


def test_a_metric_that_does_not_fit_its_target_is_reported(problems: Check) -> None:
    (found,) = problems(metrics={"energy": [ref("core.energy_error"), ref("core.auc")]})
    assert (found.where, found.what) == ("metrics['energy'][1]", "'auc' is for class targets, and 'energy' is scalar")


def test_a_loss_is_compared_with_the_target_that_the_settings_choose(problems: Check) -> None:
    losses = {"energy": ref("core.cross_entropy")}
    assert problems(losses=losses, targets={"energy": ref("core.particle")}) == []


@pytest.mark.parametrize(("name", "wants"), [("hexagonal", "hexagonal pixels"), ("pixels", "the camera's own pixels")])
def test_a_network_on_pixels_behind_a_map_to_a_grid_is_reported(extra: Check, name: str, wants: str) -> None:
    (found,) = extra(network=ref(f"extra.{name}"), transforms=[ref("core.log_charge"), ref("core.to_square")])
    assert found.what == f"extra.{name} wants {wants}, but transforms[1] maps them to a grid"
    assert found.hint == "remove transforms[1]"


@pytest.mark.parametrize("name", ["hexagonal", "pixels"])
def test_a_network_on_pixels_without_such_a_map_is_fine(extra: Check, name: str) -> None:
    assert extra(network=ref(f"extra.{name}"), transforms=[ref("core.log_charge")]) == []


def test_a_stereo_network_on_telescope_data_is_reported(extra: Check) -> None:
    (found,) = extra(network=ref("extra.stereo"))
    assert found.what == "extra.stereo works on subarray data, but core.dl1 gives telescope data"
    assert found.hint == "level='subarray'"


def test_a_stereo_network_on_subarray_data_is_fine(extra: Check) -> None:
    assert extra(network=ref("extra.stereo"), data=ref("core.dl1", paths="gamma.h5", level="subarray")) == []


def test_a_mono_network_on_subarray_data_is_reported(problems: Check) -> None:
    (found,) = problems(data=ref("core.dl1", paths="gamma.h5", level="subarray"))
    assert found.what == "core.cnn2d works on telescope data, but core.dl1 gives subarray data"


def test_an_unknown_level_is_reported(problems: Check) -> None:
    (found,) = problems(data=ref("core.dl1", paths="gamma.h5", level="array"))
    assert (found.where, found.what) == ("data", "level must be one of telescope, subarray, got 'array'")


def test_a_record_that_names_an_event_that_ignite_has_not_is_reported(extra: Check) -> None:
    (found,) = extra(handlers=[ref("extra.never")])
    assert (found.where, found.what.partition("names ")[2][:23]) == ("handlers[0]", "the event 'EPOCH_ENDED'")


def test_the_event_of_the_settings_replaces_that_of_the_record(extra: Check) -> None:
    assert extra(handlers=[on("COMPLETED", ref("extra.never"))]) == []


def test_a_requirement_that_is_met_is_fine(problems: Check) -> None:
    installed = importlib.metadata.version("attrs")
    assert problems(requires=["attrs>=20", f"attrs=={installed}", "pluggy"]) == []


def test_a_requirement_of_another_version_is_reported(problems: Check) -> None:
    (found,) = problems(requires=["attrs<20"])
    assert re.fullmatch(r"attrs is [\d.]+, wanted <20", found.what)
    assert (found.where, found.hint) == ("requires", "pip install 'attrs<20'")


def test_a_requirement_that_is_not_installed_is_reported(problems: Check) -> None:
    (found,) = problems(requires=["gammalearn-nowhere>=1"])
    assert (found.what, found.hint) == ("gammalearn-nowhere is not installed", "pip install 'gammalearn-nowhere>=1'")


def test_what_is_not_a_requirement_is_reported(problems: Check) -> None:
    (found,) = problems(requires=["not a requirement"])
    assert found.what.startswith("'not a requirement' is not a requirement: ")
    assert "\n" not in found.what
