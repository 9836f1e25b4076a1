"""Times from flags and from what an instance has learned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llamaswap.cli.usual_times import Given, Learned, TimesError, Wishes, read_times
from llamaswap.policy.rules import ModelId
from llamaswap.policy.simulation import Times

A, B, C = (ModelId(name) for name in "abc")
NAMES = {"a": A, "alias": A, "b": B, "c": C}


def test_a_flag_speaks_of_all_or_of_one() -> None:
    given = Given.of("--load", ["2", "alias=3", "x=y=0.5", "4"])

    assert given == Given(4.0, {"alias": 3.0, "x=y": 0.5})
    assert given.by_model(NAMES) == {A: 3.0}


@pytest.mark.parametrize("value", ["", "x", "a=", "=1", "a=b", "-1", "a=-1", "nan", "inf", "1e308"])
def test_what_is_no_time_is_told(value: str) -> None:
    with pytest.raises(TimesError) as told:
        Given.of("--load", [value])

    expected = "expected SECONDS or MODEL=SECONDS, and no less than 0"
    assert str(told.value) == f"invalid --load {value!r}: {expected}"


def test_a_name_that_means_nobody_is_told() -> None:
    wishes = Wishes(Given(), Given(1.0, {"alias": 1.0}), Given(1.0, {"alios": 1.0}))
    wishes.require_names([*NAMES, "alios"])

    with pytest.raises(TimesError) as told:
        wishes.require_names(NAMES)
    assert str(told.value) == "--service: no model is called 'alios', did you mean 'alias'?"


def test_what_is_said_of_one_comes_before_what_is_known_and_that_before_what_is_said_of_all() -> (
    None
):
    learned = Learned(loads={A: 7.0, B: 8.0}, stops={C: 0.5})
    wishes = Wishes(Given(2.0, {"alias": 3.0}), Given(), Given(4.0, {"b": 5.0}), learned)

    assert wishes.times(NAMES, {A: 6.0, B: 6.0}) == Times(
        load=2.0,
        stop=Times().stop,
        service=4.0,
        loads={A: 3.0, B: 8.0},
        stops={C: 0.5},
        services={A: 6.0, B: 5.0},
    )


def learned_from(folder: Path, document: object) -> Learned:
    path = folder / "times.json"
    path.write_text(json.dumps(document))
    return read_times(path)


def test_what_an_instance_has_learned_is_read(tmp_path: Path) -> None:
    models = {"a": {"load": 1.5, "stop": 0}, "b": {"load": 2, "stop": None, "more": 1}, "c": {}}
    learned = learned_from(tmp_path, {"version": 1, "models": models})

    assert learned == Learned({A: 1.5, B: 2.0}, {A: 0.0})
    paces = {model: (pace.load, pace.stop) for model, pace in learned.paces().items()}
    assert paces == {A: (1.5, 0.0), B: (2.0, None)}


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ([], "holds no times: expected"),
        ({"version": 2, "models": {}}, "holds no times: expected"),
        ({"version": 1}, "holds no times: expected"),
        ({"version": 1, "models": {"a": 1}}, "invalid load of 'a': expected seconds"),
        ({"version": 1, "models": {"a": {"load": -1}}}, "invalid load of 'a': expected seconds"),
        ({"version": 1, "models": {"a": {"stop": "x"}}}, "invalid stop of 'a': expected seconds"),
        ({"version": 1, "models": {"a": {"stop": True}}}, "invalid stop of 'a': expected seconds"),
        ({"version": 1, "models": {"a": {"stop": [1]}}}, "invalid stop of 'a': expected seconds"),
    ],
)
def test_another_document_is_told(tmp_path: Path, document: object, problem: str) -> None:
    with pytest.raises(TimesError) as told:
        learned_from(tmp_path, document)
    assert problem in str(told.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("{")
    (tmp_path / "deep").write_text("[" * 100_000)

    for name in ("missing", "text", "deep"):
        with pytest.raises(TimesError, match=f"cannot read the times .*{name}: "):
            read_times(tmp_path / name)
