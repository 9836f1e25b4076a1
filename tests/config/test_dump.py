"""A configuration that is written and read again is the same, whatever is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.config.dump import _text, dump
from llamaswap.config.load import load_config
from llamaswap.config.ports import fill_port
from llamaswap.config.schema import Config, FiltersConfig, ModelConfig
from llamaswap.config.sections import SelectorConfig
from llamaswap.config.sources import to_text
from llamaswap.errors import ConfigError
from llamaswap.planning import keep_ports
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.rules import ModelId
from tests.config.test_cases import GOOD, Case

A = ModelId("a")


def again(config: Config) -> Config:
    return load_config(dump(config), environ={})


@pytest.mark.parametrize("case", GOOD.values(), ids=GOOD)
def test_every_case_of_the_corpus_survives(case: Case, tmp_path: Path) -> None:
    config = case.load(tmp_path)

    assert again(config) == config
    assert dump(again(config)) == dump(config)


def test_what_python_made_survives() -> None:
    assert again(Config()) == Config()


def test_a_port_is_written_as_it_was_asked_for() -> None:
    config = load_config("models: {a: {cmd: 's ${PORT}'}, b: {cmd: 's -p ${PORT}'}}")

    assert "cmd: s -p ${PORT}" in dump(config)
    assert [entry.port for entry in again(config).models.values()] == [5800, 5801]


def test_a_port_that_was_kept_is_written_out_and_the_process_stays() -> None:
    config = load_config("models: {a: {cmd: 's ${PORT}'}, b: {cmd: 's -p ${PORT}'}}")
    moved = evolve(config, models={**config.models, A: fill_port(config.models[A], 7000)})

    assert again(moved) == moved
    assert again(moved).models[A].cmd == "s 7000"
    assert keep_ports(moved, again(moved)) == moved


def test_comment_lines_out_of_a_macro_stay() -> None:
    config = load_config("macros: {m: \"s ${PORT}\\n# note\\n-x\"}\nmodels: {a: {cmd: '${m}'}}")

    assert config.models[A].cmd == "s 5800\n# note\n-x"
    assert again(config) == config


def test_a_model_with_blanks_in_its_name_is_preloaded_by_another() -> None:
    text = "models: {' a ': {cmd: 's ${PORT}', aliases: [' b', c]}}\n"
    config = load_config(text + "hooks: {on_startup: {preload: [c]}}")

    assert config.hooks.on_startup.preload == (" a ",)
    assert again(config) == config


@pytest.mark.parametrize("name", ["${x}", "${MODEL_ID}", "$${PORT}"])
def test_a_model_with_a_reference_for_its_name_is_written_by_another(name: str) -> None:
    config = load_config(
        f"models: {{'{name}': {{cmd: 's ${{PORT}}', aliases: [' c', b]}}}}\n"
        "groups: {g: {members: [b]}}\n"
        "hooks: {on_startup: {preload: [b]}}\n"
        "routing: {scheduler: {settings: {fifo: {priority: {b: 1}}}}}\n"
    )

    assert config.hooks.on_startup.preload == (name,)
    assert again(config) == config


def test_what_no_file_can_say_is_refused_in_sentences() -> None:
    model = ModelConfig(cmd="s ${PID}", proxy="http://h", metadata={"${env.A}": "${x}", "${y}": 1})

    with pytest.raises(ConfigError) as caught:
        dump(Config(models={A: model}))

    why = (
        "cannot be written: a file has no way to say it literally, it would be filled in or refused"
    )
    assert str(caught.value).splitlines() == [
        f"models.a.cmd: ${{PID}} {why}",
        f"models.a.metadata.${{env.A}}: ${{x}} {why}",
        f"models.a.metadata.${{env.A}}: ${{env.A}} {why}",
    ]


def test_a_key_that_merges_is_refused() -> None:
    model = ModelConfig(cmd="s", proxy="http://h", metadata={"a": [{"<<": 1}], "b": "<<"})

    with pytest.raises(ConfigError) as caught:
        dump(Config(models={A: model}))

    assert str(caught.value) == (
        "models.a.metadata.a[0].<<: the key << cannot be written: a file has no way to say it "
        "literally, it merges"
    )


def test_a_key_that_the_environment_left_open_is_refused() -> None:
    text = "models: {a: {cmd: 's ${PORT}', metadata: {'${env.A}': 1}}}"
    config = load_config(text, environ={"A": "${env.B}", "B": "${env.C}"})

    assert config.models[A].metadata == {"${env.C}": 1}
    with pytest.raises(ConfigError, match="cannot be written"):
        dump(config)


def test_the_pid_is_still_filled_in_when_the_model_is_stopped() -> None:
    config = load_config("models: {a: {cmd: 's ${PORT}', cmdStop: 'kill ${PID}'}}")

    assert again(config).models[A].cmd_stop == "kill ${PID}"


NAMES = st.sampled_from(["a", "b:1", "c/d e", "é", "007", "yes", "~", "#x", "x\ny", " z"])
"""Names that YAML, our dialect or a person could take for something else."""

TEXTS = st.one_of(
    st.sampled_from(
        [
            *("", " ", "0x1F", "1:30", "2024-07-18", "null", "'\"", "a: b", "- a", "a #b", "*a"),
            *(
                "${",
                "$x",
                "${a.b}",
                "x\n",
                "\n x\n\n",
                "x \ny",
                "\ttab\n",
                "\u2028",
                "\x85",
                "\x07",
            ),
            *("word " * 40, "${m}", "pre ${m} post", "${n}", "${env.V}", "${MODEL_ID}"),
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cn"], exclude_characters="\0$"), max_size=12),
)
OUTER = TEXTS.filter(lambda text: "MODEL_ID" not in text)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | OUTER,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
PARAMETERS = st.dictionaries(NAMES, VALUES, max_size=3)
SECONDS = st.integers(0, 99) | st.floats(0, 99) | st.sampled_from(["1m30s", "5300ms", "1h0.1s"])


def section(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Make mappings with some of ``keys``."""
    return st.fixed_dictionaries({}, optional=keys)


def _preloading(names: list[str]) -> dict[str, Any]:
    return {"on_startup": {"preload": names}}


def _running(keys: dict[str, Any], run: tuple[str, str | None]) -> dict[str, Any]:
    return {"cmd": run[0], "proxy": run[1], **keys}


def models() -> st.SearchStrategy[dict[str, Any]]:
    filters = section(
        stripParams=TEXTS,
        setParams=PARAMETERS,
        setParamsByID=st.dictionaries(st.just("${MODEL_ID}:high"), PARAMETERS),
    )
    more = section(
        cmdStop=TEXTS | st.just("kill ${PID}"),
        checkEndpoint=TEXTS,
        env=st.lists(TEXTS, max_size=3),
        name=TEXTS,
        description=TEXTS,
        unlisted=st.booleans(),
        ttl=st.integers(-1, 9) | st.just("${n}"),
        unloadTimeout=st.integers(0, 9),
        useModelName=TEXTS,
        concurrencyLimit=st.integers(-1, 9),
        sendLoadingState=st.booleans(),
        metadata=PARAMETERS,
        filters=filters,
        timeouts=section(connect=st.integers(-1, 9), keepalive=st.integers(-1, 9)),
        compat=section(ignoreWebsockets=st.booleans()),
        capabilities=section(tools=st.booleans(), context=st.integers(0, 9)),
        ownKey=VALUES,
    )
    commands = st.sampled_from([("s ${PORT}", None), ("${m} '${PORT}'\n# gone", None)]) | st.tuples(
        TEXTS, st.just("http://127.0.0.1:1")
    )
    return st.builds(_running, more, commands)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    served = draw(st.dictionaries(NAMES, models(), min_size=1, max_size=4))
    ids = st.sampled_from(sorted(served))
    some = st.lists(ids, unique=True, max_size=3)
    for index, model in enumerate(served.values()):
        model["aliases"] = draw(st.sampled_from([[], [f"alias{index}"], [f"p{index}-${{m}}"]]))
    document: dict[str, Any] = draw(
        section(
            healthCheckTimeout=st.integers(0, 99),
            startPort=st.integers(1, 9999),
            globalTTL=st.integers(0, 9),
            unloadTimeout=st.integers(0, 9),
            logLevel=st.sampled_from(["INFO", "debug"]),
            logTimeFormat=st.sampled_from(["", "Kitchen"]),
            logToStdout=st.sampled_from(["both", "none"]),
            metricsMaxInMemory=st.integers(-1, 9),
            captureBuffer=st.integers(-1, 9),
            includeAliasesInList=st.booleans(),
            apiKeys=st.lists(st.sampled_from(["k\t", "'\"", "ü", "0x1"]), max_size=2),
            ui=section(activity=section(session_id=st.lists(OUTER, max_size=3) | st.none())),
            performance=section(
                disabled=st.booleans(), every=st.sampled_from(["5300ms", "1h0.1s"])
            ),
            hooks=st.builds(_preloading, some),
            upstream=section(ignorePaths=st.lists(st.sampled_from([r"\.js$", "'\\d\""]))),
            profiles=st.dictionaries(
                st.sampled_from(["night", "~"]),
                st.fixed_dictionaries(
                    {"pins": st.dictionaries(NAMES, ids | st.none(), min_size=1, max_size=2)}
                ),
            ),
            selectors=st.dictionaries(
                st.sampled_from(["sel", "0o17"]),
                st.fixed_dictionaries(
                    {
                        "strategy": st.sampled_from(["pin", "warm"]),
                        "targets": st.lists(ids, min_size=1, max_size=2),
                        "metadata": PARAMETERS,
                    }
                ),
            ),
            peers=st.dictionaries(
                st.sampled_from(["peer", "on"]),
                st.fixed_dictionaries(
                    {
                        "proxy": st.just("http://peer:1"),
                        "models": st.lists(st.sampled_from(["x", "y"]), min_size=1),
                        "apiKey": OUTER,
                        "filters": section(setParams=PARAMETERS),
                    }
                ),
            ),
        )
    )
    fifo = section(
        priority=st.dictionaries(ids, st.integers(-9, 9)),
        maxWait=SECONDS | st.just("auto"),
        linger=SECONDS | st.just("auto"),
        minResidency=SECONDS,
        queueTimeout=SECONDS,
    )
    document["routing"] = {"scheduler": {"settings": {"fifo": draw(fifo)}}}
    match draw(st.sampled_from(["groups", "matrix", "neither"])):
        case "groups":
            document["groups"] = {
                "g": {"members": draw(some), "swap": draw(st.booleans())},
                "h": {},
            }
        case "matrix":
            names = {f"v{index}": model for index, model in enumerate(served)}
            document["matrix"] = {"vars": names, "sets": {"s": " | ".join(names), "~": "+s & v0"}}
        case _:
            pass
    return {"macros": {"m": "x # y", "n": 5}, "models": served, **document}


@given(documents())
def test_any_configuration_survives(document: dict[str, Any]) -> None:
    config = load_config(to_text(document), environ={"V": 'a: "b" \\ ${m}'})

    assert again(config) == config
    assert dump(again(config)) == dump(config)


BROKEN = st.text(
    st.sampled_from(list("a \n\r\t\x85\u2028\u2029\ufeff\xa0\x7f\x1b\U0010ffff:#-'\"\\"))
)
"""Texts of what YAML takes for the end of a line, and of what it drops or cannot hold."""


@given(BROKEN)
def test_any_text_survives_wherever_it_stands(text: str) -> None:
    # Made in Python: in a document to read, what gets lost on the way would not be missed.
    model = ModelConfig(
        cmd="s", proxy="http://h:1", name=text, env=(f"A={text}",), metadata={f"k{text}": [text]}
    )
    config = Config(models={A: model})

    assert again(config) == config


LITERAL = st.lists(
    st.sampled_from(
        [
            *("${x}", "${x-1_}", "${PID}", "${PORT}", "${MODEL_ID}", "${cmd}", "${cmdStop}"),
            *("${env.V}", "${env._1}", "${env.1}", "${env.}", "${env}", "${a.b}", "${}", "${ x}"),
            *("$", "{", "}", "${", "x", "$x", "${x", "\n# ", " "),
        ]
    ),
    max_size=4,
).map("".join)
"""Texts as Python may put them into a configuration."""


def _places(text: str) -> dict[str, Config]:
    """Return configurations with ``text`` in many places, one place each."""
    plain = ModelConfig(cmd="s", proxy="http://h:1")
    ported = load_config("models: {a: {cmd: 's ${PORT}', cmdStop: 'k ${PID}'}}").models[A]
    blank = ported.unfilled
    assert blank is not None
    by_name = FiltersConfig(set_params_by_id={text: {}})
    models = {
        "description": evolve(plain, description=text),
        "description of one with a port": evolve(
            ported, description=text, unfilled=evolve(blank, description=text)
        ),
        "description, and a macro is used": evolve(plain, cmd="s\n# c", description=text),
        "cmd": evolve(plain, cmd=text),
        "cmdStop": evolve(plain, cmd_stop=text),
        "env": evolve(plain, env=("x", text)),
        "metadata": evolve(plain, metadata={"a": [{"b": text}]}),
        "key of metadata": evolve(plain, metadata={"a": [{text: 1}]}),
        "name of parameters": evolve(plain, filters=by_name, aliases=(text,)),
        "key of parameters": evolve(
            plain, filters=FiltersConfig(set_params_by_id={"a": {text: 1}})
        ),
    }
    made = {name: Config(models={A: model}) for name, model in models.items()}
    made["id"] = Config(models={ModelId(text): plain})
    made["id in a list"] = evolve(made["id"], groups=(GroupRule("g", (ModelId(text),)),))
    selector = SelectorConfig(strategy="pin", targets=("a",), description=text)
    made["another section"] = evolve(made["description"], selectors={"s": selector})
    return made


@given(LITERAL, st.sampled_from(sorted(_places(""))))
def test_what_would_not_survive_is_refused_and_nothing_else(text: str, place: str) -> None:
    config = _places(text)[place]
    if _survives(config):
        assert again(config) == config
    else:
        with pytest.raises(ConfigError, match="cannot be written"):
            dump(config)


def _survives(config: Config) -> bool:
    """Tell whether ``config`` would be the same again if nothing was refused."""
    try:
        return load_config(_text(config), environ={"V": "v", "_1": ""}) == config
    except ConfigError:
        return False


def test_what_is_dumped_loads_without_a_warning() -> None:
    config = load_config("{models: {a: {cmd: 'x ${PORT}'}}}")

    assert load_config(dump(config)).warnings == ()
