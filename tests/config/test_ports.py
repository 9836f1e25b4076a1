"""Who gets a port, and which."""

from typing import Any

import pytest
from attrs import evolve

from llamaswap.config.document import Plain, Report
from llamaswap.config.load import load_config
from llamaswap.config.ports import Ports, fill_port, heed_edits
from llamaswap.config.schema import ModelConfig
from llamaswap.policy.rules import ModelId

M = ("models", "m")


def test_every_field_gets_the_same_port() -> None:
    ports = Ports(5800)
    model: dict[str, Plain] = {
        "cmd": "s ${PORT} ${PORT}",
        "proxy": "http://localhost:${PORT}",
        "aliases": ["m-${PORT}", 1],
        "metadata": {"p": "${PORT}"},
    }

    assert ports.fill(model, M, Report()) == {
        "cmd": "s 5800 5800",
        "proxy": "http://localhost:5800",
        "aliases": ["m-5800", 1],
        "metadata": {"p": 5800},
    }
    assert ports.next == 5801


def test_model_that_asks_for_none_takes_none() -> None:
    ports = Ports(5800)
    model: dict[str, Plain] = {"cmd": "s", "proxy": "http://h:1"}
    report = Report()

    assert ports.fill(model, M, report) == model
    assert ports.next == 5800
    assert report.faults == ()


@pytest.mark.parametrize("cmd", ["", " \n", None])
def test_model_without_a_command_is_told_so(cmd: Plain) -> None:
    report = Report()

    Ports(5800).fill({"cmd": cmd, "proxy": "http://localhost:${PORT}"}, M, report)

    assert [str(fault) for fault in report.faults] == [
        "models.m.cmd: models.m has no cmd: give the command that starts its server"
    ]
    assert report.is_tainted((*M, "proxy"))


def test_proxy_with_a_port_that_no_command_was_told_is_refused() -> None:
    report = Report()

    Ports(5800).fill({"cmd": "s", "proxy": "http://localhost:${PORT}"}, M, report)

    assert [str(fault) for fault in report.faults] == [
        (
            "models.m.proxy: proxy uses ${PORT}, but cmd does not: put ${PORT} into cmd, or give "
            "proxy the address where the command listens"
        )
    ]


def test_other_field_with_a_port_that_there_is_not_is_refused() -> None:
    report = Report()

    Ports(5800).fill({"cmd": "s", "name": "p${PORT}", "env": ["${other}"]}, M, report)

    assert [str(fault) for fault in report.faults] == [
        (
            "models.m.name: unknown macro ${PORT}: the model has no port, because its cmd does not "
            "use it; put ${PORT} into cmd"
        )
    ]


def test_command_that_cannot_be_read_is_fault_enough() -> None:
    report = Report()
    report.taint((*M, "cmd"))

    Ports(5800).fill({"cmd": "${wrong}", "proxy": "http://localhost:${PORT}"}, M, report)
    Ports(5800).fill({"cmd": ["s"], "proxy": "http://localhost:${PORT}"}, ("models", "n"), report)

    assert report.faults == ()
    assert report.is_tainted((*M, "proxy"))
    assert report.is_tainted(("models", "n", "proxy"))


def test_command_that_is_a_list_with_a_port_is_left_to_who_reads_commands() -> None:
    report = Report()

    Ports(5800).fill({"cmd": ["s", "${PORT}"]}, M, report)

    assert report.faults == ()
    assert not report.is_tainted((*M, "cmd"))


def test_port_after_the_last_is_told_of_a_command_that_alone_has_it() -> None:
    report = Report()
    ports = Ports(65535)
    model: dict[str, Plain] = {"cmd": "s ${PORT}", "proxy": "http://h"}

    ports.fill(model, M, report)
    filled = ports.fill(model, ("models", "n"), report)

    (warning,) = report.warnings
    assert (warning.path, warning.found, warning.expected) == ("models.n.cmd", "65536", "65535")
    assert "no port left for this model: ${PORT} is 65536, the last is 65535" in warning.message
    assert "choose a lower startPort" in warning.message
    assert filled["cmd"] == "s 65536"
    assert report.faults == ()


def test_port_after_the_last_in_an_address_is_left_to_who_looks_at_that() -> None:
    report = Report()

    filled = Ports(65536).fill({"cmd": "s ${PORT}", "proxy": "http://h:${PORT}"}, M, report)

    assert filled["proxy"] == "http://h:65536"
    assert (report.faults, report.warnings) == ((), ())


def test_faults_say_what_is_there_and_what_would_be_right() -> None:
    report = Report()

    Ports(1).fill({"cmd": "s", "name": "${PORT}", "proxy": "http://h:${PORT}"}, M, report)
    Ports(1).fill({"proxy": "http://h:${PORT}"}, ("models", "n"), report)
    Ports(1).fill({"cmd": "${PORT} ${x${PORT}}"}, ("models", "o"), report)

    assert [(f.path, f.found, f.expected, f.suggestion) for f in report.faults] == [
        ("models.m.name", "${PORT}", "a cmd that uses ${PORT}", "put ${PORT} into cmd"),
        (
            "models.m.proxy",
            "${PORT}",
            "a cmd that uses ${PORT}",
            "put ${PORT} into cmd, or give proxy the address where the command listens",
        ),
        ("models.n.cmd", "no cmd", "the command that starts its server", ""),
        ("models.o.cmd", "${x1}", "a macro's name", "give the macro another name"),
    ]


def test_name_of_parameters_with_a_port_that_there_is_not_is_refused() -> None:
    report = Report()

    Ports(5800).fill({"cmd": "s", "filters": {"setParamsByID": {"m:${PORT}": {}}}}, M, report)

    assert [str(fault) for fault in report.faults] == [
        (
            "models.m.filters.setParamsByID.m:${PORT}: unknown macro ${PORT}: the model has no "
            "port, because its cmd does not use it; put ${PORT} into cmd"
        )
    ]


def test_model_without_a_port_is_filled_with_none() -> None:
    model = ModelConfig(cmd="s 5800", proxy="http://h:1")

    assert fill_port(model, 7) is model


EVERYWHERE = """
models:
  m:
    cmd: s ${PORT}
    cmdStop: stop ${PORT} ${PID}
    checkEndpoint: /h/${PORT}
    name: n${PORT}
    useModelName: ${PORT}
    env: ["P=${PORT}"]
    aliases: ["m-${PORT}"]
    ttl: "${PORT}"
    metadata: {p: "${PORT}", q: ["p=${PORT}", 1.5], "${PORT}": 1}
    filters:
      stripParams: a${PORT}
      setParams: {x: {y: "${PORT}"}}
      setParamsByID: {"m:${PORT}": {z: "${PORT}"}}
"""


def test_model_moves_to_another_port_as_if_it_had_always_had_it() -> None:
    first = load_config(f"startPort: 6000{EVERYWHERE}").models[ModelId("m")]
    second = load_config(f"startPort: 7000{EVERYWHERE}").models[ModelId("m")]

    assert (first.port, second.port) == (6000, 7000)
    assert first.aliases == ("m-6000", "m:6000")
    assert fill_port(first, 6000) == first
    # Numbers of other kinds stay what they were.
    assert fill_port(first, 7000) == evolve(second, ttl=6000)
    assert fill_port(fill_port(first, 7000), 6000) == first
    assert fill_port(first, 7000).port == 7000


def test_equal_models_are_equal_unfilled_whatever_their_ports_are() -> None:
    text = "models: {a: &m {cmd: 's ${PORT}', useModelName: ''}, b: *m}"
    a, b = load_config(text).models.values()

    assert a != b
    assert a.unfilled is not None
    assert a.unfilled == b.unfilled
    assert a.unfilled.cmd == "s ${PORT}"
    assert a.unfilled.use_model_name is None


def test_a_number_of_a_port_completes_no_name() -> None:
    model: dict[str, Plain] = {
        "cmd": "s ${PORT} ${x${PORT}} $${PORT}",
        "cmdStop": "kill ${PID} ${env.A${PORT}}",
        "metadata": {"a": ["${${PORT}}"]},
        "filters": {"setParamsByID": {"${a-${PORT}}": {}, "b${PORT}": {}}},
    }
    report = Report()

    Ports(5800).fill(model, M, report)

    why = "a port's number cannot be part of a macro's name; give the macro another name"
    assert [str(fault) for fault in report.faults] == [
        f"models.m.cmd: unknown macro ${{x5800}}: {why}",
        f"models.m.cmdStop: unknown macro ${{env.A5800}}: {why}",
        f"models.m.metadata.a[0]: unknown macro ${{5800}}: {why}",
        f"models.m.filters.setParamsByID.${{a-${{PORT}}}}: unknown macro ${{a-5800}}: {why}",
    ]


def with_port(**fields: Any) -> ModelConfig:
    """Load a model with a port, then change it in Python."""
    return evolve(load_config("{models: {m: {cmd: 'x ${PORT}'}}}").models[ModelId("m")], **fields)


def test_what_was_changed_in_python_outlives_another_port() -> None:
    moved = fill_port(heed_edits(with_port(ttl=60, env=("A=1",))), 7000)

    assert (moved.cmd, moved.proxy, moved.port) == ("x 7000", "http://localhost:7000", 7000)
    assert (moved.ttl, moved.env) == (60, ("A=1",))


@pytest.mark.parametrize(
    "edit", [{"cmd": "y"}, {"proxy": "http://h:1"}, {"port": 7}, {"unfilled": None}]
)
def test_a_port_that_was_written_over_is_filled_in_no_more(edit: dict[str, Any]) -> None:
    edited = with_port(**edit)

    assert fill_port(heed_edits(edited), 7000) == edited
    assert heed_edits(edited).port is None


def test_a_model_without_changes_stays_as_it_is() -> None:
    loaded = with_port()

    assert heed_edits(loaded).unfilled == loaded.unfilled
    assert fill_port(heed_edits(loaded), 7000) == fill_port(loaded, 7000)
