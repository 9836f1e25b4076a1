"""Names of which nobody can say that they are unknown."""

from llamaswap.policy.unread import ANY_NAME, EVERYTHING_READ, Unread


def test_what_is_read_leaves_no_names() -> None:
    assert "a" not in EVERYTHING_READ
    assert not EVERYTHING_READ


def test_some_names_or_any() -> None:
    some = Unread(frozenset({"a"}))

    assert some
    assert "a" in some
    assert "b" not in some
    assert ANY_NAME
    assert "b" in ANY_NAME


def test_both_together() -> None:
    some = Unread(frozenset({"a"}))

    assert some | Unread(frozenset({"b"})) == Unread(frozenset({"a", "b"}))
    assert "b" in some | ANY_NAME
