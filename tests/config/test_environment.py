"""``${env.NAME}``: hidden from the parser, filled in afterwards."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config.environment import fill, hide, reveal


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("a${env.A}b", "a1b"),
        ("${env.A}${env.A}", "11"),
        ("${env.EMPTY}", ""),
        ("${env.TWICE}", "1"),
        ("${env.THRICE}", "${env.A}"),
        ("${env.1X} ${env.} ${env} $env.A", "${env.1X} ${env.} ${env} $env.A"),
    ],
)
def test_reference_takes_the_value(text: str, filled: str) -> None:
    environ = {"A": "1", "EMPTY": "", "TWICE": "${env.A}", "THRICE": "${env.TWICE}"}

    assert fill(text, environ) == (filled, ())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("${env.NOPE}", "the environment variable NOPE is not set"),
        (
            "${env.MODEL_DIR}",
            "the environment variable MODEL_DIR is not set; did you mean MODELDIR?",
        ),
        (
            "${env.LINES}",
            "the value of the environment variable LINES holds newlines or NUL characters",
        ),
    ],
)
def test_variable_that_cannot_be_used_is_named_and_stays(text: str, sentence: str) -> None:
    environ = {"MODELDIR": "/m", "LINES": "a\nb"}

    filled, problems = fill(text, environ)

    assert (filled, [str(problem) for problem in problems]) == (text, [sentence])


def test_every_unset_variable_is_told_once() -> None:
    _, problems = fill("${env.X} ${env.Y} ${env.X}", {})

    assert [str(problem) for problem in problems] == [
        "the environment variable X is not set",
        "the environment variable Y is not set",
    ]


def test_hiding_moves_no_position() -> None:
    hidden = hide("[${env.A}, {b: ${env.B}}]")

    assert len(hidden) == len("[${env.A}, {b: ${env.B}}]")
    assert "$" not in hidden


@given(st.text("${}env.AB_1 ", max_size=40))
def test_what_is_hidden_can_be_revealed(text: str) -> None:
    assert reveal(hide(text)) == text
