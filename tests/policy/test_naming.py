from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llamaswap.policy.naming import Names, SelectorRule
from llamaswap.policy.rules import ModelId, Selection, Strategy

ANT, AUTHOR, DEEP, SPACE = (ModelId(name) for name in ("ant", "author/model", "author", "my model"))
NAMES = Names.of(
    {
        ANT: ["bee", "author/model"],
        AUTHOR: ["a/b/c", "shared"],
        DEEP: ["shared", "ant"],
        SPACE: [],
    }
)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("ant", ANT),
        ("bee", ANT),
        ("author/model", AUTHOR),
        ("shared", AUTHOR),
        ("Ant", None),
        ("", None),
        ("cat", None),
    ],
    ids=["id", "alias", "id wins", "first alias wins", "case counts", "empty", "unknown"],
)
def test_names(name: str, model: ModelId | None) -> None:
    assert NAMES.resolve(name) == model


def test_all_ids_are_known_in_order() -> None:
    assert NAMES.models == (ANT, DEEP, AUTHOR, SPACE)
    assert Names.of({}).models == ()


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("ant/v1/chat/completions", (ANT, "/v1/chat/completions")),
        ("ant/", (ANT, "/")),
        ("ant", (ANT, "")),
        ("ant//x", (ANT, "//x")),
        ("bee/x%20y%2Fz", (ANT, "/x%20y%2Fz")),
        ("author/model/x", (AUTHOR, "/x")),
        ("author%2Fmodel/x", (AUTHOR, "/x")),
        ("author%2fmodel", (AUTHOR, "")),
        ("author/other/x", (DEEP, "/other/x")),
        ("a/b%2Fc/d", (AUTHOR, "/d")),
        ("ant%2Fx", (ANT, "/%2Fx")),
        ("my%20model/x", (SPACE, "/x")),
        ("%61nt/x", (ANT, "/x")),
        ("my%2520model/x", None),
        ("antelope/x", None),
        ("a/b/x", None),
        ("/ant", None),
        ("", None),
        ("%ff%/x", None),
    ],
)
def test_model_at_the_head_of_a_path(path: str, found: tuple[ModelId, str] | None) -> None:
    assert NAMES.split_path(path) == found


def test_path_finds_nobody_where_there_is_nobody() -> None:
    assert Names.of({}).split_path("ant/x") is None


def test_long_paths_cost_no_more_than_long_names() -> None:
    assert NAMES.split_path("x/" * 1_000_000) is None


@given(name=st.text(st.characters(codec="utf-8"), min_size=1), slashes=st.booleans())
def test_every_id_is_found_however_it_is_encoded(name: str, *, slashes: bool) -> None:
    model = ModelId(name)

    encoded = quote(name, safe="/" if slashes else "")

    assert Names.of({model: []}).split_path(f"{encoded}/x%2Fy") == (model, "/x%2Fy")


SELECTORS = {
    "any": SelectorRule(Strategy.SPILLOVER, ("bee", "nobody", "author", "ant"), 3),
    "nobody's": SelectorRule(Strategy.WARM, ("nobody",)),
}
SELECTING = Names.of({ANT: ["bee"], DEEP: []}, SELECTORS)


def test_a_selector_means_its_targets_by_what_they_are() -> None:
    meaning = SELECTING.meaning("any")

    assert meaning is not None
    assert meaning.wanted == Selection("any", Strategy.SPILLOVER, (ANT, DEEP), 3)
    assert [meaning.name_of(model) for model in (ANT, DEEP)] == ["bee", "author"]


def test_a_selector_without_targets_means_nobody() -> None:
    assert SELECTING.meaning("nobody's") is None


def test_a_model_keeps_the_name_it_is_called_by() -> None:
    meaning = SELECTING.meaning("bee")

    assert meaning is not None
    assert (meaning.wanted, meaning.name_of(ANT)) == (ANT, "bee")


def test_only_requests_may_name_a_selector() -> None:
    assert SELECTING.resolve("any") is None
    assert SELECTING.split_path("any/x") is None


PINS = {"fast": "any", "ant": "author", "author": "ant", "off": None, "empty": "", "a/b": "bee"}
PINNED = SELECTING.under(PINS)


@pytest.mark.parametrize(
    ("name", "wanted", "called"),
    [
        ("ant", DEEP, "author"),
        ("author", ANT, "ant"),
        ("a/b", ANT, "bee"),
        ("bee", ANT, "bee"),
    ],
    ids=["id", "not twice", "new name to an alias", "alias without a pin"],
)
def test_a_pin_comes_first(name: str, wanted: ModelId, called: str) -> None:
    meaning = PINNED.meaning(name)

    assert meaning is not None
    assert (meaning.wanted, meaning.name_of(wanted)) == (wanted, called)


def test_a_pin_may_lead_to_a_selector() -> None:
    assert PINNED.meaning("fast") == SELECTING.meaning("any")


@pytest.mark.parametrize("name", ["off", "empty"])
def test_a_pin_to_nobody_disables_a_name(name: str) -> None:
    assert PINNED.is_disabled(name)
    assert PINNED.meaning(name) is None
    assert not SELECTING.is_disabled(name)


def test_who_is_asked_by_name_alone_is_found_whatever_the_profile_says() -> None:
    assert PINNED.resolve("ant") == ANT


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("ant/v1%2Fx", (DEEP, "/v1%2Fx")),
        ("a/b/x", (ANT, "/x")),
        ("a%2Fb", (ANT, "")),
        ("bee/x", (ANT, "/x")),
        ("off/x", None),
        ("fast/x", None),
        ("antelope/x", None),
    ],
)
def test_a_pin_at_the_head_of_a_path(path: str, found: tuple[ModelId, str] | None) -> None:
    assert PINNED.split_path(path) == found
