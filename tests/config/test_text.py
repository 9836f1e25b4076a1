"""Commands: comments and splitting, with no shell in sight."""

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config.text import (
    HIDDEN,
    Word,
    open_quote,
    split_command,
    strip_comments,
    written_words,
)


def test_comment_lines_go_and_blank_lines_stay() -> None:
    text = "srv\n# gone\n\n  \t# gone too\n-x # stays"

    assert strip_comments(text) == "srv\n\n-x # stays"


POSIX = {
    "": (),
    "  \n\t ": (),
    "# only a comment": (),
    "a b\tc\nd": ("a", "b", "c", "d"),
    "a\rb\xa0c": ("a\rb\xa0c",),
    # A line that ends with a backslash goes on; without one it does too.
    "srv \\\n  -x\n-y": ("srv", "-x", "-y"),
    "srv --dir D:\\models\\\n--x": ("srv", "--dir", "D:models", "--x"),
    # A comment is dropped inside a quoted text as well.
    '"a\n# gone\nb"': ("a\nb",),
    "srv # stays": ("srv", "#", "stays"),
    # Outside quotes a backslash takes whatever follows.
    r"b\ c \"x \'y \\z": ("b c", '"x', "'y", r"\z"),
    # Quotes open in the middle of a word.
    """A="x y"z'q r'""": ("A=x yzq r",),
    r'''"d\e \"f\" \$g \`h \\i"''': (r'd\e "f" $g `h \i',),
    # Inside quotes too a line's last backslash becomes a blank, and the line break stays.
    '"a\\\n b"': ("a \n b",),
    r"""'\n "x"'""": (r'\n "x"',),
    """"" ''""": ("", ""),
    # What is left open closes at the end.
    '"a b': ("a b",),
    "'a b": ("a b",),
    "bash -c \"srv && echo it's done": ("bash", "-c", "srv && echo it's done"),
    "srv && echo hi > ~/x | tee $(y) *.log": (
        *("srv", "&&", "echo", "hi", ">", "~/x", "|", "tee", "$(y)", "*.log"),
    ),
}


@pytest.mark.parametrize(("text", "words"), POSIX.items())
def test_posix_command_is_split(text: str, words: tuple[str, ...]) -> None:
    assert split_command(text, windows=False) == words


def test_backslash_at_the_very_end_is_nothing() -> None:
    assert split_command("a b\\", windows=False) == ("a", "b")
    assert split_command("a 'x'\\ ", windows=False) == ("a", "x")


WINDOWS = {
    "": (),
    "a b\tc\rd\ne": ("a", "b", "c", "d", "e"),
    "a 'b c'": ("a", "'b", "c'"),
    r"C:\dir\file x\y": (r"C:\dir\file", r"x\y"),
    r'"C:\dir\" b': (r'C:\dir" b',),
    r'"C:\dir\\" b': ("C:\\dir\\", "b"),
    r"a\\\"b": (r"a\"b",),
    r"\"a\"": ('"a"',),
    '"a ""b"" c"': ('a "b" c',),
    '""': ("",),
    '"" x': ("", "x"),
    'a"b c"d': ("ab cd",),
    '"left open': ("left open",),
}


@pytest.mark.parametrize(("text", "words"), WINDOWS.items())
def test_windows_command_is_split(text: str, words: tuple[str, ...]) -> None:
    assert split_command(text, windows=True) == words


ARGUMENTS = st.lists(
    st.text(st.characters(blacklist_characters="#\n\r\0", codec="utf-8"), min_size=1), min_size=1
)


@given(ARGUMENTS)
def test_what_a_shell_quotes_comes_back_posix(arguments: list[str]) -> None:
    command = shlex.join(arguments)

    assert split_command(f"{command} .", windows=False) == (*arguments, ".")


@given(ARGUMENTS)
def test_what_windows_quotes_comes_back(arguments: list[str]) -> None:
    command = subprocess.list2cmdline(arguments)

    assert split_command(f"{command} .", windows=True) == (*arguments, ".")


@given(text=st.text(), windows=st.booleans())
def test_any_text_is_split(text: str, *, windows: bool) -> None:
    assert all(isinstance(word, str) for word in split_command(text, windows=windows))


@given(st.text("ab\\\"' \n", max_size=20))
def test_words_of_a_posix_command_hold_no_more_than_it(text: str) -> None:
    assert sum(map(len, split_command(text, windows=False))) <= len(text)


def test_blanks_around_a_windows_command_are_no_arguments() -> None:
    assert split_command(" \t a  b \r\n", windows=True) == ("a", "b")


@pytest.mark.parametrize(
    ("text", "words"),
    {
        "s -a 'b' c\\ d e\"f\" g": ("s", "-a", "g"),
        "s # x\n# y\n\\\n$(z)": ("s", "#", "x", "$(z)"),
        "": (),
    }.items(),
)
def test_bare_words_have_no_quotes(text: str, words: tuple[str, ...]) -> None:
    assert tuple(word.written for word in written_words(text) if word.is_bare) == words


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("a", Word("a", "a", "a")),
        ("-x='a b'", Word("-x='a b'", f"-x={HIDDEN}", f"-x={HIDDEN}")),
        ('-x="$A \\" b"c', Word('-x="$A \\" b"c', f"-x={HIDDEN}c", '-x=$A \\" bc')),
        (r"\$A", Word(r"\$A", f"{HIDDEN}A", f"{HIDDEN}A")),
        ('""', Word('""', HIDDEN, "")),
    ],
)
def test_word_shows_what_a_shell_would_look_into(text: str, word: Word) -> None:
    assert written_words(f"s {text} b")[1:2] == (word,)


@given(st.text("ab\\\"' \n", max_size=20))
def test_words_are_as_many_as_arguments(text: str) -> None:
    assert len(written_words(text)) == len(split_command(text, windows=False))


@pytest.mark.parametrize(
    ("text", "quotes"),
    {
        "s 'a' \"b\"": (None, None),
        "s it's": ("'", None),
        's "a': ('"', '"'),
        's "a\\"': ('"', '"'),
        "s '\"' b": (None, '"'),
        's "it\'s"': (None, None),
        "s\n# it's\n": (None, None),
    }.items(),
)
def test_a_quote_that_stays_open_is_found(text: str, quotes: tuple[str | None, str | None]) -> None:
    assert (open_quote(text, windows=False), open_quote(text, windows=True)) == quotes
