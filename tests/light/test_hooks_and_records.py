"""What every kind of component needs, and what the core declares."""

from __future__ import annotations

import pickle
import re

import attrs
import pytest

from gammalearn_core import Loader
from gammalearn_core import Loss
from gammalearn_core import Network
from gammalearn_core.plugin import Registry
from gammalearn_core.plugin import hookspecs
from gammalearn_core.plugin.names import KINDS
from gammalearn_core.plugin.names import NAME
from gammalearn_core.plugin.records import RECORDS

HOOKS = [name for name in vars(hookspecs) if name.startswith(f"{NAME}_")]


def test_every_kind_has_a_record() -> None:
    assert list(RECORDS) == list(KINDS)


def test_every_kind_has_a_hook_and_every_hook_a_kind() -> None:
    assert sorted(HOOKS) == sorted(f"{NAME}_{plural}" for plural in KINDS.values())


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_docstring(hook: str) -> None:
    assert (getattr(hookspecs, hook).__doc__ or "").startswith("Declare ")


@pytest.mark.parametrize("kind", RECORDS)
def test_every_record_has_a_docstring(kind: str) -> None:
    # attrs and dataclasses write a signature where a docstring is missing.
    assert " " in (RECORDS[kind].__dict__["__doc__"] or "").strip()


@pytest.mark.parametrize("kind", RECORDS)
def test_every_record_is_keyword_only(kind: str) -> None:
    assert all(field.kw_only for field in attrs.fields(RECORDS[kind]))


def test_records_are_frozen() -> None:
    record = Loss(name="mine", target="a.b:C", summary="A loss")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        record.name = "other"  # type: ignore[misc]


def test_records_pickle_and_compare_by_value() -> None:
    record = Loss(name="mine", target="a.b:C", summary="A loss", geometries=["scalar"])
    assert pickle.loads(pickle.dumps(record)) == record


def test_one_text_stands_for_a_tuple_of_one() -> None:
    assert Network(name="mine", target="a:B", summary="A network", takes="impact").takes == ("impact",)


@pytest.mark.parametrize("levels", [(), None, 3])
def test_a_loader_has_at_least_one_level(levels: object) -> None:
    with pytest.raises(ValueError, match="levels of 'mine' must name at least one"):
        Loader(name="mine", target="a:B", summary="A loader", levels=levels)


def test_every_target_of_the_core_is_an_import_string_into_the_core_or_torch(core_only: Registry) -> None:
    pattern = re.compile(r"(gammalearn_core\.builtin\.[a-z0-9_.]+|torch\.optim):[A-Za-z]\w*")
    assert [c.target for _, c in core_only.components() if not pattern.fullmatch(c.target)] == []


def test_every_metric_that_a_target_of_the_core_names_exists_and_fits_it(core_only: Registry) -> None:
    for id, target in core_only.components("target"):
        for metric in target.metrics:  # type: ignore[attr-defined]
            geometries = core_only.find(metric, kind="metric").geometries  # type: ignore[attr-defined]
            assert not geometries or target.geometry in geometries, (id, metric)  # type: ignore[attr-defined]


def test_components_come_in_alphabetical_order(core_only: Registry) -> None:
    ids = [id for id, _ in core_only.components("loss")]
    assert ids == sorted(ids)
    assert "core.l1" in ids
