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
    "nothing like it": ({"listen": ":1"}, ["listen: unknown key 'listen': it has no effect here"]),
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
