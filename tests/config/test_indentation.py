"""Keys that stand beside what they belong to."""

import pytest

from llamaswap.config.document import Plain, Report
from llamaswap.config.indentation import refuse_misplaced
from llamaswap.config.load import attempt_config
from llamaswap.errors import ConfigError

MODEL = "models: {m: {cmd: 's ${PORT}'}}\n"

TEXTS = {
    "a command": ("models:\n  a:\n  cmd: x\n", ["models.cmd"]),
    "all of a model": (
        "models:\n  a:\n  cmd: x\n  env: [A=b]\n  ttl: 5\n  b:\n    cmd: y ${PORT}\n",
        ["models.cmd", "models.env", "models.ttl"],
    ),
    "an address alone": ("models:\n  a:\n    cmd: x\n  proxy: http://h\n", ["models.proxy"]),
    "a peer": ("peers:\n  p:\n  proxy: http://h\n  models: [x]\n", ["peers.proxy", "peers.models"]),
    "a group": (MODEL + "groups:\n  g:\n  swap: false\n", ["groups.swap"]),
    "a selector": (
        MODEL + "selectors:\n  s:\n  strategy: pin\n  targets: [x]\n",
        ["selectors.strategy", "selectors.targets"],
    ),
}


@pytest.mark.parametrize(("text", "paths"), TEXTS.values(), ids=TEXTS)
def test_key_beside_its_entry_is_told_and_nothing_else(text: str, paths: list[str]) -> None:
    attempt = attempt_config(text, environ={})

    with pytest.raises(ConfigError) as caught:
        attempt.loaded()
    faults = caught.value.faults
    assert [fault.path for fault in faults] == paths
    assert all(f.suggestion.startswith("indent it deeper than ") for f in faults)
    assert attempt.warnings == ()


def test_the_sentence_names_what_it_belongs_to() -> None:
    report = Report()

    refuse_misplaced({"models": {"a": None, "cmd": "x"}}, report)

    (fault,) = report.faults
    assert str(fault) == (
        "models.cmd: expected a mapping of keys, found the text 'x'; indent it deeper than 'a' if "
        "it is a key of it"
    )
    assert (fault.found, fault.expected) == ("the text 'x'", "a mapping of keys")


ENTRIES: dict[str, Plain] = {
    "names like keys": {"models": {"cmd": {"cmd": "x"}, "proxy": {"cmd": "y"}, "name": None}},
    "nothing above": {"models": {"cmd": "x"}},
    "no key": {"models": {"a": None, "b": "x"}},
    "no section": {"models": "x", "logLevel": "info", "x": {"a": None, "cmd": "x"}},
}


@pytest.mark.parametrize("document", ENTRIES.values(), ids=ENTRIES)
def test_else_nothing_is_said(document: dict[str, Plain]) -> None:
    report = Report()

    refuse_misplaced(document, report)

    assert report.faults == ()
