"""Habits from the shell, and pasted letters, are told; what is right is not."""

import pytest

from llamaswap.config.commands import control_character, oddities

NO_SHELL = "since no shell is used"
NO_END = f"';' ends no command: it is a part of the argument before it, {NO_SHELL}; leave it out"
LOST = (
    '{"… loses its quotes before the program gets it; '
    r"put ' ' around all of it (on Windows write \" for each of them)"
)
AT_HOME = f"~/ is not the home directory, {NO_SHELL}; write ${{env.HOME}}/"

ODD: dict[str, list[str]] = {
    "srv && other": [f"'&&' is given to the program as an argument, {NO_SHELL}"],
    "srv 2>&1": [f"'2>&1' is given to the program as an argument, {NO_SHELL}"],
    "srv >/a.log": [f"'>/a.log' is given to the program as an argument, {NO_SHELL}"],
    "srv $(x)": [f"'$(x)' is given to the program as an argument, {NO_SHELL}"],
    "srv --a ^\n --b": [f"'^' is given to the program as an argument, {NO_SHELL}"],
    "sh -c a && b": [f"'&&' is given to the program as an argument, {NO_SHELL}"],
    'srv "a b $X': ['the quote " is never closed: all that follows it is one argument'],
    "srv # a note && $X": ["what follows # is no comment: only whole lines that begin with # are"],
    "srv && x # b": [
        "what follows # is no comment: only whole lines that begin with # are",
        f"'&&' is given to the program as an argument, {NO_SHELL}",
    ],
    "HF_TOKEN=hf_x srv -m x": [
        f"HF_TOKEN=… is taken for the program, {NO_SHELL}; set variables in env"
    ],
    "A='b c' srv": [f"A=… is taken for the program, {NO_SHELL}; set variables in env"],
    "srv 5800;": [NO_END],
    "~/bin/srv": [AT_HOME],
    "srv -m ~/a.gguf --b=~/c": [AT_HOME],
    "srv $HOME/x ${HOME} -p=$HOME": ["$HOME is not filled in; write ${env.HOME}"],
    'srv -m "$HOME/x y"': ["$HOME is not filled in; write ${env.HOME}"],
    "srv -p=$(PORT)": ["$(PORT) is not filled in; write ${PORT}"],
    "srv $PORT": ["$PORT is not filled in; write ${PORT}"],
    "srv --port=$port": ["$port is not filled in; write ${PORT}"],
    "srv {PORT} %PORT%": [
        "%PORT% is not filled in; write ${PORT}",
        "{PORT} is not filled in; write ${PORT}",
    ],
    "srv %USERPROFILE%": ["%USERPROFILE% is not filled in; write ${env.USERPROFILE}"],
    # There is no process yet.
    "srv $PID": ["$PID is not filled in"],
    'srv --args {"a": 1}': [LOST],
    'srv --args={"a":1}': [LOST],
    'srv --list ["a"]': [LOST],
    "srv --name “a b”": ["“ is no quote, but a letter; write ' or \""],
    "srv --name=\N{LEFT SINGLE QUOTATION MARK}a": [
        "\N{LEFT SINGLE QUOTATION MARK} is no quote, but a letter; write ' or \""
    ],
    "srv \N{EN DASH}ngl 9 —port 1": ["\N{EN DASH} is no minus, so this is no option; write -"],
    "srv --port\N{NO-BREAK SPACE}1": [
        "U+00A0 is no blank: what is around it is one argument; write a blank"
    ],
}


@pytest.mark.parametrize(("command", "told"), ODD.items(), ids=ODD)
def test_what_no_shell_will_read_is_told(command: str, told: list[str]) -> None:
    assert list(map(str, oddities(command))) == told


@pytest.mark.parametrize(
    "command",
    [
        'bash -c "srv && x > y $(z)"',
        'bash -lc "exec ~/srv --port $PORT {PORT}"',
        '"/bin/sh" -c $HOME/run.sh',
        "ssh gpu FOO=1 $HOME/srv && b;",
        "cmd.exe /c a && echo %PORT%",
        r'"C:\Windows\System32\cmd.exe" /c a && b',
        "srv '|' '#' \"&&\" \\> a|b",
        "srv -r <|im_end|> --temp>0.5 -x '<' 100%",
        "srv --color '#fff' a#b",
        "srv ${PORT} ${env.HOME} $1 $$ ^a$ a$B $price {{PORT}} {port_name} %Y%m%d %H%M",
        "srv '$HOME' \\$HOME \"\\$HOME\" '~/x' a~/b /x/~/y",
        'srv -k \'{"a": 1}\' -k {\\"a\\":1} -k "{\\"a\\": 1}" -k {a} x["a"] {',
        "srv -ot a;b '5;' \\;",
        'srv --prompt "“Hi” — he said" --a=b—c --title it”s',
        "env FOO=1 srv BAR=2",
        "FOO=1",
        "srv\\\n  --a b \\\n  --c",
        'docker run --rm -v /m:/m -e "A=B C" --gpus "device=0" img --model=/m/x',
    ],
)
def test_what_is_right_is_not_told(command: str) -> None:
    assert list(oddities(command)) == []


def test_process_is_known_to_the_command_that_stops_it() -> None:
    told = oddities("kill $PID || true", is_stop=True)

    assert list(map(str, told)) == [
        f"'||' is given to the program as an argument, {NO_SHELL}",
        "$PID is not filled in; write ${PID}",
    ]


def test_comment_in_joined_lines_is_told_with_the_remedy() -> None:
    (told,) = oddities("srv # a", is_folded=True)

    assert told.suggestion == "with | in place of > lines stay whole"


@pytest.mark.parametrize(
    "command", ["HF_TOKEN=hf_x srv", "s --key=sk-5;", "s sk-5,$X", '{"sk-5":1}']
)
def test_no_more_of_a_command_is_repeated_than_what_is_odd(command: str) -> None:
    said = "".join(map(str, oddities(command)))

    assert said
    assert "sk-5" not in said
    assert "hf_x" not in said


@pytest.mark.parametrize(
    ("text", "escape"),
    [
        ("C:\bin\new\t.exe", r"\b"),
        ("C:\new", r"\n"),
        ("A=D:\temp", r"\t"),
        ("a\rb", r"\r"),
        ("a\x1bb", r"\e"),
        ("a\x01b", r"\x01"),
        ("a\x85b", r"\N"),
    ],
)
def test_control_character_is_told_as_it_is_written(text: str, escape: str) -> None:
    problem = control_character(text)

    assert problem is not None
    assert problem.found == escape
    assert str(problem) == (
        f"{escape} between double quotes is a control character, and no text with a backslash; "
        r"write \\ for a backslash, or use single quotes"
    )


@pytest.mark.parametrize("text", ["", "a\n\tb\n", "C:\\new", "http:\n", "ä\N{NO-BREAK SPACE}"])
def test_lines_and_letters_are_no_control_characters(text: str) -> None:
    assert control_character(text) is None
