"""Components in parameters of a network, as far as records and settings tell."""

from __future__ import annotations

import json
import pickle
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import attrs
import pytest

from gammalearn_core import Experiment
from gammalearn_core import Network
from gammalearn_core import Problem
from gammalearn_core import SettingsError
from gammalearn_core import ref
from gammalearn_core.plugin import Registry
from gammalearn_core.settings import check
from gammalearn_core.settings.overrides import override

ARRAY = """
@hookimpl
def gammalearn_networks():
    nested = {"encoder": "network"}
    yield Network(name="pooling", target="a:B", summary="Has encoders", stereo=True, nested=nested)
    yield Network(name="pair", target="a:B", summary="Has two networks", nested={"first": "network", "then": "network"})
    yield Network(name="hexagons", target="a:B", summary="Wants hexagonal pixels", lattice="hexagonal")
"""


@pytest.fixture
def told(install: Callable[..., str], discover: Callable[[], Registry], folder: Path) -> Callable[..., list[str]]:
    """Problems of an experiment whose network has encoders, one line each."""
    install("array", ARRAY)

    def find(network: object, **changes: object) -> list[str]:
        return [" ".join(str(p).split()) for p in check(experiment(network, **changes), discover(), folder)]

    return find


def experiment(network: object, **changes: object) -> Experiment:
    return Experiment(
        name="array",
        data=ref("core.dl1", paths="gamma.h5", level="subarray"),
        network=network,  # type: ignore[arg-type]
        losses={"energy": ref("core.l1")},
        **changes,  # type: ignore[arg-type]
    )


def record(nested: object) -> Network:
    return Network(name="mine", target="a:B", summary="A network", nested=nested)  # type: ignore[arg-type]


def encoding(**encoders: object) -> object:
    return ref("array.pooling", encoder=encoders)


def body(**parameters: object) -> None:
    """A callable in place of a component; never called here."""


def test_what_a_record_says_of_its_parameters_cannot_be_changed_and_pickles() -> None:
    kinds = {"encoder": "network"}
    network = record(kinds)
    kinds["other"] = "network"
    assert network.nested == {"encoder": "network"}
    with pytest.raises(TypeError):
        network.nested["other"] = "network"  # type: ignore[index]
    assert pickle.loads(pickle.dumps(network)) == network
    assert attrs.evolve(network, name="other").nested == network.nested
    assert hash(network) == hash(record({"encoder": "network"}))


@pytest.mark.parametrize(
    "nested", [{"encoder": "loader"}, {"encoder": "net"}, {1: "network"}, {"a b": "network"}, "encoder", None]
)
def test_a_record_names_a_kind_that_can_be_nested(nested: object) -> None:
    with pytest.raises(ValueError, match="nested of 'mine' must name a kind for each parameter, 'network', got"):
        record(nested)


def test_components_in_parameters_are_found(told: Callable[..., list[str]]) -> None:
    known = ref("core.cnn2d")
    for sound in (known, body, {"LSTCam": known, "*": body}, [known, body], {"LSTCam": [known, None]}, {}, None):
        assert told(ref("array.pooling", encoder=sound)) == []
    assert told(encoding(a=encoding(b=known))) == []


def test_every_unknown_component_in_parameters_is_told_with_where_it_stands(told: Callable[..., list[str]]) -> None:
    network = encoding(LSTCam=ref("array.hexagon"), FlashCam=ref("core.l1"), inner=ref("array.poolin"))
    first, second, third = told(network)
    what = "network['encoder']['LSTCam']: no component is named 'array.hexagon', did you mean 'array.hexagons'"
    assert first.startswith(what)
    assert second == "network['encoder']['FlashCam']: 'core.l1' is a loss, not a network"
    assert third.startswith("network['encoder']['inner']: no component is named 'array.poolin', did you mean 'array.p")


def test_components_in_components_in_parameters_are_told(told: Callable[..., list[str]]) -> None:
    inner = ref("array.pair", first=[ref("core.nothing")], then=ref("core.cnn2d"))
    (problem,) = told(encoding(LSTCam=inner))
    assert problem.startswith("network['encoder']['LSTCam']['first'][0]: no component is named 'core.nothing'")


@pytest.mark.parametrize(
    ("value", "told_of_it"),
    [
        ("core.cnn2d", "network['encoder']: expected ref(…), got the text 'core.cnn2d' write ref('core.cnn2d')"),
        (3, "network['encoder']: expected ref(…) or a callable, got 3"),
        ({"LSTCam": 3}, "network['encoder']['LSTCam']: expected ref(…) or a callable, got 3"),
        ({1: ref("core.cnn2d")}, "network['encoder']: names must be texts, got 1 write '1'"),
        ({"a": [{2: body}]}, "network['encoder']['a'][0]: names must be texts, got 2 write '2'"),
    ],
)
def test_only_components_stand_where_components_belong(
    told: Callable[..., list[str]], value: object, told_of_it: str
) -> None:
    assert told(ref("array.pooling", encoder=value)) == [told_of_it]


def test_a_callable_says_which_parameters_hold_components(told: Callable[..., list[str]]) -> None:
    class Local:
        stereo = True
        nested: ClassVar = {"encoder": "network"}

    (problem,) = told(ref(Local, encoder=ref("core.nothing"), other=ref("core.nothing")))
    assert problem.startswith("network['encoder']: no component is named 'core.nothing'")


def test_a_callable_that_says_it_wrongly_is_told(told: Callable[..., list[str]]) -> None:
    class Local:
        nested: ClassVar = ["encoder"]

    name = Local.__qualname__
    assert told(ref(Local, encoder=ref("core.nothing"))) == [
        f"network {name}: its nested must name a kind for each parameter, got ['encoder'] {{'encoder': 'network'}}, say"
    ]


def test_a_component_in_a_parameter_that_wants_pixels_is_told_of_a_grid(told: Callable[..., list[str]]) -> None:
    assert told(encoding(LSTCam=ref("array.hexagons")), transforms=[ref("core.to_square")]) == [
        "network['encoder']['LSTCam']: array.hexagons wants hexagonal pixels, but transforms[0] maps them to a grid"
        " remove transforms[0]"
    ]


def test_parameters_that_hold_no_components_may_hold_refs(problems: Callable[..., list[Problem]]) -> None:
    assert problems(network=ref("core.cnn2d", other=ref("core.nothing"))) == []


def test_what_a_plugin_says_of_its_parameters_is_shown(
    install: Callable[..., str], gammalearn: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    install("array", ARRAY)
    assert "nested   encoder (network)" in gammalearn("plugins", "show", "array.pooling").stdout
    (shown,) = json.loads(gammalearn("plugins", "show", "array.pooling", "--json").stdout)["components"]
    assert shown["nested"] == {"encoder": "network"}


def test_parameters_of_components_in_parameters_are_set_on_the_command_line() -> None:
    made = experiment(encoding(LSTCam=ref("hexconv.resnet", depths=[2]), inner=encoding(a=ref("core.cnn2d"))))
    changed = override(made, ["network.encoder.LSTCam.depths=[1]", "network.encoder.inner.encoder.a.hidden=4"])
    assert changed.network == encoding(
        LSTCam=ref("hexconv.resnet", depths=[1]), inner=encoding(a=ref("core.cnn2d", hidden=4))
    )
    assert made.network.parameters["encoder"]["LSTCam"] == ref("hexconv.resnet", depths=[2])  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "encoder"),
    [
        ("network.encoder.LSTCam=core.cnn2d", {"LSTCam": ref("core.cnn2d"), "own": body}),
        ("network.encoder=core.cnn2d", ref("core.cnn2d")),
        ("network.encoder={'LSTCam': 'core.cnn2d'}", {"LSTCam": ref("core.cnn2d")}),
    ],
)
def test_texts_stand_for_components_where_there_are_some(text: str, encoder: object) -> None:
    made = experiment(encoding(LSTCam=ref("hexconv.resnet"), own=body))
    assert override(made, [text]).network == ref("array.pooling", encoder=encoder)


@pytest.mark.parametrize(
    ("text", "told_of_it"),
    [
        ("network.encoder.LSTcam.depths=1", "there is no 'LSTcam' did you mean 'LSTCam'?"),
        ("network.encoder.own.depths=1", "body is given no 'depths' write ref(body) in its place"),
        ("network.encode.own=1", "array.pooling is given no 'encode' that could hold 'own' did you mean 'encoder'?"),
    ],
)
def test_keys_that_lead_nowhere_in_them_are_told(text: str, told_of_it: str) -> None:
    made = experiment(encoding(LSTCam=ref("hexconv.resnet"), own=body))
    with pytest.raises(SettingsError) as caught:
        override(made, [text])
    (problem,) = caught.value.problems
    assert told_of_it in " ".join(str(problem).split())
