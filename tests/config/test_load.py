"""The door: files and texts in, a configuration or every fault out."""

import contextlib
import hashlib
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

from llamaswap.config.document import Place
from llamaswap.config.load import attempt_config, load_config
from llamaswap.config.schema import Config, ModelConfig
from llamaswap.errors import ConfigError
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.rules import ModelId

WHOLE = """\
x-base: &base
  ttl: 60
  env: [A=1]
macros:
  srv: /opt/llama-server --port ${PORT}
healthCheckTimeout: 60
startPort: 9000
globalTTL: 300
models:
  qwen:
    <<: *base
    cmd: |
      # the model
      ${srv} -m "${env.MODELS}/qwen 3.gguf" \\
        --alias ${MODEL_ID}
    aliases: [gpt-4o, chat]
    name: Qwen
    concurrencyLimit: 4
  "llama 3":
    cmd: ${srv} --ctx ${ctx}
    macros: {ctx: 8192}
    checkEndpoint: none
    useModelName: llama
    cmdStop: kill ${PID}
groups:
  big: {members: [qwen, llama 3], swap: true}
"""

LOADED = Config(
    models={
        ModelId("llama 3"): ModelConfig(
            cmd="/opt/llama-server --port 9000 --ctx 8192",
            proxy="http://localhost:9000",
            cmd_stop="kill ${PID}",
            check_endpoint="none",
            use_model_name="llama",
        ),
        ModelId("qwen"): ModelConfig(
            cmd='/opt/llama-server --port 9001 -m "/m/qwen 3.gguf" \\\n  --alias qwen\n',
            proxy="http://localhost:9001",
            env=("A=1",),
            aliases=("gpt-4o", "chat"),
            name="Qwen",
            ttl=60,
            concurrency_limit=4,
        ),
    },
    groups=(GroupRule("big", (ModelId("qwen"), ModelId("llama 3"))),),
    health_check_timeout=60,
    start_port=9000,
    global_ttl=300,
)


def test_text_becomes_a_configuration() -> None:
    config = load_config(WHOLE, environ={"MODELS": "/m"})

    assert config == LOADED
    assert list(config.models) == ["llama 3", "qwen"]


def test_file_becomes_a_configuration_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("models: {m: {cmd: 's ${PORT}'}}", encoding="utf-8")

    config = load_config(file)

    assert config.sources == (file,)
    assert config.digest == hashlib.sha256(file.read_bytes()).hexdigest()
    assert config.models == {ModelId("m"): ModelConfig(cmd="s 5800", proxy="http://localhost:5800")}


def test_our_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMASWAP_TEST_TTL", "7")

    assert load_config("globalTTL: ${env.LLAMASWAP_TEST_TTL}").global_ttl == 7


def test_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path)

    assert str(caught.value).startswith(f"{tmp_path}: the file cannot be read: ")


@pytest.mark.parametrize("text", ["", "# nothing", "~", "{}", "---"])
def test_empty_document_is_an_empty_configuration(text: str) -> None:
    assert load_config(text) == Config()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "config.yaml",
            (
                "<text>: the top-level must be a mapping of keys, found the text 'config.yaml'; "
                "give a file as a pathlib.Path"
            ),
        ),
        ("[]", "<text>: the top-level must be a mapping of keys, found a list"),
        ("[a]", "<text>: the top-level must be a mapping of keys, found a list"),
    ],
)
def test_text_without_keys_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(text)

    assert str(caught.value) == fault


def test_file_with_a_word_alone_is_empty_and_told_so(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("hello", encoding="utf-8")

    config = load_config(file)

    assert config.models == {}
    assert [warning.message for warning in config.warnings] == [
        "there are no keys in it, only the text 'hello'",
        "no models are configured, so nothing can be served: expected entries below models",
    ]


def test_file_with_an_empty_list_is_empty_and_with_items_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("[]", encoding="utf-8")
    assert load_config(file).models == {}

    file.write_text("[a]", encoding="utf-8")
    with pytest.raises(ConfigError, match="top-level must be a mapping"):
        load_config(file)


def test_word_that_cannot_be_filled_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("${env.X}", encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load_config(file, environ={})

    assert [fault.message for fault in caught.value.faults] == [
        "the environment variable X is not set"
    ]


def test_all_faults_of_a_file_come_at_once_in_its_order() -> None:
    text = """\
startPort: abc
globalTTL: -1
models:
  a:
    cmd: s ${nope}
    ttl: "30"
  b: {cmd: srv, tll: 5}
  c: {cmd: "s ${PORT}", aliases: [x, x]}
groups:
  g: {members: [a, d]}
"""
    with pytest.raises(ConfigError) as caught:
        load_config(text, environ={})

    assert str(caught.value).splitlines() == [
        "<text>:1:1: startPort: expected a whole number, found the text 'abc'",
        "<text>:2:1: globalTTL: globalTTL must be >= 0 seconds, found -1",
        (
            "<text>:5:5: models.a.cmd: unknown macro ${nope}: expected a declared macro, PORT or "
            "MODEL_ID"
        ),
        "<text>:6:5: models.a.ttl: expected a whole number, found the text '30'; remove the quotes",
        (
            "<text>:7:3: models.b.proxy: proxy uses ${PORT}, but cmd does not: put ${PORT} into "
            "cmd, or give proxy the address where the command listens"
        ),
        "<text>:8:38: models.c.aliases[1]: duplicate alias 'x': the model 'c' has it already",
        (
            "<text>:10:20: groups.g.members[1]: unknown model 'd': expected the id or an alias "
            "of a model"
        ),
    ]


def test_what_is_odd_or_not_built_yet_does_not_keep_it_from_loading() -> None:
    text = """\
apiKeys: [k]
logRequests: true
modls: {}
models:
  a: {cmd: "s ${PORT}", filters: {setParams: {on: off}}, healthCheckTimeout: 600}
routing:
  router: {use: matrix, settings: {matrix: {sets: {s: a}}}}
"""
    config = load_config(text)

    assert config.unsupported == ("apiKeys", "models.a.filters")
    assert config.places["models.a.filters"] == Place(5, 25, "<text>")
    assert [str(warning) for warning in config.warnings] == [
        "<text>:2:1: logRequests: this key has no effect any more",
        "<text>:3:1: modls: unknown key 'modls', did you mean 'models'?",
        (
            "<text>:5:58: models.a.healthCheckTimeout: this key has no effect in a model: the "
            "top-level healthCheckTimeout applies"
        ),
    ]


def _folder(tmp_path: Path, **texts: str) -> Path:
    """Write ``NAME.yaml`` for each text."""
    folder = tmp_path / "conf.d"
    folder.mkdir()
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_a_file_and_a_folder_are_one_configuration(tmp_path: Path) -> None:
    file = tmp_path / "main.yaml"
    file.write_text("models: {b: {cmd: 'x ${PORT}'}}\nglobalTTL:\n", encoding="utf-8")
    folder = _folder(
        tmp_path,
        a="macros: {A: 1}\nmodels: {a: {cmd: 'x ${PORT} ${B}'}}\nglobalTTL: 5\n",
        b="macros: {B: 'b-${A}'}\n",
        c="",
    )

    config = load_config(file, config_dir=folder)

    assert {model: entry.cmd for model, entry in config.models.items()} == {
        "a": "x 5800 b-1",
        "b": "x 5801",
    }
    assert config.global_ttl == 5
    assert config.sources == (file, *(folder / f"{name}.yaml" for name in "abc"))
    assert config == evolve(load_config([file, *config.sources[1:]]), warnings=config.warnings)
    assert config.digest == load_config([file, *config.sources[1:]]).digest


def test_later_files_use_the_macros_of_earlier_ones_only(tmp_path: Path) -> None:
    folder = _folder(
        tmp_path, a="macros: {B: 'b-${A}'}\nmodels: {a: {cmd: 'x ${B}'}}", b="macros: {A: 1}"
    )

    with pytest.raises(ConfigError, match=r"unknown macro \$\{A\}"):
        load_config(config_dir=folder)


def test_empty_files_are_an_empty_configuration(tmp_path: Path) -> None:
    assert load_config(config_dir=_folder(tmp_path, a="", b="# nothing", c="[]")).models == {}


def test_a_fault_names_the_file_that_has_it(tmp_path: Path) -> None:
    folder = _folder(
        tmp_path,
        a="groups:\n  g: {members: [a, b]}\nttl: 1\n",
        b="models:\n  a: {cmd: x, proxy: 'http://h', ttl: soon}\n",
        c="models:\n  b: {cmd: x, proxy: 'http://h', ttl: -2}\n  c: {cmd: '${env.NOPE}'}\n",
    )

    with pytest.raises(ConfigError) as caught:
        load_config(config_dir=folder, environ={})

    assert [(fault.file, fault.line, fault.path) for fault in caught.value.faults] == [
        (str(folder / "b.yaml"), 2, "models.a.ttl"),
        (str(folder / "c.yaml"), 2, "models.b.ttl"),
        (str(folder / "c.yaml"), 3, "models.c.cmd"),
    ]


def test_what_an_unreadable_file_might_say_is_no_fault_of_the_others(tmp_path: Path) -> None:
    folder = _folder(
        tmp_path, a="groups: {g: {members: [m]}}", b="models: {m: [", c="[a]", d="a: {${env.X}: 1}"
    )
    (folder / "e.yaml").symlink_to("nowhere")

    with pytest.raises(ConfigError) as caught:
        load_config(config_dir=folder, environ={})

    told = [(Path(fault.file).name, fault.message) for fault in caught.value.faults]
    assert [name for name, _ in told] == ["e.yaml", "b.yaml", "c.yaml", "d.yaml"]
    assert [message.partition(",")[0] for _, message in told] == [
        "the file cannot be read: No such file or directory",
        "YAML parse error: while parsing a flow node",
        "the top-level must be a mapping of keys",
        "the environment variable X is not set",
    ]


def _refusal(**of: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(of.get("file"), config_dir=of.get("folder"), environ={})
    return str(caught.value)


CLASHES = {
    "I49 model": ("models: {m: {cmd: x}}", "models: {m: {cmd: x}}", "duplicate models key 'm'"),
    "I49 group": ("groups: {g: {}}", "groups: {g: {}}", "duplicate groups key 'g'"),
    "I49 peer": ("peers: {p: {}}", "peers: {p: {}}", "duplicate peers key 'p'"),
    "I49 profile": ("profiles: {p: {}}", "profiles: {p: {}}", "duplicate profiles key 'p'"),
    "I49 selector": ("selectors: {s: {}}", "selectors: {s: {}}", "duplicate selectors key 's'"),
    "I49 matrix": (
        "matrix: {vars: {A: a}}",
        "matrix: {vars: {B: b}}",
        "duplicate matrix key 'vars'",
    ),
    "I50 scalars": ("globalTTL: 1", "globalTTL: 2", "conflict at globalTTL"),
    "I50 kinds": ("apiKeys: [k]", "apiKeys: {k: 1}", "conflict at apiKeys"),
}


@pytest.mark.parametrize(("first", "second", "told"), CLASHES.values(), ids=CLASHES)
def test_files_that_clash_are_both_named(
    tmp_path: Path, first: str, second: str, told: str
) -> None:
    folder = _folder(tmp_path, a=first, b=second)

    said = _refusal(folder=folder)
    assert told in said
    assert f"{folder / 'b.yaml'}:1:" in said
    assert f"{folder / 'a.yaml'}:1:" in said


def test_i51_sources_that_are_none_are_told(tmp_path: Path) -> None:
    folder = _folder(tmp_path, a="")

    assert "also present" in _refusal(file=folder / "a.yaml", folder=folder)
    (folder / "a.yaml").unlink()
    assert "no configuration sources" in _refusal(folder=folder)
    assert "at least one of" in _refusal()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[a]", "top-level must be a mapping"),
        ("models:\n\tm: x", "parse error"),
        ("models: {m: [", "parse error"),
    ],
)
def test_i52_the_file_that_is_no_document_is_named(tmp_path: Path, text: str, told: str) -> None:
    folder = _folder(tmp_path, a="models: {}", b=text)

    said = _refusal(folder=folder)
    assert str(folder / "b.yaml") in said
    assert told in said


def test_bad_files_have_a_digest_too(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(b"models: [")
    attempt = attempt_config(file)

    assert attempt.digest == hashlib.sha256(b"models: [").hexdigest()
    with pytest.raises(ConfigError):
        attempt.loaded()


def test_what_could_not_be_read_is_not_taken_for_what_is_empty(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    missing = attempt_config(file).digest
    file.mkdir()
    unreadable = attempt_config(file).digest
    file.rmdir()
    file.write_bytes(b"")
    empty = attempt_config(file).digest

    assert empty == hashlib.sha256(b"").hexdigest()
    assert len({missing, unreadable, empty}) == 3


def _loads_or_explains(source: Path | str) -> None:
    # Whatever else is raised lets the test fail.
    with contextlib.suppress(ConfigError):
        load_config(source, environ={"MODELS": "/m"})


@given(st.text() | st.text("abmodels:-[]{}&*!|>'\"%#\n\t ,?<$.0x1", max_size=80))
@example("models: {? : }")
@example("\x85a: 1")
def test_any_text_loads_or_is_explained(text: str) -> None:
    _loads_or_explains(text)


@given(st.binary(max_size=200))
def test_any_bytes_load_or_are_explained(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(raw)

    _loads_or_explains(file)


@given(st.data())
def test_any_damage_to_a_good_file_is_explained(data: st.DataObject) -> None:
    text = WHOLE
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        gone = data.draw(st.integers(0, 8))
        piece = data.draw(
            st.sampled_from(
                ["", "\n", "${", "}", ": ", "- ", "[", "{", "~", "5", "&a ", "*base", "<<: ", "'"]
            )
            | st.text(max_size=4)
        )
        text = text[:at] + piece + text[at + gone :]

    _loads_or_explains(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("ab${}PORT_.", max_size=8),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "members", "cmd", "macros", "use", "<<"]), children)
    ),
    max_leaves=6,
)
KEYS = [
    "models",
    "macros",
    "groups",
    "matrix",
    "routing",
    "startPort",
    "globalTTL",
    "unloadTimeout",
]
MODEL_KEYS = ["cmd", "proxy", "env", "aliases", "ttl", "macros", "cmdStop", "healthCheckTimeout"]


@given(
    st.dictionaries(st.sampled_from(KEYS), VALUES),
    st.dictionaries(st.sampled_from(MODEL_KEYS), VALUES),
)
def test_any_value_under_any_key_is_explained(
    top: dict[str, object], model: dict[str, object]
) -> None:
    # Python's notation of plain values is near enough to YAML's flow style.
    _loads_or_explains(repr({**top, "models": {"m": model}}))


TAKEN = (
    "load_config takes a file as pathlib.Path, a text in YAML as str, or several files as a "
    "sequence of Paths, not "
)


@pytest.mark.parametrize(
    ("source", "more", "said"),
    [
        (5, {}, f"{TAKEN}int"),
        (b"models: {}", {}, f"{TAKEN}bytes"),
        (bytearray(b"x"), {}, f"{TAKEN}bytearray"),
        ({"models": {}}, {}, f"{TAKEN}dict"),
        ([1], {}, "load_config takes files as pathlib.Path: source[0] is int"),
        ((Path("a"), "b"), {}, "load_config takes files as pathlib.Path: source[1] is str"),
        (None, {"config_dir": 5}, "config_dir must be a pathlib.Path, not int"),
        ("", {"config_dir": "models.d"}, "config_dir must be a pathlib.Path, not str"),
        ("", {"environ": ["A=1"]}, "environ must be a mapping of texts, not list"),
    ],
)
def test_what_is_no_source_is_told_with_what_would_be_one(
    source: Any, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(TypeError) as caught:
        load_config(source, **more)

    assert str(caught.value) == said


def test_no_source_at_all_is_a_fault() -> None:
    with pytest.raises(ConfigError, match="give at least one of a file and a folder"):
        load_config(None)
