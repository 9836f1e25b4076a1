"""The report: paths as people write them, places found, one mistake told once."""

import pytest

from llamaswap.config.document import (
    KeyPath,
    Place,
    Plain,
    Problem,
    Report,
    note_secrets,
    path_text,
    problem_of,
)
from llamaswap.errors import Fault


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("models", "a", "ttl"), "models.a.ttl"),
        (("groups", "g", "members", 0), "groups.g.members[0]"),
    ],
)
def test_path_is_written_as_people_do(path: KeyPath, text: str) -> None:
    assert path_text(path) == text


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (Problem(expected="text", found="a list"), "expected text, found a list"),
        (Problem("odd"), "odd"),
        (Problem("odd {found}{x}", found="{expected}"), "odd {expected}{x}"),
        (Problem("odd", suggestion="mend it"), "odd; mend it"),
        (Problem("odd", suggestion="is it a?", joint=", "), "odd, is it a?"),
        (Problem("odd: {detail}", detail="{found}"), "odd: {found}"),
    ],
)
def test_sentence_is_made_of_its_parts(problem: Problem, sentence: str) -> None:
    assert str(problem) == sentence


def test_fault_has_the_parts_beside_the_sentence() -> None:
    report = Report()

    report.fault(("a",), Problem("{found} is no {expected}", "number", "'x'", "use 1"))

    assert report.faults == (
        Fault("a", "'x' is no number; use 1", expected="number", found="'x'", suggestion="use 1"),
    )


def test_a_sentence_that_is_complete_is_told_as_it_is() -> None:
    report = Report()

    report.fault(("a",), "the name '{found}' is odd")
    report.fault(("b",), problem_of(ValueError("{expected}")))
    report.fault(("c",), Problem.told("{found} is odd", "an even one", "1", "use 2"))

    assert [fault.message for fault in report.faults] == [
        "the name '{found}' is odd",
        "{expected}",
        "{found} is odd; use 2",
    ]
    assert (report.faults[2].expected, report.faults[2].found) == ("an even one", "1")


def test_fault_stands_where_its_key_does() -> None:
    report = Report("a.yaml", {("models", "a"): Place(3, 5)})

    report.fault(("models", "a"), "odd")

    assert report.faults == (Fault("models.a", "odd", "a.yaml", 3, 5),)


def test_what_was_filled_in_stands_where_its_section_does() -> None:
    report = Report("a.yaml", {("models", "a"): Place(3, 5)})

    report.fault(("models", "a", "proxy"), "odd")

    assert report.faults == (Fault("models.a.proxy", "odd", "a.yaml", 3, 5),)


def test_fault_without_a_place_names_the_file_alone() -> None:
    report = Report("a.yaml")

    report.fault((), "odd")

    assert [str(fault) for fault in report.faults] == ["a.yaml: odd"]


def test_faults_and_warnings_come_in_the_order_of_the_file() -> None:
    report = Report(places={("a",): Place(1, 1), ("b",): Place(2, 1)})

    report.fault(("b",), "second")
    report.fault(("a",), "first")
    report.warn(("b",), "later")
    report.warn(("a",), "sooner")

    assert [fault.message for fault in report.faults] == ["first", "second"]
    assert [warning.message for warning in report.warnings] == ["sooner", "later"]


def test_what_many_paths_lead_to_is_told_once() -> None:
    report = Report("c.yaml")
    for name in ("a", "b", "c"):
        report.places[(name,)] = Place(1, 1)
        report.fault((name,), "odd")
    report.fault(("a",), "odd")
    report.fault(("a",), "odder")
    report.warn(("b",), "odd")
    report.warn(("c",), "odd")

    assert [str(fault) for fault in report.faults] == [
        "c.yaml:1:1: a: odd (also b and 1 more)",
        "c.yaml:1:1: a: odder",
    ]
    assert [str(warning) for warning in report.warnings] == ["c.yaml:1:1: b: odd (also c)"]


def test_what_has_no_place_is_told_once_for_each_path() -> None:
    report = Report()
    for path in (("a",), ("b",), ("a",)):
        report.fault(path, "odd")

    assert [str(fault) for fault in report.faults] == ["a: odd", "b: odd"]


def test_given_place_wins_over_the_known_one() -> None:
    report = Report(places={("a",): Place(1, 1)})

    report.fault(("a",), "twice", Place(9, 9))

    assert report.faults[0].line == 9


def test_section_is_tainted_by_what_is_below_it() -> None:
    report = Report()

    assert not report.is_tainted(())
    report.taint(("env", 1))
    report.taint(("env", 1, "x"))

    assert report.is_tainted(())
    assert report.is_tainted(("env",))
    assert report.is_tainted(("env", 1))
    assert not report.is_tainted(("env", 0))


def test_a_question_costs_no_look_at_all_faults() -> None:
    report = Report()
    for number in range(20_000):
        report.taint(("models", str(number), "cmd"))

    # With such a look it takes minutes.
    assert not any(report.is_tainted(("models", str(n), "ttl")) for n in range(20_000))


def test_what_one_file_says_becomes_known_of_the_whole() -> None:
    first = Report("b.yaml", {("a",): Place(1, 1), ("l", 0): Place(2, 2)})
    second = Report("a.yaml", {("a",): Place(7, 7), ("l", 0): Place(8, 8)})
    whole = Report()
    first.fault(("a",), "odd")
    second.warn(("l", 0), "odd")
    second.taint(("l", 0))
    whole.take_over(first, lambda path: path)
    whole.take_over(second, lambda path: path if path == ("a",) else ("l", 1))

    assert whole.places == {
        ("a",): Place(1, 1, "b.yaml"),
        ("l", 0): Place(2, 2, "b.yaml"),
        ("l", 1): Place(8, 8, "a.yaml"),
    }
    assert whole.is_tainted(("a",))
    assert whole.is_tainted(("l", 1))
    whole.fault(("l", 1), "odder")
    assert [str(fault) for fault in whole.faults] == [
        "b.yaml:1:1: a: odd",
        "a.yaml:8:8: l[1]: odder",
    ]
    assert [str(warning) for warning in whole.warnings] == ["a.yaml:8:8: l[0]: odd"]


def test_what_stands_elsewhere_is_forgotten() -> None:
    report = Report()
    for path in (("a",), ("a", "b"), ("ab",)):
        report.places[path] = Place(1, 1)
        report.forms[path] = ("1", "!!int")
        report.merged.add(path)
        report.folded.add(path)

    report.forget(("a",))

    assert list(report.places) == list(report.forms) == [("ab",)]
    assert report.merged == report.folded == {("ab",)}


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (Problem(expected="text", found="'x'"), "expected text, found ***"),
        (Problem(expected="text", found="a list"), "expected text, found a list"),
        (Problem(expected="text", found="12", is_discreet=True), "expected text, found 12"),
        (Problem("odd: {found}", found="${a}"), "odd: ${a}"),
        (Problem("{found}: {detail}", found="${a}", detail="x"), "***: ***"),
        (Problem("odd"), "odd"),
        (Problem("odd", suggestion="put [ ] around it"), "odd; put [ ] around it"),
        (Problem("odd", suggestion="did you mean 'x'?"), "odd"),
    ],
)
def test_what_may_repeat_a_secret_is_left_out(problem: Problem, sentence: str) -> None:
    assert str(problem.hidden()) == sentence


def test_a_secret_is_not_told_whoever_finds_what_is_wrong() -> None:
    report = Report("a")
    report.secret_places["a"] = lambda place: place.line == 2
    note_secrets({"apiKeys": ["abcd", "abc", "${k}", 12345], "x": "efgh"}, (), report)
    odd = Problem("odd {found}", found="'x'")

    report.fault(("apiKeys",), Problem("odd {found}", found="'apiKeys'"))
    report.fault(("apiKeys", 0), odd)
    report.fault(("token", "x"), Problem("odd {found}", found="'x'"))
    report.fault(("x",), odd, Place(2, 1))
    report.fault(("HF_TOKEN=x", 0), Problem("odd {found}", found="'abcd efgh abc' ${k} 12345"))
    whole = Report()
    whole.take_over(report, lambda path: path)
    whole.fault(("x",), Problem("odd {found}", found="'abcd'"))
    whole.fault(("y",), odd, Place(2, 2, "a"))

    assert [f"{fault.path}: {fault.message}" for fault in whole.faults] == [
        "x: odd '***'",
        "apiKeys: odd 'apiKeys'",
        "apiKeys[0]: odd ***",
        "token.***: odd ***",
        "HF_TOKEN=***[0]: odd '*** efgh abc' ${k} 12345",
        "***: odd ***",
        "y: odd ***",
    ]


def test_the_macros_of_secrets_are_secrets() -> None:
    first, whole = Report("a"), Report()
    note_secrets({"apiKeys": ["x${l}"]}, (), first)
    whole.take_over(first, lambda path: path)
    macros: Plain = {"k": "abcde", "l": "${k}+", "m": "other", "n": 5}

    note_secrets({"macros": macros, "models": {"a": {"macros": {"k": "fghij"}}}}, (), whole)

    assert whole.secrets == {"x${l}", "${k}+", "abcde", "fghij"}


def test_values_of_options_are_secrets() -> None:
    report = Report()

    note_secrets({"models": {"a": {"cmd": "s --api-key sk-123456"}}}, (), report)

    assert report.secrets == {"sk-123456"}
