"""`ref` and `on`: what settings files write instead of importing components."""

from __future__ import annotations

import enum
import pickle

import attrs
import pytest

from gammalearn_core import SettingsError
from gammalearn_core import on
from gammalearn_core import ref
from gammalearn_core.settings import On
from gammalearn_core.settings import Ref


def make_network(**parameters: object) -> None:
    """Stands for a network class."""


def test_ref_is_frozen() -> None:
    value = ref("core.l1", weight=2)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        value.target = "core.mse"  # type: ignore[misc]
    with pytest.raises(TypeError):
        value.parameters["weight"] = 3  # type: ignore[index]


def test_refs_compare_by_value() -> None:
    assert ref("core.l1", weight=2) == ref("core.l1", weight=2)
    assert ref("core.l1", weight=2) != ref("core.l1", weight=3)
    assert ref("core.l1") != ref("core.mse")


def test_equal_refs_have_equal_hashes_even_with_lists_inside() -> None:
    assert hash(ref("core.dl1", paths=["a"])) == hash(ref("core.dl1", paths=["a"]))


@pytest.mark.parametrize("value", [ref("core.l1", inner=ref("core.mse", weight=2)), ref(make_network, channels=2)])
def test_refs_pickle(value: Ref) -> None:
    assert pickle.loads(pickle.dumps(value)) == value


def test_ref_prints_as_it_is_written() -> None:
    text = "ref('core.fixed_weights', losses=[ref('core.l1')], weight=0.5)"
    assert repr(eval(text, {"ref": ref})) == text


def test_a_ref_to_a_callable_prints_its_name() -> None:
    assert repr(ref(make_network, channels=2)) == "ref(make_network, channels=2)"


def test_a_component_may_have_a_parameter_named_target() -> None:
    assert dict(ref("core.l1", target="energy", self=1).parameters) == {"target": "energy", "self": 1}


def test_parameters_may_be_given_without_their_names() -> None:
    value = ref("core.cut", "hillas_intensity > 50", extra=1)
    assert (value.arguments, dict(value.parameters)) == (("hillas_intensity > 50",), {"extra": 1})
    assert repr(value) == "ref('core.cut', 'hillas_intensity > 50', extra=1)"
    assert value != ref("core.cut", extra=1)
    assert pickle.loads(pickle.dumps(value)) == value
    assert hash(ref("core.telescopes", [1])) == hash(ref("core.telescopes", [1]))


def test_ref_wants_an_id_or_a_callable() -> None:
    with pytest.raises(SettingsError, match="expected an id or a callable, got 5"):
        ref(5)  # type: ignore[arg-type]


def test_on_keeps_what_it_is_given() -> None:
    handler = ref("core.tensorboard")
    assert on("COMPLETED", handler, every=2, engine="tester") == On("COMPLETED", handler, 2, "tester")


def test_on_leaves_the_engine_to_the_record_unless_told_otherwise() -> None:
    assert on("COMPLETED", make_network) == On("COMPLETED", ref(make_network), None, None)
    assert on("COMPLETED", make_network, engine="validator").engine == "validator"


def test_on_refuses_an_event_whose_filter_would_be_lost() -> None:
    class Filtered:
        name = "ITERATION_COMPLETED"
        filter = staticmethod(lambda engine, event: event % 100 == 0)

    with pytest.raises(SettingsError, match="ITERATION_COMPLETED is given with a filter"):
        on(Filtered(), make_network)  # type: ignore[arg-type]


def test_on_takes_a_member_of_an_enumeration_by_its_name() -> None:
    Events = enum.Enum("Events", ["COMPLETED"])  # noqa: N806
    assert on(Events.COMPLETED, make_network).event == "COMPLETED"  # type: ignore[arg-type]


def test_on_reports_every_problem() -> None:
    with pytest.raises(SettingsError) as caught:
        on("epoch_complete", "core.tensorboard", every=0, engine="traner")  # type: ignore[arg-type]
    assert [p.what for p in caught.value.problems] == [
        "ignite has no event 'epoch_complete'",
        "no engine is named 'traner'",
        "every must be a whole number above 0, got 0",
        "expected ref(…) or a callable as handler, got 'core.tensorboard'",
    ]
    assert "'EPOCH_COMPLETED'" in caught.value.problems[0].hint


@pytest.mark.parametrize("every", [0, -1, 1.5, True, "2"])
def test_every_is_a_whole_number_above_zero(every: object) -> None:
    with pytest.raises(SettingsError, match="every must be a whole number above 0"):
        on("COMPLETED", make_network, every=every)  # type: ignore[arg-type]
