"""The JSON Schema: what it takes and refuses, and what it tells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llamaswap.config.conversions import to_json
from llamaswap.config.document import Report
from llamaswap.config.files import Source
from llamaswap.config.json_schema import json_schema
from llamaswap.config.load import attempt_config
from llamaswap.config.nodes import to_plain
from llamaswap.config.schema import OLD_STRIP_PARAMS
from llamaswap.config.sources import decode, parse, to_text
from llamaswap.errors import ConfigError, Fault
from tests.config.test_cases import ALL, GOOD, Case

EXAMPLE = Path(__file__).parents[2] / "examples" / "config.yaml"
SCHEMA = json_schema()


def document_of(text: str) -> Any:
    """Return what the validator of an editor sees."""
    root = parse(text, Report())
    return None if root is None else to_json(to_plain(root, {}, Report()))


def problems_of(document: object) -> list[str]:
    """Return the paths of what the schema refuses."""
    validator: Any = jsonschema.Draft202012Validator(SCHEMA)
    return [error.json_path for error in validator.iter_errors(document)]


def problems(text: str) -> list[str]:
    return problems_of(document_of(text))


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_example_is_valid() -> None:
    assert problems(EXAMPLE.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "models:",
        "x-mine: [1]",
        "models: {a: {cmd: 5, ttl: '${ttl}', unlisted: 'yes', macros: {m: 1}}}",
        "models: {a: {filters: {strip_params: a, setParamsByID: {b: {c: [1]}}}}}",
        "models: {a: {capabilities: {in: [text], out: [image, null]}}}",
        "logLevel: INFO",
        "logTimeFormat: ''",
        "logLevel: ' INFO '",
        "routing: {router: {use: ''}, scheduler: {use: ''}}",
        "routing: {scheduler: {settings: {fifo: {minResidency: 1m30s, queueTimeout: .5h}}}}",
        "models: {a: {ttl: -1, unloadTimeout: 0}}",
        "models: {a: {ttl: -1.9, unloadTimeout: -0.5, capabilities: {context: -0.5}}}",
        "{startPort: 1.5, globalTTL: -0.9, unloadTimeout: 10.5, healthCheckTimeout: -5}",
        "{startPort: null, globalTTL: null, logToStdout: null, apiKeys: null, groups: {g: null}}",
        "performance: {every: 10s}",
        "routing: {scheduler: {settings: {fifo: {maxWait: auto, linger: 1.5}}}}",
        "profiles: {a: {pins: {b: null}}}",
        "store: null",
    ],
)
def test_what_the_loader_takes_is_valid(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("modls: {}", "$"),
        ("models: {a: {comand: x}}", "$.models.a"),
        ("models: {a: {ttl: soon}}", "$.models.a.ttl"),
        ("models: {a: {cmd: [x]}}", "$.models.a.cmd"),
        ("models: {a: {aliases: b}}", "$.models.a.aliases"),
        ("models: {a: {capabilities: {in: [smell]}}}", "$.models.a.capabilities.in[0]"),
        ("logLevel: loud", "$.logLevel"),
        ("performance: {every: 10}", "$.performance.every"),
        ("logLevel: ''", "$.logLevel"),
        ("logToStdout: Both", "$.logToStdout"),
        ("logToStdout: ''", "$.logToStdout"),
        ("routing: {router: {use: Group}}", "$.routing.router.use"),
        ("routing: {scheduler: {use: FIFO}}", "$.routing.scheduler.use"),
        ("models: {a: {capabilities: {in: [Text]}}}", "$.models.a.capabilities.in[0]"),
        ("models: {a: {capabilities: {in: ['']}}}", "$.models.a.capabilities.in[0]"),
        ("models: {a: {capabilities: {context: -1}}}", "$.models.a.capabilities.context"),
        ("models: {a: {ttl: -2}}", "$.models.a.ttl"),
        ("models: {a: {ttl: -2.0}}", "$.models.a.ttl"),
        ("models: {a: {ttl: 1e30}}", "$.models.a.ttl"),
        ("models: {a: {unloadTimeout: -1}}", "$.models.a.unloadTimeout"),
        ("startPort: 0", "$.startPort"),
        ("startPort: 0.9", "$.startPort"),
        ("globalTTL: -1", "$.globalTTL"),
        ("unloadTimeout: -1", "$.unloadTimeout"),
        ("performance: {every: abc}", "$.performance.every"),
        (
            "routing: {scheduler: {settings: {fifo: {linger: soon}}}}",
            "$.routing.scheduler.settings.fifo.linger",
        ),
        (
            "routing: {scheduler: {settings: {fifo: {minResidency: -1}}}}",
            "$.routing.scheduler.settings.fifo.minResidency",
        ),
        ("macros: {PORT: 1}", "$.macros"),
        ("macros: {a.b: 1}", "$.macros"),
        (f"macros: {{{'a' * 64}: 1}}", "$.macros"),
        ("macros: {a: null}", "$.macros.a"),
        ("models: {a: {macros: {PID: 1}}}", "$.models.a.macros"),
        ("store: {}", "$.store"),
        ("store: {path: ''}", "$.store.path"),
        ("store: {path: null}", "$.store.path"),
        ("peers: {p: {proxy: null, models: [a]}}", "$.peers.p.proxy"),
        ("peers: {p: {proxy: 'http://h', models: null}}", "$.peers.p.models"),
        ("profiles: {n: null}", "$.profiles.n"),
        ("profiles: {n: {pins: null}}", "$.profiles.n.pins"),
        ("selectors: {s: null}", "$.selectors.s"),
        ("selectors: {s: {strategy: null, targets: [a]}}", "$.selectors.s.strategy"),
        ("selectors: {s: {strategy: pin, targets: null}}", "$.selectors.s.targets"),
        ("peers: {p: {models: [a]}}", "$.peers.p"),
        ("peers: {p: {proxy: 'http://h'}}", "$.peers.p"),
        ("peers: {p: {proxy: '', models: [a]}}", "$.peers.p.proxy"),
        ("peers: {p: {proxy: 'http://h', models: []}}", "$.peers.p.models"),
        ("profiles: {n: {}}", "$.profiles.n"),
        ("profiles: {n: {pins: {}}}", "$.profiles.n.pins"),
        ("selectors: {s: {targets: [a]}}", "$.selectors.s"),
        ("selectors: {s: {strategy: pin}}", "$.selectors.s"),
        ("selectors: {s: {strategy: any, targets: [a]}}", "$.selectors.s.strategy"),
        ("selectors: {s: {strategy: WARM, targets: [a]}}", "$.selectors.s.strategy"),
    ],
)
def test_mistakes_are_found_where_they_are(text: str, path: str) -> None:
    assert problems(text) == [path]


STRICTER = {
    "examples/e10-unused": "an unknown key at the top",
    "homelab/old-file": "keys that are unknown by now",
    "homelab/peers-and-selectors": "a time format that is none",
    "own/near-misses": "keys with typing errors",
    "own/unknown-log-words": "a time format that is none",
    "yaml/environment-lists": "a list and a mapping that the environment holds",
}
"""Cases that load but that the schema refuses, so that an editor shows the mistake."""


def texts_of(case: Case) -> list[str]:
    given = Source("", case.input) if isinstance(case.input, bytes) else None
    text = case.input if given is None else decode(given, Report())
    return [text for text in (text, *(case.files or {}).values()) if isinstance(text, str)]


@pytest.mark.parametrize("case", [pytest.param(GOOD[name], id=name) for name in GOOD])
def test_every_valid_case_of_the_corpus_is_valid(case: Case) -> None:
    found = [problem for text in texts_of(case) for problem in problems(text)]

    assert bool(found) == any(case is GOOD[name] for name in STRICTER), found


# What the loader expected in place of another type begins like this.
WRONG_TYPES = (
    *("a whole number", "true or false", "text", "a scalar", "a duration"),
    *("a list of texts", "a mapping of", "at least 0 seconds"),
)


def json_path(path: str) -> str:
    """Write the path of a fault as the validator does, which quotes names that are odd."""
    steps = re.split(r"\.|(\[[0-9]+\])", path)
    return "$" + "".join(s if s.startswith("[") else f".{s}" for s in steps if s)


def wrong_types(faults: Iterable[Fault]) -> dict[str, str]:
    """Return what was expected in place of another type, by path."""
    # A fault of the YAML has no path; and JSON has no dates, they are texts there.
    return {
        json_path(fault.path): fault.expected
        for fault in faults
        if fault.expected.startswith(WRONG_TYPES)
        if fault.path and not fault.found.startswith("the date")
    }


def test_wrong_types_in_the_corpus_are_refused_where_they_are(tmp_path: Path) -> None:
    met: set[str] = set()
    for number, (name, case) in enumerate(ALL.items()):
        if case.faults is None:
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(ConfigError) as caught:
            case.load(folder)
        if wrong := wrong_types(caught.value.faults):
            found = {problem for text in texts_of(case) for problem in problems(text)}
            assert set(wrong) <= found, name
            met.update(wrong.values())

    assert len(met) >= 8


def paths_in(value: object, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List the paths of all that stands below ``value``."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
    elif isinstance(value, list):
        items = enumerate(cast("list[object]", value))
    for step, item in items:
        yield (*above, step)
        yield from paths_in(item, (*above, step))


DOCUMENTS: dict[str, Any] = {
    name: document_of(case.input)
    for name, case in GOOD.items()
    if isinstance(case.input, str) and not case.files and not case.environ
    if name not in STRICTER
}
# What a macro may be depends on where it is used, and the old name of stripParams is not
# looked at beside the new one.
PLACES = [
    (name, path)
    for name, document in DOCUMENTS.items()
    for path in paths_in(document)
    if "macros" not in path and path[-1] != OLD_STRIP_PARAMS
]
VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1.5, 1e30, "", "x", "yes", "5s", "auto"),
    *([], ["a"], [None], {}, {"a": 1}),
)


@settings(max_examples=500)
@given(st.sampled_from(PLACES), st.sampled_from(VALUES))
def test_it_agrees_with_the_loader_on_what_may_stand_where(
    place: tuple[str, tuple[Any, ...]], value: object
) -> None:
    name, (*above, last) = place
    document = deepcopy(DOCUMENTS[name])
    inner = document
    for step in above:
        inner = inner[step]
    inner[last] = value
    refused = problems_of(document)
    attempt = attempt_config(to_text(document), environ={})

    if isinstance(attempt.outcome, ConfigError):
        assert refused or not wrong_types(attempt.outcome.faults)
    else:
        assert not refused or any("unknown" in warning.message for warning in attempt.warnings)


def key_of(section: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMA["$defs"][section]["properties"][name]
    return found


def test_keys_have_their_descriptions_and_defaults() -> None:
    assert key_of("ModelConfig", "checkEndpoint") == {
        "$ref": "#/$defs/text",
        "description": "Path that answers 200 when the model is ready; none: it is not asked.",
        "default": "/health",
    }


@pytest.mark.parametrize(
    ("section", "name", "default"),
    [
        ("PerformanceConfig", "every", "5s"),
        ("FifoConfig", "maxWait", "auto"),
        ("FifoConfig", "queueTimeout", 0),
        ("ActivityConfig", "session_id", ["X-Session-ID", "X-Litellm-Session-Id"]),
        ("GroupSection", "swap", True),
        ("ModelConfig", "proxy", "http://localhost:${PORT}"),
        ("ModelConfig", "ttl", -1),
        ("ModelConfig", "unloadTimeout", 0),
        ("ModelConfig", "concurrencyLimit", 0),
        ("ModelConfig", "useModelName", ""),
        ("ModelConfig", "aliases", []),
        ("ModelConfig", "metadata", {}),
    ],
)
def test_defaults_are_written_as_in_the_file(section: str, name: str, default: object) -> None:
    assert key_of(section, name)["default"] == default


@pytest.mark.parametrize("name", ["cmd", "sendLoadingState", "filters", "healthCheckTimeout"])
def test_absence_that_is_no_value_has_no_default(name: str) -> None:
    assert "default" not in key_of("ModelConfig", name)
