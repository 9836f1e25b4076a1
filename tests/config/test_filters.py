"""Filters: old spellings, names that choose parameters, names that become aliases."""

from collections.abc import Mapping

import pytest
from attrs import evolve

from llamaswap.config.document import Place, Plain, Report
from llamaswap.config.filters import (
    rename_by_id,
    stripped_parameters,
    translate_old,
    with_automatic_aliases,
)
from llamaswap.config.schema import FiltersConfig, ModelConfig
from llamaswap.policy.rules import ModelId

M = ("models", "m")
F = (*M, "filters")


def test_parameters_to_strip_are_a_list_with_commas() -> None:
    found = stripped_parameters("top_p, model,,temperature,top_p")

    assert found == ("temperature", "top_p")
    assert stripped_parameters("") == ()


@pytest.mark.parametrize(
    ("filters", "translated"),
    [
        ({"strip_params": "x"}, {"stripParams": "x"}),
        ({"strip_params": "x", "stripParams": ""}, {"stripParams": "x"}),
        ({"strip_params": "x", "stripParams": None}, {"stripParams": "x"}),
        ({"strip_params": "x", "stripParams": "y"}, {"stripParams": "y"}),
        ({"setParams": {}}, {"setParams": {}}),
        (None, None),
        (["strip_params"], ["strip_params"]),
    ],
)
def test_old_spelling_counts_where_the_new_one_says_nothing(
    filters: Plain, translated: Plain
) -> None:
    assert translate_old(filters, F, Report()) == translated


def test_what_is_translated_or_renamed_stands_where_it_is_written() -> None:
    old, name = Place(3, 5), Place(4, 7)
    report = Report(places={(*F, "strip_params"): old, (*F, "setParamsByID", "${x}"): name})
    by_id: Plain = {"setParamsByID": {"${x}": {}}}

    translate_old({"strip_params": "x"}, F, report)
    rename_by_id({"filters": by_id}, lambda _: "y", M, report)

    assert report.places[*F, "stripParams"] == old
    assert report.places[*F, "setParamsByID", "y"] == name


@pytest.mark.parametrize(
    "fields", [{}, {"filters": None}, {"filters": 5}, {"filters": {"setParamsByID": [1]}}]
)
def test_nothing_is_renamed_where_there_are_no_names(fields: dict[str, Plain]) -> None:
    assert rename_by_id(fields, str.upper, M, Report()) == fields


def test_names_that_become_equal_are_refused() -> None:
    report = Report()

    renamed = rename_by_id(
        {"cmd": "s", "filters": {"stripParams": "a", "setParamsByID": {"x": 1, "X": 2, "y": 3}}},
        str.upper,
        M,
        report,
    )

    assert renamed == {
        "cmd": "s",
        "filters": {"stripParams": "a", "setParamsByID": {"X": 1, "Y": 3}},
    }
    assert [str(fault) for fault in report.faults] == [
        ("models.m.filters.setParamsByID.X: the names 'x' and 'X' resolve to the same value 'X'")
    ]


def _named(*names: str, aliases: tuple[str, ...] = ()) -> ModelConfig:
    by_id: Mapping[str, Mapping[str, object]] = {name: {} for name in names}
    return ModelConfig(aliases=aliases, filters=FiltersConfig(set_params_by_id=by_id))


def test_names_become_aliases_but_for_those_that_are_names_already() -> None:
    model = _named("m", "m:low", "m:high", aliases=("m:low",))
    report = Report()

    complete = with_automatic_aliases({ModelId("m"): model}, report)

    assert complete == {ModelId("m"): evolve(model, aliases=("m:low", "m:high"))}
    assert report.faults == ()


def test_name_of_somebody_else_is_refused() -> None:
    report = Report()
    models = {
        ModelId("a"): _named("b", "bee", "new"),
        ModelId("b"): _named("new", aliases=("bee",)),
    }

    assert with_automatic_aliases(models, report)[ModelId("a")].aliases == ("new",)
    assert [str(fault) for fault in report.faults] == [
        (
            "models.a.filters.setParamsByID.b: the name 'b' conflicts with an existing model ID: "
            "parameters are set for a model's own names only"
        ),
        (
            "models.a.filters.setParamsByID.bee: duplicate alias 'bee': the model 'b' has it too, "
            "and each name here becomes an alias"
        ),
        (
            "models.b.filters.setParamsByID.new: duplicate alias 'new': the model 'a' has it too, "
            "and each name here becomes an alias"
        ),
    ]
