"""Which parts of a text are secrets, and how it is shown without them."""

from __future__ import annotations

import pytest

from llamaswap.config.document import KeyPath
from llamaswap.config.fields import keys_of
from llamaswap.config.redaction import (
    hidden,
    hidden_line,
    is_secret_name,
    masking,
    secret_depth,
    secrets_in,
    words_of,
)
from llamaswap.config.schema import Config
from llamaswap.config.sections import PeerConfig

NAMES = (
    *("apiKeys", "apiKey", "apikey", "APIKeys", "api_key", "Api-Keys", "x-api-key", "api key"),
    *("HF_TOKEN", "hfToken", "token", "authtoken", "PASSWORD", "passwd", "db_password"),
    *("secret", "client-secret", "key", "accessKey", "private_key", "credentials", "my api keys"),
)
OTHERS = (
    *("monkey", "KEYBOARD", "keys", "tokens", "max_tokens", "api-key-file", "tokenizer"),
    *("hotkeys", "secretary"),
)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)
    assert hidden(f"{name}: x") == f"{name}: ***"


@pytest.mark.parametrize("name", OTHERS)
def test_names_that_only_look_alike(name: str) -> None:
    assert not is_secret_name(name)
    assert hidden(f"{name}: x") == f"{name}: x"


@pytest.mark.parametrize("cls", [Config, PeerConfig])
def test_all_secret_keys_are_called_like_one(cls: type) -> None:
    secret = [info.name for info in keys_of(cls) if info.key.secret]

    assert secret
    assert all(map(is_secret_name, secret))


@pytest.mark.parametrize(
    ("path", "depth"),
    [
        (("apiKeys", 0), 1),
        (("peers", "p", "apiKey"), 3),
        (("models", "m", "macros", "hf_token"), 4),
        (("models", "my-token", "ttl"), None),
        (("models", "apiKeys"), 2),
        (("models", "m", "env", 0), None),
        ((), None),
    ],
)
def test_a_path_may_lead_to_a_secret(path: KeyPath, depth: int | None) -> None:
    assert secret_depth(path) == depth


SHOWN = {
    "a list": ("apiKeys: [a, sk-1]\nttl: 5", "apiKeys: ***\nttl: 5"),
    "a list on several lines": ("apiKeys: [\na,\nb\n]\nttl: 5", "apiKeys: ***\nttl: 5"),
    "a list in a block": ("apiKeys:\n- a\n- b\nttl: 5", "apiKeys:\n***\nttl: 5"),
    "a list in a deeper block": ("- token:\n    - a\n\n    - b\n- x", "- token:\n    ***\n- x"),
    "a list that is not closed": ("apiKeys: [a\nttl: [5]", "apiKeys: ***\nttl: [5]"),
    "nothing else to close it": ("apiKeys: [a", "apiKeys: ***"),
    "lists in a list": ("{apiKeys: [[a], [b]], ttl: 5}", "{apiKeys: ***, ttl: 5}"),
    "a text in a block": ("apiKey: |\n  a\n  b\nttl: 5", "apiKey: ***\nttl: 5"),
    "a text that is not closed": ("apiKey: 'a\nttl: 'x'", "apiKey: ***\nttl: 'x'"),
    "behind a text": ('apiKey: "a" sk-1', "apiKey: ***"),
    "braces": ("{apiKey: sk, ttl: 5}", "{apiKey: ***, ttl: 5}"),
    "braces and quotes": ("{apiKey: 'x,y' z, ttl: 5}", "{apiKey: ***, ttl: 5}"),
    "braces and an open quote": ("{apiKey: 'x,y, ttl: 5}", "{apiKey: ***"),
    "braces that are closed early": ("{apiKey: }sk-1, ttl: 5}", "{apiKey: ***, ttl: 5}"),
    "braces in lines": ("{apiKey:\n  sk-1\n  sk-2,\n ttl: 5}", "{apiKey:\n  ***,\n ttl: 5}"),
    "a key of words": ("- the API token:\n    a\n  ttl: 5", "- the API token:\n    ***\n  ttl: 5"),
    "commas": ("{apiKey: a,b]c, ttl: 5}", "{apiKey: ***, ttl: 5}"),
    "commas and colons": ("{apiKey: a,b:c, ttl: 5}", "{apiKey: ***, ttl: 5}"),
    "commas between keys": ("{apiKey: a,ttl: 5}", "{apiKey: ***,ttl: 5}"),
    "a text that is not indented": ("apiKey: |\na\nb\nttl: 5", "apiKey: ***\nttl: 5"),
    "an item that is not indented": ("apiKeys:\n-\na\nttl: 5", "apiKeys:\n***\nttl: 5"),
    "a key that is deeper than those beside it": (
        "models:\n  m: 5\n apiKeys: [a]",
        "models:\n  m: 5\n apiKeys: ***",
    ),
    "a model that is no mapping": ("models:\n  my-key: a", "models:\n  my-key: ***"),
    "JSON": ('{"apiKeys":["a","b"],"ttl":5}', '{"apiKeys":***,"ttl":5}'),
    "JSON in lines": ('{\n "apiKey": "a",\n "ttl": 5}', '{\n "apiKey": ***\n "ttl": 5}'),
    "no blank": ("apiKey:sk-1", "apiKey:***"),
    "no colon": ("apiKey sk-1", "apiKey ***"),
    "lines that are joined": ("ttl apiKeys sk-1", "ttl apiKeys ***"),
    "a word of a sentence": ("the secret sauce", "the secret sauce"),
    "nothing": ("apiKey:", "apiKey:"),
    "another file's mark": ("\ufeffapiKey: a", "\ufeffapiKey: ***"),
    "a variable": ("HF_TOKEN=a b", "HF_TOKEN=***"),
    "a variable without =": ("[HF_TOKEN a, B=c]", "[HF_TOKEN ***, B=c]"),
    "a variable in quotes": ('- "HF_TOKEN=a b"', '- "HF_TOKEN=***"'),
    "a variable in brackets": ("[A_KEY=b c, 'B_KEY=d', E=f]", "[A_KEY=***, 'B_KEY=***', E=f]"),
    "a variable of a command": ("A_KEY='b c' X_KEY=d s", "A_KEY=***"),
    "a variable of a key": ("env: A_KEY=b c", "env: A_KEY=***"),
    "a variable in a command": ("env A_KEY='b c' X_KEY=d s", "env A_KEY=*** X_KEY=*** s"),
    "an option": ("s --api-key sk-5 -m x", "s --api-key *** -m x"),
    "an option with =": ("s --api-key=sk-5 -m x", "s --api-key=*** -m x"),
    "an option in quotes": ("s -hf-token 'a b' -m x", "s -hf-token *** -m x"),
    "an option in a list": ('["s", "--api-key", "sk-5"]', '["s", "--api-key", ***]'),
    "an option in lines": ("- --api-key\n- sk-5\n", "- --api-key\n- ***\n"),
    "an option without a value": ("cmd: s --api-key\nttl: 5", "cmd: s --api-key\nttl: 5"),
    "an option at the end": ("s --api-key", "s --api-key"),
    "a header": ('curl -H "Authorization: Basic eA==" x', 'curl -H "Authorization: ***" x'),
    "a bearer": ("curl -H 'X: Bearer sk-1' x", "curl -H 'X: Bearer ***' x"),
    "a password": ("http://u:pw@h/x", "http://u:***@h/x"),
    "a password of signs": ("http://u:p/w?#@h/x", "http://u:***@h/x"),
    "a port": ("http://h:80/x", "http://h:80/x"),
    "a login": ("u:pw@h", "u:***@h"),
    "a login with signs": ("u:p@:w@h", "u:***@h"),
    "an image": ("docker run a:b@sha256:0", "docker run a:b@sha256:0"),
    "a proxy's password": ("proxy: 'http://u:p' w/@h'", "proxy: 'http://u:***@h'"),
    "a proxy's query": ("proxy: http://h/?a b", "proxy: http://h/?***"),
    "a query": ("http://h/x?api_key=sk-1#y", "http://h/x?***"),
    "another query": ("http://h/x?k=1#y z", "http://h/x?***#y z"),
    "an anchor": ("x: &k sk-7\napiKeys: [*k]", "x: &k ***\napiKeys: ***"),
    "an anchor in braces": ("{x: &k sk-7, apiKeys: *k}", "{x: &k ***, apiKeys: ***}"),
    "a macro": ("macros:\n  k: s\napiKey: ${k}", "macros:\n  k: ***\napiKey: ${k}"),
    "a macro of a macro": ("k: s\nl: x${k}\ntoken: ${l}", "k: ***\nl: ***\ntoken: ${l}"),
    "a macro in a command": ("k: s\nl: x -e A_KEY=${k} y", "k: ***\nl: x -e A_KEY=${k} y"),
    "a command with a port": ("x: s ${PORT} -e A_KEY=a b", "x: s ${PORT} -e A_KEY=*** b"),
    "a macro in braces": ("{apiKey: ${k}, ttl: 5}", "{apiKey: ${k}, ttl: 5}"),
    "a reference": ("apiKey: ${env.KEY}", "apiKey: ${env.KEY}"),
    "a reference to nothing": ("apiKey: ${}", "apiKey: ***"),
    "a model": ("models:\n  # x\n\n  my-key:\n    a: 5", "models:\n  # x\n\n  my-key:\n    a: 5"),
    "a quoted key beside models": ("models: x\n'apiKey': a", "models: x\n'apiKey': ***"),
    "a model's costs": ("evict_costs: {my-token: 5}", "evict_costs: {my-token: 5}"),
    "a key of a list's item": ("[token: 5]", "[token: ***]"),
    "a key below nothing": ("  token: 5", "  token: ***"),
    "a key below an item": ("models:\n  - [x]\n     token: 5", "models:\n  - [x]\n     token: ***"),
}


@pytest.mark.parametrize(("text", "shown"), SHOWN.values(), ids=SHOWN)
def test_a_text_is_shown_without_its_secrets(text: str, shown: str) -> None:
    assert hidden(text) == shown
    assert hidden(shown) == shown


@pytest.mark.parametrize(
    ("column", "moved"), [(0, 0), (1, 1), (9, 9), (10, 9), (13, 9), (14, 12), (16, 14)]
)
def test_a_column_moves_with_what_is_hidden(column: int, moved: int) -> None:
    text = "x: 1\n{apiKey: sk-12, a: b}"
    line = text[5:]

    shown = hidden_line(line, 5, secrets_in(text), column)

    assert shown == ("{apiKey: ***, a: b}", moved)


def test_many_references_that_are_never_closed_are_looked_at_once() -> None:
    # A look at all that follows, from each of them, would take minutes.
    assert hidden("apiKey: " + "${" * 50_000) == "apiKey: ***"


def test_of_a_long_secret_each_line_is_hidden() -> None:
    text = "token: |\n  a\n\n  b"
    secrets = secrets_in(text)

    assert [hidden_line(*line, secrets, 3) for line in (("  a", 9), ("", 13), ("  b", 14))] == [
        ("  ***", 5),
        ("", 3),
        ("  ***", 5),
    ]


def test_long_words_of_secrets_are_known() -> None:
    text = "apiKeys: ['sk-123456', short, ${env.SOME_KEY}]\nttl: 123456789"

    assert words_of(text, secrets_in(text)) == {"sk-123456"}


def test_known_secrets_are_hidden_wherever_they_stand() -> None:
    hide = masking(frozenset({"sk-12345678", "it's\\", "abc"}))

    assert hide("a sk-12345678b abc abcd") == "a ***b *** abcd"
    assert hide(repr("it's\\")) == '"***"'
    assert masking(frozenset[str]())("abc") == "abc"


@pytest.mark.parametrize(
    ("text", "shown"),
    {
        "x sk-12…": "x ***…",
        "x sk-12345678…'": "x ***…'",
        "x sk-…": "x sk-…",
        "sk-12": "sk-12",
    }.items(),
)
def test_a_secret_that_is_cut_off_is_hidden(text: str, shown: str) -> None:
    assert masking(frozenset({"sk-12345678"}))(text) == shown
