"""The worked examples of the configuration's description, by their numbers.

Those of keys that are not built yet are missing. Where we do better than the
reference on purpose, the example says so.
"""

from collections.abc import Mapping

import pytest

from llamaswap.config.load import load_config
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.config.text import split_command
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.rules import ModelId


def _load(text: str, environ: Mapping[str, str] | None = None) -> Config:
    return load_config(text, environ=environ or {})


def _model(config: Config, name: str = "m") -> ModelConfig:
    return config.models[ModelId(name)]


def _argv(config: Config, name: str = "m") -> list[str]:
    return list(split_command(_model(config, name).cmd, windows=False))


def test_e01_ports_follow_the_ids_not_the_file() -> None:
    config = _load('models: {b: {cmd: "srv --port ${PORT}"}, a: {cmd: "srv --port ${PORT}"}}')

    assert _argv(config, "a") == ["srv", "--port", "5800"]
    assert _model(config, "a").proxy == "http://localhost:5800"
    assert _argv(config, "b") == ["srv", "--port", "5801"]


def test_e02_a_port_is_taken_by_who_asks_for_it() -> None:
    config = _load("""\
startPort: 9000
models:
  a: {cmd: srv, proxy: "http://10.0.0.5:1"}
  b: {cmd: "srv ${PORT} ${PORT}"}
  c: {cmd: "srv ${PORT}", proxy: "http://127.0.0.1:${PORT}/v1"}
  d: {cmd: "srv ${PORT}", proxy: "http://gpu:8000"}
  e: {cmd: "srv ${PORT}"}
""")

    assert [(model.cmd, model.proxy) for model in config.models.values()] == [
        ("srv", "http://10.0.0.5:1"),
        ("srv 9000 9000", "http://localhost:9000"),
        ("srv 9001", "http://127.0.0.1:9001/v1"),
        ("srv 9002", "http://gpu:8000"),
        ("srv 9003", "http://localhost:9003"),
    ]


def test_e03_ids_are_sorted_by_code_point() -> None:
    config = _load(
        "startPort: 10\nmodels:\n"
        + "".join(f'  {name}: {{cmd: "s ${{PORT}}"}}\n' for name in ("a10", "a9", "B", "_z"))
    )

    assert {name: model.cmd for name, model in config.models.items()} == {
        "B": "s 10",
        "_z": "s 11",
        "a10": "s 12",
        "a9": "s 13",
    }


ARGV = {
    "e04 macro with port and id": (
        'macros: {srv: "srv --port ${PORT} -n ${MODEL_ID}"}\nmodels: {m: {cmd: "${srv} -x"}}',
        ["srv", "--port", "5800", "-n", "m", "-x"],
    ),
    "e05 startPort from a macro": (
        'macros: {first: 6200}\nstartPort: "${first}"\nmodels: {m: {cmd: "s ${PORT}"}}',
        ["s", "6200"],
    ),
    "e07 macros that use macros": (
        (
            'macros: {root: "/m", dir: "${root}/gguf", file: "${dir}/a.gguf"}\n'
            'models: {m: {cmd: "s ${PORT} ${file}"}}'
        ),
        ["s", "5800", "/m/gguf/a.gguf"],
    ),
    "e08 a model's macro replaces a global one": (
        (
            'macros: {tag: "G", msg: "v-${tag}"}\n'
            'models: {m: {macros: {tag: "L", own: "${msg}!"}, cmd: "s ${PORT} ${msg} ${own}"}}'
        ),
        ["s", "5800", "v-L", "v-L!"],
    ),
    "e09 numbers in text": (
        (
            'macros: {t: 0.70, n: 5, b: true, s: "5", big: 1000000.0, one: 1.0, hx: 0x10}\n'
            'models: {m: {cmd: "s ${PORT} ${t} ${n} ${b} ${s} ${big} ${one} ${hx}"}}'
        ),
        ["s", "5800", "0.7", "5", "true", "5", "1e+06", "1", "16"],
    ),
    "e10 what nobody uses may be undefined": (
        'macros: {unused: "x ${nope}"}\nlisten: "${alsonope}"\nmodels: {m: {cmd: "s ${PORT}"}}',
        ["s", "5800"],
    ),
    "e11 what is no reference": (
        'models: {m: {cmd: "s ${PORT} $${PORT} $HOME ${X:-1} ${a.b} ${} ${ PORT }"}}',
        ["s", "5800", "$5800", "$HOME", "${X:-1}", "${a.b}", "${}", "${", "PORT", "}"],
    ),
    "e18 folding swallows what follows a comment": (
        (
            "models:\n  m:\n    cmd: >\n      srv --port ${PORT}\n        --more-indented\n"
            "      # note\n      --lost\n"
        ),
        ["srv", "--port", "5800", "--more-indented"],
    ),
    "e19 a literal block with comments": (
        (
            "models:\n  m:\n    cmd: |\n      srv --port ${PORT} \\\n        --ctx 4096\n"
            "      # --off ${undefined}\n        # indented comment\n"
            '      -m "/my models/a.gguf"\n'
        ),
        ["srv", "--port", "5800", "--ctx", "4096", "-m", "/my models/a.gguf"],
    ),
    "e20 no comment after other text": (
        "models:\n  m:\n    cmd: |\n      srv --port ${PORT} # not a comment\n      -x\n",
        ["srv", "--port", "5800", "#", "not", "a", "comment", "-x"],
    ),
    "e21 quotes of all kinds": (
        (
            "models:\n  m:\n    cmd: |\n"
            """      docker run --gpus '"device=0,1"' -p ${PORT}:8000 -e A="x y"z --j '{"a": 1}' """
            r'''"" b\ c "d\e \"f\" \$g"'''
            "\n"
        ),
        [
            *("docker", "run", "--gpus", '"device=0,1"', "-p", "5800:8000", "-e", "A=x yz"),
            *("--j", '{"a": 1}', "", "b c", 'd\\e "f" $g'),
        ],
    ),
    "e22 a quote left open": (
        "models:\n  m:\n    cmd: |\n      bash -c \"srv ${PORT} && echo it's done\n",
        ["bash", "-c", "srv 5800 && echo it's done\n"],
    ),
    "e23 no shell": (
        "models:\n  m:\n    cmd: srv ${PORT} && echo hi > ~/x | tee $(y) *.log\n",
        ["srv", "5800", "&&", "echo", "hi", ">", "~/x", "|", "tee", "$(y)", "*.log"],
    ),
    "e24 a path that ends its line": (
        "models:\n  m:\n    cmd: |\n      srv ${PORT} --dir D:\\models\\\n      --x\n",
        ["srv", "5800", "--dir", "D:models", "--x"],
    ),
    "e25 a macro of several lines": (
        (
            "macros:\n  base: |\n    srv --port ${PORT}\n    # macro comment\n    --flag\n"
            "models:\n  m:\n    cmd: |\n      ${base}\n      # ${base}\n      --tail\n"
        ),
        ["srv", "--port", "5800", "--flag", "--tail"],
    ),
}


@pytest.mark.parametrize(("text", "argv"), ARGV.values(), ids=ARGV)
def test_command_becomes(text: str, argv: list[str]) -> None:
    assert _argv(_load(text)) == argv


def test_e06_the_port_goes_into_every_field() -> None:
    model = _model(
        _load(
            'models: {m: {cmd: "s ${PORT}", checkEndpoint: "/h/${PORT}", aliases: ["m-${PORT}"]}}'
        )
    )

    assert (model.check_endpoint, model.aliases) == ("/h/5800", ("m-5800",))


def test_e13_the_pid_is_filled_in_when_the_model_stops() -> None:
    config = _load(
        'macros: {stop: "kill -9 ${PID}"}\nmodels: {m: {cmd: "s ${PORT}", cmdStop: "${stop}"}}'
    )

    assert _model(config).cmd_stop == "kill -9 ${PID}"


def test_e14_a_variable_needs_no_quoting() -> None:
    # The reference leaves its own backslashes in the unquoted one.
    model = _model(
        _load(
            'models:\n  m:\n    cmd: s ${PORT}\n    name: "${env.Q}"\n    description: ${env.Q}\n',
            {"Q": 'a "b" \\c'},
        )
    )

    assert (model.name, model.description) == ('a "b" \\c', 'a "b" \\c')


def test_e15_a_variable_is_typed_where_it_stands_unquoted() -> None:
    config = _load("models: {m: {cmd: 's ${PORT}', ttl: ${env.N}}}", {"N": "42"})

    assert _model(config).ttl == 42


def test_e16_a_variable_may_stand_in_a_list() -> None:
    config = _load("models: {m: {cmd: 's ${PORT}', aliases: [${env.K}]}}", {"K": "sk-1"})

    assert _model(config).aliases == ("sk-1",)


def test_e17_a_variable_in_a_comment_is_nobodys() -> None:
    # The reference complains, though only of a text with braces in a list.
    config = _load(
        "# ${env.NOT_SET}\nmodels: {m: {cmd: 's ${PORT}', aliases: [${env.K}]}}", {"K": "sk-1"}
    )

    assert _model(config).aliases == ("sk-1",)


def test_e26_ttl_is_inherited() -> None:
    config = _load("""\
globalTTL: 300
models:
  a: {cmd: "s ${PORT}"}
  b: {cmd: "s ${PORT}", ttl: -1}
  c: {cmd: "s ${PORT}", ttl: 0}
  d: {cmd: "s ${PORT}", ttl: 60.9}
""")

    assert [config.idle_after(model) for model in config.models] == [300, 300, None, 60]


def test_e27_timeouts_are_inherited() -> None:
    config = _load("""\
unloadTimeout: 25
healthCheckTimeout: 3
models:
  a: {cmd: "s ${PORT}", healthCheckTimeout: 600}
  b: {cmd: "s ${PORT}", unloadTimeout: 0}
  c: {cmd: "s ${PORT}", unloadTimeout: 45}
""")

    assert [config.stop_within(model) for model in config.models] == [25, 25, 45]
    assert config.health_check_timeout == 15


def test_e28_values_are_spelled_anew_in_text_fields() -> None:
    model = _model(
        _load("""\
models:
  m:
    cmd: s ${PORT}
    name: 1.10
    description: yes
    useModelName: 2024-07-18
    aliases: [007, 16:9, 0o17, 0x1F, 1e3, 4.10, ~, No]
""")
    )

    assert (model.name, model.description) == ("1.1", "yes")
    assert model.use_model_name == "2024-07-18T00:00:00Z"
    assert model.aliases == ("7", "16:9", "15", "31", "1000", "4.1", "No")


def test_e29_old_words_for_switches_and_broken_numbers_are_taken() -> None:
    config = _load("""\
models:
  a: {cmd: "s ${PORT}", unlisted: yes}
  b: {cmd: "s ${PORT}", unlisted: n, concurrencyLimit: 4.9}
""")

    assert _model(config, "a").unlisted is True
    assert _model(config, "b").unlisted is False
    assert config.concurrency_limit(ModelId("b")) == 4


def test_e31_merges_are_shallow_and_give_way() -> None:
    config = _load("""\
x-base: &base {ttl: 60, env: [A=1]}
models:
  a: {ttl: 5, <<: *base, cmd: "s ${PORT}"}
  b: {<<: *base, cmd: "s ${PORT}", env: [B=2]}
""")

    assert (_model(config, "a").ttl, _model(config, "a").env) == (5, ("A=1",))
    assert (_model(config, "b").ttl, _model(config, "b").env) == (60, ("B=2",))


def test_e32_null_keeps_the_default() -> None:
    config = _load("""\
models:
  m:
    cmd: s ${PORT}
    ttl:
    proxy:
    aliases:
    checkEndpoint:
    macros:
""")

    assert _model(config) == ModelConfig(cmd="s 5800", proxy="http://localhost:5800")
    assert config.idle_after(ModelId("m")) is None


def test_e33_only_the_first_document_counts() -> None:
    assert _load("startPort: 6000\n---\nstartPort: 7000\n").start_port == 6000


def test_e35_an_alias_like_an_id_is_dead() -> None:
    config = _load("""\
models:
  a: {cmd: "s ${PORT}", aliases: [b, x]}
  b: {cmd: "s ${PORT}"}
""")

    assert _model(config, "a").aliases == ("b", "x")
    assert [warning.path for warning in config.warnings] == ["models.a.aliases[0]"]


def test_e37_a_group_is_taken_as_it_is_given() -> None:
    config = _load("""\
models: {z: &m {cmd: "s ${PORT}"}, a: *m, e: *m}
groups: {keep: {persistent: true, swap: false, exclusive: false, members: [e]}}
""")

    assert config.groups == (
        GroupRule("keep", (ModelId("e"),), swap=False, exclusive=False, persistent=True),
    )


def test_e38_a_null_group_is_an_empty_one() -> None:
    # The reference makes all switches of a null group false.
    assert _load("groups:\n  g:\n  h: {}\n").groups == (GroupRule("g"), GroupRule("h"))


def test_e39_a_matrix_that_nobody_uses_is_not_even_read() -> None:
    config = _load('routing: {router: {settings: {matrix: {sets: {s: "not & valid &"}}}}}')

    assert config.groups == ()
    assert config.unsupported == ()
