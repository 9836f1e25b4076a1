"""Keys that nobody knows, and keys that nobody acts on yet."""

from collections.abc import Mapping

import pytest

from llamaswap.config import keys
from llamaswap.config.document import Plain, Report, path_text
from llamaswap.config.keys import survey

UNKNOWN: dict[str, tuple[dict[str, Plain], list[str]]] = {
    "a typo": ({"modles": {}}, ["modles: unknown key 'modles', did you mean 'models'?"]),
    "another spelling": (
        {"models": {"a": {"cmd_stop": "x"}}},
        ["models.a.cmd_stop: unknown key 'cmd_stop', did you mean 'cmdStop'?"],
    ),
    "another case": (
        {"globalTtl": 1},
        ["globalTtl: unknown key 'globalTtl', did you mean 'globalTTL'?"],
    ),
    "nothing like it": ({"wombat": 1}, ["wombat: unknown key 'wombat': it has no effect here"]),
    "inside a section without a behaviour": (
        {"models": {"a": {"filters": {"strip": "x"}}}},
        ["models.a.filters.strip: unknown key 'strip', did you mean 'stripParams'?"],
    ),
    "inside groups of either spelling": (
        {
            "groups": {"g": {"member": []}},
            "routing": {"router": {"settings": {"groups": {"g": {"swop": True}}}}},
        },
        [
            "groups.g.member: unknown key 'member', did you mean 'members'?",
            "routing.router.settings.groups.g.swop: unknown key 'swop', did you mean 'swap'?",
        ],
    ),
    "names that the author chooses": (
        {"models": {"modles": {"macros": {"x": 1}, "metadata": {"y": 1}}}, "macros": {"z": 1}},
        [],
    ),
    "extensions": ({"x-base": {"a": 1}, "models": {"a": {"x-note": 1}}}, []),
    "what is no mapping": ({"models": ["a"], "groups": 5}, []),
}


@pytest.mark.parametrize(("document", "warnings"), UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_key_is_a_warning(document: Mapping[str, Plain], warnings: list[str]) -> None:
    report = Report()

    survey(document, report)

    assert [str(warning) for warning in report.warnings] == warnings
    assert report.faults == ()


@pytest.mark.parametrize(
    ("document", "unbuilt"),
    [
        ({"apiKeys": ["k"], "hooks": {}, "logLevel": "info"}, ("apiKeys", "logLevel")),
        ({"store": None}, ()),
        ({"models": {"a": {"filters": {"setParams": {}}}}}, ("models.a.filters",)),
        ({"routing": {"scheduler": {"use": "fifo"}, "router": {}}}, ()),
        (
            {"routing": {"scheduler": {"settings": {"fifo": {"linger": 0, "priority": {}}}}}},
            (),
        ),
        ({"matrix": {}, "profiles": {}, "selectors": {}}, ()),
        ({"upstream": {"ignorePaths": ["x"]}}, ()),
        ({"logRequests": True, "healthCheckTimeout": 15, "models": {"a": {"macros": {}}}}, ()),
    ],
)
def test_key_without_a_behaviour_is_recorded(
    document: Mapping[str, Plain], unbuilt: tuple[str, ...]
) -> None:
    assert tuple(map(path_text, survey(document, Report()))) == unbuilt


NO_EFFECT = "it has no effect here"

ADVISED: dict[str, tuple[dict[str, Plain], str]] = {
    "a name from another tool": (
        {"models": {"a": {"stop_cmd": 1}}},
        "models.a.stop_cmd: unknown key 'stop_cmd', did you mean 'cmdStop'?",
    ),
    "the beginning of a word": (
        {"models": {"a": {"timeouts": {"idle": 1}}}},
        "models.a.timeouts.idle: unknown key 'idle', did you mean 'idleConn'?",
    ),
    "what depends on the section": (
        {"peers": {"p": {"token": 1}}},
        "peers.p.token: unknown key 'token', did you mean 'apiKey'?",
    ),
    "a name from another tool, at another level": (
        {"startup": 1},
        f"startup: unknown key 'startup': {NO_EFFECT}; did you mean 'hooks.on_startup.preload'?",
    ),
    "a flag": (
        {"port": 1},
        f"port: unknown key 'port': {NO_EFFECT}; where to listen is told by the flag -listen",
    ),
    "an argument": (
        {"models": {"a": {"n_gpu_layers": 1}}},
        (
            f"models.a.n_gpu_layers: unknown key 'n_gpu_layers': {NO_EFFECT}; "
            "the options of the program stand in cmd"
        ),
    ),
    "an opposite": (
        {"performance": {"enabled": True}},
        (
            f"performance.enabled: unknown key 'enabled': {NO_EFFECT}; "
            "'disabled' is there, which says the opposite"
        ),
    ),
    "a level too high": (
        {"cmd": "s"},
        f"cmd: unknown key 'cmd': {NO_EFFECT}; it belongs to models.<id>",
    ),
    "a level too high, in a section with a name": (
        {"models": {"a.b": {"strip_params": "x"}}},
        (
            f"models.a.b.strip_params: unknown key 'strip_params': {NO_EFFECT}; "
            "it belongs to models.a.b.filters"
        ),
    ),
    "a level too low": (
        {"models": {"a": {"groups": {}}}},
        f"models.a.groups: unknown key 'groups': {NO_EFFECT}; it belongs to the top level",
    ),
    "the nearest of two levels": (
        {"routing": {"router": {"groups": {}}}},
        (
            f"routing.router.groups: unknown key 'groups': {NO_EFFECT}; "
            "it belongs to routing.router.settings"
        ),
    ),
    "two levels that are as near": (
        {"routing": {"use": "fifo"}},
        (
            f"routing.use: unknown key 'use': {NO_EFFECT}; "
            "it belongs to routing.router or routing.scheduler"
        ),
    ),
    "a section with another name": (
        {"models": {"a": {"member": 1, "proxy": 1}}, "groups": {"g": {"proxy": 1}}},
        (
            f"groups.g.proxy: unknown key 'proxy': {NO_EFFECT}; "
            "it belongs to models.<id> or peers.<name>"
        ),
    ),
}


@pytest.mark.parametrize(("document", "warning"), ADVISED.values(), ids=ADVISED)
def test_unknown_key_is_told_where_it_belongs(document: dict[str, Plain], warning: str) -> None:
    report = Report()

    survey(document, report)

    assert str(report.warnings[-1]) == warning


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ((), "wombat host hooked logFormat ttll apis"),
        (("models", "a"), "cwd tty titles unit load wombat images listed"),
        (("groups", "g"), "wipe nonexclusive"),
        (("routing", "scheduler", "settings", "fifo"), "minWait maxResidency"),
    ],
)
def test_no_other_key_is_said_to_be_meant(section: tuple[str, ...], words: str) -> None:
    report = Report()
    document: dict[str, Plain] = dict.fromkeys(words.split())
    for step in reversed(section):
        document = {step: document}

    survey(document, report)

    assert len(report.warnings) == len(words.split())
    assert [told for told in report.warnings if "did you mean" in told.message] == []


def test_unknown_key_is_told_with_what_is_known() -> None:
    report = Report()

    survey({"store": {"x1": 1}, "models": {"a": {"x2": 1, "filters": {"x3": 1}}}, "x": 1}, report)

    assert [told.expected for told in report.warnings] == [
        "one of path",
        "a key of models.a",
        "one of stripParams, setParams, setParamsByID",
        "a key of the top level",
    ]


def test_every_section_of_the_schema_is_known_with_its_keys() -> None:
    model = keys.TOP["models"]
    assert model is not None
    of_model = model[keys.ANY]
    assert of_model is not None

    assert {"models", "groups", "matrix", "routing", "macros", "globalTTL"} <= keys.TOP.keys()
    assert not {"unsupported", "places", "warnings", "sources", "digest"} & keys.TOP.keys()
    assert keys.TOP["store"] == {"path": None}
    assert keys.TOP["macros"] is None
    assert of_model["filters"] == {
        "stripParams": None,
        "setParams": None,
        "setParamsByID": None,
        "strip_params": None,
    }


def test_old_spelling_of_a_filter_is_for_models_only() -> None:
    report = Report()

    filters: dict[str, Plain] = {"filters": {"strip_params": "x"}}
    survey({"models": {"m": filters}, "peers": {"p": filters}}, report)

    assert [str(warning) for warning in report.warnings] == [
        ("peers.p.filters.strip_params: unknown key 'strip_params', did you mean 'stripParams'?")
    ]
