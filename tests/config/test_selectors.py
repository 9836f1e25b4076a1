"""Selectors, and what each strategy needs of its targets."""

import pytest

from llamaswap.config.document import Plain, Report
from llamaswap.config.names import Base, BaseNames
from llamaswap.config.sections import SelectorConfig, SelectorSettings
from llamaswap.config.selectors import Company, build_selectors
from llamaswap.policy.eviction import GroupRule
from llamaswap.policy.matrix import compile_matrix
from llamaswap.policy.rules import ModelId

A, B, C = ModelId("a"), ModelId("b"), ModelId("c")
NAMES = BaseNames(
    {
        **{name: Base(name) for name in "abc"},
        "al": Base("a"),
        "x": Base("x", "p"),
        "p/x": Base("x", "p"),
    }
)
TOGETHER = Company((GroupRule("g", (A, B), swap=False),))


def test_selector_takes_its_defaults() -> None:
    report = Report()
    sections: dict[str, Plain] = {"s": {"strategy": "pin", "targets": ["a", None, "al", "x"]}}

    assert build_selectors(sections, NAMES, Company(), report) == {
        "s": SelectorConfig(strategy="pin", targets=("a", "al", "x"))
    }
    assert report.faults == ()


GOOD: dict[str, Plain] = {
    "a peer's bare name may be hidden": {"x": {"strategy": "pin", "targets": ["p/x"]}},
    "warm may repeat": {"s": {"strategy": "warm", "targets": ["a", "al"]}},
    "spillover in a group": {
        "s": {"strategy": "spillover", "targets": ["a", "b", "x"], "settings": {"spillover": 3}}
    },
    "one local target needs no company": {"s": {"strategy": "spillover", "targets": ["c", "p/x"]}},
    "only spillover looks at settings": {
        "s": {"strategy": "pin", "targets": ["a"], "settings": {"spillover": 0}}
    },
}


@pytest.mark.parametrize("sections", GOOD.values(), ids=GOOD)
def test_possible_selector_is_taken(sections: dict[str, Plain]) -> None:
    report = Report()

    build_selectors(sections, NAMES, TOGETHER, report)

    assert report.faults == ()


def test_settings_are_kept() -> None:
    built = build_selectors(
        {"s": {"strategy": "spillover", "targets": ["a"], "settings": {"spillover": 3}}},
        NAMES,
        TOGETHER,
        Report(),
    )

    assert built["s"].settings == SelectorSettings(3)


KNOWN = "expected one of warm, pin, spillover"
PIN: dict[str, Plain] = {"strategy": "pin", "targets": ["a"]}
NEEDS = "selectors.s.targets: spillover needs targets that run together: "

REFUSED: dict[str, tuple[dict[str, Plain], list[str]]] = {
    "nothing said": (
        {"s": None},
        [
            f"selectors.s.strategy: strategy is required: {KNOWN}",
            "selectors.s.targets: targets must have at least one entry",
        ],
    ),
    "no mapping": ({"s": ["a"]}, ["selectors.s: expected a mapping of keys, found a list"]),
    "wrong types": (
        {"s": {"strategy": [], "targets": "a"}},
        [
            "selectors.s.strategy: expected text, found a list",
            "selectors.s.targets: expected a list of texts, found the text 'a'; put [ ] around it",
        ],
    ),
    "unknown strategy": (
        {"s": {"strategy": "Warm", "targets": ["a"]}},
        [f"selectors.s.strategy: unknown strategy 'Warm': {KNOWN}; did you mean 'warm'?"],
    ),
    "unknown target": (
        {"s": {"strategy": "pin", "targets": [None, "zzz"]}},
        ["selectors.s.targets[1]: unknown model 'zzz': expected a model or a peer's model"],
    ),
    "chaining": (
        {"s": {"strategy": "pin", "targets": ["s", "x"]}, "x": PIN},
        [
            "selectors.s.targets[0]: 's' is a selector: chaining selectors is not possible",
            "selectors.s.targets[1]: 'x' is a selector: chaining selectors is not possible",
        ],
    ),
    "the name of a model": (
        {"a": PIN},
        ["selectors.a: the selector's name conflicts with model ID 'a'"],
    ),
    "the name of an alias": (
        {"al": PIN},
        ["selectors.al: the selector's name conflicts with alias of the model 'a': 'al'"],
    ),
    "a blank name": ({" ": PIN}, ["selectors. : the ID of a selector cannot be empty"]),
    "warm and far away": (
        {"s": {"strategy": "warm", "targets": ["a", "x"]}},
        [
            (
                "selectors.s.targets[1]: expected a local model, since the strategy of 's' is "
                "warm; found 'x' of the peer 'p'"
            )
        ],
    ),
    "spillover of none": (
        {"s": {"strategy": "spillover", "targets": ["a"], "settings": {"spillover": 0}}},
        ["selectors.s.settings.spillover: expected spillover >= 1, found 0"],
    ),
    "one model twice": (
        {"s": {"strategy": "spillover", "targets": ["a", "al", "x", "p/x"]}},
        [
            "selectors.s.targets[1]: duplicate resolved model 'a': list it once",
            "selectors.s.targets[3]: duplicate resolved model 'x': list it once",
        ],
    ),
    "two groups": (
        {"s": {"strategy": "spillover", "targets": ["a", "c"]}},
        [
            NEEDS + "its local targets must be in one routing group, but they are in '(default)' "
            "and 'g'"
        ],
    ),
}


@pytest.mark.parametrize(("sections", "faults"), REFUSED.values(), ids=REFUSED)
def test_impossible_selector_is_refused(sections: dict[str, Plain], faults: list[str]) -> None:
    report = Report()

    build_selectors(sections, NAMES, TOGETHER, report)

    assert sorted(str(fault) for fault in report.faults) == sorted(faults)


def test_company_is_kept_in_one_group_without_swaps() -> None:
    swapping = Company((GroupRule("g", (A, B)),))

    assert TOGETHER.problem([A, B]) is None
    assert swapping.problem([A]) is None
    assert str(swapping.problem([A, B])).endswith(
        ": the group 'g' of its local targets must have swap: false"
    )
    assert str(Company().problem([A, B])).endswith(
        ": the group '(default)' of its local targets must have swap: false; "
        "list them as members of a group that has it"
    )


def test_company_is_kept_in_one_set_of_a_matrix() -> None:
    matrix = Company(matrix=compile_matrix({}, {}, {"s": "a & b | c"}, (A, B, C)))

    assert matrix.problem([A, B]) is None
    assert str(matrix.problem([A, C])).endswith(
        ": its local targets must be in one expanded matrix set, but none holds 'a' and 'c'"
    )


def test_company_that_is_wrong_itself_says_nothing() -> None:
    assert Company(is_known=False).problem([A, B]) is None
