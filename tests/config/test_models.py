"""Models: numbers as they are meant, addresses that exist, names used once."""

import pytest

from llamaswap.config.document import Plain, Report
from llamaswap.config.load import load_config
from llamaswap.config.models import build_models, check_aliases, check_model
from llamaswap.config.schema import CapabilitiesConfig, CompatConfig, ModelConfig
from llamaswap.policy.rules import ModelId

M = ("models", "m")
URL = "http://localhost:1"


def test_model_is_meant_as_it_is_said() -> None:
    model = ModelConfig(proxy=URL, ttl=0, unload_timeout=5, use_model_name="x", concurrency_limit=3)

    assert check_model(model, M, {}, Report()) == model


def test_special_numbers_of_a_model_mean_that_nothing_is_said() -> None:
    model = ModelConfig(
        proxy=URL, ttl=-1, unload_timeout=0, use_model_name="", concurrency_limit=-4
    )

    assert check_model(model, M, {}, Report()) == ModelConfig(proxy=URL)


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (
            ModelConfig(proxy=URL, ttl=-2),
            "models.m.ttl: invalid TTL -2: expected seconds, 0 for never, or -1 for globalTTL",
        ),
        (
            ModelConfig(proxy=URL, unload_timeout=-1),
            (
                "models.m.unloadTimeout: invalid unloadTimeout -1: expected seconds, or 0 for the "
                "top-level one"
            ),
        ),
        (
            ModelConfig(proxy="1:1"),
            (
                "models.m.proxy: invalid proxy URL '1:1': expected http:// or https:// in front; "
                "did you mean 'http://1:1'?"
            ),
        ),
    ],
)
def test_impossible_model_is_refused(model: ModelConfig, fault: str) -> None:
    report = Report()

    check_model(model, M, {}, report)

    assert [str(fault) for fault in report.faults] == [fault]


@pytest.mark.parametrize(
    ("proxy", "warning"),
    [
        (
            "",
            (
                "models.m.proxy: invalid proxy URL '': expected the address of a server, so the "
                "model cannot be started; leave proxy out to get http://localhost:${PORT}"
            ),
        ),
        (
            "gpu:1",
            (
                "models.m.proxy: invalid proxy URL 'gpu:1': expected http:// or https:// in front, "
                "so the model cannot be started; did you mean 'http://gpu:1'?"
            ),
        ),
    ],
)
def test_proxy_that_cannot_work_is_told_in_a_warning(proxy: str, warning: str) -> None:
    report = Report()

    model = check_model(ModelConfig(cmd="s", proxy=proxy), M, {}, report)

    assert model.proxy == proxy
    assert report.faults == ()
    assert [str(told) for told in report.warnings] == [warning]


def test_proxy_stays_as_it_is_written() -> None:
    report = Report()
    url = "http://h:1/my models/%2F\xfc"

    model = check_model(ModelConfig(cmd="s", proxy=url), M, {}, report)

    assert (model.proxy, report.faults) == (url, ())


def test_proxy_that_was_told_before_is_not_told_again() -> None:
    report = Report()
    report.taint((*M, "proxy"))

    check_model(ModelConfig(), M, {}, report)

    assert report.faults == ()


def test_alias_belongs_to_one_model_once() -> None:
    report = Report()
    sections: dict[str, Plain] = {
        "a": {"aliases": ["x", None, "y", "x"]},
        "b": {"aliases": ["y"]},
    }
    models = {
        ModelId("a"): ModelConfig(aliases=("x", "y", "x")),
        ModelId("b"): ModelConfig(aliases=("y",)),
    }

    check_aliases(models, sections, report)

    assert [str(fault) for fault in report.faults] == [
        "models.a.aliases[3]: duplicate alias 'x': the model 'a' has it already",
        "models.b.aliases[0]: duplicate alias 'y': the model 'a' has it too",
    ]


def test_alias_that_an_id_hides_is_a_warning() -> None:
    report = Report()
    models = {ModelId("a"): ModelConfig(aliases=("b",)), ModelId("b"): ModelConfig()}

    check_aliases(models, {"a": {"aliases": ["b"]}, "b": {}}, report)

    assert report.faults == ()
    assert [str(warning) for warning in report.warnings] == [
        "models.a.aliases[0]: the alias 'b' is also a model's id, which wins"
    ]


def test_names_under_set_params_by_id_become_aliases() -> None:
    report = Report()
    filters: Plain = {"setParamsByID": {"m": {}, "m:low": {}, "m:high": None}}

    models = build_models(
        {"m": {"cmd": "s", "proxy": URL, "aliases": ["m:low"], "filters": filters}}, report
    )

    assert models[ModelId("m")].aliases == ("m:low", "m:high")
    assert report.faults == ()


def test_key_without_effect_is_named_and_not_kept() -> None:
    report = Report()

    model = check_model(ModelConfig(cmd="s", proxy=URL, health_check_timeout=5), M, {}, report)

    assert model.health_check_timeout is None
    assert [str(warning) for warning in report.warnings] == [
        (
            "models.m.healthCheckTimeout: this key has no effect in a model: "
            "the top-level healthCheckTimeout applies"
        )
    ]


def test_capabilities_are_some_of_three() -> None:
    report = Report()
    capabilities = CapabilitiesConfig(inputs=("text", "video"), outputs=("Audio",), context=-1)
    values: dict[str, Plain] = {
        "capabilities": {"in": ["text", None, "video"], "out": ["Audio"], "context": -1}
    }

    check_model(ModelConfig(cmd="s", proxy=URL, capabilities=capabilities), M, values, report)

    assert [str(fault) for fault in report.faults] == [
        (
            "models.m.capabilities.in[2]: unknown capability 'video': "
            "expected one of text, audio, image"
        ),
        (
            "models.m.capabilities.out[0]: unknown capability 'Audio': "
            "expected one of text, audio, image; did you mean 'audio'?"
        ),
        "models.m.capabilities.context: expected at least 0 tokens, found -1",
    ]


@pytest.mark.parametrize(("limit", "meant"), [(None, 50), (5, 50), (80, 80)])
def test_comfy_takes_many_requests_and_counts_no_websockets(limit: int | None, meant: int) -> None:
    model = ModelConfig(cmd="s", proxy=URL, concurrency_limit=limit)

    checked = check_model(model, ("models", "comfyui_auto"), {}, Report())

    assert checked.concurrency_limit == meant
    assert checked.compat == CompatConfig(ignore_websockets=True)


def test_both_commands_are_looked_at() -> None:
    report = Report()

    check_model(ModelConfig(cmd="a && b", cmd_stop="kill $PID", proxy=URL), M, {}, report)

    assert [str(found) for found in report.warnings] == [
        "models.m.cmd: '&&' is given to the program as an argument, since no shell is used",
        "models.m.cmdStop: $PID is not filled in; write ${PID}",
    ]


def test_only_the_command_that_starts_must_not_be_empty() -> None:
    report = Report()

    check_model(ModelConfig(cmd="# nothing", cmd_stop="# nothing", proxy=URL), M, {}, report)

    assert [str(found) for found in report.warnings] == [
        "models.m.cmd: the command is empty: the model cannot be started"
    ]


def test_backslashes_that_became_control_characters_are_a_warning() -> None:
    config = load_config(
        r'models: {m: {cmd: "C:\bin\new\t.exe", proxy: "http://h:1", cmdStop: "C:\new",'
        r' env: ["A=C:\tmp", "B=a\nb"]}}'
    )

    assert [(told.path, told.found) for told in config.warnings] == [
        ("models.m.cmd", r"\b"),
        ("models.m.cmdStop", r"\n"),
        ("models.m.env[0]", r"\t"),
    ]


def test_command_that_was_told_before_is_not_told_again() -> None:
    report = Report()
    report.taint((*M, "cmd"))

    check_model(ModelConfig(proxy=URL), M, {}, report)

    assert report.warnings == ()


@pytest.mark.parametrize(
    ("command", "warning"),
    {
        ">\n      srv # note\n      --x": "what follows # is no comment: only whole lines that "
        "begin with # are; with | in place of > lines stay whole",
        ">\n      srv\n        --a\n      # note\n      --x": "the comment swallows what follows "
        "it: a text that begins with > joins its lines; use | there",
        "|\n      srv\n        --a\n      # note\n      --x": "",
    }.items(),
)
def test_a_comment_in_a_text_whose_lines_are_joined_is_a_warning(
    command: str, warning: str
) -> None:
    config = load_config(f"models:\n  m:\n    proxy: http://h:1\n    cmd: {command}\n")

    assert [told.message for told in config.warnings] == ([warning] if warning else [])


@pytest.mark.parametrize("endpoint", ["None", "NONE ", "false", "off"])
def test_word_that_is_meant_for_none_is_a_warning(endpoint: str) -> None:
    report = Report()

    model = check_model(ModelConfig(cmd="s", proxy=URL, check_endpoint=endpoint), M, {}, report)

    assert model.check_endpoint == endpoint
    assert [str(told) for told in report.warnings] == [
        (
            f"models.m.checkEndpoint: {endpoint.strip()!r} is taken for a path; "
            "write none if the model is not asked"
        )
    ]


@pytest.mark.parametrize("endpoint", ["none", " none ", "", "/none", "health"])
def test_path_of_a_check_is_no_warning(endpoint: str) -> None:
    report = Report()

    check_model(ModelConfig(cmd="s", proxy=URL, check_endpoint=endpoint), M, {}, report)

    assert report.warnings == ()


def test_variable_without_a_value_is_a_warning() -> None:
    report = Report()

    check_model(ModelConfig(cmd="s", proxy=URL, env=("A=", "B")), M, {"env": ["A=", "B"]}, report)

    assert [str(told) for told in report.warnings] == [
        "models.m.env[1]: expected NAME=value, found 'B'"
    ]
