"""The invalid configurations of the description, by their numbers.

Each must be refused, in words that hold those of the reference: people search
for them.
"""

from collections.abc import Mapping

import pytest

from llamaswap.config.load import load_config
from llamaswap.errors import ConfigError

M = "models: {m: {cmd: 's ${PORT}'}}\n"
TWO = "models: {m: &m {cmd: 's ${PORT}'}, n: *m}\n"

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
        ("unknown macro ${b}", "move 'b' above 'a'"),
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
    "i16": (
        (
            "macros: {a: x, b: x}\n"
            "models: {m: {cmd: 's ${PORT}', filters: {setParamsByID: {'${a}': {}, '${b}': {}}}}}"
        ),
        ("setParamsByID.${b}", "resolve to the same value"),
    ),
    "i17": (
        "models: {m: {cmd: 's ${PORT}', filters: {setParamsByID: {n: {}}}}, n: {cmd: '${PORT}'}}",
        ("setParamsByID.n", "conflicts with an existing model ID"),
    ),
    "i18": (
        (
            "models: {m: {cmd: 's ${PORT}', filters: {setParamsByID: {x: {}}}}, "
            "n: {cmd: '${PORT}', aliases: [x]}}"
        ),
        ("models.m.filters", "duplicate alias 'x'", "'n'"),
    ),
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
    "i26 short": ("performance: {every: 4s}", ("performance.every", "at least 5s")),
    "i26 number": ("performance: {every: 10}", ("performance.every", "expected a duration")),
    "i27": (
        "logToStdout: Both",
        ("logToStdout must be one of proxy, upstream, both, none", "Both"),
    ),
    "i28 empty": ("store: {}", ("store.path", "empty")),
    "i28 directory": ("store: {path: .}", ("store.path", "is a directory")),
    "i28 not writable": ("store: {path: no/where/x}", ("store.path", "not writable")),
    "i29 empty": ('apiKeys: [""]', ("empty api key",)),
    "i29 spaces": ('apiKeys: [ok, "a b"]', ("apiKeys[1]", "spaces")),
    "i30 bracket": (
        'upstream: {ignorePaths: ["[a("]}',
        ("upstream.ignorePaths", "invalid regular expression", "'[a('"),
    ),
    "i30 look-ahead": (
        'upstream: {ignorePaths: ["a(?=b)"]}',
        ("upstream.ignorePaths", "invalid regular expression", "'a(?=b)'"),
    ),
    "i31 in": (
        "models: {m: {cmd: 's ${PORT}', capabilities: {in: [video]}}}",
        ("models.m", "capabilities.in", "video"),
    ),
    "i31 context": (
        "models: {m: {cmd: 's ${PORT}', capabilities: {context: -1}}}",
        ("models.m", "capabilities.context", "-1"),
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
    "i38 scheduler": (
        "routing: {scheduler: {use: lifo}}",
        ("unknown scheduler", "fifo", "lifo"),
    ),
    "i39": (
        "routing: {scheduler: {settings: {fifo: {priority: {x: 1}}}}}",
        ("fifo.priority", "unknown model", "'x'"),
    ),
    "i40": ("matrix: {}", ("matrix", "at least one set")),
    "i41 character": (
        M + "matrix: {vars: {a_b: m}, sets: {s: m}}",
        ("matrix.vars.a_b", "1", "32"),
    ),
    "i41 length": (
        M + f"matrix: {{vars: {{{'a' * 33}: m}}, sets: {{s: m}}}}",
        ("matrix.vars", "1", "32"),
    ),
    "i42": (M + "matrix: {vars: {a: x}, sets: {s: a}}", ("matrix.vars.a", "unknown model 'x'")),
    "i43 zero": (
        M + "matrix: {evict_costs: {m: 0}, sets: {s: m}}",
        ("matrix.evict_costs.m", "positive integer"),
    ),
    "i43 unknown": (
        M + "matrix: {evict_costs: {x: 1}, sets: {s: m}}",
        ("unknown var or model", "'x'"),
    ),
    "i44": (M + "matrix: {sets: {s: '(m'}}", ("matrix.sets.s", "missing closing parenthesis")),
    "i45 proxy": ("peers: {p: {models: [x]}}", ("peers.p", "proxy is required")),
    "i45 models": ("peers: {p: {proxy: 'http://h'}}", ("peers.p", "models can not be empty")),
    "i45 url": (
        "peers: {p: {proxy: '127.0.0.1:1', models: [x]}}",
        ("peers.p", "invalid peer proxy URL"),
    ),
    "i46 model": (
        "models: {p/x: {cmd: '${PORT}'}}\npeers: {p: {proxy: 'http://h', models: [x]}}",
        ("conflicts with fully qualified peer model name", "p/x"),
    ),
    "i46 peers": (
        "peers: {a: &p {proxy: 'http://h', models: [b/c, c]}, a/b: *p}",
        ("ambiguous", "a/b/c"),
    ),
    "i47 strategy": (M + "selectors: {s: {targets: [m]}}", ("selectors.s", "strategy is required")),
    "i47 unknown strategy": (
        M + "selectors: {s: {strategy: x, targets: [m]}}",
        ("selectors.s", "unknown strategy"),
    ),
    "i47 targets": (M + "selectors: {s: {strategy: pin}}", ("selectors.s.targets", "at least one")),
    "i47 unknown model": (
        "selectors: {s: {strategy: pin, targets: [x]}}",
        ("selectors.s", "unknown model 'x'"),
    ),
    "i47 chaining": (
        "selectors: {s: {strategy: pin, targets: [s]}}",
        ("selectors.s", "chaining"),
    ),
    "i47 model": (
        M + "selectors: {m: {strategy: pin, targets: [m]}}",
        ("selectors.m", "conflicts with model ID"),
    ),
    "i47 alias": (
        (
            "models: {m: {cmd: '${PORT}', aliases: [x]}}\n"
            "selectors: {x: {strategy: pin, targets: [m]}}"
        ),
        ("selectors.x", "conflicts with alias"),
    ),
    "i47 warm": (
        (
            "peers: {p: {proxy: 'http://h', models: [x]}}\n"
            "selectors: {s: {strategy: warm, targets: [x]}}"
        ),
        ("selectors.s", "local model"),
    ),
    "i47 spillover": (
        M + "selectors: {s: {strategy: spillover, targets: [m], settings: {spillover: 0}}}",
        ("selectors.s", "spillover >= 1"),
    ),
    "i47 duplicate": (
        M + "selectors: {s: {strategy: spillover, targets: [m, m]}}",
        ("selectors.s", "duplicate resolved model"),
    ),
    "i47 swap": (
        TWO + "selectors: {s: {strategy: spillover, targets: [m, n]}}",
        ("selectors.s", "swap: false"),
    ),
    "i47 group": (
        TWO
        + "groups: {g: {members: [m]}}\n"
        + "selectors: {s: {strategy: spillover, targets: [m, n]}}",
        ("selectors.s", "one routing group"),
    ),
    "i47 matrix": (
        TWO
        + "matrix: {sets: {a: m | n}}\n"
        + "selectors: {s: {strategy: spillover, targets: [m, n]}}",
        ("selectors.s", "one expanded matrix set"),
    ),
    "i48 list": ("profiles: {x: [a, b]}", ("profiles.x", "legacy list")),
    "i48 no pins": ("profiles: {x: {}}", ("profiles.x", "at least one entry")),
    "i48 unknown": ("profiles: {x: {pins: {a: b}}}", ("profiles.x.pins.a", "unknown model 'b'")),
    "i48 blank name": (
        M + "profiles: {' ': {pins: {a: m}}}",
        ("profiles", "cannot be empty"),
    ),
    "i48 blank pin": (M + "profiles: {x: {pins: {'': m}}}", ("profiles.x", "cannot be empty")),
    "i52 list": ("- a", ("top-level must be a mapping",)),
    "i52 tab": ("models:\n\ta: 1", ("parse error", ":2:", "tabs")),
    "i52 bracket": ("models: [", ("parse error",)),
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
