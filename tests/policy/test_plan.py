from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llamaswap.policy.plan import Plan, assign_ports, plan
from llamaswap.policy.rules import ModelId, ModelRule

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


def test_fresh_start_numbers_models_in_the_order_of_their_ids() -> None:
    assert assign_ports([C, A, B], 5800) == {A: 5800, B: 5801, C: 5802}


def test_kept_model_keeps_its_port_and_others_get_the_next_free_one() -> None:
    old = {B: 5800, C: 5801, D: 5802}

    # B is replaced and may have its own number again; D's may still be in use.
    assert assign_ports([A, B, C, E], 5800, old, {C}) == {A: 5803, B: 5804, C: 5801, E: 5805}


def test_replaced_model_may_take_its_own_port_again() -> None:
    assert assign_ports([A, B], 5800, {A: 5800, B: 5801}) == {A: 5800, B: 5801}


NUMBERS = st.dictionaries(
    st.sampled_from([A, B, C, D, E]), st.integers(5800, 5810), max_size=5
).filter(lambda ports: len(set(ports.values())) == len(ports))


@given(st.sets(st.sampled_from([A, B, C, D, E])), NUMBERS, st.sets(st.sampled_from([A, B, C])))
def test_no_port_belongs_to_two(
    wanted: set[ModelId], old: dict[ModelId, int], kept: set[ModelId]
) -> None:
    ports = assign_ports(wanted, 5800, old, kept)

    assert ports.keys() == wanted
    assert len(set(ports.values())) == len(ports)
    assert all(ports[model] == old[model] for model in wanted & kept & old.keys())
    held = {number: model for model, number in old.items()}
    assert all(held.get(number, model) == model for model, number in ports.items())
