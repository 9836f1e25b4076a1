from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llamaswap.policy.messages import ModelId, ModelRule
from llamaswap.policy.plan import Plan, plan

A, B, C, D, E = (ModelId(name) for name in "abcde")


def test_every_model_is_in_the_list_where_it_belongs() -> None:
    old = {E: ModelRule("e"), B: ModelRule("b"), A: ModelRule("a"), C: ModelRule("c")}
    new = {D: ModelRule("d"), C: ModelRule("c2"), B: ModelRule("b2"), E: ModelRule("e")}

    assert plan(old, new) == Plan(keep=(E,), replace=(B, C), remove=(A,), add=(D,))


def test_only_the_specification_counts() -> None:
    old = {A: ModelRule(["serve"], concurrency_limit=1)}
    new = {A: ModelRule(["serve"], concurrency_limit=2, idle_after=60)}

    assert plan(old, new) == Plan(keep=(A,))


def test_nothing_is_planned_for_nothing() -> None:
    assert plan({}, {}) == Plan()


FLEETS = st.dictionaries(
    st.sampled_from([A, B, C, D, E]), st.builds(ModelRule, specification=st.integers(0, 1))
)


@given(FLEETS, FLEETS)
def test_lists_are_sorted_and_name_each_model_once(
    old: dict[ModelId, ModelRule], new: dict[ModelId, ModelRule]
) -> None:
    changes = plan(old, new)
    lists = (changes.keep, changes.replace, changes.remove, changes.add)

    assert all(list(models) == sorted(models) for models in lists)
    assert sorted(model for models in lists for model in models) == sorted(old.keys() | new.keys())
