"""Groups: two spellings, one meaning, and members that exist."""

import pytest

from llamaswap.config.document import Plain, Report
from llamaswap.config.groups import Routing, build_groups, find_routing
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.rules import ModelId

A, B, C = ModelId("a"), ModelId("b"), ModelId("c")
IDS = {"a": A, "b": B, "c": C, "big": A, "small": B}

RULES: dict[str, tuple[dict[str, Plain], tuple[GroupRule, ...]]] = {
    "defaults": ({"g": {}, "h": None}, (GroupRule("g"), GroupRule("h"))),
    "everything said": (
        {"g": {"swap": False, "exclusive": "no", "persistent": True, "members": ["a", None, "c"]}},
        (GroupRule("g", (A, C), swap=False, exclusive=False, persistent=True),),
    ),
    "an alias means its model": ({"g": {"members": ["big", "small"]}}, (GroupRule("g", (A, B)),)),
    "an id comes before an alias": ({"g": {"members": ["b"]}}, (GroupRule("g", (B,)),)),
    "in the order of the file": ({"z": None, "a": None}, (GroupRule("z"), GroupRule("a"))),
}


@pytest.mark.parametrize(("groups", "rules"), RULES.values(), ids=RULES)
def test_groups_become_rules(groups: dict[str, Plain], rules: tuple[GroupRule, ...]) -> None:
    report = Report()

    assert build_groups(Routing(("groups",), groups), IDS, report) == rules
    assert report.faults == ()


REFUSED: dict[str, tuple[dict[str, Plain], list[str]]] = {
    "unknown member": (
        {"g": {"members": ["smal"]}},
        ["groups.g.members[0]: unknown model 'smal', did you mean 'small'?"],
    ),
    "nothing like it": (
        {"g": {"members": [None, "xyz"]}},
        ["groups.g.members[1]: unknown model 'xyz': expected the id or an alias of a model"],
    ),
    "twice in one group": (
        {"g": {"members": ["a", "a"]}},
        ["groups.g.members[1]: duplicate member 'a' in the group 'g'"],
    ),
    "in two groups": (
        {"g": {"members": ["a"]}, "h": {"members": ["a"]}},
        [("groups.h.members[0]: the model 'a' is in multiple groups, 'g' and 'h': expected one")],
    ),
    "wrong types of what has no effect": (
        {"(default)": {"swap": 1}},
        ["groups.(default).swap: expected true or false, found 1"],
    ),
    "wrong types": (
        {"g": {"swap": 1, "members": "a"}, "h": []},
        [
            "groups.g.swap: expected true or false, found 1",
            "groups.g.members: expected a list of texts, found the text 'a'; put [ ] around it",
            "groups.h: expected a mapping of keys, found a list",
        ],
    ),
}


@pytest.mark.parametrize(("groups", "faults"), REFUSED.values(), ids=REFUSED)
def test_impossible_group_is_refused(groups: dict[str, Plain], faults: list[str]) -> None:
    report = Report()

    build_groups(Routing(("groups",), groups), IDS, report)

    assert sorted(str(fault) for fault in report.faults) == sorted(faults)


def test_the_group_of_those_in_no_group_cannot_be_set() -> None:
    report = Report()
    groups: dict[str, Plain] = {
        "(default)": {"swap": False, "members": ["a", "zz", "c"]},
        "g": {"members": ["big", "b"]},
    }

    assert build_groups(Routing(("groups",), groups), IDS, report) == (GroupRule("g", (A, B)),)
    assert report.faults == ()
    assert [str(warning) for warning in report.warnings] == [
        (
            "groups.(default): the group name '(default)' is reserved for the models that are in "
            "no group: nothing that stands here has an effect; give the group another name"
        )
    ]


def _router(**router: Plain) -> dict[str, Plain]:
    return {"routing": {"router": router}}


SETTINGS = ("routing", "router", "settings", "groups")
MATRIX = ("routing", "router", "settings", "matrix")
G: dict[str, Plain] = {"g": None}

FOUND: dict[str, tuple[dict[str, Plain], Routing]] = {
    "nothing": ({}, Routing(SETTINGS)),
    "null everywhere": ({"groups": None, "matrix": None, "routing": None}, Routing(SETTINGS)),
    "the old spelling": ({"groups": G}, Routing(("groups",), G)),
    "the old spelling beside a scheduler": (
        {"groups": G, "routing": {"scheduler": {"use": "fifo"}}},
        Routing(("groups",), G),
    ),
    "the new spelling": (_router(use="group", settings={"groups": G}), Routing(SETTINGS, G)),
    "without a use": (_router(settings={"groups": G}), Routing(SETTINGS, G)),
    "an empty old one": (
        {"groups": {}, **_router(settings={"groups": G})},
        Routing(SETTINGS, G),
    ),
    "a matrix in use": (
        _router(use="matrix", settings={"matrix": {}, "groups": {}}),
        Routing(MATRIX, matrix={}),
    ),
    "an old matrix": ({"matrix": {"sets": {}}}, Routing(("matrix",), matrix={"sets": {}})),
}


@pytest.mark.parametrize(("document", "routing"), FOUND.values(), ids=FOUND)
def test_section_in_force_is_found(document: dict[str, Plain], routing: Routing) -> None:
    report = Report()

    assert find_routing(document, report) == routing
    assert report.faults == ()
    assert report.warnings == ()


def test_matrix_that_nobody_uses_is_a_warning() -> None:
    report = Report()

    found = find_routing(_router(settings={"matrix": {}, "groups": G}), report)

    assert found == Routing(SETTINGS, G)
    assert [str(warning) for warning in report.warnings] == [
        "routing.router.settings.matrix: the matrix has no effect without use: matrix"
    ]


def test_groups_that_nobody_uses_are_a_warning() -> None:
    report = Report()

    found = find_routing(_router(use="matrix", settings={"matrix": {}, "groups": G}), report)

    assert found == Routing(MATRIX, matrix={})
    assert [str(warning) for warning in report.warnings] == [
        "routing.router.settings.groups: the groups have no effect with use: matrix"
    ]


MIGRATE = (
    "groups: groups and routing.router are used both, which are two styles of the same; "
    "migrate groups to routing.router.settings.groups"
)

CONTRADICTIONS: dict[str, tuple[dict[str, Plain], str]] = {
    "both old": (
        {"groups": G, "matrix": {}},
        "matrix: you cannot use both groups and matrix; remove one of them",
    ),
    "both styles": ({"groups": G, **_router(settings={"groups": G})}, MIGRATE),
    "both styles by use alone": ({"groups": G, **_router(use="group")}, MIGRATE),
    "both styles with a matrix": ({"groups": G, **_router(settings={"matrix": {}})}, MIGRATE),
    "an old matrix and the new style": (
        {"matrix": {}, **_router(use="matrix")},
        (
            "matrix: matrix and routing.router are used both, which are two styles of the same; "
            "migrate matrix to routing.router.settings.matrix"
        ),
    ),
    "no matrix to use": (
        _router(use="matrix"),
        "routing.router.use: routing.router.settings.matrix is not set, but use asks for it",
    ),
    "unknown router": (
        _router(use="foo"),
        "routing.router.use: unknown router: expected group or matrix, found the text 'foo'",
    ),
    "router with a capital": (
        _router(use="Matrix"),
        (
            "routing.router.use: unknown router: expected group or matrix, found the text "
            "'Matrix'; did you mean 'matrix'?"
        ),
    ),
    "router that is a number": (
        _router(use=5),
        "routing.router.use: unknown router: expected group or matrix, found 5",
    ),
    "routing of another kind": (
        {"routing": "x"},
        "routing: expected a mapping of keys, found the text 'x'",
    ),
}


@pytest.mark.parametrize(("document", "fault"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_contradiction_is_refused(document: dict[str, Plain], fault: str) -> None:
    report = Report()

    find_routing(document, report)

    assert [str(fault) for fault in report.faults] == [fault]


def test_router_that_was_told_before_is_not_told_again() -> None:
    report = Report()
    report.taint(("routing", "router", "use"))

    assert find_routing(_router(use=["matrix"]), report) == Routing(SETTINGS)
    assert report.faults == ()
