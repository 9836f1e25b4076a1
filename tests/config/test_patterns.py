"""RE2's syntax, and the same meaning in Python."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config.patterns import translate
from llamaswap.config.sections import IGNORED_PATHS

MEANT: dict[str, tuple[list[str], list[str]]] = {
    IGNORED_PATHS[0]: (["/a.js", "/x/y.ico"], ["/a.jsx", "/v1/chat", "/a.js\n"]),
    "^/static/": (["/static/a"], ["/x/static/"]),
    "a.c": (["abc"], ["a\nc"]),
    "(?s)a.c": (["a\nc"], []),
    "(?m)^b$": (["a\nb\nc"], ["ab"]),
    "a$": (["ba"], ["a\n"]),
    r"\Aa\z": (["a"], ["a\n", "ba"]),
    "x(?i)yz|w": (["xYZ", "W"], ["XyZ"]),
    "(?i:a)b": (["Ab"], ["AB"]),
    "(?i)a(?-i)b": (["Ab"], ["aB"]),
    "((?i)a)b": (["Ab"], ["AB"]),
    "(?i)[^a-c]": (["d"], ["B"]),
    "(?P<n>a)(?<m>b)": (["ab"], []),
    r"[[:alpha:]][[:^digit:]]": (["ab", "a-"], ["1a", "a1"]),
    r"^[\d\pL]$": (["5", "é"], ["-", "٣"]),
    r"^[^\d]$": (["a", "\n"], ["5"]),
    r"^\S\D\W$": (["aa-"], [" a-", "a5-", "aaa"]),
    r"^\s$": ([" ", "\n"], ["\v", "\u00a0"]),
    r"^\p{Lu}\P{Lu}\p{^Lu}\PN$": (["Aaaa"], ["aaaa", "AAaa", "AaAa", "Aaa5"]),
    r"^\p{Any}$": (["\n", "x"], [""]),
    r"^\P{Any}$": ([], ["x", ""]),
    r"\bfoo\B": (["food"], ["foo", "afood"]),
    r"\Qa.b*\E+": (["a.b**"], ["axb"]),
    r"\Qa.b": (["a.b"], ["axb"]),
    r"^\x41\x{1F600}\101\0\n\t\.\_\-$": (["A😀A\0\n\t._-"], []),
    "^[]a-]$": (["]", "a", "-"], ["b"]),
    "^[^]a]$": (["b"], ["]", "a"]),
    r"^[\]\-x-z]$": (["]", "-", "y"], ["w"]),
    "^[a-cb-d]$": (["a", "d"], ["e"]),
    "^[[:x]$": ([":", "[", "x"], ["y"]),
    "^{,3}$": (["{,3}"], ["", "{{"]),
    "^a{2}b{1,}c{0,2}$": (["aabcc", "aab"], ["abcc"]),
    "^*a": (["a"], []),
    "(|a)*b": (["aab"], ["c"]),
    "(?i)é": (["É"], []),
    "(?)a": (["a"], []),
}


@pytest.mark.parametrize("pattern", MEANT)
def test_pattern_means_the_same(pattern: str) -> None:
    matches, others = MEANT[pattern]
    found = re.compile(translate(pattern))

    assert [text for text in matches if not found.search(text)] == []
    assert [text for text in others if found.search(text)] == []


@pytest.mark.parametrize(
    ("pattern", "whole"),
    [("a+?", "a"), ("(?U)a+", "a"), ("(?U)a+?", "aaa"), ("a{2,}?", "aa"), ("a*", "aaa")],
)
def test_as_much_or_as_little_as_possible(pattern: str, whole: str) -> None:
    found = re.match(translate(pattern), "aaa")

    assert found is not None
    assert found[0] == whole


REFUSED = {
    "[a(": "missing closing ]",
    "[": "missing closing ]",
    "[]": "missing closing ]",
    "(": "missing closing )",
    "a)": "unexpected )",
    "(?=x)": "look-ahead",
    "(?!x)": "look-ahead",
    "(?<=x)": "look-behind",
    "(?>x)": "atomic",
    "(?P<a>x)(?P=a)": "no RE2",
    "(?i-)": "no RE2",
    r"(a)\1": "back-references are not possible",
    r"\8": "invalid escape sequence",
    "a++": "possessive",
    "a**": "nested repetition",
    "a{2}{3}": "nested repetition",
    "*a": "missing argument to repetition operator *",
    "a|*": "missing argument",
    "(?i)*": "missing argument",
    "{2}": "missing argument to repetition operator {2}",
    "a{1001}": "invalid repeat count {1001}",
    "a{3,2}": "invalid repeat count {3,2}",
    r"a\Z": r"invalid escape sequence \Z",
    r"\u1234": r"invalid escape sequence \u",
    r"\x4": r"invalid escape sequence \x",
    r"\x{110000}": r"invalid escape sequence \x",
    "a\\": "trailing backslash",
    "[a\\": "trailing backslash",
    "[z-a]": "invalid character class range z-a",
    r"[a-\d]": "invalid escape sequence",
    "[[:foo:]]": "invalid character class range [:foo:]",
    r"\p{Greek}": "general categories",
    r"\p": "general categories",
    "(?P<a>x)(?<a>y)": "duplicate group name a",
    "(" * 101 + ")" * 101: "nested more than 100 deep",
}


@pytest.mark.parametrize(("pattern", "reason"), REFUSED.items(), ids=REFUSED)
def test_what_go_refuses_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        translate(pattern)


@given(st.text() | st.text("()[]{}|*+?\\^$.-:PpQEdswbBAzxU<>imn01,", max_size=30))
def test_whatever_is_taken_can_be_used(pattern: str) -> None:
    python = ""
    with contextlib.suppress(ValueError):
        python = translate(pattern)

    re.compile(python)


@given(st.text(max_size=20))
def test_quoted_text_means_itself(text: str) -> None:
    if "\\E" not in text and not text.endswith("\\"):
        assert re.fullmatch(translate(f"\\Q{text}\\E"), text)
