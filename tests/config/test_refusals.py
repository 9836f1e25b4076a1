"""The invalid configurations of the description, by their numbers.

Each must be refused, in words that hold those of the reference: people search
for them. Those of keys that are not built yet are missing.
"""

from collections.abc import Mapping

import pytest

from llamaswap.config.load import load_config
from llamaswap.errors import ConfigError

M = "models: {m: {cmd: 's ${PORT}'}}\n"

REFUSED: dict[str, tuple[str, tuple[str, ...]]] = {
    "i01": (
        'models: {m: {cmd: "srv --port 1"}}',
        ("models.m", "proxy uses ${PORT}", "cmd does not"),
    ),
    "i02": (
        'models: {m: {name: "p${PORT}", cmd: s, proxy: "http://h"}}',
        ("m.name", "${PORT}"),
    ),
    "i03": ('models: {m: {cmd: "s ${PORT} ${nope}"}}', ("unknown macro ${nope}", "m.cmd")),
    "i04": (
        'macros: {a: "${b}", b: x}\nmodels: {m: {cmd: "s ${PORT} ${a}"}}',
        ("unknown macro ${b}", "move the declaration up"),
    ),
    "i05": ('macros: {a: "x${a}"}', ("macros.a", "self-reference")),
    "i06 PORT": ("macros: {PORT: 1}", ("PORT", "reserved")),
    "i06 PID": ("macros: {PID: 1}", ("PID", "reserved")),
    "i06 MODEL_ID": ("macros: {MODEL_ID: 1}", ("MODEL_ID", "reserved")),
    "i07": ('macros: {"a.b": 1}', ("a.b", "invalid characters")),
    "i08": (f"macros: {{{'a' * 64}: 1}}", ("exceeds", "maximum length", "63")),
    "i09 list": ("macros: {a: [1]}", ("macros.a", "must be a scalar")),
    "i09 mapping": ("macros: {a: {b: 1}}", ("macros.a", "must be a scalar")),
    "i09 null": ("macros: {a: ~}", ("macros.a", "must be a scalar")),
    "i09 date": ("macros: {a: 2024-01-01}", ("macros.a", "must be a scalar")),
    "i10": ("macros: [a]", ("macros must be a mapping",)),
    "i10 in a model": (
        "models: {m: {cmd: 's ${PORT}', macros: [a]}}",
        ("models.m.macros", "macros must be a mapping"),
    ),
    "i11": (
        'models: {a: {cmd: "s ${PORT} ${x}", macros: {x: 1}}, b: {cmd: "s ${PORT} ${x}"}}',
        ("models.b.cmd", "unknown macro ${x}"),
    ),
    "i12 cmd": ('models: {m: {cmd: "s ${PORT} ${PID}"}}', ("unknown macro ${PID}",)),
    "i12 metadata": (
        'models: {m: {cmd: "s ${PORT}", metadata: {a: "${PID}"}}}',
        ("models.m.metadata.a", "unknown macro ${PID}"),
    ),
    "i13": (
        'hooks: {on_startup: {preload: ["${MODEL_ID}"]}}',
        ("hooks.on_startup.preload[0]", "unknown macro"),
    ),
    "i14": ('models: {m: {cmd: "s ${PORT} ${env.UNSET}"}}', ("UNSET", "not set")),
    "i14 where nobody reads": ('x-y: "${env.UNSET}"', ("UNSET", "not set")),
    "i15": ('models: {m: {cmd: "s ${PORT} ${env.LINES}"}}', ("LINES", "newlines")),
    "i19 one model": (
        "models: {m: {cmd: 's ${PORT}', aliases: [x, x]}}",
        ("duplicate alias 'x'", "models.m.aliases[1]"),
    ),
    "i19 two models": (
        "models: {m: &m {cmd: 's ${PORT}', aliases: [x]}, n: *m}",
        ("duplicate alias 'x'", "'m'", "models.n.aliases[0]"),
    ),
    "i20": ("startPort: 1\nstartPort: 2", ("'startPort'", "already defined")),
    "i20 anywhere": ("x-y: [{a: 1, a: 2}]", ("'a'", "already defined")),
    "i21 list": ("models: [a]", ("models: expected a mapping",)),
    "i21 text": ('models: {m: "cmd"}', ("models.m: expected a mapping",)),
    "i22 cmd": ("models: {m: {cmd: [a, b]}}", ("models.m.cmd: expected text",)),
    "i22 aliases": (
        "models: {m: {cmd: 's ${PORT}', aliases: x}}",
        ("models.m.aliases: expected a list",),
    ),
    "i22 env": (
        "models: {m: {cmd: 's ${PORT}', env: {A: b}}}",
        ("models.m.env: expected a list",),
    ),
    "i22 ttl": (
        "models: {m: {cmd: 's ${PORT}', ttl: '30'}}",
        ("models.m.ttl: expected a whole number",),
    ),
    "i22 ttl from a macro": (
        "macros: {t: '30'}\nmodels: {m: {cmd: 's ${PORT}', ttl: '${t}'}}",
        ("models.m.ttl: expected a whole number",),
    ),
    "i22 number as a switch": (
        "models: {m: {cmd: 's ${PORT}', unlisted: 1}}",
        ("models.m.unlisted: expected true or false",),
    ),
    "i22 quoted switch": (
        "models: {m: {cmd: 's ${PORT}', unlisted: \"true\"}}",
        ("models.m.unlisted: expected true or false",),
    ),
    "i23 zero": ("startPort: 0", ("startPort must be greater than 0",)),
    "i23 text": ("startPort: abc", ("startPort: expected a whole number",)),
    "i24 globalTTL": ("globalTTL: -1", ("globalTTL", ">= 0")),
    "i24 unloadTimeout": ("unloadTimeout: -1", ("unloadTimeout", ">= 0")),
    "i25 ttl": (
        "models: {m: {cmd: 's ${PORT}', ttl: -2}}",
        ("models.m", "invalid TTL", "-2"),
    ),
    "i25 unloadTimeout": (
        "models: {m: {cmd: 's ${PORT}', unloadTimeout: -1}}",
        ("models.m", "invalid unloadTimeout", "-1"),
    ),
    "i32": (
        'models: {m: {cmd: s, proxy: "127.0.0.1:8080"}}',
        ("models.m", "invalid proxy URL", "did you mean 'http://127.0.0.1:8080'"),
    ),
    "i33 twice in one": (M + "groups: {g: {members: [m, m]}}", ("duplicate member", "'g'")),
    "i33 in two": (
        M + "groups: {g: {members: [m]}, h: {members: [m]}}",
        ("multiple groups", "'g'", "'h'"),
    ),
    "i34": (M + "groups: {g: {members: [mm]}}", ("unknown model 'mm'", "did you mean 'm'")),
    "i35": ("groups: {g: {}}\nmatrix: {sets: {s: a}}", ("cannot use both", "groups", "matrix")),
    "i36": (
        "groups: {g: {}}\nrouting: {router: {use: group}}",
        ("groups", "routing.router", "both", "styles", "migrate"),
    ),
    "i37": (
        "routing: {router: {use: matrix}}",
        ("routing.router.settings.matrix is not set",),
    ),
    "i38": ("routing: {router: {use: foo}}", ("unknown router", "group", "matrix", "foo")),
    "i52 list": ("- a", ("top-level must be a mapping",)),
    "i52 tab": ("models:\n\ta: 1", ("parse error", ":2:", "tabs")),
    "i52 bracket": ("models: [", ("parse error",)),
    "an empty proxy": ("models: {m: {cmd: s, proxy: ''}}", ("models.m.proxy", "proxy is empty")),
    "too many ports": (
        "startPort: 65535\nmodels: {a: &m {cmd: 's ${PORT}'}, b: *m}",
        ("models.b.cmd", "65536"),
    ),
    "a group of our own": ("groups: {(default): {}}", ("(default)", "reserved")),
}


def _faults(text: str, environ: Mapping[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(text, environ=environ)
    return str(caught.value)


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED)
def test_refused_in_words_that_people_search_for(text: str, words: tuple[str, ...]) -> None:
    said = _faults(text, {"LINES": "a\nb"})

    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize("text", [text for text, _ in REFUSED.values()], ids=REFUSED)
def test_one_mistake_makes_one_fault(text: str) -> None:
    assert len(_faults(text, {"LINES": "a\nb"}).splitlines()) == 1
