"""One mistake is one fault: what it hides is not told to be unknown."""

import pytest

from llamaswap.config.document import Plain, Report
from llamaswap.config.load import attempt_config
from llamaswap.config.unread import unread_keys, unread_models, unread_peers
from llamaswap.errors import ConfigError
from llamaswap.policy.unread import ANY_NAME, EVERYTHING_READ, Unread

USES = """
groups: {g: {members: [NAME]}}
hooks: {on_startup: {preload: [NAME]}}
routing: {scheduler: {settings: {fifo: {priority: {NAME: 1}}}}}
selectors: {s: {strategy: pin, targets: [NAME]}}
profiles: {p: {pins: {x: NAME}}}
"""

OF_A_PEER = """
models: {a: {cmd: "s ${PORT}"}}
selectors: {s: {strategy: pin, targets: [far, p/far]}}
profiles: {p: {pins: {x: far}}}
"""

APART = """
models: {a: {cmd: "s ${PORT}"}, b: {cmd: "s ${PORT}"}}
selectors: {s: {strategy: spillover, targets: [a, b]}}
"""

MATRIX = """
models: {a: {cmd: "s ${PORT}", aliases: [al]}, b: {cmd: "s ${PORT}"}}
matrix:
"""

BROKEN: dict[str, tuple[str, list[str]]] = {
    "models that are a list": ("models: [NAME]" + USES, ["models"]),
    "a model that is none": ("models: {NAME: 5}" + USES, ["models.NAME"]),
    "aliases that are a text": (
        'models: {a: {cmd: "s ${PORT}", aliases: NAME}}' + USES,
        ["models.a.aliases"],
    ),
    "one alias that is none": (
        'models: {a: {cmd: "s ${PORT}", aliases: [NAME, [y]]}}' + USES,
        ["models.a.aliases[1]"],
    ),
    "parameters that are none": (
        'models: {a: {cmd: "s ${PORT}", filters: {setParamsByID: {NAME: 5}}}}' + USES,
        ["models.a.filters.setParamsByID.NAME"],
    ),
    "peers that are a list": ("peers: [p]" + OF_A_PEER, ["peers"]),
    "a peer that is a text": ("peers: {p: far}" + OF_A_PEER, ["peers.p"]),
    "a peer's models that are a text": (
        'peers: {p: {proxy: "http://h", models: far}}' + OF_A_PEER,
        ["peers.p.models"],
    ),
    "selectors that are a list": (
        'models: {a: {cmd: "s ${PORT}"}}\nselectors: [s]\nprofiles: {p: {pins: {x: s}}}',
        ["selectors"],
    ),
    "macros that are a list": (
        'macros: [x]\nmodels: {a: {cmd: "s ${PORT} ${x}", macros: [y], name: "${y}"}}',
        ["macros", "models.a.macros"],
    ),
    "macros that stand there twice": (
        'macros: {x: 1}\nmacros: {y: 2}\nmodels: {a: {cmd: "s ${PORT} ${y}"}}',
        ["macros"],
    ),
    "groups that are a list": ("groups: [g]" + APART, ["groups"]),
    "members that are a text": (
        "groups: {g: {members: a, swap: no}}" + APART,
        ["groups.g.members"],
    ),
    "a member that is unknown": (
        "groups: {g: {members: [a, x], swap: no}}" + APART,
        ["groups.g.members[1]"],
    ),
    "a router that is unknown": (
        "routing: {router: {use: matrx, settings: {matrix: {sets: {s: a & b}}}}}" + APART,
        ["routing.router.use"],
    ),
    "models of a matrix": (
        'models: [a]\nmatrix: {vars: {v: a}, evict_costs: {a: 0}, sets: {s: v & a, t: "("}}',
        ["models", "matrix.evict_costs.a", "matrix.sets.t"],
    ),
    "one var and one set of a matrix": (
        MATRIX
        + """
  vars: {v: [a], w: zz}
  evict_costs: {v: 2, y: 0}
  sets: {s: [a], t: v & +s, u: +none, x: nobody, y: "(a", z: ""}
""",
        [
            "matrix.vars.v",
            "matrix.vars.w",
            "matrix.evict_costs.y",
            "matrix.evict_costs.y",
            "matrix.sets.s",
            "matrix.sets.u",
            "matrix.sets.x",
            "matrix.sets.y",
            "matrix.sets.z",
        ],
    ),
    "a var without its macro": (
        MATRIX + '  vars: {v: "${x}"}\n  sets: {s: v, t: "+${x}", u: zz}',
        ["matrix.vars.v", "matrix.sets.t", "matrix.sets.u"],
    ),
    "all vars of a matrix": (
        MATRIX + '  vars: [v]\n  sets: {s: v, t: "(a", u: +v}',
        ["matrix.vars", "matrix.sets.t", "matrix.sets.u"],
    ),
    "all sets of a matrix": (
        MATRIX + "  vars: {v: zz}\n  sets: [a]",
        ["matrix.vars.v", "matrix.sets"],
    ),
    "a matrix that is a list": (MATRIX + "  [a]", ["matrix"]),
}


@pytest.mark.parametrize(("text", "paths"), BROKEN.values(), ids=BROKEN)
def test_what_a_mistake_hides_is_not_told(text: str, paths: list[str]) -> None:
    attempt = attempt_config(text)

    assert isinstance(attempt.outcome, ConfigError)
    assert [fault.path for fault in attempt.outcome.faults] == paths
    assert attempt.warnings == ()


def test_other_names_are_unknown_still() -> None:
    text = 'models: {a: {cmd: "s ${PORT}", aliases: al}}' + USES
    attempt = attempt_config(text)

    assert isinstance(attempt.outcome, ConfigError)
    assert [fault.path for fault in attempt.outcome.faults] == [
        "models.a.aliases",
        "groups.g.members[0]",
        "routing.scheduler.settings.fifo.priority.NAME",
        "selectors.s.targets[0]",
        "profiles.p.pins.x",
    ]
    assert [warning.path for warning in attempt.warnings] == ["hooks.on_startup.preload[0]"]


def test_what_is_right_hides_nothing() -> None:
    document: dict[str, Plain] = {
        "models": {"a": {"aliases": ["x"]}, "b": None},
        "peers": {"p": {"models": ["y"]}},
    }

    assert unread_models(document, Report()) == EVERYTHING_READ
    assert unread_peers(document, Report()) == EVERYTHING_READ
    assert unread_keys({"k": 1}, ("vars",), Report()) == EVERYTHING_READ
    assert unread_keys(None, ("vars",), Report()) == EVERYTHING_READ


def test_names_are_looked_for_at_any_depth() -> None:
    report = Report()
    report.fault(("models", "a", "aliases"), "odd")
    aliases: Plain = {"x": ["y", 5, {"z": None}]}

    unread = unread_models({"models": {"a": {"aliases": aliases}}}, report)

    assert unread == Unread(frozenset({"x", "y", "z"}))


def test_of_what_is_no_section_any_name_may_be_missing() -> None:
    report = Report()
    for path in (("models",), ("peers",), ("vars",)):
        report.fault(path, "odd")

    assert unread_models({}, report) == ANY_NAME
    assert unread_peers({}, report) == ANY_NAME
    assert unread_keys([], ("vars",), report) == ANY_NAME
