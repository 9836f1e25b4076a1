r"""RE2's syntax, and what Go's ``regexp`` means by it."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config.document import MisfitError
from llamaswap.config.patterns import compile_pattern, is_any_in
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
    "(?U)^a+b": (["aab"], ["b"]),
    r"^\p{Greek}[\p{Han}\p{^Cyrillic}]$": (["λb", "Ωπ"], ["ab", "λж"]),
    r"^\P{Greek}$": (["a"], ["λ"]),
    r"\Q\C\E\\C": ([r"\C\C"], ["\\Cx"]),
    "(?<n>a){1000}": (["a" * 1000], ["a" * 999]),
    "^.$": (["é", "\U0001f600", "\ufffd"], ["", "\n"]),
}


@pytest.mark.parametrize("pattern", MEANT)
def test_pattern_means_what_it_means_to_go(pattern: str) -> None:
    matches, others = MEANT[pattern]
    found = compile_pattern(pattern)

    assert [text for text in matches if not found.search(text)] == []
    assert [text for text in others if found.search(text)] == []


def test_one_of_several_is_enough() -> None:
    patterns = [compile_pattern("^/a"), compile_pattern("b$")]

    assert is_any_in(patterns, "/ac")
    assert is_any_in(patterns, "/cb")
    assert not is_any_in(patterns, "/ba")
    assert not is_any_in([], "/a")


AROUND = "; look-ahead, look-behind, atomic and conditional groups are not possible"
BACK = "; back-references are not possible"
SIZE = "; the counts rise, and 1000 is the most, nested ones multiplied"
TWICE = "; possessive quantifiers, or two in a row, are not possible"
FLAGS = "; the flags are i, m, s and U, as in (?i) and (?s-i:a)"
# What stands behind "invalid regular expression '...': ".
REFUSED = {
    "[a(": "missing ]: [a(",
    "[]": "missing ]: []",
    "(": "missing ): (",
    "[{found}": "missing ]: [{found}",
    "a)": "unexpected ): a)",
    "(?=x)": "invalid perl operator: (?=" + AROUND,
    "(?!x)": "invalid perl operator: (?!" + AROUND,
    "(?<=x)": "invalid perl operator: (?<=" + AROUND,
    "(?<!x)": "invalid perl operator: (?<!" + AROUND,
    "(?>x)": "invalid perl operator: (?>" + AROUND,
    "(?(1)x)": "invalid perl operator: (?(" + AROUND,
    "(?P<a>x)(?P=a)": "invalid perl operator: (?P" + BACK,
    r"(a)\1": r"invalid escape sequence: \1" + BACK,
    r"\8": r"invalid escape sequence: \8" + BACK,
    r"(?<a>x)\k<a>": r"invalid escape sequence: \k" + BACK,
    "(?i-)": "invalid perl operator: (?i-)" + FLAGS,
    "(?x)a": "invalid perl operator: (?x" + FLAGS,
    "a++": "bad repetition operator: ++" + TWICE,
    "a**": "bad repetition operator: **" + TWICE,
    "a{2}{3}": "bad repetition operator: {2}{3}" + TWICE,
    "*a": "no argument for repetition operator: *",
    "a|*": "no argument for repetition operator: *",
    "(?i)*": "no argument for repetition operator: *",
    "{2}": "no argument for repetition operator: {2}",
    "a{1001}": "invalid repetition size: {1001}" + SIZE,
    "(a{100}){11}": "invalid repetition size: {11}" + SIZE,
    "a{3,2}": "invalid repetition size: {3,2}" + SIZE,
    r"a\Z": r"invalid escape sequence: \Z; the end of the text is \z",
    r"\u1234": r"invalid escape sequence: \u; a character by its number is like \x{1F600}",
    r"\x4": r"invalid escape sequence: \x4",
    r"\C": r"invalid escape sequence: \C",
    r"[\]\Ca]": r"invalid escape sequence: \C",
    r"\Q\E\C": r"invalid escape sequence: \C",
    "a\\": "trailing \\",
    "[z-a]": "invalid character class range: z-a",
    r"[a-\d]": r"invalid escape sequence: \d",
    "[[:foo:]]": "invalid character class range: [:foo:]",
    r"\p{Foo}": r"invalid character class range: \p{Foo}; "
    r"categories are like \p{Lu}, scripts like \p{Greek}",
    r"\PX": r"invalid character class range: \PX; "
    r"categories are like \P{Lu}, scripts like \P{Greek}",
    "(?<a-b>x)": "invalid named capture group: (?<a-b>",
    "(?<é": "invalid named capture group: (?<é",
    r"\pL{1000}": "pattern too large - compile failed",
    "\ud800": "it holds half of a character",
}


@pytest.mark.parametrize(("pattern", "reason"), REFUSED.items(), ids=map(ascii, REFUSED))
def test_what_go_refuses_is_refused_and_nothing_is_printed(
    pattern: str, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MisfitError) as caught:
        compile_pattern(pattern)

    assert str(caught.value) == f"invalid regular expression {pattern!r}: {reason}"
    assert caught.value.problem.found == repr(pattern)
    assert capfd.readouterr() == ("", "")


def test_no_text_takes_for_ever() -> None:
    # Python's own would try 2**5000 ways.
    assert not compile_pattern("(a|a)*b").search("a" * 5000)
    assert not compile_pattern("(.*)*x$").search("x" * 5000 + "y")


def test_deep_nesting_does_no_harm() -> None:
    assert compile_pattern("(" * 100_000 + ")" * 100_000).search("")


@given(st.text() | st.text("()[]{}|*+?\\^$.-:PpQEdswbBAzxCU<>imn01,", max_size=30))
def test_whatever_is_taken_can_be_used(pattern: str) -> None:
    with contextlib.suppress(MisfitError):
        found = compile_pattern(pattern)

        found.search(pattern)


@given(st.text(max_size=20))
def test_quoted_text_means_itself(text: str) -> None:
    if "\\E" not in text and not text.endswith("\\"):
        assert compile_pattern(rf"\A\Q{text}\E\z").search(text)
