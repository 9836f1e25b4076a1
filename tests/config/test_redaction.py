"""Which parts of a text are secrets, and how it is shown without them."""

from __future__ import annotations

import pytest

from llamaswap.config.document import KeyPath
from llamaswap.config.fields import keys_of
from llamaswap.config.redaction import (
    behind_name,
    hidden,
    is_secret_name,
    masking,
    references_of,
    secret_depth,
    settings_in,
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
    "a list": ("apiKeys: [a, sk-1]\nttl: 5", "apiKeys: [***\nttl: 5"),
    "a list on several lines": ("apiKeys: [\na,\nb\n]\nttl: 5", "apiKeys: [\n***\n***\n]\nttl: 5"),
    "a list in a block": ("apiKeys:\n- a: b\nttl: 5", "apiKeys:\n***\nttl: 5"),
    "items of another list": ("- token:\n    - a\n\n- x: b", "- token:\n    ***\n\n- x: b"),
    "a text in a block": ("apiKey: |\n  a: 5\n  b\nttl: 5", "apiKey: |\n  ***\n  ***\nttl: 5"),
    "a text that is not indented": ("apiKey: |\na\nttl: 5", "apiKey: |\n***\nttl: 5"),
    "a text that is not closed": ("apiKey: 'a\nttl: 'x'", "apiKey: '***\nttl: 'x'"),
    "quotes": ("- 'apiKey: a b'", "- 'apiKey: ***'"),
    "braces": ("{apiKey: a,b]}c, ttl: 5}", "{apiKey: ***"),
    "braces in lines": ("{apiKey:\n  sk-1,\nttl: 5}", "{apiKey:\n  ***\nttl: 5}"),
    "JSON": ('{"apiKeys":["a","b"],"ttl":5}', '{"apiKeys":["***'),
    "JSON in lines": ('{\n "apiKey": "a",\n "ttl": 5}', '{\n "apiKey": "***\n "ttl": 5}'),
    "a comment": ("  # apiKeys:\n  #   - a\n  ttl: 5", "  # apiKeys:\n  #   ***\n  ttl: 5"),
    "no blank": ("apiKey:sk-1", "apiKey:***"),
    "no colon": ("apiKey sk-1", "apiKey ***"),
    "several words": ("the API token: a", "the API token: ***"),
    "nothing": ("apiKey:", "apiKey:"),
    "nothing in brackets": ('apiKeys: [""]', 'apiKeys: [""]'),
    "another file's mark": ("\ufeffapiKey: a", "\ufeffapiKey: ***"),
    "a variable": ("HF_TOKEN=a b", "HF_TOKEN=***"),
    "a variable in quotes": ('- "HF_TOKEN=a b"', '- "HF_TOKEN=***"'),
    "a variable of a key": ("env: A_KEY=b c", "env: A_KEY=***"),
    "an option": ("s --api-key sk-5 -m x", "s --api-key ***"),
    "an option with =": ("s --api-key=sk-5", "s --api-key=***"),
    "an option in a list": ('["s", "--api-key", "sk-5"]', '["s", "--api-key"***'),
    "an option in lines": ("- --api-key\n- sk-5", "- --api-key\n***"),
    "an option without a value": ("cmd: s --api-key\nttl: 5", "cmd: s --api-key\nttl: 5"),
    "a header": ('curl -H "Authorization: Basic eA=="', 'curl -H "Authorization: ***"'),
    "a bearer": ("curl -H 'X: Bearer sk-1'", "curl -H 'X: Bearer ***'"),
    "a password": ("http://u:pw@h:80/x", "http://u:***@h:80/x"),
    "a password of signs": ("http://u:p/w#@:@h/x", "http://u:***@h/x"),
    "a password like a query": ("http://u:p?w@h/x y", "http://u:*** y"),
    "a name without a password": ("http://u@h:80/x", "http://u@h:80/x"),
    "a port": ("http://h:80/x", "http://h:80/x"),
    "a login": ("u:pw@h", "u:***@h"),
    "an image": ("docker run a:b@sha256:0", "docker run a:b@sha256:0"),
    "a query": ("http://h/x?k=1#y z", "http://h/x?***#y z"),
    "a password and a query": ("http://u:pw@h/x?k=1", "http://u:***@h/x?***"),
    "an anchor": ("x: &k sk-7\napiKeys: [*k]", "x: &k ***\napiKeys: [***"),
    "an anchor in braces": ("{x: &k sk-7, apiKeys: *k}", "{x: &k ***"),
    "a macro": ("macros:\n  k: s\n  l: t\ntoken: ${k}", "macros:\n  k: ***\n  l: t\ntoken: ${k}"),
    "a macro of a macro": ("k: s\nl: x${k}\ntoken: ${l}", "k: ***\nl: ***\ntoken: ${l}"),
    "a reference": ("- ${env.KEY} a\napiKey: ${env.KEY}", "- ${env.KEY} a\napiKey: ${env.KEY}"),
    "a reference of a text": ("apiKey: x${env.KEY}", "apiKey: ***"),
    "a key beside it": ("models:\n  m: 5\n apiKeys: [a]", "models:\n  m: 5\n apiKeys: [***"),
}


@pytest.mark.parametrize(("text", "shown"), SHOWN.values(), ids=SHOWN)
def test_a_text_is_shown_without_its_secrets(text: str, shown: str) -> None:
    assert hidden(text) == shown
    assert hidden(shown) == shown


def test_what_refers_too_deep_is_hidden_whole() -> None:
    chain = "".join(f"k{number}: x${{k{number + 1}}}\n" for number in range(9))

    assert hidden(f"ttl: 5\n{chain}token: ${{k0}}") == "\n".join(11 * ["***"])


def test_a_value_begins_behind_its_name() -> None:
    assert [behind_name(line) for line in ("ttl: 5", "token: 'a'", "a: {key: b")] == [None, 8, 9]


@pytest.mark.parametrize(
    ("command", "values"),
    [
        ("s --api-key sk-123456 -m model-123456", ["sk-123456"]),
        ("HF_TOKEN='sk-123456' s --token=sk-234567", ["sk-123456", "sk-234567"]),
        ("s --api-key short --max-tokens 12345678 --key-file sk-123456", []),
        ("the secret sauce-123456", []),
    ],
)
def test_long_values_of_options_and_variables_are_known(command: str, values: list[str]) -> None:
    assert settings_in(command) == values


def test_a_text_may_refer_to_others() -> None:
    assert references_of("${a} b${env.C} ${}") == ["a", "env.C"]


def test_known_secrets_are_hidden_wherever_they_stand() -> None:
    hide = masking(frozenset({"sk-12345678", "it's\\", "abc"}))

    assert hide("a sk-12345678b abc abcd") == "a ***b *** abcd"
    assert hide(repr("it's\\")) == '"***"'
    assert masking(frozenset({":a@bcdefgh"}))(hidden(":a@bcdefgh")) == "***"
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
