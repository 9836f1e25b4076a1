"""Fields of URL-encoded forms: found, and replaced without touching the rest."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.web.url_forms import MOST_VALUES, find_values, form_value, with_values

FORMS = {
    b"model=a": "a",
    b"model=a&model=b": "a",
    b"x=1&model=a%2Fb+c%C3%BC&y": "a/b cü",
    b"model=": "",
    b"model": "",
    b"x&model&y": "",
    b"xmodel=a": None,
    b"model_=a": None,
    b"": None,
    b"y=model=a": None,
    b"model=a=b": "a=b",
}


@pytest.mark.parametrize(("form", "value"), FORMS.items(), ids=map(str, FORMS))
def test_a_value_is_found_in_a_form(form: bytes, value: str | None) -> None:
    assert form_value(form, "model") == value


REPLACED = {
    b"model=a": b"model=x%2Fy",
    b"b=%7e&model=a+b&c": b"b=%7e&model=x%2Fy&c",
    b"model=a&n=model=a&model=": b"model=x%2Fy&n=model=a&model=x%2Fy",
    b"model&n=1": b"model=x%2Fy&n=1",
    b"xmodel=a&model_=a": b"xmodel=a&model_=a",
    b"": b"",
}


@pytest.mark.parametrize(("form", "new"), REPLACED.items(), ids=map(str, REPLACED))
def test_only_the_value_changes(form: bytes, new: bytes) -> None:
    assert with_values(form, find_values(form, "model"), "x/y") == new


def test_a_form_of_nothing_else_is_not_searched_for_ever() -> None:
    assert len(find_values(b"model=a&" * 1000, "model")) == MOST_VALUES


TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
PAIRS = st.lists(st.tuples(st.sampled_from(["model", "models", "n"]), TEXTS), max_size=6)


@given(pairs=PAIRS, value=TEXTS)
def test_whoever_reads_the_form_finds_the_new_value(
    pairs: list[tuple[str, str]], value: str
) -> None:
    form = "&".join(f"{name}={quote_plus(old)}" for name, old in pairs).encode()
    new = with_values(form, find_values(form, "model"), value)

    read = parse_qsl(new.decode(), keep_blank_values=True)
    assert read == [(name, value if name == "model" else old) for name, old in pairs]
    assert form_value(new, "model") == dict(reversed(read)).get("model")
