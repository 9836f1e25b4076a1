"""Values that YAML re-spells: told where a text is expected, and nowhere else."""

from __future__ import annotations

import pytest

from llamaswap.config.load import load_config

MODEL = "models: {m: {cmd: 's ${PORT}', "


@pytest.mark.parametrize(
    ("text", "warnings"),
    {
        MODEL + "name: 1.10}}": [
            "models.m.name: 1.10 is read as '1.1'; quote it to keep it as it is"
        ],
        MODEL + "aliases: [a, 007]}}": [
            "models.m.aliases[1]: 007 is read as '7'; quote it to keep it as it is"
        ],
        MODEL + "useModelName: True}}": [
            "models.m.useModelName: True is read as 'true'; quote it to keep it as it is"
        ],
        MODEL + "name: 1.1, description: '1.10', aliases: [.inf, x, 16:9]}}": [],
        MODEL + "ttl: 0x10, metadata: {a: 1.10}, filters: {setParams: {b: 0o7}}}}": [],
        MODEL + "}}\napiKeys: [007]": [
            "apiKeys[0]: the number is read as another text; quote it to keep it as it is"
        ],
        MODEL + "}}\nmacros: {a: 1.10}\nx-y: [1.10]\nstartPort: 5_800": [],
        MODEL + "}}\nhooks: {on_startup: {preload: []}}\nselectors: ~\nmodls: {a: 1.10}": [
            "modls: unknown key 'modls', did you mean 'models'?"
        ],
    }.items(),
)
def test_only_a_text_that_changes_is_told(text: str, warnings: list[str]) -> None:
    told = [str(warning).partition(": ")[2] for warning in load_config(text).warnings]

    assert told == warnings


def test_what_is_shared_is_told_once() -> None:
    text = "x-a: &a {proxy: 'http://h:1', cmd: s, name: 1.10}\nmodels: {m: *a, n: {<<: *a}}"

    assert load_config(text).warnings == ()
