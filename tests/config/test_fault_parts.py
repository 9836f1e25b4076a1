"""Every fault has its parts: what was found, and what was expected in its place.

Programs read them beside the sentence. The faults of the corpus and of the description
are looked at, and those of `OTHERS` and `MISFITS`, so that none is left out.
"""

from collections.abc import Iterable
from pathlib import Path

import pytest
from attrs import frozen

from llamaswap.config.load import load_config
from llamaswap.config.schema import Config
from llamaswap.config.soundness import misfits
from llamaswap.errors import ConfigError, Fault
from tests.config.test_cases import ALL, Case
from tests.config.test_refusals import REFUSED
from tests.config.test_soundness import MISFITS


@frozen
class Exempt:
    """A fault that may lack a part, because there is nothing to say."""

    says: str
    """In its path or sentence."""

    lacks: str
    """The part."""

    why: str


EXEMPT: tuple[Exempt, ...] = ()

M = "models: {m: {cmd: 's ${PORT}', %s}}"
DOUBLING = "".join(f"  m{n}: ${{m{n - 1}}}${{m{n - 1}}}\n" for n in range(1, 31))
LAUGHS = "".join(f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))

OTHERS: dict[str, str] = {
    "a macro that unfolds for ever": f"macros:\n  m0: xx\n{DOUBLING}logLevel: ${{m30}}",
    "an environment out of macros": "macros: {a: '{env.X}'}\nlogLevel: '$${a}'",
    "a port outside of models": "logLevel: '${PORT}'",
    "a port in a macro's name": M % "name: '${x${PORT}}'",
    "a duration of centuries": "performance: {every: 9999999h}",
    "a duration as a list": "routing: {scheduler: {settings: {fifo: {linger: []}}}}",
    "a wait below zero": "routing: {scheduler: {settings: {fifo: {maxWait: -1}}}}",
    "half of a character": r'upstream: {ignorePaths: ["a\uD800"]}',
    "a single byte": r"upstream: {ignorePaths: ['\C']}",
    "a store with an endless name": f"store: {{path: {'x' * 5000}}}",
    "a number that is too large": M % "ttl: 1e300",
    "a model without a command": "models: {m: {}}",
    "a selector as a list": "selectors: {s: [a]}",
    "a group as a text": "groups: {g: a}",
    "a section as a list": "peers: [a]",
    "a key of another kind": "apiKeys: [[secret]]",
    "keys of another kind": "apiKeys: secret",
    "a peer's key of another kind": "peers: {p: {proxy: 'http://h', models: [x], apiKey: [k]}}",
    "no model and no selector": "profiles: {day: {pins: {x: nobody}}}",
    "a control character": 'logLevel: "a\\0"',
    "an alias bomb": f"x-0: &a0 [x, x]\n{LAUGHS}",
    "deep nesting": f"x: {'[' * 200}{']' * 200}",
    "no whole number": "startPort: !!int x",
    "no number": "startPort: !!float x",
    "no switch": "logRequests: !!bool x",
    "not nothing": "startPort: !!null x",
    "no date": "x: !!timestamp x",
    "no base64": "x: !!binary ä",
    "a tag of nobody": "x: !a!b c",
    "a directive of nobody": "%YAML 3.0\n---\nx: 1",
    "an indentation of nothing": "x: |0\n  a",
    "an item behind a key": "x: - a",
    "a quote that is open at the end of the document": "x: 'a\n---\n",
    "the name of a file": "config.yaml",
}
"""What neither the corpus nor the description holds."""


def _faults_of(text: str) -> tuple[Fault, ...]:
    with pytest.raises(ConfigError) as caught:
        load_config(text, environ={"LINES": "a\nb"})
    return caught.value.faults


def _missing(faults: Iterable[Fault]) -> list[str]:
    """Return the faults that lack a part, with its name."""
    return [
        f"{fault}: {part} is missing"
        for fault in faults
        for part in ("found", "expected")
        if not getattr(fault, part) and not _is_exempt(fault, part)
    ]


def _is_exempt(fault: Fault, part: str) -> bool:
    said = f"{fault.path}: {fault.message}"
    return any(exempt.says in said and part == exempt.lacks for exempt in EXEMPT)


CASES = {name: case for name, case in ALL.items() if case.faults is not None}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_faults_of_the_corpus_have_their_parts(case: Case, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        case.load(tmp_path)

    assert _missing(caught.value.faults) == []


TEXTS = {name: text for name, (text, _) in REFUSED.items()} | OTHERS


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_faults_of_a_text_have_their_parts(text: str) -> None:
    assert _missing(_faults_of(text)) == []


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_parts_are_short_enough_to_be_read(text: str) -> None:
    assert [
        part
        for fault in _faults_of(text)
        for part in (fault.found, fault.expected)
        if len(part) > 100
    ] == []


def test_faults_of_files_have_their_parts(tmp_path: Path) -> None:
    config = tmp_path / "a.yaml"
    config.write_text("- a", "utf-8")

    for source, folder in ((config, tmp_path), (tmp_path, None), (None, config)):
        with pytest.raises(ConfigError) as caught:
            load_config(source, config_dir=folder)
        assert _missing(caught.value.faults) == []


@pytest.mark.parametrize("config", [config for config, _ in MISFITS.values()], ids=MISFITS)
def test_faults_of_what_python_made_have_their_parts(config: Config) -> None:
    assert _missing(misfits(config)) == []


@pytest.mark.parametrize(
    "keys", ["[[secret]]", "[{secret: x}]", "secret", "['sec ret', '']", "{secret: x}"]
)
def test_no_part_holds_a_key(keys: str) -> None:
    assert [
        part
        for fault in _faults_of(f"apiKeys: {keys}")
        for part in (fault.found, fault.expected, fault.suggestion, fault.message)
        if "sec" in part
    ] == []
