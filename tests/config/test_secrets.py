"""A secret of a file is repeated nowhere, whatever is wrong with the file.

A marker is planted where secrets stand, next to all kinds of mistakes; then all that
anybody is told is searched for it: sentences, excerpts, JSON and the log.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.cli.faults import report_of, say_faults
from llamaswap.config import sources
from llamaswap.config.load import attempt_config
from llamaswap.errors import ConfigError
from llamaswap.reload import warn_of

MARK = "Zq7x-Marker-81Kf"
LONG = MARK + 8 * "0123456789"

M = "models:\n  m:\n    cmd: s ${PORT}\n"
PLACES = {
    "key": f"apiKeys: [{MARK}]",
    "keys": f"apiKeys:\n  - a\n  - {MARK}",
    "keys without indentation": f"apiKeys:\n- {MARK}\n- b",
    "keys in lines": f"apiKeys: [\n  a,\n  {MARK}\n]",
    "no list": f"apiKeys: {MARK}",
    "a mapping": f"apiKeys: {{{MARK}: 1, {MARK}: 2}}",
    "lists": f"apiKeys: [[{MARK}], {{a: {MARK}}}]",
    "a block": f"apiKeys: |\n  {MARK}",
    "with blanks": f'apiKeys: ["{MARK} b"]',
    "no colon": f"apiKeys {MARK}",
    "no blank": f"apiKeys:{MARK}",
    "an anchor of nobody": f"apiKeys: *{MARK}",
    "an anchor": f"apiKeys: &{MARK}",
    "a tag": f"apiKeys: !{MARK} x",
    "a wrong tag": f"apiKeys: [!!int {MARK}]",
    "no binary": f"apiKeys: [!!binary {MARK}]",
    "two texts": f"apiKeys: ['a' {MARK}]",
    "an escape": f'apiKeys: ["\\q{MARK}"]',
    "a control character": f'apiKeys: ["\\0{MARK}"]',
    "a bad start": f"apiKeys: @{MARK}",
    "a percent": f"apiKeys: [%{MARK}]",
    "a reference": f"apiKeys: ['{MARK}${{nope}}', '${{env.NOPE}}{MARK}']",
    "an alias elsewhere": f"x-k: &k {MARK}\nttl: *k\napiKeys: *k\nstartPort: *k",
    "a macro elsewhere": f"macros:\n  k: {MARK}\napiKeys: ['${{k}}']\nstartPort: ${{k}}",
    "a macro": f"macros:\n  hf_token: [{MARK}]\n  hfToken: {MARK}\nstartPort: ${{hfToken}}",
    "a long one": f"macros:\n  api_key: {LONG}\nstartPort: x${{api_key}}\nstore: [${{api_key}}]",
    "a peer": f"peers: {{p: {{proxy: 'x:', models: [a], apiKey: {MARK}, models: b}}}}",
    "a peer's list": f"peers:\n  p:\n    proxy: http://h\n    apiKey: [{MARK}]",
    "a peer's URL": f"peers:\n  p:\n    models: [a]\n    proxy: http://u:{MARK}@h:x/",
    "a peer's password": f"peers:\n  p:\n    models: [a]\n    proxy: u:{MARK}@h",
    "a peer's slashes": f"peers:\n  p:\n    models: [a]\n    proxy: http://u:a/{MARK}@h",
    "a peer's query": f"peers:\n  p:\n    models: [a]\n    proxy: http://h:x/?a={MARK}",
    "a proxy": f"{M}    proxy: htp://u:{MARK}@h/?{MARK}",
    "a list of a proxy": f"{M}    proxy: [http://u:{MARK}@h]",
    "a variable": f"{M}    env: [HF_TOKEN={MARK}, HF_TOKEN {MARK}, 'HF_TOKEN: {MARK}']",
    "a wrong variable": f"{M}    env: [!!int HF_TOKEN={MARK}]",
    "variables": f"{M}    env: HF_TOKEN={MARK}",
    "a mapping of variables": f"{M}    env: {{HF_TOKEN: {MARK}}}",
    "variables in lines": f"{M}    env:\n    - 'API_KEY={MARK} b'\n    - {{a: b}}",
    "an option": f"models: {{m: {{cmd: 's --api-key {MARK} | x'}}}}",
    "a command": f"models: [s --api-key {MARK}]\nstartPort: s --api-key={MARK}",
    "a header": f"{M}    cmdStop: 'curl -H \"Authorization: Bearer {MARK}\" | x'",
    "a setting": f"{M}    filters: {{setParams: {{api_key: {MARK}, api_key: {MARK}}}}}",
    "unknown keys": f"token: {MARK}\nPassword: [{MARK}]\nclient_secret: {{{MARK}: 1}}",
    "other spellings": f"APIKeys: [{MARK}]\napi key: {MARK}\n'api-key': {MARK}\nhfToken: {MARK}",
    "braces": f"{{apiKey: {MARK}, token: '{MARK}', models: x, ttl: {{token: {MARK}}}}}",
    "JSON": f'{{"apiKeys": ["{MARK}"], "models": "x"}}',
    "a key in a key": f"'apiKey: {MARK}': 1\n? token={MARK}\n: x",
}

MISTAKES = (
    *("", "ttl", "a: b: c", "a: 'b", 'a: "b', "a: [b", "a: {b", "a: ]", "\ta: b", "  a: b"),
    *(
        "a: *b",
        "a: !b!c d",
        "a: @b",
        "a: 'b' c",
        'a: "\\q"',
        "- a",
        "a: |x",
        "---",
        "%A",
        "a: \x07",
    ),
    *("models: x", "startPort: x", "logToStdout: y", "ttl: 'it's'", "a: >", "#", "a: ${b}"),
)


ODD = "ab-:,&*!|>%@\\?$[]{}"
"""Signs that may stand beside a secret: what ends one may have been forgotten to quote."""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _told(text: str, folder: Path) -> Iterator[str]:
    """Tell all that anybody is told of a file."""
    file = folder / "config.yaml"
    file.write_text(text, "utf-8")
    for source in (file, [file, _copy(file)]):
        attempt = attempt_config(source, environ={})
        faults = attempt.outcome.faults if isinstance(attempt.outcome, ConfigError) else ()
        stream = Terminal()
        say_faults((*faults, *attempt.warnings), "", stream)
        yield stream.getvalue()
        yield report_of(faults, attempt.warnings)
        yield str(attempt.outcome) if faults else ""


def _copy(file: Path) -> Path:
    other = file.with_name("other.yaml")
    other.write_bytes(file.read_bytes())
    return other


def _shows(told: str) -> bool:
    return MARK[:5] in told


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("plan_b", [False, True], ids=["in C", "in Python"])
def test_no_secret_is_told(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, plan_b: bool
) -> None:
    if plan_b:
        monkeypatch.setattr(sources, "_LOADER", yaml.Loader)
    for mistake in MISTAKES[::4] if plan_b else MISTAKES:
        for text in (f"{place}\n{mistake}\n", f"{mistake}\n{place}\n", f"{place} {mistake}"):
            shown = [told for told in _told(text, tmp_path) if _shows(told)]
            assert not shown, (text, shown)


@given(
    place=st.sampled_from(sorted(PLACES.values())),
    others=st.lists(st.sampled_from(sorted(PLACES.values())), max_size=2),
    odd=st.text(ODD, max_size=4),
    at=st.sampled_from(["before", "behind", "end"]),
)
def test_no_secret_is_told_with_odd_signs_around(
    place: str, others: list[str], odd: str, at: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cut = {"before": place.index(MARK), "behind": place.index(MARK) + len(MARK)}
    index = cut.get(at, len(place))
    text = "\n".join((*others, place[:index] + odd + place[index:]))

    shown = [told for told in _told(text, tmp_path_factory.getbasetemp()) if _shows(told)]

    assert not shown, text


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_no_secret_is_logged(place: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    outcome = attempt_config(f"{place}\nmodls: 1\n", environ={}).outcome
    if not isinstance(outcome, ConfigError):
        warn_of(outcome)
        assert "modls" in caplog.text

    assert not _shows(caplog.text)
