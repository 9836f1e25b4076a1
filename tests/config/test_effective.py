"""What a configuration means, in the words of the file."""

from __future__ import annotations

from typing import Any, cast

import pytest

from llamaswap.config.document import Report
from llamaswap.config.effective import effective
from llamaswap.config.load import load_config
from llamaswap.config.nodes import to_plain
from llamaswap.config.schema import Config
from llamaswap.config.sources import parse, to_text

TEXT = """
globalTTL: 60
unloadTimeout: 7
sendLoadingState: true
apiKeys: [sk-12345678]
macros: {host: 127.0.0.1, ttl: 5, secret: sk-12345678}
performance: {every: 1m30s}
models:
  a:
    cmd: |
      x --host ${host} \\
        --port ${PORT} --api-key ${secret}
      # gone
    cmdStop: kill ${PID}
    filters: {setParamsByID: {"${MODEL_ID}:high": {effort: high}}}
  b:
    cmd: y ${PORT}
    ttl: ${ttl}
    unloadTimeout: 3
    concurrencyLimit: 2
    sendLoadingState: false
groups:
  g: {members: [b], swap: false}
"""


def meant(text: str, **options: bool) -> dict[str, Any]:
    return cast("dict[str, Any]", effective(load_config(text), **options))


def test_macros_and_ports_are_filled_in_and_commands_are_arguments() -> None:
    model = meant(TEXT, show_secrets=True)["models"]["a"]

    assert model["cmd"] == [
        *("x", "--host", "127.0.0.1", "--port", "5800", "--api-key", "sk-12345678")
    ]
    assert model["cmdStop"] == ["kill", "${PID}"]
    assert model["proxy"] == "http://localhost:5800"
    assert "macros" not in model
    assert "macros" not in meant(TEXT)


INHERITED = ("ttl", "unloadTimeout", "concurrencyLimit", "sendLoadingState")


@pytest.mark.parametrize(("model", "values"), [("a", (60, 7, 10, True)), ("b", (5, 3, 2, False))])
def test_what_is_inherited_is_filled_in(model: str, values: tuple[object, ...]) -> None:
    section = meant(TEXT)["models"][model]

    assert tuple(section[key] for key in INHERITED) == values


def test_automatic_aliases_are_shown() -> None:
    assert meant(TEXT)["models"]["a"]["aliases"] == ["a:high"]


def test_the_default_group_is_shown() -> None:
    assert meant(TEXT)["groups"] == {
        "g": {"swap": False, "exclusive": True, "persistent": False, "members": ["b"]},
        "(default)": {"swap": True, "exclusive": True, "persistent": False, "members": ["a"]},
    }


def test_beside_a_matrix_there_are_no_groups() -> None:
    text = "models: {a: {cmd: x, proxy: 'http://h:1'}}\nmatrix: {sets: {s: a}}\n"

    assert meant(text)["matrix"] == {"vars": {}, "evict_costs": {}, "sets": {"s": "a"}}
    assert "groups" not in meant(text)


def test_secrets_are_hidden_unless_asked_for() -> None:
    assert meant(TEXT)["apiKeys"] == ["***"]
    assert meant(TEXT)["models"]["a"]["cmd"][-1] == "***"
    assert meant(TEXT, show_secrets=True)["apiKeys"] == ["sk-12345678"]


def fifo(text: str) -> dict[str, Any]:
    whole = meant(f"routing: {{scheduler: {{settings: {{fifo: {text}}}}}}}")
    return cast("dict[str, Any]", whole["routing"]["scheduler"]["settings"]["fifo"])


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("{}", ("auto", "auto", 0, 0)),
        ("{maxWait: 1m, linger: 0.5, minResidency: 2s, queueTimeout: 90}", (60, 0.5, 2, 90)),
    ],
)
def test_spans_of_time_are_written_as_they_are_read(text: str, values: tuple[object, ...]) -> None:
    keys = ("maxWait", "linger", "minResidency", "queueTimeout")

    assert tuple(fifo(text)[key] for key in keys) == values


def test_a_duration_is_text() -> None:
    assert meant(TEXT)["performance"]["every"] == "90s"
    assert meant("performance: {every: 5500ms}")["performance"]["every"] == "5.5s"


def test_what_is_not_said_is_the_default() -> None:
    values = cast("dict[str, Any]", effective(Config()))

    assert (values["startPort"], values["store"], values["models"]) == (5800, None, {})


def test_the_text_of_it_is_read_as_the_same() -> None:
    values = meant(TEXT)
    root = parse(to_text(values), Report())
    assert root is not None

    assert to_plain(root, {}, Report()) == values
